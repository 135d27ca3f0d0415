//! Reads a month of departures, `.csv` or `.csv.gz`, and believes nothing that it reads.

mod row;

use crate::calendar::{Date, MINUTE};
use crate::problem::{CSV_DUPLICATE, CSV_EMPTY, CSV_GZIP, CSV_HEADER, CSV_IO, CSV_ROW, Problem, Problems, shown};
use csv::ByteRecord;
use flate2::read::MultiGzDecoder;
use row::Row;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The columns of the data set, in the order in which a file must have them.
pub const COLUMNS: [&str; 19] = [
    "year",
    "month",
    "day",
    "dep_time",
    "sched_dep_time",
    "dep_delay",
    "arr_time",
    "sched_arr_time",
    "arr_delay",
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "air_time",
    "distance",
    "hour",
    "minute",
    "time_hour",
];

/// A delay of this many minutes or more is late.
pub const LATE_MINUTES: i32 = 15;

/// On days of the month up to this one, departures are history in the older release's shape.
pub const LAST_DAY_OF_OLD_RELEASE: u8 = 7;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const MILES_PER_MINUTE: i64 = 7;

/// One scheduled departure and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Natural id of the flight, `{carrier}{flight}/{YYYY-MM-DD}/{origin}`.
    pub root: String,
    /// Code of the airline.
    pub carrier: String,
    /// Number of the flight.
    pub number: u32,
    /// Date of the scheduled departure where it happens.
    pub date: Date,
    /// Airport of departure.
    pub origin: String,
    /// Airport of arrival.
    pub destination: String,
    /// The aircraft, where it is known.
    pub tail_number: Option<String>,
    /// Scheduled departure in seconds since the Unix epoch.
    pub scheduled: i64,
    /// Miles to the destination.
    pub distance: u32,
    /// What happened.
    pub outcome: Outcome,
}

/// What became of a scheduled departure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did not take off.
    Cancelled,
    /// It took off and landed where it was meant to, or elsewhere.
    Flown {
        /// Departure delay in minutes; negative if early.
        departure_delay: i32,
        /// Minutes in the air, where they are known.
        air_time: Option<u32>,
        /// Arrival delay in minutes, negative if early; none if the flight was diverted.
        arrival_delay: Option<i32>,
    },
}

impl Departure {
    /// Take-off in seconds since the Unix epoch; none if cancelled.
    pub fn take_off(&self) -> Option<i64> {
        match self.outcome {
            Outcome::Cancelled => None,
            Outcome::Flown { departure_delay, .. } => Some(self.scheduled + i64::from(departure_delay) * MINUTE),
        }
    }

    /// Landing, at the destination or elsewhere, in seconds since the Unix epoch; none if cancelled. Where the time in
    /// the air is not known, seven miles take a minute.
    pub fn landing(&self) -> Option<i64> {
        match self.outcome {
            Outcome::Cancelled => None,
            Outcome::Flown { air_time, .. } => {
                let by_distance = (i64::from(self.distance) + MILES_PER_MINUTE - 1) / MILES_PER_MINUTE;
                let minutes = air_time.map_or(by_distance, i64::from);
                self.take_off().map(|take_off| take_off + minutes * MINUTE)
            }
        }
    }

    /// Whether the departure happened under the older release, which stored another shape of the event.
    pub fn is_old_release(&self) -> bool {
        self.date.day() <= LAST_DAY_OF_OLD_RELEASE
    }
}

/// All departures of the file at `path`, in its order. Gzip is recognised by its first bytes, whatever the name.
///
/// # Errors
/// Everything that is wrong with the file, each problem with a code of [`crate::problem`], the line, the column, the
/// value and what to do. No departure is returned from a file with a problem.
pub fn read(path: &Path) -> Result<Vec<Departure>, Problems> {
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) => parse(&name, file),
        Err(error) => Err(unreadable(&name, CSV_IO, &error).into()),
    }
}

/// All departures of `input`, which is CSV or gzipped CSV; `name` is what problems call it.
///
/// # Errors
/// As for [`read`].
pub fn parse(name: &str, input: impl Read) -> Result<Vec<Departure>, Problems> {
    let mut input = BufReader::new(input);
    match starts_with_gzip(&mut input) {
        Ok(true) => rows(name, CSV_GZIP, MultiGzDecoder::new(input)),
        Ok(false) => rows(name, CSV_IO, input),
        Err(error) => Err(unreadable(name, CSV_IO, &error).into()),
    }
}

fn starts_with_gzip(input: &mut impl BufRead) -> std::io::Result<bool> {
    Ok(input.fill_buf()?.starts_with(&GZIP_MAGIC))
}

/// `io_code` is what a failure to read means for this kind of input.
fn rows(name: &str, io_code: &'static str, input: impl Read) -> Result<Vec<Departure>, Problems> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input);
    let mut record = ByteRecord::new();
    if !next(&mut reader, &mut record).map_err(|error| unreadable(name, io_code, &error))? {
        return Err(empty(name).into());
    }
    check_header(name, &record)?;

    let (mut departures, mut problems, mut lines) = (Vec::new(), Problems::default(), HashMap::new());
    loop {
        match next(&mut reader, &mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                problems.push(unreadable(name, io_code, &error));
                return Err(problems);
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        if let Some(departure) = Row::new(name, line, &record, &mut problems).and_then(Row::departure) {
            if let Some(earlier) = lines.insert(departure.root.clone(), line) {
                problems.push(duplicate(name, line, earlier, &departure.root));
            }
            departures.push(departure);
        }
    }
    if problems.count() > 0 {
        return Err(problems);
    }
    if departures.is_empty() { Err(empty(name).into()) } else { Ok(departures) }
}

fn next(reader: &mut csv::Reader<impl Read>, record: &mut ByteRecord) -> Result<bool, csv::Error> {
    reader.read_byte_record(record)
}

fn check_header(name: &str, header: &ByteRecord) -> Result<(), Problems> {
    if header.iter().eq(COLUMNS.iter().map(|column| column.as_bytes())) {
        return Ok(());
    }
    let found: Vec<_> = header.iter().map(String::from_utf8_lossy).collect();
    let beside = found.iter().map(AsRef::as_ref).chain(std::iter::repeat(""));
    let first_wrong = COLUMNS.into_iter().zip(beside).find(|(column, found)| column != found);
    let problem = Problem {
        code: CSV_HEADER,
        file: name.to_owned(),
        line: 1,
        column: first_wrong.map(|(column, _)| column),
        value: Some(first_wrong.map_or_else(|| shown(&found.join(",")), |(_, found)| shown(found))),
        message: format!("the header must name the data set's {} columns in order", COLUMNS.len()),
        help: format!("make the first line `{}`", COLUMNS.join(",")),
    };
    Err(problem.into())
}

fn empty(name: &str) -> Problem {
    Problem {
        code: CSV_EMPTY,
        file: name.to_owned(),
        line: 0,
        column: None,
        value: None,
        message: "holds no departures".to_owned(),
        help: "name a month of the data set: a header line and one line a departure".to_owned(),
    }
}

fn duplicate(name: &str, line: u64, earlier: u64, root: &str) -> Problem {
    Problem {
        code: CSV_DUPLICATE,
        file: name.to_owned(),
        line,
        column: None,
        value: Some(shown(root)),
        message: format!("the flight stands in line {earlier} already"),
        help: "remove one of the two lines; carrier, flight, date and origin name a flight".to_owned(),
    }
}

fn unreadable(name: &str, code: &'static str, error: &dyn std::error::Error) -> Problem {
    let help = if code == CSV_GZIP {
        "the file is damaged or was cut short: fetch it again, and test it with `gzip -t`"
    } else {
        "name a file that exists and may be read"
    };
    Problem {
        code,
        file: name.to_owned(),
        line: 0,
        column: None,
        value: None,
        message: format!("cannot be read: {error}"),
        help: help.to_owned(),
    }
}

//! Files that are not a month of departures: each gets a coded, located problem, and none makes the reader panic.
#![allow(clippy::unwrap_used, reason = "in a test's helper, a panic is how the test fails")]

use flate2::Compression;
use flate2::write::GzEncoder;
use flights::departures::{COLUMNS, Departure, parse, read};
use flights::problem::{
    CSV_DUPLICATE, CSV_EMPTY, CSV_GZIP, CSV_HEADER, CSV_IO, CSV_ROW, MOST_REPORTED, Problem, Problems,
};
use proptest::prelude::*;
use std::io::Write;
use std::path::Path;

const FLOWN: &str = "2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z";
const CANCELLED: &str = "2013,1,1,NA,1630,NA,NA,1815,NA,EV,4308,N18120,EWR,RDU,NA,416,16,30,2013-01-01T21:00:00Z";

fn file(rows: &[&str]) -> String {
    let mut text = COLUMNS.join(",");
    for row in rows {
        text.push('\n');
        text.push_str(row);
    }
    text
}

fn parse_rows(rows: &[&str]) -> Result<Vec<Departure>, Problems> {
    parse("month.csv", file(rows).as_bytes())
}

/// `row` with the value of one column replaced.
fn with(row: &str, column: &str, value: &str) -> String {
    let index = COLUMNS.iter().position(|name| *name == column).unwrap();
    let mut fields: Vec<_> = row.split(',').collect();
    fields[index] = value;
    fields.join(",")
}

fn only_problem(result: Result<Vec<Departure>, Problems>) -> Problem {
    let problems = result.unwrap_err();
    assert_eq!(problems.count(), 1, "{problems}");
    problems.first()[0].clone()
}

#[test]
fn whole_rows_are_read() {
    let departures = parse_rows(&[FLOWN, CANCELLED]).unwrap();
    assert_eq!(departures[0].root, "UA1545/2013-01-01/EWR");
    assert_eq!(departures[0].scheduled, 1_357_034_400 + 15 * 60);
    assert_eq!(departures[0].take_off(), Some(1_357_034_400 + 17 * 60));
    assert_eq!(departures[0].landing(), Some(1_357_034_400 + (17 + 227) * 60));
    assert_eq!(departures[1].take_off(), None);
}

#[test]
fn without_air_time_seven_miles_take_a_minute() {
    let diverted = with(&with(FLOWN, "arr_delay", "NA"), "air_time", "NA");
    let minutes = |distance| {
        let departure = &parse_rows(&[&with(&diverted, "distance", distance)]).unwrap()[0];
        (departure.landing().unwrap() - departure.take_off().unwrap()) / 60
    };
    assert_eq!(minutes("1400"), 200);
    assert_eq!(minutes("1401"), 201);
}

#[test]
fn broken_values_name_line_column_and_value() {
    let cases = [
        (FLOWN, "day", "x"),
        (FLOWN, "day", "32"),
        (FLOWN, "month", "13"),
        (FLOWN, "year", "NA"),
        (FLOWN, "dep_time", ""),
        (FLOWN, "dep_delay", "NA"),
        (FLOWN, "dep_delay", "+2"),
        (FLOWN, "dep_delay", "2.5"),
        (FLOWN, "dep_delay", "99999999999999999999"),
        (FLOWN, "arr_delay", "-"),
        (FLOWN, "carrier", "NA"),
        (FLOWN, "carrier", "U/"),
        (FLOWN, "flight", "-1"),
        (FLOWN, "tailnum", ""),
        (FLOWN, "origin", "NEWYORK"),
        (FLOWN, "dest", ""),
        (FLOWN, "air_time", "0"),
        (FLOWN, "distance", "NA"),
        (FLOWN, "minute", "60"),
        (FLOWN, "time_hour", "2013-01-01 10:00:00"),
        (FLOWN, "time_hour", "2013-02-30T10:00:00Z"),
        (FLOWN, "time_hour", "2014-01-01T10:00:00Z"),
        (CANCELLED, "dep_delay", "3"),
        (CANCELLED, "arr_delay", "3"),
        (CANCELLED, "air_time", "90"),
    ];
    for (row, column, value) in cases {
        let problem = only_problem(parse_rows(&[&with(CANCELLED, "flight", "1"), &with(row, column, value)]));
        assert_eq!(problem.code, CSV_ROW, "{problem}");
        assert_eq!((problem.file.as_str(), problem.line), ("month.csv", 3), "{problem}");
        assert_eq!((problem.column, problem.value.as_deref()), (Some(column), Some(value)), "{problem}");
    }
}

#[test]
fn days_that_the_calendar_lacks_are_refused() {
    let row = with(&with(FLOWN, "month", "2"), "day", "29");
    let problem = only_problem(parse_rows(&[&row]));
    assert_eq!((problem.code, problem.column), (CSV_ROW, Some("day")));
}

#[test]
fn rows_with_other_numbers_of_columns_are_refused() {
    for row in ["2013,1,1", &format!("{FLOWN},1"), "\"2013,1"] {
        let problem = only_problem(parse_rows(&[row]));
        assert_eq!((problem.code, problem.line, problem.column), (CSV_ROW, 2, None), "{problem}");
    }
}

#[test]
fn all_problems_come_at_once_up_to_the_limit() {
    let broken = with(&with(FLOWN, "minute", "60"), "distance", "far");
    let problems = parse_rows(&[broken.as_str(); 30]).unwrap_err();
    assert_eq!(problems.count(), 60);
    assert_eq!(problems.first().len(), MOST_REPORTED);
    assert!(problems.to_string().ends_with("… and 40 more; nothing of the file was used"), "{problems}");
}

#[test]
fn a_flight_that_stands_twice_is_refused() {
    let problem = only_problem(parse_rows(&[FLOWN, CANCELLED, FLOWN]));
    assert_eq!((problem.code, problem.line), (CSV_DUPLICATE, 4));
    assert_eq!(problem.value.as_deref(), Some("UA1545/2013-01-01/EWR"));
    assert!(problem.message.contains("line 2"), "{problem}");
}

#[test]
fn other_headers_are_refused() {
    let text = file(&[FLOWN]).replace("dep_delay", "delay");
    let problem = only_problem(parse("month.csv", text.as_bytes()));
    assert_eq!((problem.code, problem.line, problem.column), (CSV_HEADER, 1, Some("dep_delay")));
    assert_eq!(problem.value.as_deref(), Some("delay"));

    let more = format!("{},more\n", COLUMNS.join(","));
    assert_eq!(only_problem(parse("month.csv", more.as_bytes())).code, CSV_HEADER);
    assert_eq!(only_problem(parse("month.csv", FLOWN.as_bytes())).code, CSV_HEADER);
}

#[test]
fn files_without_departures_are_refused() {
    for text in ["", "\n\n", &file(&[])] {
        assert_eq!(only_problem(parse("month.csv", text.as_bytes())).code, CSV_EMPTY);
    }
}

#[test]
fn damaged_gzip_is_refused_wherever_it_is_cut() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(file(&[FLOWN, CANCELLED]).as_bytes()).unwrap();
    let whole = encoder.finish().unwrap();
    assert_eq!(parse("month.csv.gz", whole.as_slice()).unwrap().len(), 2);
    for length in 2..whole.len() {
        let problem = only_problem(parse("month.csv.gz", &whole[..length]));
        assert_eq!(problem.code, CSV_GZIP, "cut to {length}: {problem}");
    }
}

#[test]
fn missing_files_and_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(only_problem(read(&folder.path().join("missing.csv"))).code, CSV_IO);
    assert_eq!(only_problem(read(Path::new(folder.path()))).code, CSV_IO);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(parse("month.csv", bytes.as_slice()).is_err());
        let rows = [file(&[]).as_bytes(), b"\n", &bytes].concat();
        let _ = parse("month.csv", rows.as_slice());
        let gzip = [&[0x1f, 0x8b, 8, 0], bytes.as_slice()].concat();
        prop_assert!(parse("month.csv.gz", gzip.as_slice()).is_err());
    }

    #[test]
    fn a_mutated_row_is_read_or_refused_with_its_line(
        flown: bool,
        column in 0..COLUMNS.len(),
        value in "NA|-?[0-9]{1,20}|[A-Z0-9]{0,9}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00:00Z|\\PC{0,12}",
    ) {
        let row = with(if flown { FLOWN } else { CANCELLED }, COLUMNS[column], &value);
        match parse_rows(&[&row]) {
            Ok(departures) => prop_assert_eq!(departures.len(), 1),
            Err(problems) => prop_assert!(problems.first().iter().all(|p| p.line == 2 || p.code == CSV_EMPTY)),
        }
    }

    #[test]
    fn a_mutated_byte_never_makes_the_reader_panic(index: prop::sample::Index, byte: u8) {
        let mut bytes = file(&[FLOWN, CANCELLED]).into_bytes();
        let index = index.index(bytes.len());
        bytes[index] = byte;
        if let Ok(departures) = parse("month.csv", bytes.as_slice()) {
            prop_assert!(!departures.is_empty());
        }
    }
}

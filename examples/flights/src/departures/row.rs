//! One line of the file, column by column.

use super::{COLUMNS, CSV_ROW, Departure, Outcome, Problem, Problems, shown};
use crate::calendar::{Date, MINUTE, utc_hour};
use csv::ByteRecord;
use std::ops::RangeInclusive;

const NA: &str = "NA";

// Wide enough for anything that can happen to an aeroplane, narrow enough to catch a shifted column.
const YEARS: RangeInclusive<i64> = 1987..=9999;
const DELAYS: RangeInclusive<i64> = -1440..=10080;
const AIR_TIMES: RangeInclusive<i64> = 1..=1440;
const DISTANCES: RangeInclusive<i64> = 1..=12500;
const FLIGHTS: RangeInclusive<i64> = 1..=99999;

/// A record with the right number of columns, and where its problems go.
pub(super) struct Row<'a> {
    file: &'a str,
    line: u64,
    record: &'a ByteRecord,
    problems: &'a mut Problems,
}

impl<'a> Row<'a> {
    /// The row, or none, and a problem, if the record has another number of columns.
    pub(super) fn new(file: &'a str, line: u64, record: &'a ByteRecord, problems: &'a mut Problems) -> Option<Row<'a>> {
        if record.len() == COLUMNS.len() {
            return Some(Row { file, line, record, problems });
        }
        problems.push(Problem {
            code: CSV_ROW,
            file: file.to_owned(),
            line,
            column: None,
            value: Some(shown(&text_of(record))),
            message: format!("a row has {} columns, this one has {}", COLUMNS.len(), record.len()),
            help: "complete or remove the line; a quote that is left open swallows those that follow".to_owned(),
        });
        None
    }

    /// The departure, or none, and every problem that its columns have.
    pub(super) fn departure(mut self) -> Option<Departure> {
        let date = self.date();
        let carrier = self.word("carrier", 2..=3, "a carrier's code, such as `UA`");
        let number = self.number("flight", &FLIGHTS);
        let tail_number = self.tail_number();
        let origin = self.word("origin", 3..=3, "an airport's code, such as `EWR`");
        let destination = self.word("dest", 3..=3, "an airport's code, such as `IAH`");
        let distance = self.number("distance", &DISTANCES);
        let scheduled = self.scheduled(date);
        let outcome = self.outcome();

        let (date, carrier, number, origin) = (date?, carrier?, number?, origin?);
        Some(Departure {
            root: format!("{carrier}{number}/{date}/{origin}"),
            carrier,
            number,
            date,
            origin,
            destination: destination?,
            tail_number: tail_number?,
            scheduled: scheduled?,
            distance: distance?,
            outcome: outcome?,
        })
    }

    fn date(&mut self) -> Option<Date> {
        let year = self.number("year", &YEARS);
        let month = self.number("month", &(1..=12));
        let day = self.number("day", &(1..=31));
        let (year, month, day): (u16, u8, u8) = (year?, month?, day?);
        let date = Date::new(year, month, day);
        if date.is_none() {
            self.wrong("day", "the calendar has no such day", "correct year, month and day");
        }
        date
    }

    fn scheduled(&mut self, date: Option<Date>) -> Option<i64> {
        let minute = self.number::<i64>("minute", &(0..=59));
        let Some((utc_date, hour)) = utc_hour(&self.text("time_hour")) else {
            self.wrong("time_hour", "not a full hour in UTC", "write it as `2013-01-31T23:00:00Z`");
            return None;
        };
        // The zone of the origin moves the date by a day at most.
        if date.is_some_and(|date| (utc_date.days_since_epoch() - date.days_since_epoch()).abs() > 1) {
            self.wrong("time_hour", "more than a day from the row's date", "correct it, or year, month and day");
            return None;
        }
        minute.map(|minute| hour + minute * MINUTE)
    }

    fn outcome(&mut self) -> Option<Outcome> {
        let departed = self.optional::<u32>("dep_time", &(0..=2400));
        let departure_delay = self.optional("dep_delay", &DELAYS);
        let arrival_delay = self.optional("arr_delay", &DELAYS);
        let air_time = self.optional("air_time", &AIR_TIMES);
        let (departed, departure_delay, arrival_delay, air_time) =
            (departed?, departure_delay?, arrival_delay?, air_time?);

        if departed.is_some() {
            if departure_delay.is_none() {
                self.wrong("dep_delay", "a flight that departed has a delay", "write the delay in minutes, 0 if none");
            }
            return Some(Outcome::Flown { departure_delay: departure_delay?, air_time, arrival_delay });
        }
        let mut consistent = true;
        for (column, present) in [
            ("dep_delay", departure_delay.is_some()),
            ("arr_delay", arrival_delay.is_some()),
            ("air_time", air_time.is_some()),
        ] {
            if present {
                self.wrong(column, "the flight has no `dep_time`: it was cancelled", "write NA, or add `dep_time`");
                consistent = false;
            }
        }
        consistent.then_some(Outcome::Cancelled)
    }

    /// Outer none: a problem. Inner none: not known.
    fn tail_number(&mut self) -> Option<Option<String>> {
        if self.text("tailnum") == NA {
            return Some(None);
        }
        self.word("tailnum", 2..=8, "a tail number, such as `N14228`, or NA").map(Some)
    }

    /// Outer none: a problem. Inner none: NA.
    fn optional<N: TryFrom<i64>>(&mut self, column: &'static str, range: &RangeInclusive<i64>) -> Option<Option<N>> {
        if self.text(column) == NA { Some(None) } else { self.number(column, range).map(Some) }
    }

    fn number<N: TryFrom<i64>>(&mut self, column: &'static str, range: &RangeInclusive<i64>) -> Option<N> {
        let text = self.text(column);
        let number = text.parse::<i64>().ok().filter(|number| range.contains(number) && !text.starts_with('+'));
        let number = number.and_then(|number| N::try_from(number).ok());
        if number.is_none() {
            let expected = format!("not a whole number from {} to {}", range.start(), range.end());
            self.wrong(column, &expected, "correct the value or remove the line");
        }
        number
    }

    fn word(&mut self, column: &'static str, lengths: RangeInclusive<usize>, what: &str) -> Option<String> {
        let text = self.text(column);
        let fits = lengths.contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if fits && text != NA {
            return Some(text);
        }
        self.wrong(column, &format!("not {what}"), "correct the value or remove the line");
        None
    }

    fn text(&self, column: &str) -> String {
        let index = COLUMNS.iter().position(|name| *name == column);
        let bytes = index.and_then(|index| self.record.get(index)).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn wrong(&mut self, column: &'static str, message: &str, help: &str) {
        let value = Some(shown(&self.text(column)));
        self.problems.push(Problem {
            code: CSV_ROW,
            file: self.file.to_owned(),
            line: self.line,
            column: Some(column),
            value,
            message: message.to_owned(),
            help: help.to_owned(),
        });
    }
}

fn text_of(record: &ByteRecord) -> String {
    record.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

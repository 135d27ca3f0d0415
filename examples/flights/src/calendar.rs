//! Dates of the proleptic Gregorian calendar, and their place in Unix time.

use std::fmt;

/// Seconds in a minute.
pub const MINUTE: i64 = 60;

const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A day of the calendar; written `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The date, or none if the calendar has no such day or the year has not four digits.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Date> {
        let real =
            (1000..=9999).contains(&year) && (1..=12).contains(&month) && day >= 1 && day <= days_in(year, month);
        real.then_some(Date { year, month, day })
    }

    /// The day of the month, from 1.
    pub fn day(&self) -> u8 {
        self.day
    }

    /// Days since 1970-01-01; negative before.
    pub fn days_since_epoch(&self) -> i64 {
        // Years that begin in March put the leap day last, so that a month's offset does not depend on the year.
        let (month, year) = (i64::from(self.month), i64::from(self.year));
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let day_of_year = (153 * month + 2) / 5 + i64::from(self.day) - 1;
        year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A full hour in UTC, `YYYY-MM-DDTHH:00:00Z`, as its date and its seconds since the Unix epoch; none if `text` is
/// anything else.
pub fn utc_hour(text: &str) -> Option<(Date, i64)> {
    let (date, time) = text.split_once('T')?;
    let hour: u8 = digits(time.strip_suffix(":00:00Z")?, 2)?;
    let [year, month, day] = <[&str; 3]>::try_from(date.split('-').collect::<Vec<_>>()).ok()?;
    let date = Date::new(digits(year, 4)?, digits(month, 2)?, digits(day, 2)?)?;
    (hour < 24).then(|| (date, date.days_since_epoch() * DAY + i64::from(hour) * HOUR))
}

fn digits<N: std::str::FromStr>(text: &str, count: usize) -> Option<N> {
    let only_digits = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if only_digits { text.parse().ok() } else { None }
}

fn days_in(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_the_epoch() {
        let days = |y, m, d| Date::new(y, m, d).unwrap().days_since_epoch();
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(1969, 12, 31), -1);
        assert_eq!(days(2000, 2, 29), 11_016);
        assert_eq!(days(2013, 1, 1), 15_706);
    }

    #[test]
    fn days_that_the_calendar_lacks_are_none() {
        for (year, month, day) in
            [(2013, 2, 29), (1900, 2, 29), (2013, 13, 1), (2013, 0, 1), (2013, 4, 31), (999, 1, 1)]
        {
            assert_eq!(Date::new(year, month, day), None, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn only_full_hours_in_utc_are_read() {
        assert_eq!(utc_hour("2013-01-01T10:00:00Z").unwrap().1, 1_357_034_400);
        for text in ["", "2013-01-01 10:00:00", "2013-01-01T24:00:00Z", "2013-01-01T10:30:00Z", "2013-1-01T10:00:00Z"] {
            assert_eq!(utc_hour(text), None, "{text}");
        }
    }
}

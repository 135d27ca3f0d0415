//! From the text of a value to what it stands for.

use std::path::PathBuf;
use std::time::Duration;

use crate::component::OnFailure;
use crate::transport::{Address, Pattern};

use super::LogFormat;

/// What was expected instead, as it is told.
pub(super) type Parsed<T> = Result<T, String>;

/// A value that has to be one of a few words.
pub(super) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Parsed<T> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| format!("expected {}", either(words.iter().map(|(word, _)| *word))))
}

/// `one`, `two` or `three`.
fn either<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    let last = words.pop().unwrap_or_default();
    if words.is_empty() { last } else { format!("{} or {last}", words.join(", ")) }
}

pub(super) fn flag(text: &str) -> Parsed<bool> {
    word(text, &[("true", true), ("false", false)])
}

pub(super) fn on_failure(text: &str) -> Parsed<OnFailure> {
    word(text, &[("park", OnFailure::Park), ("skip", OnFailure::Skip), ("stop", OnFailure::Stop)])
}

pub(super) fn log_format(text: &str) -> Parsed<LogFormat> {
    word(text, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
}

pub(super) fn text(text: &str) -> Parsed<String> {
    if text.is_empty() { Err("expected a text".to_owned()) } else { Ok(text.to_owned()) }
}

pub(super) fn path(path: &str) -> Parsed<PathBuf> {
    if path.is_empty() { Err("expected a file".to_owned()) } else { Ok(path.into()) }
}

/// What is too long to be guessed.
pub(super) fn secret(text: &str) -> Parsed<String> {
    if text.len() < 16 { Err("expected a secret of at least 16 characters".to_owned()) } else { Ok(text.to_owned()) }
}

pub(super) fn address(text: &str) -> Parsed<Address> {
    text.parse().map_err(|_| "expected an address, like 127.0.0.1:50051 or unix:/run/shop.sock".to_owned())
}

pub(super) fn pattern(text: &str) -> Parsed<Pattern> {
    text.parse().map_err(|_| "expected an address with `{domain}` in it, like angzarr-{domain}:50050".to_owned())
}

/// The URL of a collector. Nobody has to say by it who he is, so it holds no secret.
pub(super) fn collector(text: &str) -> Parsed<String> {
    let place = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let good = place
        .is_some_and(|place| place.parse::<Address>().is_ok() && !place.starts_with("unix:") && !place.contains('@'));
    if good { Ok(text.to_owned()) } else { Err("expected a URL, like http://127.0.0.1:4317".to_owned()) }
}

/// How many, at least one.
pub(super) fn count<T: TryFrom<u64>>(text: &str) -> Parsed<T> {
    let number = text.parse::<u64>().ok().filter(|number| *number > 0);
    number.and_then(|number| number.try_into().ok()).ok_or_else(|| "expected a number, at least 1".to_owned())
}

/// A number with a unit of time.
pub(super) fn duration(text: &str) -> Parsed<Duration> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let millis = with_unit(text, &units).ok_or("expected a length of time, like 500ms, 30s, 5m or 1h")?;
    Ok(Duration::from_millis(millis))
}

/// A length of time in which something can be done.
pub(super) fn some_time(text: &str) -> Parsed<Duration> {
    let time = duration(text)?;
    if time.is_zero() { Err("expected a length of time, at least 1ms".to_owned()) } else { Ok(time) }
}

/// A number with a unit of size.
pub(super) fn bytes(text: &str) -> Parsed<usize> {
    let bytes = with_unit(text, &[("KiB", 1 << 10), ("MiB", 1 << 20), ("B", 1)]);
    let bytes = bytes.filter(|bytes| *bytes > 0).and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or_else(|| "expected a size, like 512KiB or 4MiB".to_owned())
}

/// The number before a unit, times what the unit is. Units that others end with come after them.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, factor) = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<u64>().ok().filter(|_| is_number)?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_and_sizes_have_units() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3_600)));
        assert_eq!(bytes("4MiB"), Ok(4 << 20));
        assert_eq!(bytes("512KiB"), Ok(512 << 10));
        assert_eq!(bytes("17B"), Ok(17));
        for text in ["", "5", "s", "-1s", "+1s", "1.5s", "1 s", "99999999999999999999s", "18446744073709551615h"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["", "0B", "4", "4MB", "-1KiB", "18446744073709551615MiB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}

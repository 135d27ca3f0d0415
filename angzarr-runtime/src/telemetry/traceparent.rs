//! The trace context of the W3C.

use std::fmt::{self, Display, Formatter};

/// Where in a distributed trace something happens, as the header `traceparent` says it: the trace, the span that it
/// follows from, and whether that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Traceparent {
    trace: [u8; 16],
    span: [u8; 8],
    flags: u8,
}

/// Of version 00: `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits.
const LENGTH: usize = 55;

impl Traceparent {
    /// Reads a header; none if it is not one. Of a version that is not known yet, what version 00 has is read, as the
    /// recommendation wants it.
    pub fn parse(text: &str) -> Option<Self> {
        let known = text.get(..LENGTH)?;
        let mut parts = known.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let [version] = bytes(version)?;
        let ends = match version {
            0 => text.len() == LENGTH,
            u8::MAX => false,
            _ => text.len() == LENGTH || text.as_bytes()[LENGTH] == b'-',
        };
        let (trace, span, [flags]) = (bytes(trace)?, bytes(span)?, bytes(flags)?);
        (ends && parts.next().is_none() && trace != [0; 16] && span != [0; 8]).then_some(Self { trace, span, flags })
    }

    /// The trace: 32 hexadecimal digits.
    pub fn trace_id(&self) -> impl Display + use<> {
        Hex(self.trace)
    }
}

/// How it stands in messages: its text, or nothing where there is none.
pub(crate) fn text(traceparent: Option<Traceparent>) -> String {
    traceparent.map_or_else(String::new, |traceparent| traceparent.to_string())
}

#[cfg(feature = "otel")]
impl Traceparent {
    pub(crate) fn new(trace: [u8; 16], span: [u8; 8], flags: u8) -> Self {
        Self { trace, span, flags }
    }

    /// The trace, the span, and the flags.
    pub(crate) fn parts(&self) -> ([u8; 16], [u8; 8], u8) {
        (self.trace, self.span, self.flags)
    }
}

impl Display for Traceparent {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{}", Hex(self.trace), Hex(self.span), Hex([self.flags]))
    }
}

struct Hex<const N: usize>([u8; N]);

impl<const N: usize> Display for Hex<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Exactly so many bytes, in small hexadecimal digits.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut read = [0; N];
    for (byte, [high, low]) in read.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_read_is_written() {
        let read = Traceparent::parse(ONE).unwrap();
        assert_eq!(read.to_string(), ONE);
        assert_eq!(read.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        // What later versions add is not known, and not passed on.
        for later in [ONE.replacen("00", "cc", 1), ONE.replacen("00", "01", 1) + "-what-comes"] {
            assert_eq!(Traceparent::parse(&later), Some(read), "{later}");
        }
    }

    #[test]
    fn what_is_none_is_ignored() {
        let zeros = |from: usize, to: usize| format!("{}{}{}", &ONE[..from], "0".repeat(to - from), &ONE[to..]);
        let cases = [
            String::new(),
            "00".to_owned(),
            ONE.to_uppercase(),
            ONE.replace('-', "_"),
            ONE.replace('4', "g"),
            ONE.replace("-01", "-1"),
            ONE.replace("00f0", "-0f0"),
            format!("{ONE}-00"),
            format!("{ONE} "),
            ONE.replacen("00", "ff", 1),
            ONE.replacen("00", "01", 1) + ".more",
            zeros(3, 35),
            zeros(36, 52),
            "é".repeat(LENGTH),
            "-".repeat(LENGTH),
        ];
        for text in cases {
            assert_eq!(Traceparent::parse(&text), None, "{text}");
        }
    }
}

//! The values that name a row, a lane or an instance.

use std::fmt;

/// One or more values, like `EWR` and `2013-01-16`.
///
/// Its text joins them with `/`; a `/` or `\` inside a value is preceded by `\`.
///
/// ```
/// use angzarr_runtime::view::Key;
/// let key = Key::from(["EWR", "2013/01"]);
/// assert_eq!(key.to_string(), r"EWR/2013\/01");
/// assert_eq!(Key::parse(&key.to_string()), key);
/// assert_eq!(key.parts(), ["EWR", "2013/01"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<String>);

impl Key {
    /// A key of these values.
    pub fn new(parts: Vec<String>) -> Self {
        Self(parts)
    }

    /// Its values.
    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// The key with this text.
    pub fn parse(text: &str) -> Self {
        let mut parts = vec![String::new()];
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '/' => parts.push(String::new()),
                '\\' => parts.last_mut().into_iter().for_each(|part| part.extend(characters.next())),
                _ => parts.last_mut().into_iter().for_each(|part| part.push(character)),
            }
        }
        Self(parts)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            f.write_str(&part.replace('\\', r"\\").replace('/', r"\/"))?;
        }
        Ok(())
    }
}

impl From<&str> for Key {
    fn from(part: &str) -> Self {
        Self(vec![part.to_owned()])
    }
}

impl From<String> for Key {
    fn from(part: String) -> Self {
        Self(vec![part])
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Key {
    fn from(parts: [S; N]) -> Self {
        Self(parts.into_iter().map(Into::into).collect())
    }
}

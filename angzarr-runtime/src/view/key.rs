//! The values that name a row, a lane or an instance.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// One or more values, like `EWR` and `2013-01-16`. Clones share them.
///
/// Its text joins them with `/`; a `/` or `\` inside a value is preceded by `\`. Keys are compared by their texts.
///
/// ```
/// use angzarr_runtime::view::Key;
/// let key = Key::from(["EWR", "2013/01"]);
/// assert_eq!(key.as_str(), r"EWR/2013\/01");
/// assert_eq!(Key::parse(key.as_str()), key);
/// assert_eq!(key.parts(), ["EWR", "2013/01"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// A key of these values.
    pub fn new(parts: Vec<String>) -> Self {
        Self::of(&parts)
    }

    fn of(parts: &[impl AsRef<str>]) -> Self {
        if let [part] = parts {
            return Self(escaped(part.as_ref()).into());
        }
        let mut text = String::new();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                text.push('/');
            }
            text.push_str(&escaped(part.as_ref()));
        }
        Self(text.into())
    }

    /// A key of one value, which it shares if it can.
    pub(crate) fn shared(part: &Arc<str>) -> Self {
        match escaped(part) {
            Cow::Borrowed(_) => Self(part.clone()),
            Cow::Owned(text) => Self(text.into()),
        }
    }

    /// The key whose text this is.
    pub(crate) fn of_text(text: Arc<str>) -> Self {
        Self(text)
    }

    /// Its values.
    pub fn parts(&self) -> Vec<String> {
        let mut parts = vec![String::new()];
        let mut characters = self.0.chars();
        while let Some(character) = characters.next() {
            match character {
                '/' => parts.push(String::new()),
                '\\' => parts.last_mut().into_iter().for_each(|part| part.extend(characters.next())),
                _ => parts.last_mut().into_iter().for_each(|part| part.push(character)),
            }
        }
        parts
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key with this text.
    pub fn parse(text: &str) -> Self {
        let key = Self(text.into());
        // What is escaped in vain has a shorter spelling, by which it is compared.
        if text.contains('\\') { Self::of(&key.parts()) } else { key }
    }
}

fn escaped(part: &str) -> Cow<'_, str> {
    if part.bytes().any(|byte| matches!(byte, b'/' | b'\\')) {
        part.replace('\\', r"\\").replace('/', r"\/").into()
    } else {
        part.into()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Key> for Arc<str> {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl From<&str> for Key {
    fn from(part: &str) -> Self {
        Self::of(&[part])
    }
}

impl From<String> for Key {
    fn from(part: String) -> Self {
        Self::of(&[part])
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Key {
    fn from(parts: [S; N]) -> Self {
        Self::of(&parts.map(Into::into))
    }
}

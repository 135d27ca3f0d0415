//! How languages other than Rust spell the names of a model: what is one name there, and what no name can be.
//!
//! A table a language, so that a name which would make trouble in one of them is told while renaming is still free.

use heck::{ToLowerCamelCase, ToUpperCamelCase};

/// A language, as far as names are concerned.
#[derive(Clone, Copy, Debug)]
pub struct Language {
    /// As people call it.
    pub name: &'static str,
    /// Words that cannot be names.
    pub keywords: &'static [&'static str],
    /// The name of a type, from the names of the messages around it and its own.
    pub ty: fn(&[&str]) -> String,
    /// The name of a handler or fold, from its name in snake case.
    pub method: fn(&str) -> String,
    /// Whether the segments of a package are names in code.
    pub packages: Packages,
    /// How code reaches a field.
    pub fields: Fields,
}

/// What becomes of the segments of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packages {
    /// They are written in import statements, so none may be a keyword.
    Names,
    /// They are texts there, which may be anything.
    Texts,
}

/// How code reaches the fields of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// By their names, so none may be a keyword.
    Names,
    /// By names that are made of theirs, which no keyword is.
    Accessors,
}

/// The languages that services are written in, besides Rust.
pub const LANGUAGES: [Language; 3] = [
    Language {
        name: "Python",
        keywords: &[
            "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
            "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda",
            "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
        ],
        ty: |names| names.join("."),
        method: str::to_owned,
        packages: Packages::Names,
        fields: Fields::Names,
    },
    Language {
        name: "Go",
        // Whatever is exported begins with a capital letter, which no keyword does.
        keywords: &[],
        ty: |names| names.iter().map(|name| go(name)).collect::<Vec<_>>().join("_"),
        method: |name| name.to_upper_camel_case(),
        packages: Packages::Texts,
        fields: Fields::Accessors,
    },
    Language {
        name: "Java",
        keywords: &[
            "abstract",
            "assert",
            "boolean",
            "break",
            "byte",
            "case",
            "catch",
            "char",
            "class",
            "const",
            "continue",
            "default",
            "do",
            "double",
            "else",
            "enum",
            "extends",
            "false",
            "final",
            "finally",
            "float",
            "for",
            "goto",
            "if",
            "implements",
            "import",
            "instanceof",
            "int",
            "interface",
            "long",
            "native",
            "new",
            "null",
            "package",
            "private",
            "protected",
            "public",
            "return",
            "short",
            "static",
            "strictfp",
            "super",
            "switch",
            "synchronized",
            "this",
            "throw",
            "throws",
            "transient",
            "true",
            "try",
            "void",
            "volatile",
            "while",
        ],
        // A class has a file of its own, and not every disk tells upper from lower case.
        ty: |names| names.join(".").to_lowercase(),
        method: |name| name.to_lower_camel_case(),
        packages: Packages::Names,
        fields: Fields::Accessors,
    },
];

/// What protobuf makes of a name for Go: underscores before lower-case letters go, and what follows becomes a capital.
fn go(name: &str) -> String {
    let mut result = String::new();
    let mut characters = name.chars().peekable();
    let mut capital = true;
    while let Some(character) = characters.next() {
        if character == '_' && characters.peek().is_some_and(char::is_ascii_lowercase) && !result.is_empty() {
            capital = true;
        } else if character == '_' && result.is_empty() {
            result.push('X');
            capital = true;
        } else if capital {
            result.push(character.to_ascii_uppercase());
            capital = false;
        } else {
            result.push(character);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_go() {
        let names = ["foo_bar", "fooBar", "foo_1", "FooBar", "_foo", "foo_Bar"].map(go);
        assert_eq!(names, ["FooBar", "FooBar", "Foo_1", "FooBar", "XFoo", "Foo_Bar"]);
    }
}

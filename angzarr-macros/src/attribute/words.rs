//! Lists of words with values, and the mistakes found in them.

use angzarr_model::codes;
use angzarr_model::names::nearest;
use proc_macro2::TokenTree;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Ident, Token};

/// An error in the attribute itself.
pub(crate) fn bad(at: impl quote::ToTokens, message: impl std::fmt::Display) -> syn::Error {
    syn::Error::new_spanned(at, worded(message))
}

fn worded(message: impl std::fmt::Display) -> String {
    let code = codes::BAD_ATTRIBUTE;
    format!("{}: {message}\nhelp: {}", code.id, code.help)
}

/// Gives the parser's own errors, like "expected `,`", the code that all errors here have.
pub(crate) fn coded(errors: syn::Error) -> syn::Error {
    let mut mistakes = Mistakes::default();
    for error in errors {
        let text = error.to_string();
        let known = text.starts_with(codes::BAD_ATTRIBUTE.id);
        mistakes.note(if known { error } else { syn::Error::new(error.span(), worded(text)) });
    }
    mistakes.into_error().unwrap_or_else(|| syn::Error::new(proc_macro2::Span::call_site(), worded("unreadable")))
}

/// What is said about a word that is none of the known ones.
pub(crate) fn unknown(word: &str, known: &[&str]) -> String {
    let nearest = nearest(word, known.iter().copied()).map(|name| format!("; did you mean `{name}`?"));
    format!("`{word}` is not known here; known are {}{}", known.join(", "), nearest.unwrap_or_default())
}

/// Mistakes that leave the rest readable.
#[derive(Default)]
pub(crate) struct Mistakes(Option<syn::Error>);

impl Mistakes {
    pub(crate) fn note(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            none => *none = Some(error),
        }
    }

    /// The value, or notes that the word it belongs to is missing.
    pub(crate) fn needed<T>(&mut self, value: Option<T>, word: &str, at: impl quote::ToTokens) -> Option<T> {
        if value.is_none() {
            self.note(bad(at, format!("`{word}` is missing")));
        }
        value
    }

    /// All of them as one, if there are any.
    pub(crate) fn into_error(self) -> Option<syn::Error> {
        self.0
    }
}

/// The words of a comma-separated list, each allowed once unless it is in `repeatable`.
pub(crate) struct Words {
    known: &'static [&'static str],
    repeatable: Vec<&'static str>,
    seen: Vec<String>,
    comma_due: bool,
}

impl Words {
    /// A list that starts with a word.
    pub(crate) fn new(known: &'static [&'static str]) -> Self {
        Self { known, repeatable: Vec::new(), seen: Vec::new(), comma_due: false }
    }

    /// A list that continues after something else, so with a comma.
    pub(crate) fn continued(known: &'static [&'static str]) -> Self {
        Self { comma_due: true, ..Self::new(known) }
    }

    /// Allows more words, these any number of times.
    pub(crate) fn repeatable(self, words: Vec<&'static str>) -> Self {
        Self { repeatable: words, ..self }
    }

    /// The next word, whose value the caller has to read before it asks for another; none at the end.
    ///
    /// Unknown words are noted and passed over with whatever belongs to them.
    pub(crate) fn next(&mut self, stream: ParseStream<'_>, mistakes: &mut Mistakes) -> syn::Result<Option<Ident>> {
        loop {
            if self.comma_due && !stream.is_empty() {
                stream.parse::<Token![,]>()?;
            }
            self.comma_due = true;
            if stream.is_empty() {
                return Ok(None);
            }
            let word = stream.call(Ident::parse_any)?;
            let text = word.to_string();
            if self.repeatable.contains(&&*text) {
                return Ok(Some(word));
            }
            if self.known.contains(&&*text) {
                if self.seen.contains(&text) {
                    mistakes.note(bad(&word, format!("`{text}` stands here twice")));
                }
                self.seen.push(text);
                return Ok(Some(word));
            }
            let known: Vec<_> = self.known.iter().chain(&self.repeatable).copied().collect();
            mistakes.note(bad(&word, unknown(&text, &known)));
            while !stream.is_empty() && !stream.peek(Token![,]) {
                stream.parse::<TokenTree>()?;
            }
        }
    }
}

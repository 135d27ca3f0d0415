//! One handler: what stands in the parentheses of `command(…)`, `on(…)` and the like.

use angzarr_model::ir::{FieldPath, Handler, HandlerKind, Member, Output, Payload, Role};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Ident, LitStr, Path, Token, parenthesized, token};

use super::{Mistakes, Words, bad};
use crate::types::Types;

/// Reads handlers into the table of types that their component has.
pub(super) struct Reader<'a> {
    pub(super) types: &'a mut Types,
    pub(super) mistakes: &'a mut Mistakes,
    /// What a yielded message is if nothing is said; of queries it is the answer.
    pub(super) role: Role,
}

impl Reader<'_> {
    pub(super) fn handler(&mut self, kind: HandlerKind, stream: ParseStream<'_>) -> syn::Result<Handler> {
        let method: Ident = stream.parse()?;
        stream.parse::<Token![:]>()?;
        let input = self.types.intern(Path::parse_mod_style(stream)?);
        stream.parse::<Token![=>]>()?;
        if kind == HandlerKind::Query {
            self.role = Role::Answer;
        }
        let output = self.output(stream)?;
        let mut handler = Handler {
            method: method.to_string(),
            kind,
            input,
            output,
            key: Vec::new(),
            starts: false,
            io: false,
            hook: false,
            at: String::new(),
            doc: String::new(),
            span: self.types.place(method.span()),
        };
        let mut words = Words::continued(&["key", "starts", "io", "hook", "doc", "at"]);
        while let Some(word) = words.next(stream, self.mistakes)? {
            match word.to_string().as_str() {
                "key" => handler.key = self.key(&handler, &word, stream)?,
                "starts" => handler.starts = true,
                "io" => handler.io = true,
                "hook" => handler.hook = true,
                "doc" => handler.doc = text(stream)?,
                _ => handler.at = text(stream)?,
            }
        }
        Ok(handler)
    }

    fn output(&mut self, stream: ParseStream<'_>) -> syn::Result<Output> {
        if stream.peek(token::Paren) {
            let content;
            parenthesized!(content in stream);
            return if content.is_empty() { Ok(Output::Nothing) } else { Err(content.error("expected `()`")) };
        }
        if introduces(stream, "stream", true) {
            stream.parse::<Ident>()?;
            return Ok(Output::Many(self.payload(stream)?));
        }
        Ok(Output::One(self.payload(stream)?))
    }

    fn payload(&mut self, stream: ParseStream<'_>) -> syn::Result<Payload> {
        // Where events are the default, nobody has a reason to name a path through a module `command`, but
        // `command ::other_crate::Type` is needed; the two are the same tokens. Facts are a default nowhere.
        let absolute: &[Role] = match self.role {
            Role::Event => &[Role::Command, Role::Fact],
            Role::Command => &[Role::Fact],
            Role::Fact | Role::Answer => &[],
        };
        let word = role(stream, absolute)?;
        let path = Path::parse_mod_style(stream)?;
        if !stream.peek(token::Paren) {
            let (ty, role) = (self.types.intern(path), word.map_or(self.role, |(_, role)| role));
            return Ok(Payload::Message(Member { ty, role }));
        }
        if let Some((word, _)) = word {
            self.mistakes.note(bad(&word, format!("`{word}` stands before each member of a union, not before it")));
        }
        let ty = self.types.intern(path);
        let content;
        parenthesized!(content in stream);
        let members = content.parse_terminated(member, Token![,])?;
        let members = members.into_iter().map(|(role, path)| Member { ty: self.types.intern(path), role }).collect();
        Ok(Payload::Union { ty, members })
    }

    fn key(&mut self, handler: &Handler, word: &Ident, stream: ParseStream<'_>) -> syn::Result<Vec<FieldPath>> {
        let content;
        parenthesized!(content in stream);
        let paths = content.parse_terminated(Punctuated::<Ident, Token![.]>::parse_separated_nonempty, Token![,])?;
        if paths.is_empty() {
            self.mistakes.note(bad(word, "`key` names no field; without it the default key is used"));
        }
        let paths: Vec<Vec<Ident>> = paths.into_iter().map(|path| path.into_iter().collect()).collect();
        let texts = paths.iter().map(|path| FieldPath {
            segments: path.iter().map(ToString::to_string).collect(),
            span: path.first().map_or(handler.span, |first| self.types.place(first.span())),
        });
        let texts = texts.collect();
        self.types.place_key(handler.span, paths);
        Ok(texts)
    }
}

/// A member of a union: its role, which is always written, and what carries it.
pub(crate) fn member(stream: ParseStream<'_>) -> syn::Result<(Role, Path)> {
    let Some((_, role)) = role(stream, &[Role::Event, Role::Command, Role::Fact])? else {
        return Err(stream.error("expected `event`, `command` or `fact` before the member"));
    };
    Ok((role, Path::parse_mod_style(stream)?))
}

fn text(stream: ParseStream<'_>) -> syn::Result<String> {
    stream.parse::<Token![=]>()?;
    Ok(stream.parse::<LitStr>()?.value())
}

/// The role that is written next; before `::` only those in `absolute` are roles, others begin a path.
fn role(stream: ParseStream<'_>, absolute: &[Role]) -> syn::Result<Option<(Ident, Role)>> {
    for (word, role) in [("event", Role::Event), ("command", Role::Command), ("fact", Role::Fact)] {
        if introduces(stream, word, absolute.contains(&role)) {
            return Ok(Some((stream.parse()?, role)));
        }
    }
    Ok(None)
}

/// Whether the next word is `word` and a type follows, so that it is no type itself.
fn introduces(stream: ParseStream<'_>, word: &str, absolute: bool) -> bool {
    let ahead = stream.fork();
    let found = ahead.parse::<Ident>().is_ok_and(|found| found == word);
    found && (ahead.peek(Ident::peek_any) || (absolute && ahead.peek(Token![::])))
}

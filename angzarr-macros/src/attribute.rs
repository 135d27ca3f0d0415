//! From an attribute to the model. The grammar stands in the crate's documentation.

use angzarr_model::ir::{
    Aggregate, Component, ComponentKind, FieldPath, Handler, HandlerKind, Member, Output, Payload, ProcessManager,
    Role, Snapshot, TypeName,
};
use angzarr_model::{Diagnostics, check, codes};
use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, DeriveInput, Ident, LitInt, LitStr, Path, Token, parenthesized, token};

use crate::types::Types;

/// The words of one derive.
#[derive(Clone, Copy)]
pub(crate) struct Vocabulary {
    attribute: &'static str,
    keys: &'static [&'static str],
    /// Words for handlers, and what they declare.
    handlers: &'static [(&'static str, HandlerKind)],
    /// What a yielded message is if nothing is said.
    role: Role,
}

impl Vocabulary {
    pub(crate) const AGGREGATE: Self = Self {
        attribute: "aggregate",
        keys: &["define", "name", "domain", "state", "snapshot", "rejections"],
        handlers: &[("command", HandlerKind::Command), ("compensation", HandlerKind::Compensation)],
        role: Role::Event,
    };
    pub(crate) const SAGA: Self = Self {
        attribute: "saga",
        keys: &["define", "name"],
        handlers: &[("on", HandlerKind::Event)],
        role: Role::Command,
    };
    pub(crate) const PROJECTOR: Self = Self {
        attribute: "projector",
        keys: &["define", "name", "view"],
        handlers: &[("on", HandlerKind::Event)],
        role: Role::Event,
    };
    pub(crate) const PROCESS_MANAGER: Self = Self {
        attribute: "process_manager",
        keys: &["define", "name", "domain", "state", "snapshot"],
        handlers: &[("on", HandlerKind::Event)],
        role: Role::Event,
    };
    pub(crate) const UPCASTER: Self = Self {
        attribute: "upcaster",
        keys: &["define", "name", "domain"],
        handlers: &[("upcast", HandlerKind::Upcast)],
        role: Role::Event,
    };
}

/// What an attribute says.
pub(crate) enum Parsed {
    /// The type implements the trait at this path.
    Bind(Path),
    /// The component itself.
    Define(Box<Definition>),
}

/// A component with what is needed to write code for it.
pub(crate) struct Definition {
    pub(crate) component: Component,
    pub(crate) types: Types,
    pub(crate) trait_name: Ident,
}

/// Reads and checks the attribute of a component's derive.
pub(crate) fn parse(input: &DeriveInput, vocabulary: Vocabulary) -> syn::Result<Parsed> {
    let attribute = only_attribute(&input.attrs, vocabulary.attribute, input)?;
    let mut fields = Fields::new(vocabulary);
    let bound = attribute.parse_args_with(|stream: ParseStream<'_>| fields.read(stream))?;
    match bound {
        Some(path) => Ok(Parsed::Bind(path)),
        None => fields.finish(attribute).map(|definition| Parsed::Define(Box::new(definition))),
    }
}

/// The one attribute with this name.
pub(crate) fn only_attribute<'a>(
    attrs: &'a [Attribute],
    name: &str,
    input: &DeriveInput,
) -> syn::Result<&'a Attribute> {
    let mut found = attrs.iter().filter(|attribute| attribute.path().is_ident(name));
    match (found.next(), found.next()) {
        (Some(attribute), None) => Ok(attribute),
        (_, Some(second)) => Err(bad(second, format!("`#[{name}(…)]` stands here twice"))),
        (None, _) => Err(bad(&input.ident, format!("the derive needs `#[{name}(…)]`"))),
    }
}

/// An error in the attribute itself.
pub(crate) fn bad(at: impl quote::ToTokens, message: impl std::fmt::Display) -> syn::Error {
    let code = codes::BAD_ATTRIBUTE;
    syn::Error::new_spanned(at, format!("{}: {message}\nhelp: {}", code.id, code.help))
}

/// What has been read so far.
struct Fields {
    vocabulary: Vocabulary,
    types: Types,
    define: Option<Ident>,
    name: Option<LitStr>,
    domain: Option<LitStr>,
    state: Option<TypeName>,
    view: Option<TypeName>,
    rejections: Option<TypeName>,
    snapshot: Snapshot,
    handlers: Vec<Handler>,
}

impl Fields {
    fn new(vocabulary: Vocabulary) -> Self {
        Self {
            vocabulary,
            types: Types::default(),
            define: None,
            name: None,
            domain: None,
            state: None,
            view: None,
            rejections: None,
            snapshot: Snapshot::default(),
            handlers: Vec::new(),
        }
    }

    /// Reads everything; gives the path if it is all there is.
    fn read(&mut self, stream: ParseStream<'_>) -> syn::Result<Option<Path>> {
        if !stream.peek2(Token![=]) && !stream.peek2(token::Paren) {
            return Path::parse_mod_style(stream).map(Some);
        }
        while !stream.is_empty() {
            let word = stream.call(Ident::parse_any)?;
            self.entry(&word, stream)?;
            if !stream.is_empty() {
                stream.parse::<Token![,]>()?;
            }
        }
        Ok(None)
    }

    fn entry(&mut self, word: &Ident, stream: ParseStream<'_>) -> syn::Result<()> {
        let text = word.to_string();
        if let Some((_, kind)) = self.vocabulary.handlers.iter().find(|(handler, _)| *handler == text) {
            let content;
            parenthesized!(content in stream);
            let handler = self.handler(*kind, &content)?;
            self.handlers.push(handler);
            return Ok(());
        }
        if !self.vocabulary.keys.contains(&&*text) {
            let known: Vec<_> = self
                .vocabulary
                .keys
                .iter()
                .chain(self.vocabulary.handlers.iter().map(|(word, _)| word))
                .copied()
                .collect();
            return Err(bad(word, format!("`{text}` is not known here; known are {}", known.join(", "))));
        }
        if text == "snapshot" {
            let content;
            parenthesized!(content in stream);
            return self.snapshot(&content);
        }
        stream.parse::<Token![=]>()?;
        match text.as_str() {
            "define" => self.define = Some(stream.parse()?),
            "name" => self.name = Some(stream.parse()?),
            "domain" => self.domain = Some(stream.parse()?),
            "state" => self.state = Some(self.ty(stream)?),
            "view" => self.view = Some(self.ty(stream)?),
            _ => self.rejections = Some(self.ty(stream)?),
        }
        Ok(())
    }

    fn ty(&mut self, stream: ParseStream<'_>) -> syn::Result<TypeName> {
        Ok(self.types.intern(Path::parse_mod_style(stream)?))
    }

    fn snapshot(&mut self, stream: ParseStream<'_>) -> syn::Result<()> {
        while !stream.is_empty() {
            let word: Ident = stream.parse()?;
            stream.parse::<Token![=]>()?;
            match word.to_string().as_str() {
                "every" => self.snapshot.every = stream.parse::<LitInt>()?.base10_parse()?,
                "version" => self.snapshot.version = stream.parse::<LitInt>()?.base10_parse()?,
                "shape" => self.snapshot.shape = stream.parse::<LitStr>()?.value(),
                other => {
                    return Err(bad(&word, format!("`{other}` is not known here; known are every, version, shape")));
                }
            }
            if !stream.is_empty() {
                stream.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    fn handler(&mut self, kind: HandlerKind, stream: ParseStream<'_>) -> syn::Result<Handler> {
        let method: Ident = stream.parse()?;
        stream.parse::<Token![:]>()?;
        let input = self.ty(stream)?;
        stream.parse::<Token![=>]>()?;
        let output = self.output(stream)?;
        let mut handler = Handler {
            method: method.to_string(),
            kind,
            input,
            output,
            key: Vec::new(),
            starts: false,
            at: String::new(),
            doc: String::new(),
            span: self.types.place(method.span()),
        };
        while !stream.is_empty() {
            stream.parse::<Token![,]>()?;
            if !stream.is_empty() {
                extra(&mut handler, stream)?;
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
        if starts_with(stream, "stream") {
            stream.parse::<Ident>()?;
            return Ok(Output::Many(self.payload(stream)?));
        }
        Ok(Output::One(self.payload(stream)?))
    }

    fn payload(&mut self, stream: ParseStream<'_>) -> syn::Result<Payload> {
        let single = role(stream)?.unwrap_or(self.vocabulary.role);
        let ty = self.ty(stream)?;
        if !stream.peek(token::Paren) {
            return Ok(Payload::Message(Member { ty, role: single }));
        }
        let content;
        parenthesized!(content in stream);
        let mut members = Vec::new();
        while !content.is_empty() {
            let role = role(&content)?.unwrap_or(self.vocabulary.role);
            members.push(Member { ty: self.ty(&content)?, role });
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
        }
        Ok(Payload::Union { ty, members })
    }

    /// The component, if everything is there and the model's checks find nothing.
    fn finish(mut self, attribute: &Attribute) -> syn::Result<Definition> {
        let missing = |what: &str| bad(attribute, format!("`{what}` is missing"));
        let trait_name = self.define.take().ok_or_else(|| missing("define"))?;
        let full_name = self.name.take().ok_or_else(|| missing("name"))?.value();
        let domain = self.domain.take().map(|domain| domain.value());
        let domain = || domain.ok_or_else(|| missing("domain"));
        let mut state = || self.state.take().ok_or_else(|| missing("state"));
        let kind = match self.vocabulary.attribute {
            "aggregate" => ComponentKind::Aggregate(Aggregate {
                domain: domain()?,
                state: state()?,
                snapshot: self.snapshot,
                rejections: self.rejections.take(),
            }),
            "process_manager" => ComponentKind::ProcessManager(ProcessManager {
                domain: domain()?,
                state: state()?,
                snapshot: self.snapshot,
            }),
            "projector" => ComponentKind::Projector { view: self.view.take() },
            "upcaster" => ComponentKind::Upcaster { domain: domain()? },
            _ => ComponentKind::Saga,
        };
        let package = full_name.rsplit_once('.').map_or("", |(package, _)| package).to_owned();
        let component = Component {
            name: trait_name.to_string(),
            full_name,
            package,
            doc: String::new(),
            span: self.types.place(trait_name.span()),
            generate: true,
            kind,
            handlers: self.handlers,
        };
        let mut found = Diagnostics::new();
        check::component(&component, &mut found);
        match found.finish(()) {
            Ok(()) => Ok(Definition { component, types: self.types, trait_name }),
            Err(found) => Err(combined(found.iter().map(|found| self.types.error(found)))),
        }
    }
}

fn extra(handler: &mut Handler, stream: ParseStream<'_>) -> syn::Result<()> {
    let word: Ident = stream.parse()?;
    match word.to_string().as_str() {
        "starts" => handler.starts = true,
        "key" => {
            let content;
            parenthesized!(content in stream);
            let paths = Punctuated::<KeyPath, Token![,]>::parse_terminated(&content)?;
            handler.key = paths.into_iter().map(|path| path.0).collect();
        }
        "doc" | "at" => {
            stream.parse::<Token![=]>()?;
            let text = stream.parse::<LitStr>()?.value();
            if word == "doc" {
                handler.doc = text;
            } else {
                handler.at = text;
            }
        }
        other => return Err(bad(&word, format!("`{other}` is not known here; known are key, starts, doc, at"))),
    }
    Ok(())
}

struct KeyPath(FieldPath);

impl Parse for KeyPath {
    fn parse(stream: ParseStream<'_>) -> syn::Result<Self> {
        let fields = Punctuated::<Ident, Token![.]>::parse_separated_nonempty(stream)?;
        Ok(Self(FieldPath(fields.iter().map(ToString::to_string).collect())))
    }
}

/// Whether the next word is `word` and a type follows, so that it is no type itself.
fn starts_with(stream: ParseStream<'_>, word: &str) -> bool {
    let ahead = stream.fork();
    ahead.parse::<Ident>().is_ok_and(|found| found == word) && ahead.call(Ident::parse_any).is_ok()
}

pub(crate) fn role(stream: ParseStream<'_>) -> syn::Result<Option<Role>> {
    for (word, role) in [("event", Role::Event), ("command", Role::Command)] {
        if starts_with(stream, word) {
            stream.parse::<Ident>()?;
            return Ok(Some(role));
        }
    }
    Ok(None)
}

fn combined(errors: impl Iterator<Item = syn::Error>) -> syn::Error {
    errors
        .reduce(|mut all, error| {
            all.combine(error);
            all
        })
        .unwrap_or_else(|| syn::Error::new(Span::call_site(), "no finding"))
}

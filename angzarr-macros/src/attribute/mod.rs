//! From an attribute to the model. The grammar stands in the crate's documentation.
//!
//! A mistake that leaves the rest readable (an unknown word, a word given twice, a missing one) is noted and reading
//! goes on, so that one build reports them all; a mistake in the syntax itself ends it.

#[cfg(test)]
mod emitted;
mod handler;
#[cfg(test)]
mod tests;
mod words;

use angzarr_model::ir::{
    Aggregate, Component, ComponentKind, Delivery, Handler, HandlerKind, OnFailure, ProcessManager, Role, Snapshot,
    TypeName,
};
use angzarr_model::{Diagnostic, Diagnostics, check, codes};
use syn::parse::ParseStream;
use syn::{Attribute, DeriveInput, Ident, LitInt, LitStr, Path, Token, parenthesized, token};

use self::handler::Reader;
pub(crate) use self::handler::member;
pub(crate) use self::words::{Mistakes, Words, bad, coded, unknown};
use crate::types::Types;

/// The words of one derive.
#[derive(Clone, Copy)]
pub(crate) struct Vocabulary {
    /// The attribute's name, which is also that of the kind.
    pub(crate) attribute: &'static str,
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
        handlers: &[
            ("command", HandlerKind::Command),
            ("fact", HandlerKind::Fact),
            ("compensation", HandlerKind::Compensation),
            ("query", HandlerKind::Query),
        ],
        role: Role::Event,
    };
    pub(crate) const SAGA: Self = Self {
        attribute: "saga",
        keys: &["define", "name", "delivery"],
        handlers: &[("on", HandlerKind::Event)],
        role: Role::Command,
    };
    pub(crate) const PROJECTOR: Self = Self {
        attribute: "projector",
        keys: &["define", "name", "view", "delivery"],
        handlers: &[("on", HandlerKind::Event)],
        role: Role::Event,
    };
    pub(crate) const PROCESS_MANAGER: Self = Self {
        attribute: "process_manager",
        keys: &["define", "name", "domain", "state", "snapshot", "delivery"],
        handlers: &[
            ("on", HandlerKind::Event),
            ("compensation", HandlerKind::Compensation),
            ("deadline", HandlerKind::Deadline),
        ],
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
    /// What the model's checks found. The code is written all the same where it can be, because errors about
    /// everything that uses it would bury the one that counts.
    pub(crate) findings: Option<syn::Error>,
}

/// Reads and checks the attribute of a component's derive.
pub(crate) fn parse(input: &DeriveInput, vocabulary: Vocabulary) -> syn::Result<Parsed> {
    let attribute = only_attribute(&input.attrs, vocabulary.attribute, input)?;
    let mut fields = Fields::new(vocabulary);
    let bound = attribute.parse_args_with(|stream: ParseStream<'_>| fields.read(stream)).map_err(coded)?;
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

/// What has been read so far.
struct Fields {
    vocabulary: Vocabulary,
    types: Types,
    mistakes: Mistakes,
    define: Option<Ident>,
    name: Option<LitStr>,
    domain: Option<LitStr>,
    state: Option<TypeName>,
    view: Option<TypeName>,
    rejections: Option<TypeName>,
    snapshot: Snapshot,
    delivery: Option<Delivery>,
    handlers: Vec<Handler>,
}

impl Fields {
    fn new(vocabulary: Vocabulary) -> Self {
        Self {
            vocabulary,
            types: Types::default(),
            mistakes: Mistakes::default(),
            define: None,
            name: None,
            domain: None,
            state: None,
            view: None,
            rejections: None,
            snapshot: Snapshot::default(),
            delivery: None,
            handlers: Vec::new(),
        }
    }

    /// Reads everything; gives the path if it is all there is.
    fn read(&mut self, stream: ParseStream<'_>) -> syn::Result<Option<Path>> {
        if stream.is_empty() {
            return Err(stream.error("expected the trait to bind to, or `define = …` and what it consists of"));
        }
        if !stream.peek2(Token![=]) && !stream.peek2(token::Paren) {
            return Path::parse_mod_style(stream).map(Some);
        }
        let handlers = self.vocabulary.handlers.iter().map(|(word, _)| *word).collect();
        let mut words = Words::new(self.vocabulary.keys).repeatable(handlers);
        while let Some(word) = words.next(stream, &mut self.mistakes)? {
            self.entry(&word, stream)?;
        }
        Ok(None)
    }

    fn entry(&mut self, word: &Ident, stream: ParseStream<'_>) -> syn::Result<()> {
        let text = word.to_string();
        if let Some((_, kind)) = self.vocabulary.handlers.iter().find(|(handler, _)| *handler == text) {
            let content;
            parenthesized!(content in stream);
            let role = self.vocabulary.role;
            let mut reader = Reader { types: &mut self.types, mistakes: &mut self.mistakes, role };
            self.handlers.push(reader.handler(*kind, &content)?);
            return Ok(());
        }
        if text == "snapshot" || text == "delivery" {
            let content;
            parenthesized!(content in stream);
            return if text == "snapshot" { self.snapshot(&content) } else { self.delivery(&content) };
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
        let mut words = Words::new(&["every", "version", "shape"]);
        while let Some(word) = words.next(stream, &mut self.mistakes)? {
            stream.parse::<Token![=]>()?;
            match word.to_string().as_str() {
                "every" => self.snapshot.every = stream.parse::<LitInt>()?.base10_parse()?,
                "version" => self.snapshot.version = stream.parse::<LitInt>()?.base10_parse()?,
                _ => self.snapshot.shape = stream.parse::<LitStr>()?.value(),
            }
        }
        Ok(())
    }

    fn delivery(&mut self, stream: ParseStream<'_>) -> syn::Result<()> {
        let mut delivery = Delivery::default();
        let mut words = Words::new(&["attempts", "timeout_ms", "on_failure"]);
        while let Some(word) = words.next(stream, &mut self.mistakes)? {
            stream.parse::<Token![=]>()?;
            match word.to_string().as_str() {
                "attempts" => delivery.attempts = Some(stream.parse::<LitInt>()?.base10_parse()?),
                "timeout_ms" => delivery.timeout_ms = Some(stream.parse::<LitInt>()?.base10_parse()?),
                _ => delivery.on_failure = self.on_failure(&stream.parse()?),
            }
        }
        self.delivery = Some(delivery);
        Ok(())
    }

    fn on_failure(&mut self, word: &Ident) -> Option<OnFailure> {
        let known = [OnFailure::Park, OnFailure::Skip, OnFailure::Stop];
        let found = known.into_iter().find(|known| word == &format!("{known:?}"));
        if found.is_none() {
            self.mistakes.note(bad(word, unknown(&word.to_string(), &["Park", "Skip", "Stop"])));
        }
        found
    }

    /// The component, if everything is there and code can be written for it.
    fn finish(mut self, attribute: &Attribute) -> syn::Result<Definition> {
        let trait_name = self.mistakes.needed(self.define.take(), "define", attribute);
        let full_name = self.mistakes.needed(self.name.take(), "name", attribute);
        let kind = self.kind(attribute);
        let (trait_name, full_name, kind) = match (self.mistakes.into_error(), trait_name, full_name, kind) {
            (None, Some(trait_name), Some(full_name), Some(kind)) => (trait_name, full_name.value(), kind),
            (mistakes, ..) => return Err(mistakes.unwrap_or_else(|| bad(attribute, "something is missing"))),
        };
        let package = full_name.rsplit_once('.').map_or("", |(package, _)| package).to_owned();
        let span = self.types.place(trait_name.span());
        let component = Component {
            name: trait_name.to_string(),
            full_name,
            package,
            doc: String::new(),
            span,
            domain_span: span,
            generate: true,
            kind,
            delivery: self.delivery,
            handlers: self.handlers,
        };
        let findings = findings(&component, &self.types)?;
        Ok(Definition { component, types: self.types, trait_name, findings })
    }

    fn kind(&mut self, attribute: &Attribute) -> Option<ComponentKind> {
        let needs = |word| self.vocabulary.keys.contains(&word);
        let (with_domain, with_state) = (needs("domain"), needs("state"));
        let mut domain = self.domain.take().map(|domain| domain.value());
        if with_domain {
            domain = self.mistakes.needed(domain, "domain", attribute);
        }
        let mut state = self.state.take();
        if with_state {
            state = self.mistakes.needed(state, "state", attribute);
        }
        let snapshot = std::mem::take(&mut self.snapshot);
        Some(match self.vocabulary.attribute {
            "aggregate" => {
                let rejections = self.rejections.take();
                ComponentKind::Aggregate(Aggregate { domain: domain?, state: state?, snapshot, rejections })
            }
            "process_manager" => {
                ComponentKind::ProcessManager(ProcessManager { domain: domain?, state: state?, snapshot })
            }
            "projector" => ComponentKind::Projector { view: self.view.take() },
            "upcaster" => ComponentKind::Upcaster { domain: domain? },
            _ => ComponentKind::Saga,
        })
    }
}

/// What the model's checks find; it is the result's error if no code can be written.
fn findings(component: &Component, types: &Types) -> syn::Result<Option<syn::Error>> {
    let mut found = Diagnostics::new();
    check::component(component, &mut found);
    let Err(found) = found.finish() else { return Ok(None) };
    let mut errors = Mistakes::default();
    for one in &found {
        errors.note(types.error(one));
    }
    let errors = errors.into_error();
    let unwritable = |one: &Diagnostic| [codes::DUPLICATE_METHOD, codes::DUPLICATE_HANDLER].contains(&one.code);
    match errors {
        Some(errors) if found.iter().any(unwritable) => Err(errors),
        errors => Ok(errors),
    }
}

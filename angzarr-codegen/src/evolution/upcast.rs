//! The skeleton of an upcaster: a new version of an event, and the rpc that leads to it from the present one.

mod insert;
mod print;

use std::collections::BTreeMap;

use angzarr_model::ir::{Component, ComponentKind, Handler, HandlerKind, Message, Model, TypeName};
use angzarr_model::names::nearest;
use angzarr_model::relations::Relations;
use heck::ToSnakeCase;

use crate::report::Place;
use crate::{GeneratedFile, Understood};
use print::last;

/// What a new version of an event begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skeleton {
    /// Full name of the present version.
    pub old: String,
    /// Full name of the new version.
    pub new: String,
    /// What is to be inserted where.
    pub parts: Vec<Part>,
    /// What the user does next, a sentence each.
    pub next: Vec<String>,
}

/// A piece of proto text and the place for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Name of the file, relative to its include directory.
    pub file: String,
    /// Where in it, in words.
    pub place: String,
    /// The text, without a line break at the end.
    pub text: String,
    at: At,
}

/// Where in a file a part goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    /// After the block of what is declared at a place.
    After(Place),
    /// First in the block of what is declared at a place.
    First(Place),
    /// Last in it.
    Last(Place),
    /// At the end of the file.
    End,
}

impl At {
    /// Grows from the top of a file to its end; blocks lie one below the other.
    fn order(&self) -> (u32, u32) {
        match self {
            At::First(place) => (place.line, 0),
            At::Last(place) => (place.line, 1),
            At::After(place) => (place.line, 2),
            At::End => (u32::MAX, 0),
        }
    }
}

/// Why there is no skeleton.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpcastError {
    /// No event has that name.
    #[error(
        "no event that is written today is called `{name}`; {}here are: {}",
        near.as_ref().map_or("t".to_owned(), |near| format!("did you mean `{near}`? T")),
        events.join(", ")
    )]
    Unknown {
        /// As it was given.
        name: String,
        /// The name that was perhaps meant.
        near: Option<String>,
        /// Full names of those that are written.
        events: Vec<String>,
    },
    /// Several events have that last name.
    #[error("`{name}` is any of {}; give the full name", events.join(", "))]
    Ambiguous {
        /// As it was given.
        name: String,
        /// Their full names.
        events: Vec<String>,
    },
    /// The event is upcast already.
    #[error("`{name}` is upcast by `{upcaster}` already; begin with what that leads to")]
    Upcast {
        /// Full name of the event.
        name: String,
        /// Component and method.
        upcaster: String,
    },
    /// There is no text to insert into.
    #[error("{file} cannot be edited: {reason}")]
    Text {
        /// Name of the file.
        file: String,
        /// What is in the way.
        reason: &'static str,
    },
}

/// Begins a new version of an event, which is given by its full name or the last part of it.
///
/// # Errors
/// There is no such event, there are several, or it is upcast already.
pub fn skeleton(understood: &Understood, name: &str) -> Result<Skeleton, UpcastError> {
    let model = &understood.model;
    let relations = Relations::of(model);
    let old = find(&relations, name)?;
    let Some(writer) = relations.writers(&old.name).first() else { return Err(unknown(&relations, name)) };
    let new = next_version(model, last(&old.name.0));
    let new_name = format!("{}{new}", old.name.0.strip_suffix(last(&old.name.0)).unwrap_or_default());
    let owner = writer.component;
    let upcaster = model.components.iter().find(|component| {
        component.generate && matches!(&component.kind, ComponentKind::Upcaster { domain } if domain == writer.domain)
    });
    let place = |span| understood.spans.place(span).unwrap_or_default();
    let (of_old, of_owner) = (place(old.span), place(upcaster.unwrap_or(owner).span));
    let mut parts = vec![
        Part {
            place: format!("in `{}`", last(&old.name.0)),
            text: print::retired().to_owned(),
            file: of_old.file.clone(),
            at: At::First(of_old.clone()),
        },
        Part {
            place: format!("after `{}`", last(&old.name.0)),
            text: print::message(old, &new),
            file: of_old.file.clone(),
            at: At::After(of_old),
        },
    ];
    let package = &upcaster.unwrap_or(owner).package;
    let rpc = print::rpc(&method(upcaster, &new), &old.name.0, &new_name, (&old.package, package));
    parts.push(match upcaster {
        Some(upcaster) => Part {
            place: format!("last in `{}`", upcaster.name),
            text: rpc,
            file: of_owner.file.clone(),
            at: At::Last(of_owner),
        },
        None => Part {
            place: "at the end".to_owned(),
            text: print::service(&service(model, owner), writer.domain, &rpc),
            file: of_owner.file,
            at: At::End,
        },
    });
    let next = steps(model, old, &new, upcaster);
    Ok(Skeleton { old: old.name.0.clone(), new: new_name, parts, next })
}

impl Skeleton {
    /// The files with everything inserted, by their names.
    ///
    /// # Errors
    /// A file was not read from disk, or its text is not what was understood.
    pub fn files(&self, understood: &Understood) -> Result<Vec<GeneratedFile>, UpcastError> {
        let mut texts: BTreeMap<&str, String> = BTreeMap::new();
        let unread = |file: &str| UpcastError::Text { file: file.to_owned(), reason: "it is no file on disk" };
        let read = |file: &str| understood.text(file).ok_or_else(|| unread(file));
        // What stands farther down first, so that the places of the others stay.
        let mut parts: Vec<&Part> = self.parts.iter().collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.at.order()));
        for part in parts {
            let text = match texts.remove(part.file.as_str()) {
                Some(text) => text,
                None => insert::short_line_ends(read(&part.file)?),
            };
            let reason = "its text has changed or cannot be taken apart";
            let text = insert::insert(&text, &part.at, &part.text)
                .ok_or_else(|| UpcastError::Text { file: part.file.clone(), reason })?;
            texts.insert(&part.file, text);
        }
        let file = |(name, text): (&str, String)| {
            let text = insert::line_ends_of(read(name)?, insert::import(&text));
            Ok(GeneratedFile { name: name.to_owned(), text })
        };
        texts.into_iter().map(file).collect()
    }
}

fn find<'a>(relations: &Relations<'a>, name: &str) -> Result<&'a Message, UpcastError> {
    let named = |event: &TypeName| event.0 == name || last(&event.0) == name;
    if let Some((old, claims)) = relations.upcasts().find(|(old, _)| named(old)) {
        let upcaster = claims.first().map(|claim| format!("{}.{}", claim.component.name, claim.handler.method));
        return Err(UpcastError::Upcast { name: old.0.clone(), upcaster: upcaster.unwrap_or_default() });
    }
    let own = relations.events().filter(|(_, claims)| claims.iter().any(|claim| claim.component.generate));
    let found: Vec<&TypeName> = own.map(|(event, _)| event).filter(|event| named(event)).collect();
    match found.as_slice() {
        [one] => relations.message(one).ok_or_else(|| unknown(relations, name)),
        [] => Err(unknown(relations, name)),
        several => {
            let events = several.iter().map(|event| event.0.clone()).collect();
            Err(UpcastError::Ambiguous { name: name.to_owned(), events })
        }
    }
}

fn unknown(relations: &Relations<'_>, name: &str) -> UpcastError {
    let own = relations.events().filter(|(_, claims)| claims.iter().any(|claim| claim.component.generate));
    let events: Vec<String> = own.map(|(event, _)| event.0.clone()).collect();
    let names = events.iter().flat_map(|event| [event.as_str(), last(event)]);
    let near = nearest(name, names).map(str::to_owned);
    UpcastError::Unknown { name: name.to_owned(), near, events }
}

/// `OrderPlaced` becomes `OrderPlacedV2`, and that `OrderPlacedV3`; a number that is taken is passed over.
fn next_version(model: &Model, name: &str) -> String {
    let (base, version) = match name.rsplit_once('V') {
        Some((base, digits)) if !base.is_empty() => match digits.parse::<u32>() {
            Ok(version) => (base, version),
            Err(_) => (name, 1),
        },
        _ => (name, 1),
    };
    let mut version = version.saturating_add(1);
    let taken = |name: &str| model.messages.iter().any(|message| last(&message.name.0) == name);
    while taken(&format!("{base}V{version}")) {
        version = version.saturating_add(1);
    }
    format!("{base}V{version}")
}

/// A verb with the version, and with the event's name too if another event took that.
fn method(upcaster: Option<&Component>, new: &str) -> String {
    let version = new.rsplit_once('V').map_or(new, |(_, version)| version);
    let short = format!("ToV{version}");
    let methods = upcaster.into_iter().flat_map(|component| &component.handlers);
    let taken = methods.into_iter().any(|handler| handler.method == short.to_snake_case());
    if taken { format!("To{new}") } else { short }
}

fn service(model: &Model, owner: &Component) -> String {
    let free = |name: &String| {
        let full = format!("{}.{name}", owner.package);
        let component = model.components.iter().any(|component| component.full_name == full);
        !component && !model.messages.iter().any(|message| message.name.0 == full)
    };
    let names = ["History", "Upcasts", "Versions"].map(|word| format!("{}{word}", owner.name));
    let fallback = format!("{}Upcaster", owner.name);
    names.into_iter().find(free).unwrap_or(fallback)
}

/// What has to change by hand, in an order in which it can be done.
fn steps(model: &Model, old: &Message, new: &str, upcaster: Option<&Component>) -> Vec<String> {
    let name = last(&old.name.0);
    let mut steps = vec![format!(
        "Change `{new}` to what it shall be. Fields of the same name and type are copied from `{name}` without code of \
         yours; a new one takes `[(angzarr.v1.field).upcast_default = \"…\"]` or is `optional`, one with another name \
         takes `[(angzarr.v1.field).renamed_from = \"…\"]`. What they cannot say is a method that you write: \
         `option (angzarr.v1.handler).hook = true` on the rpc."
    )];
    let handlers = || {
        let components = model.components.iter().filter(|component| component.generate);
        components.flat_map(|component| component.handlers.iter().map(move |handler| (component, handler)))
    };
    let at = |(component, handler): (&Component, &Handler)| {
        let file = handler.at.split(':').next().unwrap_or_default();
        format!("`{}.{}` ({file})", component.name, handler.method)
    };
    let stores =
        |handler: &Handler| handler.kind != HandlerKind::Upcast && handler.stored().any(|event| event == &old.name);
    let writers = handlers().filter(|(_, handler)| stores(handler));
    let writers: Vec<String> = writers.map(at).collect();
    if !writers.is_empty() {
        steps.push(format!("Let what writes `{name}` write `{new}`: {}.", writers.join(", ")));
    }
    let unions = model.messages.iter().filter(|message| message.generate);
    let unions = unions
        .filter(|one| one.union.as_ref().is_some_and(|union| union.members.iter().any(|(_, ty)| ty == &old.name)));
    let unions: Vec<String> = unions.map(|message| format!("`{}`", message.name.0)).collect();
    if !unions.is_empty() {
        steps.push(format!("Let the unions that hold it hold `{new}`: {}.", unions.join(", ")));
    }
    let readers = handlers().filter(|(_, handler)| handler.input == old.name && !stores(handler));
    let readers: Vec<String> = readers.map(at).collect();
    if !readers.is_empty() {
        steps.push(format!("Let what reads it read `{new}`: {}.", readers.join(", ")));
    }
    if upcaster.is_none() {
        steps.push("Register the new upcaster in your program.".to_owned());
    }
    steps.push("Then let `angzarr breaking` look at it, and `angzarr lock` write it down.".to_owned());
    steps
}

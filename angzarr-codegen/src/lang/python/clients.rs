//! Clients: of an aggregate one that sends and asks, and one that follows what comes of it; of whatever keeps events, one
//! that reads them.

use std::iter;

use angzarr_model::ir::{
    Component, ComponentKind, Field, Handler, HandlerKind, Message, Model, Output, Payload, TypeName,
};
use prost_reflect::FileDescriptor;
use serde::Serialize;

use super::components;
use super::modules::{Importer, Module};
use super::names::{docstring, identifier, is_keyword};
use super::types::Types;
use crate::frontend::Protos;

/// The module for the clients of one file's components.
#[derive(Serialize)]
pub(super) struct Clients {
    imports: Vec<String>,
    components: Vec<Client>,
}

#[derive(Serialize)]
struct Client {
    /// Full name of the component.
    name: String,
    domain: String,
    /// Names of the classes that send.
    client: String,
    gateway: String,
    /// What stands behind the arguments of a connection.
    rejection: String,
    kept: Kept,
    /// Commands, facts and queries.
    calls: Vec<Call>,
    /// Commands and facts, with everything that follows.
    streams: Vec<Call>,
}

/// What a component keeps.
#[derive(Serialize)]
struct Kept {
    /// Name of the class that reads it.
    name: String,
    /// Name of the type of any of its events.
    event: String,
    events: Vec<String>,
    state: String,
    /// The same as an expression.
    state_class: String,
}

#[derive(Serialize)]
struct Call {
    name: String,
    /// `command`, `fact` or `query`.
    what: &'static str,
    input: String,
    /// The parameters that are known by name.
    options: String,
    returns: String,
    doc: Vec<String>,
    /// The call behind it.
    made: String,
}

/// The clients for the components of a file; none if nobody can call or read them.
pub(super) fn module(file: &FileDescriptor, protos: &Protos, model: &Model) -> Option<Clients> {
    let module = Module::clients(file.name());
    let types = Types::new(protos, Importer::Inside(&module));
    let mut printer = Printer { model, components: Module::components(file.name()), types };
    let clients: Vec<Client> = components::of_file(file, model)
        .into_iter()
        .filter_map(|component| {
            let service = file.services().find(|service| service.full_name() == component.full_name)?;
            let rpcs = service.methods().map(|rpc| rpc.name().to_owned()).collect::<Vec<_>>();
            printer.client(component, &rpcs)
        })
        .collect();
    if clients.is_empty() {
        return None;
    }
    let imports = &printer.types.imports;
    let imports = iter::once(imports.client_support()).chain(imports.statements()).collect();
    Some(Clients { imports, components: clients })
}

struct Printer<'a> {
    model: &'a Model,
    /// Where the exceptions of the file's components are.
    components: Module,
    types: Types<'a>,
}

impl Printer<'_> {
    /// Rpcs are in the order of handlers.
    fn client(&mut self, component: &Component, rpcs: &[String]) -> Option<Client> {
        let (state, rejections) = match &component.kind {
            ComponentKind::Aggregate(own) => (&own.state, own.rejections.is_some()),
            ComponentKind::ProcessManager(own) => (&own.state, false),
            _ => return None,
        };
        let (mut calls, mut streams) = (Vec::new(), Vec::new());
        for (rpc, handler) in rpcs.iter().zip(&component.handlers) {
            match handler.kind {
                HandlerKind::Command | HandlerKind::Fact => {
                    calls.push(self.sent(handler));
                    streams.push(self.followed(handler));
                }
                HandlerKind::Query => calls.push(self.asked(&component.full_name, rpc, handler)),
                _ => {}
            }
        }
        let class = |ending: &str| format!("{}{ending}", component.name);
        let rejection = if rejections {
            format!(", {}.{}.of", self.types.imports.module(self.components.clone()), components::rejection(component))
        } else {
            String::new()
        };
        Some(Client {
            name: component.full_name.clone(),
            domain: component.own_domain().unwrap_or_default().to_owned(),
            client: class("Client"),
            gateway: class("Gateway"),
            rejection,
            kept: self.kept(component, state),
            calls,
            streams,
        })
    }

    fn kept(&mut self, component: &Component, state: &TypeName) -> Kept {
        let mut events: Vec<String> = component.own_events().into_iter().map(|event| self.types.ty(event)).collect();
        events.push(format!("{}.Any", self.types.imports.messages("google/protobuf/any.proto")));
        Kept {
            name: format!("{}Events", component.name),
            event: format!("{}Event", component.name),
            events,
            state: self.types.ty(state),
            state_class: self.types.class_of(state),
        }
    }

    fn sent(&mut self, handler: &Handler) -> Call {
        let stored: Vec<TypeName> = handler.stored().cloned().collect();
        let types: Vec<String> = stored.iter().map(|event| self.types.ty(event)).collect();
        let classes: Vec<String> = stored.iter().map(|event| self.types.class_of(event)).collect();
        // One alone needs the comma to be a tuple.
        let classes = if let [only] = classes.as_slice() { format!("{only},") } else { classes.join(", ") };
        let event = if types.is_empty() { "_message.Message".to_owned() } else { types.join(" | ") };
        let (method, options) = match handler.kind {
            HandlerKind::Fact => ("record", "FactOptions"),
            _ => ("send", "CommandOptions"),
        };
        let made = format!("self._aggregate.{method}({}, ({classes}), options)", self.taken(handler));
        self.call(handler, unpacked(options), format!("_client.Outcome[{event}]"), made)
    }

    fn followed(&mut self, handler: &Handler) -> Call {
        let (method, options) = match handler.kind {
            HandlerKind::Fact => ("follow_fact", "FactStreamOptions"),
            _ => ("follow_command", "CommandStreamOptions"),
        };
        let made = format!("self._aggregate.{method}({}, options)", self.taken(handler));
        let returns = "_collections.AsyncGenerator[_client.Book[_message.Message], None]".to_owned();
        self.call(handler, unpacked(options), returns, made)
    }

    fn asked(&mut self, component: &str, rpc: &str, handler: &Handler) -> Call {
        let answer = match &handler.output {
            Output::One(Payload::Message(member)) | Output::Many(Payload::Message(member)) => member.ty.clone(),
            Output::One(Payload::Union { ty, .. }) | Output::Many(Payload::Union { ty, .. }) => ty.clone(),
            // A query answers; anything else was refused before.
            Output::Nothing => TypeName("google.protobuf.Empty".to_owned()),
        };
        let class = self.types.class_of(&answer);
        let made = format!("self._connection.call(\"/{component}/{rpc}\", query, {class}, timeout)");
        let returns = self.types.ty(&answer);
        self.call(handler, "*, timeout: _datetime.timedelta | None = None".to_owned(), returns, made)
    }

    fn call(&mut self, handler: &Handler, options: String, returns: String, made: String) -> Call {
        Call {
            name: identifier(&handler.method),
            what: what(handler.kind),
            input: self.types.ty(&handler.input),
            options,
            returns,
            doc: docstring(&handler.doc),
            made,
        }
    }

    /// The message, its natural id, and of a fact its external id.
    fn taken(&self, handler: &Handler) -> String {
        let message = self.model.messages.iter().find(|message| message.name == handler.input);
        let what = what(handler.kind);
        let root = attribute(what, message, |field| field.root);
        match handler.kind {
            HandlerKind::Fact => format!("{what}, {root}, {}", attribute(what, message, |field| field.idempotency_key)),
            _ => format!("{what}, {root}"),
        }
    }
}

fn unpacked(options: &str) -> String {
    format!("**options: _typing.Unpack[_client.{options}]")
}

/// What a method calls what it takes.
fn what(kind: HandlerKind) -> &'static str {
    match kind {
        HandlerKind::Fact => "fact",
        HandlerKind::Query => "query",
        _ => "command",
    }
}

/// A field of a variable's message, as an expression.
fn attribute(variable: &str, message: Option<&Message>, is_it: impl Fn(&Field) -> bool) -> String {
    let field = message.and_then(|message| message.fields.iter().find(|field| is_it(field)));
    let name = field.map(|field| field.name.as_str()).unwrap_or_default();
    if is_keyword(name) { format!("getattr({variable}, \"{name}\")") } else { format!("{variable}.{name}") }
}

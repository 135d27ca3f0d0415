//! What handlers yield, and the keys that they name, by descriptors.

use std::collections::HashMap;
use std::sync::Arc;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use super::invalid;
use super::link::Link;
use crate::component::{Decoded, Keyed};
use crate::failure::Failure;
use crate::message::{Emission, Outgoing, Payload};
use crate::proto;
use crate::proto::handler_description::HandlerKind;
use crate::proto::yield_description::Role;
use crate::transport::message::{decode, id, text};
use crate::view::Key;

/// What the handlers of a component yield.
#[derive(Debug)]
pub(super) struct Yields {
    component: &'static str,
    link: Arc<Link>,
    roles: HashMap<String, Yielded>,
    /// Handlers that return exactly one message, by their inputs.
    unary: Vec<(HandlerKind, String)>,
}

#[derive(Debug)]
enum Yielded {
    Event(MessageDescriptor),
    Answer(MessageDescriptor),
    Sent { domain: &'static str, descriptor: MessageDescriptor, root: u32, external_id: u32 },
}

impl Yields {
    pub(super) fn new(
        link: &Arc<Link>,
        component: &'static str,
        said: &proto::ComponentDescription,
    ) -> Result<Self, Failure> {
        let mut roles = HashMap::new();
        for yielded in said.handlers.iter().flat_map(|handler| &handler.yields) {
            let role = match yielded.role() {
                Role::Event => Yielded::Event(link.described.message(&yielded.r#type)?),
                Role::Answer => Yielded::Answer(link.described.message(&yielded.r#type)?),
                Role::Command | Role::Fact => {
                    let (root, external_id) = link.described.ids(&yielded.r#type);
                    let external_id = if yielded.role() == Role::Fact { external_id } else { 0 };
                    let descriptor = link.described.message(&yielded.r#type)?;
                    Yielded::Sent { domain: super::spec::kept(&yielded.domain), descriptor, root, external_id }
                }
                Role::Unspecified => {
                    return Err(invalid(format!("`{}` is yielded in no role that is known", yielded.r#type)));
                }
            };
            roles.insert(yielded.r#type.clone(), role);
        }
        Ok(Self { component, link: link.clone(), roles, unary: unary(link, said) })
    }

    /// The service that yields it.
    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    /// What becomes of what the service returned for an input.
    pub(super) fn emissions(
        &self,
        kind: HandlerKind,
        input: &Payload,
        emissions: proto::Emissions,
    ) -> Result<Vec<Emission>, Failure> {
        let (count, name) = (emissions.messages.len(), &*input.type_name);
        if count != 1 && self.unary.iter().any(|unary| unary.0 == kind && unary.1 == name) {
            let message = format!("`{}` returned {count} messages for `{name}`, whose rpc returns one", self.component);
            return Err(invalid(message));
        }
        emissions.messages.into_iter().map(|message| self.emission(Payload::from_any(message))).collect()
    }

    /// What a query gets.
    pub(super) fn answer(&self, answer: prost_types::Any) -> Result<Payload, Failure> {
        let payload = Payload::from_any(answer);
        match self.roles.get(&*payload.type_name) {
            Some(Yielded::Answer(descriptor)) => decode(descriptor, &payload).map(|_| payload),
            _ => {
                Err(invalid(format!("`{}` answered with `{}`, which no query gets", self.component, payload.type_name)))
            }
        }
    }

    fn emission(&self, payload: Payload) -> Result<Emission, Failure> {
        match self.roles.get(&*payload.type_name) {
            Some(Yielded::Event(descriptor)) => {
                // What is stored has to be read for ever.
                decode(descriptor, &payload)?;
                Ok(Emission::Event(payload))
            }
            Some(Yielded::Sent { domain, descriptor, root, external_id }) => {
                let message = decode(descriptor, &payload)?;
                let key = id(&message, *root).unwrap_or_default();
                let external_id = (*external_id != 0).then(|| id(&message, *external_id)).flatten();
                Ok(Emission::Command(Outgoing { domain, key, payload, external_id }))
            }
            Some(Yielded::Answer(_)) | None => Err(invalid(format!(
                "`{}` returned `{}`, which none of its rpcs does",
                self.component, payload.type_name
            ))),
        }
    }
}

/// Handlers whose rpcs return exactly one message, as the service's protos declare them.
fn unary(link: &Link, said: &proto::ComponentDescription) -> Vec<(HandlerKind, String)> {
    let service = link.described.pool.get_service_by_name(&said.name);
    let returns_one = |rpc: &str| {
        let method = service.as_ref().and_then(|service| service.methods().find(|method| method.name() == rpc));
        method.is_some_and(|method| {
            !method.is_server_streaming() && method.output().full_name() != "google.protobuf.Empty"
        })
    };
    let unary = said.handlers.iter().filter(|handler| returns_one(&handler.rpc));
    unary.map(|handler| (handler.kind(), handler.input.clone())).collect()
}

/// The keys that handlers of a component name, by the type of the event.
#[derive(Debug)]
pub(super) struct Keys(HashMap<String, (MessageDescriptor, Vec<Vec<FieldDescriptor>>)>);

impl Keys {
    pub(super) fn new(link: &Link, said: &proto::ComponentDescription) -> Result<Self, Failure> {
        let mut keys = HashMap::new();
        for handler in said.handlers.iter().filter(|handler| !handler.key.is_empty()) {
            let descriptor = link.described.message(&handler.input)?;
            let paths = handler.key.iter().map(|path| fields(&descriptor, path)).collect::<Result<_, _>>()?;
            keys.insert(handler.input.clone(), (descriptor, paths));
        }
        Ok(Self(keys))
    }

    /// The key that an event's fields name.
    pub(super) fn of(&self, event: &Payload) -> Result<Option<Keyed>, Failure> {
        let Some((descriptor, paths)) = self.0.get(&*event.type_name) else { return Ok(None) };
        let message = decode(descriptor, event)?;
        let parts = paths.iter().map(|path| part(&message, path)).collect::<Option<Vec<String>>>();
        let parts = parts.ok_or_else(|| invalid(format!("a key of `{}` is of no type for keys", event.type_name)))?;
        // The handler is elsewhere, so nobody wants the message once more.
        Ok(Some(Keyed { key: Key::new(parts), event: Decoded::new(()) }))
    }
}

fn fields(message: &MessageDescriptor, path: &str) -> Result<Vec<FieldDescriptor>, Failure> {
    let missing = || invalid(format!("`{}` has no field `{path}`", message.full_name()));
    let (mut found, mut within) = (Vec::new(), Some(message.clone()));
    for name in path.split('.') {
        let field = within.and_then(|message| message.get_field_by_name(name)).ok_or_else(missing)?;
        within = match field.kind() {
            Kind::Message(inner) => Some(inner),
            _ => None,
        };
        found.push(field);
    }
    Ok(found)
}

/// The value at a path; empty if a reader can tell that it is not there.
fn part(message: &DynamicMessage, path: &[FieldDescriptor]) -> Option<String> {
    let (field, rest) = path.split_first()?;
    if field.supports_presence() && !message.has_field(field) {
        return Some(String::new());
    }
    let value = message.get_field(field);
    match &*value {
        Value::Message(inner) if !rest.is_empty() => part(inner, rest),
        value => text(field, value),
    }
}

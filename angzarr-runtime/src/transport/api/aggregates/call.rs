//! One call of an rpc, whatever it came by.

use prost_reflect::{DynamicMessage, MessageDescriptor, Value};
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::app::{App, SyncMode};
use crate::coordinator::outcome::{Outcome, WaitFailure};
use crate::failure::Failure;
use crate::message::Payload;
use crate::proto;
use crate::proto::handler_description::HandlerKind;
use crate::store::AsOf;
use crate::telemetry::traceparent_text;
use crate::transport::api::patience::Patience;
use crate::transport::api::traced::traceparent;
use crate::transport::described::{Described, invalid};
use crate::transport::message::{decode, id};
use crate::transport::status::{BadCall, cut, status};

/// What a call may say beside its message.
const SEQUENCE: &str = "angzarr-sequence";
const KEY: &str = "angzarr-idempotency-key";
const CORRELATION: &str = "angzarr-correlation-id";
const SYNC: &str = "angzarr-sync-mode";
/// What an answer says beside its message.
const POSITION: &str = "angzarr-position";
const DUPLICATE: &str = "angzarr-duplicate";
/// Consumers that were waited for and are done; those that were waited for in vain.
const WAITED_FOR: &str = "angzarr-waited-for";
const AWAITED: &str = "angzarr-awaited";
/// What went wrong among what was waited for: the component, a code, and what happened.
const FAILURE_OF: &str = "angzarr-failure";

/// How many failures an answer tells, and how many bytes of what happened.
const FAILURES: usize = 8;
const FAILURE: usize = 256;

/// An rpc that is served.
#[derive(Debug)]
pub(super) struct Rpc {
    app: App,
    kind: HandlerKind,
    domain: String,
    pub(super) input: MessageDescriptor,
    pub(super) output: MessageDescriptor,
    pub(super) streams: bool,
    root: u32,
    external_id: u32,
    /// How many bytes a request may have.
    pub(super) largest: usize,
}

/// What comes of a call.
pub(super) struct Answer {
    /// One, unless the rpc streams.
    pub(super) messages: Vec<DynamicMessage>,
    pub(super) metadata: MetadataMap,
}

impl Rpc {
    pub(super) fn new(
        app: App,
        described: &Described,
        component: &proto::ComponentDescription,
        handler: &proto::HandlerDescription,
        largest: usize,
    ) -> Result<Self, Failure> {
        let missing = || invalid(format!("it does not describe `{}/{}`", component.name, handler.rpc));
        let service = described.pool.get_service_by_name(&component.name).ok_or_else(missing)?;
        let method = service.methods().find(|method| method.name() == handler.rpc).ok_or_else(missing)?;
        let (root, external_id) = described.ids(&handler.input);
        Ok(Self {
            app,
            kind: handler.kind(),
            domain: component.domain.clone(),
            input: method.input(),
            output: method.output(),
            streams: method.is_server_streaming(),
            root,
            external_id,
            largest,
        })
    }

    /// Makes the call.
    pub(super) async fn call(&self, input: DynamicMessage, metadata: &MetadataMap) -> Result<Answer, Status> {
        let key = id(&input, self.root).unwrap_or_default();
        let traceparent = traceparent(metadata);
        let payload =
            Payload { type_name: self.input.full_name().into(), value: prost::Message::encode_to_vec(&input).into() };
        if self.kind == HandlerKind::Query {
            let answer = self.app.ask(&self.domain, &key, payload, AsOf::Now, traceparent).await;
            let answer = answer.map_err(|error| status(&error))?;
            let answer = decode(&self.output, &answer).map_err(|failure| status(&failure.into()))?;
            return Ok(Answer { messages: vec![answer], metadata: MetadataMap::new() });
        }
        let mut idempotency_key = text(metadata, KEY)?;
        if self.kind == HandlerKind::Fact {
            idempotency_key = id(&input, self.external_id).unwrap_or_default();
        }
        let cover = proto::Cover {
            domain: self.domain.clone(),
            correlation_id: text(metadata, CORRELATION)?,
            key,
            ..proto::Cover::default()
        };
        let sequence = number(metadata, SEQUENCE)?;
        let page = proto::CommandPage { sequence, command: Some(payload.to_any()), occurred_at: None };
        let book = proto::CommandBook {
            cover: Some(cover),
            pages: vec![page],
            idempotency_key,
            traceparent: traceparent_text(traceparent),
            ..Default::default()
        };
        let (sync, patience) = (sync(metadata)?, Patience::of(metadata));
        let outcome = self.app.execute_and_wait(patience.limit(book), sync, None, patience.until()).await;
        self.answer(outcome.map_err(|error| status(&error))?)
    }

    fn answer(&self, outcome: Outcome) -> Result<Answer, Status> {
        let metadata = told(&outcome);
        let events = outcome.events.iter().map(|event| &event.payload);
        let returned = events.filter_map(|event| self.returned(event).transpose()).collect::<Result<Vec<_>, _>>()?;
        let is_command = self.kind == HandlerKind::Command;
        if is_command && outcome.duplicate && returned.is_empty() && !outcome.events.is_empty() {
            // Whatever that was, it is not what was asked for now. A fact is recorded itself, whatever the rpc returns.
            return Err(BadCall::KeyTaken.into());
        }
        let messages = if self.output.full_name() == "google.protobuf.Empty" {
            vec![DynamicMessage::new(self.output.clone())]
        } else {
            returned
        };
        Ok(Answer { messages, metadata })
    }

    /// An event as the rpc declares it: itself, or as a member of the union; none if it is something that the rpc does not
    /// return any more.
    fn returned(&self, event: &Payload) -> Result<Option<DynamicMessage>, Status> {
        let failed = |failure: Failure| status(&failure.into());
        if *event.type_name == *self.output.full_name() {
            return decode(&self.output, event).map(Some).map_err(failed);
        }
        for field in self.output.fields() {
            if let prost_reflect::Kind::Message(member) = field.kind()
                && *event.type_name == *member.full_name()
            {
                let mut union = DynamicMessage::new(self.output.clone());
                union.set_field(&field, Value::Message(decode(&member, event).map_err(failed)?));
                return Ok(Some(union));
            }
        }
        Ok(None)
    }
}

/// What an answer says beside its message.
fn told(outcome: &Outcome) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    let mut add = |name: &'static str, value: &str| {
        // What cannot be written as metadata is left out: nobody can have sent it that way.
        if let Ok(value) = value.parse() {
            metadata.append(name, value);
        }
    };
    add(POSITION, &outcome.position.to_string());
    add(DUPLICATE, if outcome.duplicate { "true" } else { "false" });
    if let Some(first) = outcome.events.first() {
        add(CORRELATION, &first.trace.correlation_id);
        let last = outcome.events.last().unwrap_or(first);
        add(SEQUENCE, &(last.sequence + 1).to_string());
    }
    for (name, consumers) in [(WAITED_FOR, &outcome.waited_for), (AWAITED, &outcome.awaited)] {
        if !consumers.is_empty() {
            add(name, &consumers.join(","));
        }
    }
    for WaitFailure { component, code, message, .. } in outcome.failures.iter().take(FAILURES) {
        let readable = |letter: char| if matches!(letter, ' '..='~') { letter } else { '?' };
        let message: String = cut(message, FAILURE).chars().map(readable).collect();
        add(FAILURE_OF, &format!("{component} {code}: {message}"));
    }
    metadata
}

fn text(metadata: &MetadataMap, name: &'static str) -> Result<String, Status> {
    let bad = |_| BadCall::Metadata { name, what: "no text" };
    Ok(metadata.get(name).map(|value| value.to_str()).transpose().map_err(bad)?.unwrap_or_default().to_owned())
}

fn number(metadata: &MetadataMap, name: &'static str) -> Result<Option<u32>, Status> {
    let bad = |_| BadCall::Metadata { name, what: "no sequence" };
    let given = text(metadata, name)?;
    if given.is_empty() { Ok(None) } else { Ok(Some(given.parse().map_err(bad)?)) }
}

fn sync(metadata: &MetadataMap) -> Result<SyncMode, Status> {
    match text(metadata, SYNC)?.to_ascii_lowercase().as_str() {
        "" | "none" => Ok(SyncMode::None),
        "simple" => Ok(SyncMode::Simple),
        "cascade" => Ok(SyncMode::Cascade),
        _ => Err(BadCall::Metadata { name: SYNC, what: "none of `none`, `simple` and `cascade`" }.into()),
    }
}

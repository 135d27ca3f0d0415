//! What components are described as, as coordinators take it.
//!
//! Coordinators know components by what lives as long as the program, since derives write it so. What a service says is
//! kept just as long: a program asks each service once.

use std::time::Duration;

use crate::component::{Delivery, OnFailure, SnapshotSpec, StoredNames, Subscription};
use crate::proto;
use crate::proto::delivery_description::OnFailure as SaidOnFailure;
use crate::proto::handler_description::HandlerKind;
use crate::proto::yield_description::Role;
use crate::transport::described::Described;

/// Keeps a text for as long as the process lives.
pub(super) fn kept(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// The same with a list.
pub(super) fn listed<T>(items: impl Iterator<Item = T>) -> &'static [T] {
    Box::leak(items.collect::<Vec<T>>().into_boxed_slice())
}

/// The same with anything.
pub(super) fn leaked<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// What a component says of its handlers.
pub(super) struct Handlers<'a>(pub(super) &'a proto::ComponentDescription);

impl Handlers<'_> {
    /// Inputs of one kind, each once.
    pub(super) fn inputs(&self, kind: HandlerKind) -> &'static [&'static str] {
        listed(unique(self.of(kind).map(|handler| handler.input.as_str())).into_iter().map(kept))
    }

    /// Inputs that create an instance.
    pub(super) fn starts(&self) -> &'static [&'static str] {
        let starts = self.of(HandlerKind::Event).filter(|handler| handler.starts);
        listed(starts.map(|handler| kept(&handler.input)))
    }

    /// What it listens to.
    pub(super) fn subscriptions(&self) -> &'static [Subscription] {
        let events = self.of(HandlerKind::Event);
        listed(events.map(|handler| Subscription { domain: kept(&handler.domain), type_name: kept(&handler.input) }))
    }

    /// Domains that it sends to, each once.
    pub(super) fn targets(&self) -> &'static [&'static str] {
        let sent = self.yields().filter(|sent| matches!(sent.role(), Role::Command | Role::Fact));
        listed(unique(sent.map(|sent| sent.domain.as_str())).into_iter().map(kept))
    }

    /// What it stores: facts it takes, and what it yields.
    pub(super) fn events(&self) -> &'static [&'static str] {
        let facts = self.of(HandlerKind::Fact).map(|handler| handler.input.as_str());
        let events = self.yields().filter(|event| event.role() == Role::Event).map(|event| event.r#type.as_str());
        listed(unique(facts.chain(events)).into_iter().map(kept))
    }

    fn of(&self, kind: HandlerKind) -> impl Iterator<Item = &proto::HandlerDescription> {
        self.0.handlers.iter().filter(move |handler| handler.kind() == kind)
    }

    fn yields(&self) -> impl Iterator<Item = &proto::YieldDescription> {
        self.0.handlers.iter().flat_map(|handler| &handler.yields)
    }
}

fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// The stored names of events.
pub(super) fn stored_as(described: &Described, events: &[&'static str]) -> &'static [StoredNames] {
    let names = |event| listed(described.stored_as(event).iter().map(|name| kept(name)));
    listed(events.iter().map(|event| StoredNames { type_name: event, stored_as: names(event) }))
}

/// When snapshots are due.
pub(super) fn snapshot(component: &proto::ComponentDescription) -> SnapshotSpec {
    let said = component.snapshot.clone().unwrap_or_default();
    SnapshotSpec { every: said.every, version: said.version, shape: kept(&said.shape) }
}

/// How events reach it.
pub(super) fn delivery(component: &proto::ComponentDescription) -> Delivery {
    let Some(said) = component.delivery else { return Delivery::DEFAULT };
    Delivery {
        attempts: said.attempts.unwrap_or(Delivery::DEFAULT.attempts),
        timeout: said.timeout_ms.map_or(Delivery::DEFAULT.timeout, Duration::from_millis),
        on_failure: match said.on_failure() {
            SaidOnFailure::Unspecified | SaidOnFailure::Park => OnFailure::Park,
            SaidOnFailure::Skip => OnFailure::Skip,
            SaidOnFailure::Stop => OnFailure::Stop,
        },
    }
}

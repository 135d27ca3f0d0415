//! Who owns what: which component takes a command, stores an event, answers a query, sets a deadline, upcasts an old
//! version.

use std::collections::{BTreeMap, BTreeSet};

use crate::ir::{Component, ComponentKind, Handler, HandlerKind, Message, Model, TypeName};

/// The relations of a model. A healthy model has one owner for everything; checks need to see all of them.
#[derive(Debug)]
pub struct Relations<'a> {
    messages: BTreeMap<&'a TypeName, &'a Message>,
    commands: BTreeMap<&'a TypeName, Vec<Claim<'a>>>,
    events: BTreeMap<&'a TypeName, Vec<Claim<'a>>>,
    facts: BTreeMap<&'a TypeName, Vec<Claim<'a>>>,
    queries: BTreeMap<&'a TypeName, Vec<Claim<'a>>>,
    deadlines: BTreeMap<&'a TypeName, Vec<Claim<'a>>>,
    upcasts: BTreeMap<&'a TypeName, Vec<Claim<'a>>>,
    undecided: Option<&'a Undecided>,
}

/// Services that could not be understood, so that they are not in the model. What they name may be theirs, and that
/// nobody else owns it means nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undecided {
    /// Their full names.
    pub services: BTreeSet<String>,
    /// The messages that they take and return, members of unions too.
    pub messages: BTreeSet<TypeName>,
}

/// One owner of a message type.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The component.
    pub component: &'a Component,
    /// Its handler that takes the message, or the first that stores it.
    pub handler: &'a Handler,
    /// The domain that the message belongs to because of it.
    pub domain: &'a str,
}

impl<'a> Relations<'a> {
    /// Collects the relations, in the order of the components' names.
    pub fn of(model: &'a Model) -> Self {
        let mut relations = Relations {
            messages: model.messages.iter().map(|message| (&message.name, message)).collect(),
            commands: BTreeMap::new(),
            events: BTreeMap::new(),
            facts: BTreeMap::new(),
            queries: BTreeMap::new(),
            deadlines: BTreeMap::new(),
            upcasts: BTreeMap::new(),
            undecided: None,
        };
        for component in &model.components {
            relations.add(component);
        }
        relations
    }

    /// The same, beside services that are not in the model.
    pub(crate) fn beside(model: &'a Model, undecided: &'a Undecided) -> Self {
        Relations { undecided: Some(undecided), ..Relations::of(model) }
    }

    /// Whether a service that is not in the model may own a message.
    pub(crate) fn undecided(&self, name: &TypeName) -> bool {
        self.undecided.is_some_and(|undecided| undecided.messages.contains(name))
    }

    /// Whether a service is not in the model, which may own any domain.
    pub(crate) fn incomplete(&self) -> bool {
        self.undecided.is_some_and(|undecided| !undecided.services.is_empty())
    }

    fn add(&mut self, component: &'a Component) {
        for handler in &component.handlers {
            let (inputs, domain) = match (&component.kind, handler.kind) {
                (ComponentKind::Aggregate(owner), HandlerKind::Command) => (&mut self.commands, &owner.domain),
                (ComponentKind::Aggregate(owner), HandlerKind::Fact) => (&mut self.facts, &owner.domain),
                (ComponentKind::Aggregate(owner), HandlerKind::Query) => (&mut self.queries, &owner.domain),
                (ComponentKind::ProcessManager(owner), HandlerKind::Deadline) => (&mut self.deadlines, &owner.domain),
                (ComponentKind::Upcaster { domain }, _) => (&mut self.upcasts, domain),
                _ => continue,
            };
            inputs.entry(&handler.input).or_default().push(Claim { component, handler, domain });
        }
        let Some(domain) = component.own_domain() else { return };
        for event in component.own_events() {
            let stores = |handler: &&Handler| handler.stored().any(|stored| stored == event);
            if let Some(handler) = component.handlers.iter().find(stores) {
                self.events.entry(event).or_default().push(Claim { component, handler, domain });
            }
        }
    }

    /// A message type by its full name.
    pub fn message(&self, name: &TypeName) -> Option<&'a Message> {
        self.messages.get(name).copied()
    }

    /// The handlers of aggregates that take a command; normally one.
    pub fn takers(&self, command: &TypeName) -> &[Claim<'a>] {
        self.commands.get(command).map_or(&[], Vec::as_slice)
    }

    /// The handlers of aggregates that record a fact; normally one.
    pub fn recorders(&self, fact: &TypeName) -> &[Claim<'a>] {
        self.facts.get(fact).map_or(&[], Vec::as_slice)
    }

    /// The handlers of aggregates that answer a query; normally one.
    pub fn answerers(&self, query: &TypeName) -> &[Claim<'a>] {
        self.queries.get(query).map_or(&[], Vec::as_slice)
    }

    /// The handlers of process managers that take a deadline; normally one.
    pub fn schedulers(&self, deadline: &TypeName) -> &[Claim<'a>] {
        self.deadlines.get(deadline).map_or(&[], Vec::as_slice)
    }

    /// The components that store an event, be it a fact; normally one.
    pub fn writers(&self, event: &TypeName) -> &[Claim<'a>] {
        self.events.get(event).map_or(&[], Vec::as_slice)
    }

    /// The handlers of upcasters that take a type; normally one.
    pub fn upcasters(&self, old: &TypeName) -> &[Claim<'a>] {
        self.upcasts.get(old).map_or(&[], Vec::as_slice)
    }

    /// Every command with its takers, by name.
    pub fn commands(&self) -> impl Iterator<Item = (&'a TypeName, &[Claim<'a>])> {
        self.commands.iter().map(|(name, claims)| (*name, claims.as_slice()))
    }

    /// Every fact with its recorders, by name.
    pub fn facts(&self) -> impl Iterator<Item = (&'a TypeName, &[Claim<'a>])> {
        self.facts.iter().map(|(name, claims)| (*name, claims.as_slice()))
    }

    /// Every query with those who answer it, by name.
    pub fn queries(&self) -> impl Iterator<Item = (&'a TypeName, &[Claim<'a>])> {
        self.queries.iter().map(|(name, claims)| (*name, claims.as_slice()))
    }

    /// Every deadline with those who set it, by name.
    pub fn deadlines(&self) -> impl Iterator<Item = (&'a TypeName, &[Claim<'a>])> {
        self.deadlines.iter().map(|(name, claims)| (*name, claims.as_slice()))
    }

    /// Every event that is written today, with its writers, by name.
    pub fn events(&self) -> impl Iterator<Item = (&'a TypeName, &[Claim<'a>])> {
        self.events.iter().map(|(name, claims)| (*name, claims.as_slice()))
    }

    /// Every type that is upcast, with the handlers that take it, by name.
    pub fn upcasts(&self) -> impl Iterator<Item = (&'a TypeName, &[Claim<'a>])> {
        self.upcasts.iter().map(|(name, claims)| (*name, claims.as_slice()))
    }

    /// The domain of an event, whether it is written today or only upcast.
    pub fn event_domain(&self, event: &TypeName) -> Option<&'a str> {
        self.writers(event).first().or_else(|| self.upcasters(event).first()).map(|claim| claim.domain)
    }
}

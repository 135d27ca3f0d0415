//! A lock of what a model stores.

use std::collections::BTreeMap;

use angzarr_model::ir::{
    self, Component, ComponentKind, FieldPath, Handler, HandlerKind, Literal, Message, Model, Role, Snapshot, TypeName,
};
use angzarr_model::relations::{Claim, Relations};

use super::{
    Consumer, Domain, FORMAT, Field, Id, KeyPart, Label, Lock, Rule, Shape, State, Stored, Upcast, Use, Value, Values,
};
use crate::FOREIGN_PACKAGES;
use crate::evolution::root_namespace;
use crate::evolution::types::Type;

impl Lock {
    /// What a checked model stores: components of the run only, not those that it was only told of.
    pub fn of(model: &Model) -> Self {
        let relations = Relations::of(model);
        let mut lock = Lock {
            format: FORMAT,
            domains: BTreeMap::new(),
            stored: BTreeMap::new(),
            upcasts: BTreeMap::new(),
            consumers: BTreeMap::new(),
            messages: BTreeMap::new(),
            enums: BTreeMap::new(),
        };
        for component in model.components.iter().filter(|component| component.generate) {
            lock.domains.extend(domain(&relations, component));
            lock.consumers.extend(consumer(component));
            lock.upcasts.extend(component.handlers.iter().filter_map(|handler| upcast(&relations, handler)));
            for command in sent(component) {
                if let Some(taker) = relations.takers(command).first() {
                    lock.store(&relations, command, Use::Command, taker.domain);
                }
            }
        }
        let of_run =
            |claims: &[Claim<'_>]| claims.first().filter(|claim| claim.component.generate).map(|c| c.domain.to_owned());
        let deadlines = relations.deadlines().map(|(name, claims)| (name, claims, Use::Deadline));
        let old = relations.upcasts().map(|(name, claims)| (name, claims, Use::Event));
        let events = relations.events().map(|(name, claims)| (name, claims, Use::Event));
        let facts = relations.facts().map(|(name, claims)| (name, claims, Use::Fact));
        // A fact is an event too; the later entry is the more precise one.
        for (name, claims, kept) in deadlines.chain(old).chain(events).chain(facts) {
            if let Some(domain) = of_run(claims) {
                lock.store(&relations, name, kept, &domain);
            }
        }
        let states: Vec<String> = lock.domains.values().map(|domain| domain.state.message.clone()).collect();
        let roots: Vec<String> = lock.stored.keys().cloned().chain(states).collect();
        lock.shapes(model, &relations, roots);
        lock
    }

    fn store(&mut self, relations: &Relations<'_>, name: &TypeName, kept: Use, domain: &str) {
        let Some(message) = relations.message(name) else { return };
        let stored = Stored {
            kept,
            domain: domain.to_owned(),
            retired: message.retired,
            stored_as: message.stored_as.iter().map(|name| name.text.clone()).collect(),
            idempotency_key: (kept == Use::Fact).then(|| id(message, |field| field.idempotency_key)).flatten(),
            fingerprint: message.shape.clone(),
        };
        self.stored.insert(name.0.clone(), stored);
    }

    /// Adds the shapes of messages and of everything that they reach.
    fn shapes(&mut self, model: &Model, relations: &Relations<'_>, mut open: Vec<String>) {
        while let Some(name) = open.pop() {
            if self.messages.contains_key(&name) || self.enums.contains_key(&name) {
                continue;
            }
            let name = TypeName(name);
            if let Some(message) = relations.message(&name) {
                if FOREIGN_PACKAGES.contains(&message.package.as_str()) {
                    continue;
                }
                let types = message.fields.iter().flat_map(|field| Type::parse(&field.spelling).names());
                open.extend(types.map(str::to_owned));
                self.messages.insert(name.0, shape(message));
            } else if let Ok(at) = model.enums.binary_search_by(|one| one.name.cmp(&name)) {
                self.enums.extend(model.enums.get(at).map(|one| (name.0, values(one))));
            }
        }
    }
}

fn sent(component: &Component) -> impl Iterator<Item = &TypeName> {
    component.handlers.iter().flat_map(|handler| handler.yields(Role::Command))
}

fn domain(relations: &Relations<'_>, component: &Component) -> Option<(String, Domain)> {
    let (kind, domain, state, snapshot) = match &component.kind {
        ComponentKind::Aggregate(own) => ("aggregate", &own.domain, &own.state, &own.snapshot),
        ComponentKind::ProcessManager(own) => ("process manager", &own.domain, &own.state, &own.snapshot),
        _ => return None,
    };
    let Snapshot { version, shape, .. } = snapshot;
    let rooted = [HandlerKind::Command, HandlerKind::Fact, HandlerKind::Query];
    let inputs = component.handlers.iter().filter(|handler| rooted.contains(&handler.kind)).map(|h| &h.input);
    let keyed = component.handlers.iter().filter(|handler| handler.kind == HandlerKind::Event);
    let of_domain = Domain {
        owner: component.full_name.clone(),
        kind: kind.to_owned(),
        namespace: root_namespace(domain).to_string(),
        state: State { message: state.0.clone(), fingerprint: shape.clone(), snapshot_version: *version },
        roots: inputs.filter_map(|input| Some((input.0.clone(), root(relations.message(input)?)?))).collect(),
        keys: keyed.map(|one| (one.input.0.clone(), key(relations, &one.input, &one.key))).collect(),
    };
    Some((domain.clone(), of_domain))
}

fn root(message: &Message) -> Option<Id> {
    id(message, |field| field.root)
}

fn id(message: &Message, is: impl Fn(&ir::Field) -> bool) -> Option<Id> {
    let field = message.fields.iter().find(|field| is(field))?;
    Some(Id { name: field.name.clone(), number: field.number, ty: field.spelling.clone() })
}

fn consumer(component: &Component) -> Option<(String, Consumer)> {
    let kind = match component.kind {
        ComponentKind::Saga => "saga",
        ComponentKind::Projector { .. } => "projector",
        ComponentKind::ProcessManager(_) => "process manager",
        ComponentKind::Aggregate(_) | ComponentKind::Upcaster { .. } => return None,
    };
    let handlers = component.handlers.iter().filter(|handler| handler.kind == HandlerKind::Event);
    let mut events: Vec<String> = handlers.map(|handler| handler.input.0.clone()).collect();
    events.sort();
    Some((component.full_name.clone(), Consumer { kind: kind.to_owned(), events }))
}

fn upcast(relations: &Relations<'_>, handler: &Handler) -> Option<(String, Upcast)> {
    let new = relations.message(handler.declared()?)?;
    let mut rules: Vec<Rule> = new.fields.iter().filter_map(rule).collect();
    rules.sort_by_key(|rule| rule.number);
    Some((handler.input.0.clone(), Upcast { to: new.name.0.clone(), rules }))
}

fn rule(field: &ir::Field) -> Option<Rule> {
    let upcast_default = field.upcast_default.as_ref().map(|default| match &default.value {
        Ok(Literal::Integer(value)) => value.to_string(),
        Ok(Literal::Enum(value)) => value.to_string(),
        _ => default.written.text.clone(),
    });
    let renamed_from = field.renamed_from.as_ref().map(|renamed| renamed.text.clone());
    let rule = Rule { number: field.number, name: field.name.clone(), upcast_default, renamed_from };
    (rule.upcast_default.is_some() || rule.renamed_from.is_some()).then_some(rule)
}

fn key(relations: &Relations<'_>, event: &TypeName, paths: &[FieldPath]) -> Vec<KeyPart> {
    let part = |path: &FieldPath| {
        let mut part = KeyPart { path: path.to_string(), numbers: Vec::new(), ty: String::new() };
        let mut message = relations.message(event);
        for segment in &path.segments {
            let field = message?.fields.iter().find(|field| &field.name == segment)?;
            part.numbers.push(field.number);
            part.ty.clone_from(&field.spelling);
            message = relations.message(&TypeName(field.spelling.clone()));
        }
        Some(part)
    };
    paths.iter().filter_map(part).collect()
}

fn shape(message: &Message) -> Shape {
    let mut fields: Vec<Field> = message.fields.iter().map(field).collect();
    fields.sort_by_key(|field| field.number);
    Shape { fields, removed: Vec::new() }
}

fn field(field: &ir::Field) -> Field {
    let label = match field.label {
        // A member of a oneof has presence whatever is said, and so has a message.
        ir::Label::Optional if field.oneof.is_some() || matches!(field.ty, ir::FieldType::Message(_)) => None,
        // A map is nothing else.
        ir::Label::Repeated if field.spelling.starts_with("map<") => None,
        ir::Label::Plain => None,
        ir::Label::Optional => Some(Label::Optional),
        ir::Label::Required => Some(Label::Required),
        ir::Label::Repeated => Some(Label::Repeated),
    };
    let ty = if field.group { format!("group {}", field.spelling) } else { field.spelling.clone() };
    let (name, oneof, default) = (field.name.clone(), field.oneof.clone(), field.default.clone());
    Field { number: field.number, name, ty, label, oneof, default }
}

fn values(ty: &ir::Enum) -> Values {
    let mut values: Vec<Value> =
        ty.values.iter().map(|one| Value { number: one.number, name: one.name.clone() }).collect();
    values.sort();
    Values { values }
}

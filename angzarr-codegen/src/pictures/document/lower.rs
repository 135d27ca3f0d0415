//! From the model to the document.

use angzarr_model::ir::{self, ComponentKind, HandlerKind, Label, OnFailure, Output, Payload, Role, TypeName};
use angzarr_model::relations::{Claim, Relations};

use super::{
    Component, Delivery, Document, Domain, Enum, EnumValue, FORMAT, Field, FieldLabel, Handler, HandlerName,
    HandlerUse, Kind, Member, MemberRole, Message, MessageUse, Snapshot, Yields,
};
use crate::{FOREIGN_PACKAGES, Understood};

impl Document {
    /// Lowers what was understood.
    pub fn of(understood: &Understood) -> Self {
        let model = &understood.model;
        let relations = Relations::of(model);
        let mut domains: Vec<Domain> = model.components.iter().filter_map(domain).collect();
        domains.sort_by(|a, b| a.name.cmp(&b.name));
        let own = |package: &str| !FOREIGN_PACKAGES.contains(&package);
        Document {
            format: FORMAT,
            domains,
            components: model.components.iter().map(|one| component(understood, one)).collect(),
            messages: (model.messages.iter().filter(|message| own(&message.package)))
                .map(|one| message(understood, &relations, one))
                .collect(),
            enums: model.enums.iter().filter(|one| own(&one.package)).map(enumeration).collect(),
        }
    }
}

fn domain(component: &ir::Component) -> Option<Domain> {
    let name = component.own_domain()?;
    let (owner, namespace) = (component.full_name.clone(), crate::evolution::root_namespace(name).to_string());
    Some(Domain { name: name.to_owned(), owner, namespace })
}

fn component(understood: &Understood, component: &ir::Component) -> Component {
    let text = |name: &TypeName| name.0.clone();
    let (kind, state, rejections, view) = match &component.kind {
        ComponentKind::Aggregate(own) => {
            (Kind::Aggregate, Some((text(&own.state), &own.snapshot)), own.rejections.as_ref().map(text), None)
        }
        ComponentKind::ProcessManager(own) => {
            (Kind::ProcessManager, Some((text(&own.state), &own.snapshot)), None, None)
        }
        ComponentKind::Projector { view } => (Kind::Projector, None, None, view.as_ref().map(text)),
        ComponentKind::Saga => (Kind::Saga, None, None, None),
        ComponentKind::Upcaster { .. } => (Kind::Upcaster, None, None, None),
    };
    let domain = match &component.kind {
        ComponentKind::Upcaster { domain } => Some(domain.as_str()),
        _ => component.own_domain(),
    };
    Component {
        name: component.name.clone(),
        full_name: component.full_name.clone(),
        package: component.package.clone(),
        comment: component.doc.clone(),
        place: understood.place(component.span),
        own: component.generate,
        kind,
        domain: domain.map(str::to_owned),
        snapshot: state.as_ref().map(|(_, one)| Snapshot { every: one.every, version: one.version }),
        state: state.map(|(name, _)| name),
        rejections,
        view,
        delivery: component.delivery.as_ref().map(delivery),
        handlers: component.handlers.iter().map(|one| handler(understood, one)).collect(),
    }
}

fn delivery(delivery: &ir::Delivery) -> Delivery {
    Delivery {
        attempts: delivery.attempts,
        timeout_ms: delivery.timeout_ms,
        on_failure: delivery.on_failure.map(|one| match one {
            OnFailure::Park => "PARK",
            OnFailure::Skip => "SKIP",
            OnFailure::Stop => "STOP",
        }),
    }
}

fn handler(understood: &Understood, handler: &ir::Handler) -> Handler {
    let union = match handler.output.payload() {
        Some(Payload::Union { ty, .. }) => Some(ty.0.clone()),
        _ => None,
    };
    let members = handler.output.payload().map(Payload::members).unwrap_or_default();
    Handler {
        method: handler.method.clone(),
        kind: match handler.kind {
            HandlerKind::Command => HandlerUse::Command,
            HandlerKind::Fact => HandlerUse::Fact,
            HandlerKind::Compensation => HandlerUse::Compensation,
            HandlerKind::Query => HandlerUse::Query,
            HandlerKind::Event => HandlerUse::Event,
            HandlerKind::Deadline => HandlerUse::Deadline,
            HandlerKind::Upcast => HandlerUse::Upcast,
        },
        input: handler.input.0.clone(),
        yields: match handler.output {
            Output::Nothing => Yields::Nothing,
            Output::One(_) => Yields::One,
            Output::Many(_) => Yields::Many,
        },
        union,
        output: members.iter().map(member).collect(),
        key: handler.key.iter().map(ToString::to_string).collect(),
        starts: handler.starts,
        io: handler.io,
        hook: handler.hook,
        comment: handler.doc.clone(),
        place: understood.place(handler.span),
    }
}

fn member(member: &ir::Member) -> Member {
    let role = match member.role {
        Role::Event => MemberRole::Event,
        Role::Command => MemberRole::Command,
        Role::Fact => MemberRole::Fact,
        Role::Answer => MemberRole::Answer,
    };
    Member { message: member.ty.0.clone(), role }
}

fn message(understood: &Understood, relations: &Relations<'_>, message: &ir::Message) -> Message {
    let name = &message.name;
    let handlers = || {
        let components = understood.model.components.iter();
        components.flat_map(|component| component.handlers.iter().map(move |handler| (component, handler)))
    };
    let named = |(component, handler): (&ir::Component, &ir::Handler)| HandlerName {
        component: component.full_name.clone(),
        method: handler.method.clone(),
    };
    let written = |handler: &ir::Handler| {
        let fact = handler.kind == HandlerKind::Fact && &handler.input == name;
        fact || handler.output.payload().into_iter().flat_map(Payload::members).any(|member| &member.ty == name)
    };
    let upcasts = relations.upcasters(name).iter().filter_map(|claim| claim.handler.output.payload());
    Message {
        name: name.0.clone(),
        package: message.package.clone(),
        comment: message.doc.clone(),
        place: understood.place(message.span),
        own: message.generate,
        uses: uses(understood, relations, message),
        domain: owner(relations, name).map(str::to_owned),
        retired: message.retired,
        stored_as: message.stored_as.iter().map(|name| name.text.clone()).collect(),
        fingerprint: message.shape.clone(),
        fields: message.fields.iter().map(field).collect(),
        written_by: handlers().filter(|(_, handler)| written(handler)).map(named).collect(),
        read_by: handlers().filter(|(_, handler)| &handler.input == name).map(named).collect(),
        upcast_to: upcasts.flat_map(Payload::members).map(|member| member.ty.0.clone()).collect(),
    }
}

/// The domain of whatever the message is.
fn owner<'a>(relations: &Relations<'a>, name: &TypeName) -> Option<&'a str> {
    let claims = [relations.takers(name), relations.answerers(name), relations.schedulers(name)];
    let claim: Option<&Claim<'_>> = claims.into_iter().flatten().next();
    relations.event_domain(name).or(claim.map(|claim| claim.domain))
}

fn uses(understood: &Understood, relations: &Relations<'_>, message: &ir::Message) -> Vec<MessageUse> {
    let name = &message.name;
    let fact = !relations.recorders(name).is_empty();
    let components = || understood.model.components.iter();
    let state = |component: &ir::Component| match &component.kind {
        ComponentKind::Aggregate(own) => &own.state == name,
        ComponentKind::ProcessManager(own) => &own.state == name,
        _ => false,
    };
    let view = |component: &ir::Component| matches!(&component.kind, ComponentKind::Projector { view: Some(view) } if view == name);
    let answer = |component: &ir::Component| {
        component.handlers.iter().any(|handler| handler.yields(Role::Answer).any(|one| one == name))
    };
    let all = [
        (MessageUse::Command, !relations.takers(name).is_empty()),
        (MessageUse::Event, !fact && !relations.writers(name).is_empty()),
        (MessageUse::OldEvent, !relations.upcasters(name).is_empty()),
        (MessageUse::Fact, fact),
        (MessageUse::Query, !relations.answerers(name).is_empty()),
        (MessageUse::Answer, components().any(answer)),
        (MessageUse::Deadline, !relations.schedulers(name).is_empty()),
        (MessageUse::State, components().any(state)),
        (MessageUse::View, components().any(view)),
        (MessageUse::Union, message.union.is_some()),
    ];
    all.into_iter().filter(|(_, is)| *is).map(|(one, _)| one).collect()
}

fn field(field: &ir::Field) -> Field {
    Field {
        name: field.name.clone(),
        number: field.number,
        ty: field.spelling.clone(),
        label: match field.label {
            Label::Plain => FieldLabel::Plain,
            Label::Optional => FieldLabel::Optional,
            Label::Required => FieldLabel::Required,
            Label::Repeated => FieldLabel::Repeated,
        },
        oneof: field.oneof.clone(),
        root: field.root,
        idempotency_key: field.idempotency_key,
        renamed_from: field.renamed_from.as_ref().map(|name| name.text.clone()),
        upcast_default: field.upcast_default.as_ref().map(|default| default.written.text.clone()),
        comment: field.doc.clone(),
    }
}

fn enumeration(ty: &ir::Enum) -> Enum {
    let value =
        |one: &ir::EnumValue| EnumValue { name: one.name.clone(), number: one.number, comment: one.doc.clone() };
    Enum {
        name: ty.name.0.clone(),
        package: ty.package.clone(),
        comment: ty.doc.clone(),
        values: ty.values.iter().map(value).collect(),
    }
}

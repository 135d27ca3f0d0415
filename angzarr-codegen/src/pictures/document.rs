//! What was understood, as data for other programs: the form that `angzarr ir` prints.
//!
//! A view of the model with everything looked up that a reader would have to work out: whose event a message is, who
//! writes and who reads it, what a retired one becomes. It has a version of its own, so that the model may change.

use angzarr_model::ir::{self, ComponentKind, HandlerKind, Label, OnFailure, Output, Payload, Role, TypeName};
use angzarr_model::relations::{Claim, Relations};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{FOREIGN_PACKAGES, Understood};

/// The version of the form. Raised when something is renamed, removed or gets another meaning; additions keep it.
pub const FORMAT: u32 = 1;

/// Everything that a run understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "angzarr ir")]
pub struct Document {
    /// Version of this form, 1.
    pub format: u32,
    /// Domains, by name.
    pub domains: Vec<Domain>,
    /// Components, by full name.
    pub components: Vec<Component>,
    /// Messages, by full name; those of protobuf and of Angzarr itself are left out.
    pub messages: Vec<Message>,
    /// Enums, by full name; with the same exception.
    pub enums: Vec<Enum>,
}

/// A log of its own, with one owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Domain {
    /// Like `orders`.
    pub name: String,
    /// Full name of the aggregate or process manager that owns it.
    pub owner: String,
    /// Namespace of its root ids, a UUID: see docs/semantics.md.
    pub namespace: String,
}

/// An aggregate, saga, projector, process manager or upcaster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Component {
    /// Simple name, like `Orders`.
    pub name: String,
    /// Full name, like `shop.orders.v1.app.Orders`.
    pub full_name: String,
    /// Package it is declared in.
    pub package: String,
    /// Comment above it, lines without markers.
    pub comment: String,
    /// `file:line:column`, both from 1; only the file, if no more is known.
    pub place: String,
    /// Whether it belongs to the run; false if it was only read, through `--with`.
    pub own: bool,
    /// What it is.
    pub kind: Kind,
    /// The domain that it owns or, for an upcaster, whose events it upcasts; null for sagas and projectors.
    pub domain: Option<String>,
    /// Full name of the message that holds its state.
    pub state: Option<String>,
    /// When snapshots of the state are written.
    pub snapshot: Option<Snapshot>,
    /// Full name of the enum of its rejection codes.
    pub rejections: Option<String>,
    /// Full name of the message that is one row of its view.
    pub view: Option<String>,
    /// What it says of delivery, if anything.
    pub delivery: Option<Delivery>,
    /// Its handlers, in the order of declaration.
    pub handlers: Vec<Handler>,
}

/// What a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Decides on commands.
    Aggregate,
    /// Turns events into commands.
    Saga,
    /// Turns events into a view or other side effects.
    Projector,
    /// Reacts to events with events and commands of its own.
    ProcessManager,
    /// Turns old versions of events into their successors.
    Upcaster,
}

/// When snapshots are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Snapshot {
    /// After how many records; 0 writes none.
    pub every: u32,
    /// Raised by hand.
    pub version: u32,
}

/// How events reach a consumer; what is null has the runtime's default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Delivery {
    /// How often an event is tried in all.
    pub attempts: Option<u32>,
    /// How many milliseconds one attempt may take.
    pub timeout_ms: Option<u64>,
    /// `PARK`, `SKIP` or `STOP`.
    pub on_failure: Option<&'static str>,
}

/// What a component does with one input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Handler {
    /// Method name in snake case, like `check_out`.
    pub method: String,
    /// What it does.
    pub kind: HandlerUse,
    /// Full name of the message it takes.
    pub input: String,
    /// Whether it yields nothing, exactly one message, or any number.
    pub yields: Yields,
    /// Full name of the union that its output comes in, if it does.
    pub union: Option<String>,
    /// What it yields.
    pub output: Vec<Member>,
    /// Field paths of the input that name instance and lane; empty: the default.
    pub key: Vec<String>,
    /// Whether it creates an instance of its process manager.
    pub starts: bool,
    /// Comment above it.
    pub comment: String,
    /// `file:line:column`.
    pub place: String,
}

/// What a handler does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HandlerUse {
    /// Decides on a command.
    Command,
    /// Records what happened elsewhere.
    Fact,
    /// Answers the refusal of a command.
    Compensation,
    /// Answers from state.
    Query,
    /// Reacts to an event.
    Event,
    /// Reacts to a deadline.
    Deadline,
    /// Turns an old event into its successors.
    Upcast,
}

/// How much a handler yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Yields {
    /// Nothing.
    Nothing,
    /// Exactly one message.
    One,
    /// Any number of messages.
    Many,
}

/// A message that is yielded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Member {
    /// Full name of the message.
    pub message: String,
    /// What becomes of it.
    pub role: MemberRole,
}

/// What becomes of a message that is yielded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberRole {
    /// It is stored in the component's own stream.
    Event,
    /// It is sent to the aggregate that takes it.
    Command,
    /// It is sent to the aggregate that records it.
    Fact,
    /// It is what a query gets.
    Answer,
}

/// A message type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Message {
    /// Full name.
    pub name: String,
    /// Package it is declared in.
    pub package: String,
    /// Comment above it.
    pub comment: String,
    /// `file:line:column`.
    pub place: String,
    /// Whether it belongs to the run.
    pub own: bool,
    /// What it is used for; empty if it is only part of others.
    pub uses: Vec<MessageUse>,
    /// The domain whose command, event, fact, query or deadline it is.
    pub domain: Option<String>,
    /// Whether it is an event that is no longer written.
    pub retired: bool,
    /// Fingerprint of its shape: of its fields, and of all messages and enums that it reaches.
    pub fingerprint: String,
    /// Its fields, in the order of declaration.
    pub fields: Vec<Field>,
    /// Handlers that yield it or, for facts, record it.
    pub written_by: Vec<HandlerName>,
    /// Handlers that take it.
    pub read_by: Vec<HandlerName>,
    /// What an upcaster makes of it.
    pub upcast_to: Vec<String>,
}

/// What a message is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageUse {
    /// An aggregate decides on it.
    Command,
    /// An aggregate or process manager stores it.
    Event,
    /// It was stored once, and an upcaster takes it.
    OldEvent,
    /// An aggregate records it, whoever tells it.
    Fact,
    /// An aggregate answers it.
    Query,
    /// It is what a query gets.
    Answer,
    /// A process manager sets it.
    Deadline,
    /// It is folded from events.
    State,
    /// It is one row of a view.
    View,
    /// It is one of several messages.
    Union,
}

/// A handler by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HandlerName {
    /// Full name of its component.
    pub component: String,
    /// Its method.
    pub method: String,
}

/// A field of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Field {
    /// As declared.
    pub name: String,
    /// Number on the wire.
    pub number: u32,
    /// Type as a proto spells it, names in full: `uint64`, `map<string, shop.orders.v1.Line>`.
    #[serde(rename = "type")]
    pub ty: String,
    /// How many values it holds.
    pub label: FieldLabel,
    /// The oneof that it is part of.
    pub oneof: Option<String>,
    /// Whether it is the natural id.
    pub root: bool,
    /// Whether it is the external id of a fact.
    pub idempotency_key: bool,
    /// Comment above it.
    pub comment: String,
}

/// How many values a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldLabel {
    /// One, which is the default of its type if it is not there.
    Plain,
    /// One or none.
    Optional,
    /// One; proto2.
    Required,
    /// Any number, maps too.
    Repeated,
}

/// An enum type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Enum {
    /// Full name.
    pub name: String,
    /// Package it is declared in.
    pub package: String,
    /// Comment above it.
    pub comment: String,
    /// Its values, in the order of declaration.
    pub values: Vec<EnumValue>,
}

/// A value of an enum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EnumValue {
    /// As declared.
    pub name: String,
    /// Number on the wire.
    pub number: i32,
    /// Comment above it.
    pub comment: String,
}

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

    /// A component by its full name.
    pub fn component(&self, full_name: &str) -> Option<&Component> {
        self.components.iter().find(|component| component.full_name == full_name)
    }

    /// A message by its full name.
    pub fn message(&self, name: &str) -> Option<&Message> {
        let at = self.messages.binary_search_by(|message| message.name.as_str().cmp(name)).ok()?;
        self.messages.get(at)
    }

    /// The domain that a component is shown with: its own, or that of the owner in its package.
    ///
    /// Sagas and projectors have none of their own, but lie beside something; where several domains share the package,
    /// nothing tells which one.
    pub fn shown_with<'a>(&'a self, component: &'a Component) -> Option<&'a str> {
        if let Some(domain) = &component.domain {
            return Some(domain);
        }
        let beside = || self.components.iter().filter(|other| other.package == component.package);
        let mut domains = beside().filter_map(|other| other.domain.as_deref());
        let first = domains.next()?;
        domains.all(|other| other == first).then_some(first)
    }
}

impl Kind {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Aggregate => "aggregate",
            Kind::Saga => "saga",
            Kind::Projector => "projector",
            Kind::ProcessManager => "process manager",
            Kind::Upcaster => "upcaster",
        }
    }
}

impl HandlerUse {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            HandlerUse::Command => "command",
            HandlerUse::Fact => "fact",
            HandlerUse::Compensation => "compensation",
            HandlerUse::Query => "query",
            HandlerUse::Event => "event",
            HandlerUse::Deadline => "deadline",
            HandlerUse::Upcast => "upcast",
        }
    }
}

impl MessageUse {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            MessageUse::Command => "command",
            MessageUse::Event => "event",
            MessageUse::OldEvent => "old event",
            MessageUse::Fact => "fact",
            MessageUse::Query => "query",
            MessageUse::Answer => "answer",
            MessageUse::Deadline => "deadline",
            MessageUse::State => "state",
            MessageUse::View => "view",
            MessageUse::Union => "union",
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

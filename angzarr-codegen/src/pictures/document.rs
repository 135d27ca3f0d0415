//! What was understood, as data for other programs: the form that `angzarr ir` prints.
//!
//! A view of the model with everything looked up that a reader would have to work out: whose event a message is, who
//! writes and who reads it, what a retired one becomes. It has a version of its own, so that the model may change.

mod lower;

use schemars::JsonSchema;
use serde::Serialize;

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
    /// Whether it does I/O, of an aggregate.
    pub io: bool,
    /// Whether it is an upcast to one message that user code does; the others need none.
    pub hook: bool,
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
    /// Full names under which earlier releases stored this very shape.
    pub stored_as: Vec<String>,
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
    /// The field of the older version that an upcast takes its value from.
    pub renamed_from: Option<String>,
    /// Its value after an upcast, if the older version lacks it; as it was written.
    pub upcast_default: Option<String>,
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

//! The model itself. Plain data; every field is final by the time a back end sees it.

use crate::Span;

/// Everything that one run knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// All messages, those read through `--with` too, sorted by full name.
    pub messages: Vec<Message>,
    /// All enums, sorted by full name.
    pub enums: Vec<Enum>,
    /// All components, sorted by full name.
    pub components: Vec<Component>,
}

/// The name of a type, in the spelling of the front end it came from: a protobuf full name without
/// leading dot, or a Rust path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeName(pub String);

/// A message type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Full name.
    pub name: TypeName,
    /// Package it is declared in.
    pub package: String,
    /// Comment above it.
    pub doc: String,
    /// Place of its name.
    pub span: Span,
    /// Whether this run writes its type; false when it was read through `--with` or imported.
    pub generate: bool,
    /// Its fields, in the order of declaration.
    pub fields: Vec<Field>,
    /// Set if the message is just one oneof of distinct message types.
    pub union: Option<Union>,
    /// The event is no longer written.
    pub retired: bool,
    /// Full names under which earlier releases stored this very shape.
    pub stored_as: Vec<Spelled>,
    /// Fingerprint of the shape: of the message and all messages and enums it reaches.
    pub shape: String,
}

/// A field of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// As declared.
    pub name: String,
    /// Comment above it.
    pub doc: String,
    /// Number on the wire.
    pub number: u32,
    /// Its type as a proto spells it, names in full: `uint64`, `map<string, shop.orders.v1.Line>`.
    pub spelling: String,
    /// How many values it may hold.
    pub label: Label,
    /// The oneof that it is part of.
    pub oneof: Option<String>,
    /// What it holds.
    pub ty: FieldType,
    /// Whether its message is encoded as a group of proto2.
    pub group: bool,
    /// What it holds where the bytes have no value for it, if that is not what its type holds anyway: numbers in decimal,
    /// of an enum the number.
    pub default: Option<String>,
    /// Neither repeated nor map nor part of a oneof.
    pub singular: bool,
    /// Annotated as the natural id.
    pub root: bool,
    /// Annotated as the external id of a fact.
    pub idempotency_key: bool,
    /// What it holds if the older version of the event lacks it.
    pub upcast_default: Option<UpcastDefault>,
    /// The field of the older version that it takes its value from.
    pub renamed_from: Option<Spelled>,
    /// Place of the field.
    pub span: Span,
}

/// A word of an annotation, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelled {
    /// As it was written.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// What a field holds if the older version of its event lacks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpcastDefault {
    /// As it was written.
    pub written: Spelled,
    /// What it is as a value of the field's type, or why it is none.
    pub value: Result<Literal, String>,
}

/// A value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// Of a `string`.
    Text(String),
    /// Of `bytes`.
    Bytes(Vec<u8>),
    /// Of a `bool`.
    Bool(bool),
    /// Of any integer type.
    Integer(i128),
    /// Of a `float` or `double`, like `1.5`; also `inf`, `-inf` and `NaN`.
    Float(String),
    /// The number of an enum's value.
    Enum(i32),
    /// Of a message: its encoding.
    Message(Vec<u8>),
    /// No elements.
    Empty,
}

/// How many values a field may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// One, which is the default of its type if it is not there.
    Plain,
    /// One, or none.
    Optional,
    /// One; proto2.
    Required,
    /// Any number, maps too.
    Repeated,
}

/// What a field holds, as far as checks care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// `string`.
    String,
    /// Any integer type of protobuf.
    Integer,
    /// `bool`.
    Bool,
    /// An enum, by full name.
    Enum(TypeName),
    /// A message, by full name.
    Message(TypeName),
    /// Float, double, bytes, map: nothing that a key could be made of.
    Other,
}

/// A message that is just one oneof of distinct message types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Union {
    /// Name of the oneof.
    pub oneof: String,
    /// `(field name, message type)` of each member, in the order of declaration.
    pub members: Vec<(String, TypeName)>,
}

/// An enum type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enum {
    /// Full name.
    pub name: TypeName,
    /// Comment above it.
    pub doc: String,
    /// Place of its name.
    pub span: Span,
    /// Its values, in the order of declaration.
    pub values: Vec<EnumValue>,
    /// Package it is declared in.
    pub package: String,
    /// Whether this run writes its type.
    pub generate: bool,
}

/// A value of an enum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnumValue {
    /// As declared.
    pub name: String,
    /// Number on the wire.
    pub number: i32,
    /// Comment above it.
    pub doc: String,
}

/// A component: a service in protos, a trait in Rust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Simple name, like `Orders`.
    pub name: String,
    /// Full name, like `shop.orders.v1.app.Orders`; consumers are known by it for ever.
    pub full_name: String,
    /// Package it is declared in.
    pub package: String,
    /// Comment above it.
    pub doc: String,
    /// Place of its name.
    pub span: Span,
    /// Place of its domain; that of its name if it says none.
    pub domain_span: Span,
    /// Whether this run writes it; false when it was read through `--with`.
    pub generate: bool,
    /// What it is.
    pub kind: ComponentKind,
    /// How events reach it, as far as it says so.
    pub delivery: Option<Delivery>,
    /// Its handlers, in the order of declaration.
    pub handlers: Vec<Handler>,
}

/// What a component is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentKind {
    /// Decides on commands.
    Aggregate(Aggregate),
    /// Turns events into commands.
    Saga,
    /// Turns events into a read model or other side effects.
    Projector {
        /// Message that is a row; none means side effects only.
        view: Option<TypeName>,
    },
    /// Reacts to events with events and commands of its own.
    ProcessManager(ProcessManager),
    /// Turns old versions of events into their successors.
    Upcaster {
        /// The domain whose events it upcasts.
        domain: String,
    },
}

/// What only aggregates have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// Its domain.
    pub domain: String,
    /// Message that holds the state.
    pub state: TypeName,
    /// When snapshots are written.
    pub snapshot: Snapshot,
    /// Enum of its rejection codes.
    pub rejections: Option<TypeName>,
}

/// What only process managers have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessManager {
    /// Its own domain.
    pub domain: String,
    /// Message that holds the state.
    pub state: TypeName,
    /// When snapshots are written.
    pub snapshot: Snapshot,
}

/// When snapshots are written, and what makes them valid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// After how many records; 0 writes none.
    pub every: u32,
    /// Raised by hand.
    pub version: u32,
    /// Fingerprint of the state's shape.
    pub shape: String,
}

/// Attempts at an event, and what happens when they are used up. What is left out has the runtime's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// How often an event is tried in all.
    pub attempts: Option<u32>,
    /// How many milliseconds one attempt may take.
    pub timeout_ms: Option<u64>,
    /// What becomes of an event that failed each time.
    pub on_failure: Option<OnFailure>,
}

/// What becomes of an event that failed each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// It is kept aside, and so are later ones of its lane.
    Park,
    /// It becomes a dead letter; its lane goes on.
    Skip,
    /// The consumer stops before it.
    Stop,
}

/// A handler: an rpc in protos, a method in Rust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// Method name in snake case, like `check_out`.
    pub method: String,
    /// What it does.
    pub kind: HandlerKind,
    /// What it takes.
    pub input: TypeName,
    /// What it yields.
    pub output: Output,
    /// Field paths of the input that name instance and lane; empty: the default of the component's kind.
    pub key: Vec<FieldPath>,
    /// Creates an instance of a process manager.
    pub starts: bool,
    /// Does I/O, and is therefore async; of aggregates.
    pub io: bool,
    /// An upcast that user code does, although one message follows another.
    pub hook: bool,
    /// `file:line:column` of its declaration, for messages of later stages; empty when hand-written.
    pub at: String,
    /// Comment above it.
    pub doc: String,
    /// Place of its name.
    pub span: Span,
}

impl Handler {
    /// The events that are stored because of it: the fact it takes, then what it yields.
    pub fn stored(&self) -> impl Iterator<Item = &TypeName> {
        let fact = (self.kind == HandlerKind::Fact).then_some(&self.input);
        fact.into_iter().chain(self.yields(Role::Event))
    }

    /// The message that its input becomes field by field, if it is an upcast that needs no user code.
    pub fn declared(&self) -> Option<&TypeName> {
        match &self.output {
            Output::One(Payload::Message(member)) if self.kind == HandlerKind::Upcast && !self.hook => Some(&member.ty),
            _ => None,
        }
    }

    /// The message types that it yields in one role.
    pub fn yields(&self, role: Role) -> impl Iterator<Item = &TypeName> {
        let members = self.output.payload().map(Payload::members).unwrap_or_default();
        members.iter().filter(move |member| member.role == role).map(|member| &member.ty)
    }
}

/// What a handler does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandlerKind {
    /// Decides on a command.
    Command,
    /// Takes note of something that happened elsewhere; the input is stored as it is.
    Fact,
    /// Answers the refusal of a command that was sent because of one of the aggregate's events, or by the process
    /// manager itself.
    Compensation,
    /// Answers from state.
    Query,
    /// Reacts to an event: sagas, projectors, process managers.
    Event,
    /// Reacts to a deadline that the process manager set.
    Deadline,
    /// Turns an old event into its successors.
    Upcast,
}

/// What a handler yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Nothing (`google.protobuf.Empty`).
    Nothing,
    /// Exactly one.
    One(Payload),
    /// Any number (`stream`).
    Many(Payload),
}

impl Output {
    /// What is yielded, if anything.
    pub fn payload(&self) -> Option<&Payload> {
        match self {
            Output::Nothing => None,
            Output::One(payload) | Output::Many(payload) => Some(payload),
        }
    }
}

/// A message type that handlers yield.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// One message type.
    Message(Member),
    /// One of several, in a union message.
    Union {
        /// The union message.
        ty: TypeName,
        /// Its members, in the order of declaration.
        members: Vec<Member>,
    },
}

impl Payload {
    /// The message types that can come out of it.
    pub fn members(&self) -> &[Member] {
        match self {
            Payload::Message(member) => std::slice::from_ref(member),
            Payload::Union { members, .. } => members,
        }
    }
}

/// A message type that is yielded, and whether it is stored, sent or answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The message type.
    pub ty: TypeName,
    /// What becomes of it.
    pub role: Role,
}

/// What becomes of a yielded message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is stored in the component's own stream.
    Event,
    /// It is sent to the aggregate that claims it.
    Command,
    /// It is sent to the aggregate that records it.
    Fact,
    /// It is what a query gets.
    Answer,
}

/// A path of field names, like `customer.id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath {
    /// Names of fields, from the outermost inwards.
    pub segments: Vec<String>,
    /// Where it is written.
    pub span: Span,
}

impl std::fmt::Display for FieldPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.segments.join("."))
    }
}

impl Component {
    /// The domain that the component owns a log of, if it owns one.
    pub fn own_domain(&self) -> Option<&str> {
        match &self.kind {
            ComponentKind::Aggregate(aggregate) => Some(&aggregate.domain),
            ComponentKind::ProcessManager(manager) => Some(&manager.domain),
            _ => None,
        }
    }

    /// The events that the component stores, facts included, each once, in the order of first mention.
    pub fn own_events(&self) -> Vec<&TypeName> {
        let mut events = Vec::new();
        if self.own_domain().is_none() {
            return events;
        }
        for event in self.handlers.iter().flat_map(Handler::stored) {
            if !events.contains(&event) {
                events.push(event);
            }
        }
        events
    }
}

//! What user types are to the runtime: encoded payloads with the full name of their type.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;

use crate::component::EventField;
use crate::failure::Failure;

/// Commands: what somebody wants done by the aggregate of one root. Derived.
pub trait Command: prost::Message + Debug + Default + Send + Sync + 'static {
    /// Full name of the message type.
    const TYPE_NAME: &'static str;
    /// Domain of the aggregate that decides on it.
    const DOMAIN: &'static str;

    /// The natural id of the root that it is for.
    fn root_key(&self) -> String;
}

/// Events: what happened and is stored. Derived.
pub trait Event: prost::Message + Debug + Default + Send + Sync + 'static {
    /// Full name of the message type; the name it is stored under for ever.
    const TYPE_NAME: &'static str;
    /// Domain whose streams hold it.
    const DOMAIN: &'static str;
    /// Whether it is no longer written.
    const RETIRED: bool = false;
    /// Full names under which earlier releases stored this very shape.
    const STORED_AS: &'static [&'static str] = &[];
    /// Its fields, for upcasts without user code.
    const FIELDS: &'static [EventField] = &[];

    /// Sets the fields that have a default for older versions that lack them.
    fn set_upcast_defaults(&mut self) {}
}

/// Facts: events that happened elsewhere and are recorded by the aggregate of one root, which cannot refuse them.
/// Derived.
pub trait Fact: Event {
    /// The natural id of the root that it is for.
    fn root_key(&self) -> String;

    /// What its source knows it by; recorded once under it.
    fn external_id(&self) -> String;
}

/// Queries: what somebody wants to know about the aggregate of one root. Derived.
pub trait Query: prost::Message + Debug + Default + Send + Sync + 'static {
    /// Full name of the message type.
    const TYPE_NAME: &'static str;
    /// Domain of the aggregate that answers it.
    const DOMAIN: &'static str;
    /// What it gets.
    type Answer: prost::Message + prost::Name + Debug + Default + Send + Sync + 'static;

    /// The natural id of the root that it is about.
    fn root_key(&self) -> String;
}

/// Messages that a process manager gets when a deadline passes that it set. Derived.
pub trait Deadline: prost::Message + Debug + Default + Send + Sync + 'static {
    /// Full name of the message type.
    const TYPE_NAME: &'static str;
    /// Domain of the process manager.
    const DOMAIN: &'static str;
}

/// A message in encoded form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Payload {
    /// Full name of its type, like `shop.orders.v1.OrderPlaced`.
    pub type_name: Arc<str>,
    /// Its protobuf encoding.
    pub value: Bytes,
}

/// What comes before the full name in a type URL.
const TYPE_URL_PREFIX: &str = "type.googleapis.com/";

impl Payload {
    /// Encodes an event.
    pub fn event<E: Event>(event: &E) -> Self {
        Self::encode(E::TYPE_NAME, event)
    }

    /// Encodes a command.
    pub fn command<C: Command>(command: &C) -> Self {
        Self::encode(C::TYPE_NAME, command)
    }

    /// Encodes a query.
    pub fn query<Q: Query>(query: &Q) -> Self {
        Self::encode(Q::TYPE_NAME, query)
    }

    /// Encodes a deadline.
    pub fn deadline<D: Deadline>(deadline: &D) -> Self {
        Self::encode(D::TYPE_NAME, deadline)
    }

    /// Encodes a message that is known by its prost name, like a state or a row.
    pub fn named<M: prost::Message + prost::Name>(message: &M) -> Self {
        Self { type_name: M::full_name().into(), value: message.encode_to_vec().into() }
    }

    fn encode<M: prost::Message + Debug + Default + 'static>(type_name: &'static str, message: &M) -> Self {
        #[cfg(feature = "testing")]
        crate::testing::shown::learn::<M>(type_name);
        Self { type_name: type_name.into(), value: message.encode_to_vec().into() }
    }

    /// Decodes it as `M`; that the types fit is the caller's business.
    ///
    /// # Errors
    /// `PAYLOAD_MALFORMED` if the bytes are no encoding of `M`.
    pub fn decode<M: prost::Message + Default>(&self) -> Result<M, Failure> {
        M::decode(&*self.value).map_err(|error| {
            let message =
                format!("a stored or sent `{}` of {} bytes does not decode: {error}", self.type_name, self.value.len());
            Failure::new("PAYLOAD_MALFORMED", message)
        })
    }

    /// As it stands on the wire.
    pub fn to_any(&self) -> prost_types::Any {
        prost_types::Any { type_url: format!("{TYPE_URL_PREFIX}{}", self.type_name), value: self.value.to_vec() }
    }

    /// From the wire: the type's name is what follows the last slash of its URL.
    pub fn from_any(any: prost_types::Any) -> Self {
        let type_name = any.type_url.rsplit('/').next().unwrap_or_default().into();
        Self { type_name, value: any.value.into() }
    }
}

/// A command on its way to the aggregate that decides on it, or a fact on its way to the one that records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Domain of the aggregate.
    pub domain: &'static str,
    /// Natural id of its root.
    pub key: String,
    /// The command or fact.
    pub payload: Payload,
    /// What a fact's source knows it by; none for a command.
    pub external_id: Option<String>,
}

impl Outgoing {
    /// Whether it may be refused; a fact may not.
    pub(crate) fn is_command(&self) -> bool {
        self.external_id.is_none()
    }
}

/// What a handler yields, whatever its component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Emission {
    /// Stored in the component's own stream.
    Event(Payload),
    /// Sent: a command, or a fact of some aggregate.
    Command(Outgoing),
}

impl Emission {
    /// An event of the component itself.
    pub fn event<E: Event>(event: &E) -> Self {
        Emission::Event(Payload::event(event))
    }

    /// A command for some aggregate.
    pub fn command<C: Command>(command: &C) -> Self {
        let (key, payload) = (command.root_key(), Payload::command(command));
        Emission::Command(Outgoing { domain: C::DOMAIN, key, payload, external_id: None })
    }

    /// A fact for the aggregate that records it.
    pub fn fact<F: Fact>(fact: &F) -> Self {
        let (key, payload) = (fact.root_key(), Payload::event(fact));
        Emission::Command(Outgoing { domain: F::DOMAIN, key, payload, external_id: Some(fact.external_id()) })
    }
}

/// Field types that a natural id or a key can be made of.
pub trait KeyPart {
    /// Its text: strings as they are, numbers in decimal.
    fn key_part(&self) -> String;
}

macro_rules! key_parts {
    ($($ty:ty),*) => { $(impl KeyPart for $ty { fn key_part(&self) -> String { self.to_string() } })* };
}

key_parts!(String, i32, i64, u32, u64, bool);

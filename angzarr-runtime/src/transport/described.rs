//! What a service has said of itself.

use std::collections::HashMap;

use prost::Message;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use uuid::Uuid;

use crate::failure::Failure;
use crate::id::ANGZARR;
use crate::proto;

/// The components and messages of a service.
#[derive(Debug)]
pub struct Described {
    pub(super) pool: DescriptorPool,
    /// The descriptors as they came.
    pub(crate) descriptors: bytes::Bytes,
    fingerprint: Uuid,
    pub(super) components: Vec<proto::ComponentDescription>,
    messages: HashMap<String, proto::MessageDescription>,
}

impl Described {
    /// Reads a description.
    ///
    /// # Errors
    /// `SERVICE_ANSWER_INVALID` if its descriptors are none.
    pub(super) fn new(description: proto::Description) -> Result<Self, Failure> {
        let fingerprint = fingerprint(&description);
        let proto::Description { components, messages, descriptors } = description;
        let pool = DescriptorPool::decode(descriptors.clone())
            .map_err(|error| invalid(format!("its descriptors cannot be read: {error}")))?;
        let messages = messages.into_iter().map(|message| (message.name.clone(), message)).collect();
        Ok(Self { pool, descriptors, fingerprint, components, messages })
    }

    /// Whether this is what was described.
    pub(super) fn is(&self, description: &proto::Description) -> bool {
        self.fingerprint == fingerprint(description)
    }

    /// The descriptor of a message.
    pub(super) fn message(&self, name: &str) -> Result<MessageDescriptor, Failure> {
        self.pool.get_message_by_name(name).ok_or_else(|| invalid(format!("it does not describe `{name}`")))
    }

    /// Numbers of the fields that are a message's root and external id; 0 for none.
    pub(super) fn ids(&self, name: &str) -> (u32, u32) {
        self.messages.get(name).map_or((0, 0), |message| (message.root, message.idempotency_key))
    }

    /// The names that an event was stored under before.
    pub(super) fn stored_as(&self, name: &str) -> &[String] {
        self.messages.get(name).map(|message| message.stored_as.as_slice()).unwrap_or_default()
    }
}

fn fingerprint(description: &proto::Description) -> Uuid {
    Uuid::new_v5(&ANGZARR, &description.encode_to_vec())
}

/// The failure of a service whose answer makes no sense.
pub(super) fn invalid(message: impl Into<String>) -> Failure {
    Failure::new("SERVICE_ANSWER_INVALID", format!("the service's answer makes no sense: {}", message.into()))
}

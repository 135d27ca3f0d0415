//! How ids are made: roots from natural ids, keys of consumers from what made them act.
//!
//! The recipes are frozen: `docs/semantics.md` states them, `docs/semantics/vectors.json` checks them.

use uuid::{Uuid, uuid};

/// UUIDv5 of "angzarr.v1" in the nil namespace; everything else is derived from it.
pub const ANGZARR: Uuid = uuid!("5fe2691d-8819-50be-9395-7a874fa6d245");

/// The root of the natural id `key` in `domain`, or none if `key` is empty.
///
/// A key in the 36-character hexadecimal form of a UUID is that UUID; any other is hashed.
///
/// ```
/// use angzarr_runtime::id::root_id;
/// assert_eq!(root_id("orders", "A-1").unwrap().to_string(), "0fc103f5-1f9c-5605-a30e-02089d023d32");
/// assert_eq!(root_id("orders", ""), None);
/// ```
pub fn root_id(domain: &str, key: &str) -> Option<Uuid> {
    if key.is_empty() {
        return None;
    }
    // `Uuid::try_parse` also takes forms without hyphens, in braces, and as URN: their length differs.
    if key.len() == 36
        && let Ok(uuid) = Uuid::try_parse(key)
    {
        return Some(uuid);
    }
    let namespace = Uuid::new_v5(&ANGZARR, format!("root/{domain}").as_bytes());
    Some(Uuid::new_v5(&namespace, key.as_bytes()))
}

/// The natural id as it is kept: the form of a UUID in lower case, anything else unchanged. One root, one natural id.
///
/// ```
/// use angzarr_runtime::id::canonical_key;
/// assert_eq!(canonical_key("7D9F0C4E-63F4-4B0E-9A53-0B8C1A2E3F40"), "7d9f0c4e-63f4-4b0e-9a53-0b8c1a2e3f40");
/// assert_eq!(canonical_key("A-1"), "A-1");
/// ```
pub fn canonical_key(key: &str) -> String {
    let is_uuid = key.len() == 36 && Uuid::try_parse(key).is_ok();
    if is_uuid { key.to_ascii_lowercase() } else { key.to_owned() }
}

/// What a consumer does under a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It sends a command.
    Command,
    /// A process manager appends its own book.
    Step,
    /// A refusal is reported to the aggregate whose event led to the command.
    Compensation,
}

impl Purpose {
    fn text(self) -> &'static str {
        match self {
            Purpose::Command => "command",
            Purpose::Step => "step",
            Purpose::Compensation => "compensation",
        }
    }
}

/// One event, as the thing that made a consumer act.
#[derive(Clone, Copy, Debug)]
pub struct Trigger<'a> {
    /// Full name of the consumer.
    pub consumer: &'a str,
    /// Domain of the event.
    pub domain: &'a str,
    /// Root of the event.
    pub root: Uuid,
    /// Sequence of the event.
    pub sequence: u32,
    /// Part of the event.
    pub part: u32,
}

/// The consumer key for output `index` of what `trigger` led to.
pub fn consumer_key(purpose: Purpose, trigger: Trigger<'_>, index: u32) -> Uuid {
    let mut bytes = Vec::with_capacity(64 + trigger.consumer.len() + trigger.domain.len());
    bytes.extend_from_slice(purpose.text().as_bytes());
    bytes.push(0);
    for text in [trigger.consumer, trigger.domain] {
        // Names are far shorter than 4 GiB; saturating keeps the recipe total.
        bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes.extend_from_slice(trigger.root.as_bytes());
    for number in [trigger.sequence, trigger.part, index] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    Uuid::new_v5(&ANGZARR, &bytes)
}

/// The seed of the ids made while deciding on a client's command with this idempotency key.
pub(crate) fn client_decision(domain: &str, root: Uuid, idempotency_key: &str) -> Uuid {
    Uuid::new_v5(&root, format!("client/{domain}/{idempotency_key}").as_bytes())
}

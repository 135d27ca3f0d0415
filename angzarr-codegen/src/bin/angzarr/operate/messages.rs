//! Payloads as JSON.

use angzarr_runtime::prost_types::Any;
use angzarr_runtime::proto;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::{Value, json};

use super::values::type_name;
use super::{Failed, Sidecar};

/// What messages are made of, by service.
pub(super) struct Messages(Vec<DescriptorPool>);

impl Messages {
    /// Asks a sidecar.
    pub(super) async fn of(sidecar: &mut Sidecar) -> Result<Self, Failed> {
        let answer = sidecar.admin.get_descriptors(proto::GetDescriptorsRequest {}).await;
        let sets = sidecar.answer(answer)?.file_descriptor_sets;
        // What cannot be understood describes nothing; its payloads are shown as they are.
        Ok(Self(sets.into_iter().filter_map(|set| DescriptorPool::decode(set).ok()).collect()))
    }

    /// A payload by protobuf's rules for JSON; as `{"hex": …}` if nobody has described it.
    pub(super) fn json(&self, payload: &Any) -> Value {
        let readable = self.0.iter().find_map(|pool| read(pool, payload));
        readable.unwrap_or_else(
            || json!({ "hex": payload.value.iter().map(|byte| format!("{byte:02x}")).collect::<String>() }),
        )
    }
}

fn read(pool: &DescriptorPool, payload: &Any) -> Option<Value> {
    let descriptor = pool.get_message_by_name(type_name(payload))?;
    let message = DynamicMessage::decode(descriptor, &*payload.value).ok()?;
    message.serialize_with_options(serde_json::value::Serializer, &SerializeOptions::new()).ok()
}

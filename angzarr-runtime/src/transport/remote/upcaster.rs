//! Upcasters, as far as they need no code of the service.

use std::collections::HashMap;
use std::sync::Arc;

use prost_reflect::MessageDescriptor;

use super::invalid;
use super::link::Link;
use super::spec::{kept, leaked, listed, stored_as};
use crate::component::{UpcasterLogic, UpcasterSpec, copied};
use crate::failure::Failure;
use crate::message::{Emission, Payload};
use crate::proto;
use crate::proto::handler_description::HandlerKind;
use crate::transport::message::decode;

/// An upcaster of a service.
#[derive(Debug)]
pub(super) struct Remote {
    spec: &'static UpcasterSpec,
    steps: HashMap<&'static str, Step>,
}

#[derive(Debug)]
struct Step {
    to: MessageDescriptor,
    /// Numbers of fields: in the old version, in the new one.
    copies: Vec<(u32, u32)>,
    defaults: bytes::Bytes,
}

impl Remote {
    pub(super) fn new(link: &Arc<Link>, said: &proto::ComponentDescription) -> Result<Self, Failure> {
        let (mut steps, mut leads) = (HashMap::new(), Vec::new());
        let mut names = Vec::new();
        for handler in said.handlers.iter().filter(|handler| handler.kind() == HandlerKind::Upcast) {
            let from = kept(&handler.input);
            let (Some(how), [to]) = (&handler.upcast, handler.yields.as_slice()) else {
                let message = format!("`{}` upcasts `{from}` in its own code, which is not asked for yet", said.name);
                return Err(Failure::new("UPCAST_HOOK", message));
            };
            leads.push((from, listed(std::iter::once(kept(&to.r#type)))));
            names.push(from);
            steps.insert(
                from,
                Step {
                    to: link.described.message(&to.r#type)?,
                    copies: how.copies.iter().map(|copy| (copy.from, copy.to)).collect(),
                    defaults: how.defaults.clone(),
                },
            );
        }
        let spec = UpcasterSpec {
            name: kept(&said.name),
            domain: kept(&said.domain),
            steps: listed(leads.into_iter()),
            stored_as: stored_as(&link.described, &names),
            // That was checked when its code was generated, by full names.
            declared: &[],
        };
        Ok(Self { spec: leaked(spec), steps })
    }
}

impl UpcasterLogic for Remote {
    fn spec(&self) -> &'static UpcasterSpec {
        self.spec
    }

    fn upcast(&self, event: &Payload) -> Result<Vec<Emission>, Failure> {
        let unknown = || invalid(format!("`{}` does not upcast `{}`", self.spec.name, event.type_name));
        let Step { to, copies, defaults } = self.steps.get(&*event.type_name).ok_or_else(unknown)?;
        let current = Payload { type_name: to.full_name().into(), value: copied(event, copies, defaults)?.into() };
        // What has been read as this type from now on is one.
        decode(to, &current)?;
        Ok(vec![Emission::Event(current)])
    }
}

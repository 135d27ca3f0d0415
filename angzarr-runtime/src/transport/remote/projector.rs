//! Projectors whose handlers are in a service.

use std::sync::Arc;

use bytes::Bytes;
use prost_reflect::MessageDescriptor;
use prost_types::Any;

use super::emitted::Keys;
use super::failed::failed;
use super::link::Link;
use super::row;
use super::spec::{Handlers, delivery, kept, leaked};
use super::{invalid, traced};
use crate::component::{Arrival, Handling, Keyed, ProjectorLogic, ProjectorSpec, ReturnedRow};
use crate::context::Context;
use crate::failure::Failure;
use crate::message::Payload;
use crate::proto;
use crate::proto::projector_handle_response::Outcome;
use crate::view::Shape;

/// A projector of a service.
#[derive(Debug)]
pub(super) struct Remote {
    link: Arc<Link>,
    spec: &'static ProjectorSpec,
    keys: Keys,
    view: Option<View>,
}

#[derive(Debug)]
struct View {
    row: MessageDescriptor,
    shape: Shape,
}

impl Remote {
    pub(super) fn new(link: &Arc<Link>, said: &proto::ComponentDescription) -> Result<Self, Failure> {
        let name = kept(&said.name);
        let spec = ProjectorSpec { name, subscriptions: Handlers(said).subscriptions(), delivery: delivery(said) };
        let view = match said.view.as_str() {
            "" => None,
            row => {
                let row = link.described.message(row)?;
                Some(View { shape: row::shape(&row), row })
            }
        };
        Ok(Self { link: link.clone(), spec: leaked(spec), keys: Keys::new(link, said)?, view })
    }

    fn returned(&self, outcome: Option<Outcome>) -> Result<Option<ReturnedRow>, Failure> {
        match (outcome, &self.view) {
            (Some(Outcome::Nothing(_)), _) => Ok(None),
            (Some(Outcome::Failure(failure)), _) => Err(failed(failure)),
            (Some(Outcome::Row(row)), Some(view)) => {
                let row = Payload::from_any(row);
                if *row.type_name != *view.row.full_name() {
                    return Err(invalid(format!("`{}` returned a `{}` for a row", self.spec.name, row.type_name)));
                }
                row::returned(&view.row, &row).map(Some)
            }
            (Some(Outcome::Row(_)), None) | (None, _) => {
                Err(invalid(format!("`{}` returned what it cannot", self.spec.name)))
            }
        }
    }
}

impl ProjectorLogic for Remote {
    fn spec(&self) -> &'static ProjectorSpec {
        self.spec
    }

    fn shape(&self) -> Option<&Shape> {
        self.view.as_ref().map(|view| &view.shape)
    }

    fn key(&self, event: &Payload) -> Result<Option<Keyed>, Failure> {
        self.keys.of(event)
    }

    fn project<'a>(
        &'a self,
        row: Option<&'a [u8]>,
        event: Arrival<'a>,
        cx: &'a Context,
    ) -> Handling<'a, Option<ReturnedRow>> {
        Box::pin(async move {
            let any = |row: &[u8], view: &View| -> Any {
                let value = Bytes::copy_from_slice(row);
                Payload { type_name: view.row.full_name().into(), value }.to_any()
            };
            let request = proto::ProjectorHandleRequest {
                component: self.spec.name.to_owned(),
                context: Some(cx.into()),
                event: Some(event.payload.to_any()),
                row: row.zip(self.view.as_ref()).map(|(row, view)| any(row, view)),
            };
            let mut service = self.link.projector();
            let call = Box::pin(service.handle(traced(request, cx)));
            self.returned(self.link.call_for(cx, self.spec.name, call).await?.outcome)
        })
    }
}

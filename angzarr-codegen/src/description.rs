//! What a service serves, as generated code carries it: an encoded `angzarr.v1.Description`.
//!
//! A runtime in another process learns from it what derives know here, and resolves nothing a second time.

pub(crate) mod descriptors;
mod upcast;

mod wire {
    //! The types of `proto/angzarr/v1/description.proto`.

    #![allow(missing_docs, unreachable_pub, reason = "generated; the words are in the proto file")]

    include!("description/wire.rs");
}

use std::collections::BTreeSet;

use angzarr_model::ir::{
    self, Component, ComponentKind, Handler, HandlerKind, Message, OnFailure, Output, Payload, Role, Snapshot, TypeName,
};
use angzarr_model::relations::{Claim, Relations};

pub use wire::*;

use crate::frontend::Protos;
use crate::{Report, Understood};

impl Description {
    /// Describes the components that were to be generated; none if there are none.
    ///
    /// # Errors
    /// A mistake of this crate.
    pub fn of(understood: &Understood) -> Result<Option<Self>, Vec<Report>> {
        let Understood { model, protos, .. } = understood;
        let describing = Describing { protos, relations: Relations::of(model) };
        let components: Vec<ComponentDescription> =
            model.components.iter().filter(|one| one.generate).map(|one| describing.component(one)).collect();
        if components.is_empty() {
            return Ok(None);
        }
        let messages = named(&components).into_iter().filter_map(|name| describing.relations.message(&name));
        let messages = messages.map(message).collect();
        Ok(Some(Self { components, messages, descriptors: descriptors::encoded(protos)?.into() }))
    }
}

/// The messages that components name.
fn named(components: &[ComponentDescription]) -> BTreeSet<TypeName> {
    let mut names = BTreeSet::new();
    for component in components {
        names.extend([&component.state, &component.view]);
        for handler in &component.handlers {
            names.insert(&handler.input);
            names.extend(handler.yields.iter().map(|yielded| &yielded.r#type));
        }
    }
    names.into_iter().map(|name| TypeName(name.clone())).collect()
}

fn message(message: &Message) -> MessageDescription {
    let number = |field: Option<&ir::Field>| field.map(|field| field.number).unwrap_or_default();
    MessageDescription {
        name: message.name.0.clone(),
        root: number(message.fields.iter().find(|field| field.root)),
        idempotency_key: number(message.fields.iter().find(|field| field.idempotency_key)),
        stored_as: message.stored_as.iter().map(|stored| stored.text.clone()).collect(),
    }
}

struct Describing<'a> {
    protos: &'a Protos,
    relations: Relations<'a>,
}

impl Describing<'_> {
    fn component(&self, component: &Component) -> ComponentDescription {
        use component_description::ComponentKind as Kind;
        let mut described = ComponentDescription {
            name: component.full_name.clone(),
            domain: component.own_domain().unwrap_or_default().to_owned(),
            delivery: component.delivery.as_ref().map(delivery),
            handlers: self.handlers(component),
            ..ComponentDescription::default()
        };
        let mut stateful = |kind: Kind, state: &TypeName, snapshot: &Snapshot| {
            described.set_kind(kind);
            described.state.clone_from(&state.0);
            described.snapshot = Some(SnapshotDescription {
                every: snapshot.every,
                version: snapshot.version,
                shape: snapshot.shape.clone(),
            });
        };
        match &component.kind {
            ComponentKind::Aggregate(own) => stateful(Kind::Aggregate, &own.state, &own.snapshot),
            ComponentKind::ProcessManager(own) => stateful(Kind::ProcessManager, &own.state, &own.snapshot),
            ComponentKind::Saga => described.set_kind(Kind::Saga),
            ComponentKind::Projector { view } => {
                described.set_kind(Kind::Projector);
                described.view = view.as_ref().map(|view| view.0.clone()).unwrap_or_default();
            }
            ComponentKind::Upcaster { domain } => {
                described.set_kind(Kind::Upcaster);
                described.domain.clone_from(domain);
            }
        }
        described
    }

    /// Handlers are in the order of rpcs; only descriptors know how those are spelt.
    fn handlers(&self, component: &Component) -> Vec<HandlerDescription> {
        let service = self.protos.pool.get_service_by_name(&component.full_name);
        let rpcs = service.iter().flat_map(|service| service.methods()).map(|method| method.name().to_owned());
        let handlers = rpcs.zip(&component.handlers);
        handlers.map(|(rpc, handler)| self.handler(rpc, component, handler)).collect()
    }

    fn handler(&self, rpc: String, component: &Component, handler: &Handler) -> HandlerDescription {
        use handler_description::HandlerKind as Kind;
        let kind = match handler.kind {
            HandlerKind::Command => Kind::Command,
            HandlerKind::Fact => Kind::Fact,
            HandlerKind::Compensation => Kind::Compensation,
            HandlerKind::Query => Kind::Query,
            HandlerKind::Event => Kind::Event,
            HandlerKind::Deadline => Kind::Deadline,
            HandlerKind::Upcast => Kind::Upcast,
        };
        let domain = match handler.kind {
            HandlerKind::Event => self.relations.event_domain(&handler.input),
            HandlerKind::Compensation => domain(self.relations.takers(&handler.input)),
            HandlerKind::Upcast => self.relations.upcasters(&handler.input).first().map(|claim| claim.domain),
            HandlerKind::Command | HandlerKind::Fact | HandlerKind::Query | HandlerKind::Deadline => {
                component.own_domain()
            }
        };
        let members = handler.output.payload().map(Payload::members).unwrap_or_default();
        HandlerDescription {
            rpc,
            kind: kind.into(),
            input: handler.input.0.clone(),
            domain: domain.unwrap_or_default().to_owned(),
            yields: members.iter().map(|member| self.yielded(member)).collect(),
            key: handler.key.iter().map(ToString::to_string).collect(),
            starts: handler.starts,
            upcast: self.upcast(handler),
            streams: matches!(handler.output, Output::Many(_)),
        }
    }

    fn yielded(&self, member: &ir::Member) -> YieldDescription {
        use yield_description::Role as Described;
        let (role, domain) = match member.role {
            Role::Event => (Described::Event, None),
            Role::Command => (Described::Command, domain(self.relations.takers(&member.ty))),
            Role::Fact => (Described::Fact, domain(self.relations.recorders(&member.ty))),
            Role::Answer => (Described::Answer, None),
        };
        YieldDescription {
            r#type: member.ty.0.clone(),
            role: role.into(),
            domain: domain.unwrap_or_default().to_owned(),
        }
    }

    fn upcast(&self, handler: &Handler) -> Option<UpcastDescription> {
        let name = handler.declared()?;
        let (old, new) = (self.relations.message(&handler.input)?, self.relations.message(name)?);
        let ty = self.protos.pool.get_message_by_name(&name.0)?;
        Some(upcast::upcast(old, new, &ty))
    }
}

fn domain<'a>(claims: &[Claim<'a>]) -> Option<&'a str> {
    claims.first().map(|claim| claim.domain)
}

fn delivery(delivery: &ir::Delivery) -> DeliveryDescription {
    use delivery_description::OnFailure as Described;
    let on_failure = match delivery.on_failure {
        None => Described::Unspecified,
        Some(OnFailure::Park) => Described::Park,
        Some(OnFailure::Skip) => Described::Skip,
        Some(OnFailure::Stop) => Described::Stop,
    };
    DeliveryDescription { attempts: delivery.attempts, timeout_ms: delivery.timeout_ms, on_failure: on_failure.into() }
}

//! What handlers are given and return, from the wire and to it.

use tonic::Status;
use uuid::Uuid;

use crate::context::{Context, Decision};
use crate::failure::Failure;
use crate::message::{Emission, Payload};
use crate::proto;
use crate::rejection::Rejection;
use crate::store::StreamId;
use crate::telemetry::Traceparent;
use crate::transport::status::BadCall;

/// A part of a request that is not there, or makes no sense: no runtime sends that.
pub(super) fn malformed(what: &'static str) -> Status {
    BadCall::Field(what).into()
}

/// The circumstances of a decision on what is stored before a sequence.
pub(super) fn context(context: Option<proto::Context>, next_sequence: u32) -> Result<Context, Status> {
    let context = context.ok_or_else(|| malformed("context"))?;
    let cover = context.cover.ok_or_else(|| malformed("context.cover"))?;
    let root = Uuid::try_from(&cover.root.unwrap_or_default()).map_err(|_| malformed("context.cover.root"))?;
    let cause = context.cause.map(TryInto::try_into).transpose().map_err(|_: usize| malformed("context.cause"))?;
    let now = context.now.ok_or_else(|| malformed("context.now"))?;
    let seed = Uuid::from_slice(&context.id_seed).map_err(|_| malformed("context.id_seed"))?;
    let stream = StreamId::new(cover.domain, root);
    let cx = Context::new(stream, cover.key.into(), cover.correlation_id.into(), cause, now, Decision::Known(seed));
    Ok(cx.before(next_sequence).traced(Traceparent::parse(&context.traceparent)))
}

pub(super) fn payload(message: Option<prost_types::Any>, what: &'static str) -> Result<Payload, Status> {
    message.map(Payload::from_any).ok_or_else(|| malformed(what))
}

/// A command and why it was refused.
pub(super) fn refused(refused: proto::Refused) -> Result<(Payload, Rejection), Status> {
    let command = payload(refused.command, "refusal.command")?;
    Ok((command, refused.rejection.ok_or_else(|| malformed("refusal.rejection"))?.into()))
}

pub(super) fn emissions(emissions: Vec<Emission>) -> proto::Emissions {
    let message = |emission: Emission| match emission {
        Emission::Event(payload) => payload.to_any(),
        Emission::Command(outgoing) => outgoing.payload.to_any(),
    };
    proto::Emissions { messages: emissions.into_iter().map(message).collect() }
}

impl From<Failure> for proto::Failure {
    fn from(failure: Failure) -> Self {
        Self { code: failure.code().to_owned(), message: failure.message().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circumstances_are_the_same_in_the_service() {
        let (stream, root) = (StreamId::new("orders", Uuid::from_u128(7)), Uuid::from_u128(8));
        let traceparent = Traceparent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let now = prost_types::Timestamp { seconds: 5, nanos: 0 };
        let here =
            Context::new(stream, "A-1".into(), "talk".into(), None, now, Decision::Known(root)).traced(traceparent);
        let there = context(Some((&here).into()), 3).unwrap();
        assert_eq!((there.domain(), there.root(), there.key()), ("orders", Uuid::from_u128(7), "A-1"));
        assert_eq!((there.correlation_id(), there.cause(), there.now()), ("talk", None, now));
        assert_eq!((there.new_id(), there.next_sequence()), (here.new_id(), 3));
        assert!(there.traceparent().is_some());
        assert_eq!(there.traceparent(), traceparent);
        let untraced = context(Some((&here.traced(None)).into()), 3).unwrap();
        assert_eq!(untraced.traceparent(), None);
    }
}

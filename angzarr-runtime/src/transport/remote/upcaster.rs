//! Upcasters: what follows from the fields is done here, the rest by the service.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::future::BoxFuture;
use prost_reflect::MessageDescriptor;
use tokio::time::timeout;

use super::failed::failed;
use super::invalid;
use super::link::{self, Link};
use super::spec::{kept, leaked, listed, stored_as};
use crate::component::{Answer, Hooks, UpcasterLogic, UpcasterSpec, copied};
use crate::failure::{Failure, HANDLER_TIMED_OUT};
use crate::message::{Emission, Payload};
use crate::proto;
use crate::proto::handler_description::HandlerKind;
use crate::proto::upcast_response::Outcome;
use crate::transport::message::decode;

/// How many events the service is asked for in one call, ...
const EVENTS: usize = 256;

/// ... and how many bytes these have, unless one alone has more.
const BYTES: usize = 1 << 20;

/// How often a call that comes to nothing is made.
const ATTEMPTS: u32 = 3;

/// How long the service may take for one call.
const PATIENCE: Duration = Duration::from_secs(30);

/// An upcaster of a service.
#[derive(Debug)]
pub(super) struct Remote {
    spec: &'static UpcasterSpec,
    link: Arc<Link>,
    steps: HashMap<&'static str, Step>,
    has_hooks: bool,
}

#[derive(Debug)]
enum Step {
    Fields(Fields),
    Hook(Hook),
}

/// A step that needs no code of the service.
#[derive(Debug)]
struct Fields {
    to: MessageDescriptor,
    /// Numbers of fields: in the old version, in the new one.
    copies: Vec<(u32, u32)>,
    defaults: bytes::Bytes,
}

/// A step that the service makes.
#[derive(Debug)]
struct Hook {
    /// What it may lead to, by full names.
    to: HashMap<String, MessageDescriptor>,
    /// Whether it leads to any number of events, and not to exactly one.
    streams: bool,
}

impl Remote {
    pub(super) fn new(link: &Arc<Link>, said: &proto::ComponentDescription) -> Result<Self, Failure> {
        let (mut steps, mut leads, mut names) = (HashMap::new(), Vec::new(), Vec::new());
        for handler in said.handlers.iter().filter(|handler| handler.kind() == HandlerKind::Upcast) {
            let from = kept(&handler.input);
            leads.push((from, listed(handler.yields.iter().map(|to| kept(&to.r#type)))));
            names.push(from);
            steps.insert(from, Step::new(link, handler)?);
        }
        let spec = UpcasterSpec {
            name: kept(&said.name),
            domain: kept(&said.domain),
            steps: listed(leads.into_iter()),
            stored_as: stored_as(&link.described, &names),
            // That was checked when its code was generated, by full names.
            declared: &[],
        };
        let has_hooks = steps.values().any(|step| matches!(step, Step::Hook(_)));
        Ok(Self { spec: leaked(spec), link: link.clone(), steps, has_hooks })
    }

    fn unknown(&self, event: &Payload) -> Failure {
        invalid(format!("`{}` does not upcast `{}`", self.spec.name, event.type_name))
    }

    /// Asks for several events in one call. If that comes to nothing, it may be the fault of one of them only, so each is
    /// asked for by itself, and none while another one may end the service.
    async fn ask_for(&self, events: Vec<Payload>) -> Vec<Answer> {
        let several = events.len() > 1;
        if several {
            match self.ask_for_all(&events).await {
                Ok(outcomes) => {
                    let answers = events.into_iter().zip(outcomes);
                    let read = answers.map(|(event, outcome)| {
                        let answer = self.read(&event, outcome);
                        (event, answer)
                    });
                    return read.collect();
                }
                Err(failure) if failure.retryable() => return unavailable(events, &failure),
                Err(failure) => {
                    let (upcaster, code) = (self.spec.name, failure.code());
                    tracing::warn!(upcaster, code, %failure, "events are upcast one by one, since not all of them could be");
                }
            }
        }
        let (mut answers, mut events) = (Vec::with_capacity(events.len()), events.into_iter());
        while let Some(event) = events.next() {
            let answer = self.ask_for_one(&event, several.into()).await;
            let away = answer.as_ref().err().filter(|failure| failure.retryable()).map(Failure::again);
            answers.push((event, answer));
            if let Some(failure) = away {
                answers.extend(unavailable(events, &failure));
                break;
            }
        }
        answers
    }

    async fn ask_for_all(&self, events: &[Payload]) -> Result<Vec<Option<Outcome>>, Failure> {
        let (component, events) = (self.spec.name.to_owned(), events.iter().map(Payload::to_any).collect::<Vec<_>>());
        let asked = events.len();
        let mut client = self.link.upcaster();
        let call = Box::pin(client.upcast_all(proto::UpcastAllRequest { component, events }));
        let answer = self.called(call).await?;
        if answer.answers.len() != asked {
            let message = format!("`{}` gave {} answers for {asked} events", self.spec.name, answer.answers.len());
            return Err(invalid(message));
        }
        Ok(answer.answers.into_iter().map(|answer| answer.outcome).collect())
    }

    /// Asks for one event, after so many calls with it came to nothing. What ended those may have been a restart of the
    /// service, or the event has ended that: then it is waited for, lest the same goes on for ever.
    async fn ask_for_one(&self, event: &Payload, mut failed: u32) -> Result<Vec<Payload>, Failure> {
        let mut pauses = pauses();
        loop {
            let request = proto::UpcastRequest { component: self.spec.name.to_owned(), event: Some(event.to_any()) };
            let mut client = self.link.upcaster();
            let failure = match self.called(Box::pin(client.upcast(request))).await {
                Ok(answer) => return self.read(event, answer.outcome),
                Err(failure) => failure,
            };
            failed += u32::from(!failure.retryable());
            let again = (1..ATTEMPTS).contains(&failed) && failure.code() != HANDLER_TIMED_OUT;
            match pauses.next().filter(|_| again) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(failure),
            }
        }
    }

    async fn called<A: link::Answer>(&self, call: link::Call<'_, A>) -> Result<A, Failure> {
        let late = |_| Failure::new(HANDLER_TIMED_OUT, format!("`{}` took longer than {PATIENCE:?}", self.spec.name));
        timeout(PATIENCE, self.link.call(call)).await.map_err(late)?
    }

    /// The successors of an event, if they are what the step may lead to.
    fn read(&self, event: &Payload, outcome: Option<Outcome>) -> Result<Vec<Payload>, Failure> {
        let Some(Step::Hook(hook)) = self.steps.get(&*event.type_name) else { return Err(self.unknown(event)) };
        let successors = match outcome {
            Some(Outcome::Events(events)) => events.messages.into_iter().map(Payload::from_any).collect::<Vec<_>>(),
            Some(Outcome::Failure(failure)) => return Err(failed(failure)),
            None => return Err(invalid(format!("`{}` made nothing of `{}`", self.spec.name, event.type_name))),
        };
        if !hook.streams && successors.len() != 1 {
            let (name, count) = (self.spec.name, successors.len());
            return Err(invalid(format!("`{name}` upcast `{}` to {count} events instead of one", event.type_name)));
        }
        for successor in &successors {
            let strange = || {
                let (name, to) = (self.spec.name, &successor.type_name);
                invalid(format!("`{name}` upcast `{}` to `{to}`, which it does not lead to", event.type_name))
            };
            decode(hook.to.get(&*successor.type_name).ok_or_else(strange)?, successor)?;
        }
        Ok(successors)
    }
}

impl Step {
    fn new(link: &Link, handler: &proto::HandlerDescription) -> Result<Self, Failure> {
        if let (Some(how), [to]) = (&handler.upcast, handler.yields.as_slice()) {
            return Ok(Step::Fields(Fields {
                to: link.described.message(&to.r#type)?,
                copies: how.copies.iter().map(|copy| (copy.from, copy.to)).collect(),
                defaults: how.defaults.clone(),
            }));
        }
        let to = handler.yields.iter().map(|to| Ok((to.r#type.clone(), link.described.message(&to.r#type)?)));
        Ok(Step::Hook(Hook { to: to.collect::<Result<_, Failure>>()?, streams: handler.streams }))
    }
}

impl UpcasterLogic for Remote {
    fn spec(&self) -> &'static UpcasterSpec {
        self.spec
    }

    fn upcast(&self, event: &Payload) -> Result<Vec<Emission>, Failure> {
        let Some(Step::Fields(Fields { to, copies, defaults })) = self.steps.get(&*event.type_name) else {
            return Err(self.unknown(event));
        };
        let current = Payload { type_name: to.full_name().into(), value: copied(event, copies, defaults)?.into() };
        // What has been read as this type from now on is one.
        decode(to, &current)?;
        Ok(vec![Emission::Event(current)])
    }

    fn hooks(&self) -> Option<&dyn Hooks> {
        self.has_hooks.then_some(self)
    }
}

impl Hooks for Remote {
    fn make(&self, type_name: &str) -> bool {
        matches!(self.steps.get(type_name), Some(Step::Hook(_)))
    }

    fn ask(&self, events: Vec<Payload>) -> BoxFuture<'_, Vec<Answer>> {
        Box::pin(async move {
            let mut answers: Vec<Answer> = Vec::with_capacity(events.len());
            let mut calls = calls(events).into_iter();
            for call in calls.by_ref() {
                answers.extend(self.ask_for(call).await);
                let lost = answers.iter().find_map(|(_, answer)| answer.as_ref().err().filter(|why| why.retryable()));
                // Nobody is asked for the rest while the service is away.
                if let Some(lost) = lost {
                    let rest = unavailable(calls.flatten(), lost);
                    answers.extend(rest);
                    break;
                }
            }
            answers
        })
    }
}

/// Pauses from 20 ms, doubling up to a second, half a minute in all.
fn pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(20))
        .with_max_delay(Duration::from_secs(1))
        .with_max_times(36)
        .build()
}

/// Events as they are asked for together.
fn calls(events: Vec<Payload>) -> Vec<Vec<Payload>> {
    let (mut calls, mut bytes) = (Vec::<Vec<Payload>>::new(), 0);
    for event in events {
        bytes += event.value.len();
        match calls.last_mut().filter(|call| call.len() < EVENTS && bytes <= BYTES) {
            Some(call) => call.push(event),
            None => {
                bytes = event.value.len();
                calls.push(vec![event]);
            }
        }
    }
    calls
}

/// Events of a service that does not answer.
fn unavailable(events: impl IntoIterator<Item = Payload>, failure: &Failure) -> Vec<Answer> {
    let answer = |event| (event, Err(failure.again()));
    events.into_iter().map(answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(bytes: usize) -> Payload {
        Payload { type_name: "t.v1.Old".into(), value: vec![0; bytes].into() }
    }

    #[test]
    fn calls_have_as_many_events_and_bytes_as_are_allowed() {
        let sizes = |events: Vec<Payload>| calls(events).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(Vec::new()), [0; 0]);
        assert_eq!(sizes(vec![event(1); 2 * EVENTS + 1]), [EVENTS, EVENTS, 1]);
        let half = event(BYTES / 2);
        assert_eq!(sizes(vec![half.clone(), half.clone(), half, event(BYTES + 1), event(1)]), [2, 1, 1, 1]);
    }
}

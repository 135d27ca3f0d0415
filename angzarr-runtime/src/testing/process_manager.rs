//! One process manager by itself.

use std::sync::Arc;
use std::time::Duration;

use prost_types::Timestamp;

use super::{Clock, Messages, Place, SOME_KEY, finished, fold, payload, show_state, shown, unfit};
use crate::component::{Component, ProcessInput, ProcessManagerLogic, Registration, State, StateMessage};
use crate::context::{PlannedDeadline, When};
use crate::coordinator::lets_pass;
use crate::failure::Failure;
use crate::id::canonical_key;
use crate::message::{Command, Deadline, Emission, Event, Payload};
use crate::rejection::Rejection;
use crate::time;

/// More deadlines than this that lead to each other at once, and they would do so for ever.
const LONGEST_CHAIN: usize = 100;

/// Tests the steps of one instance of a process manager, by a clock that stands still until it is told to move on.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
/// use angzarr_runtime::testing;
///
/// # fn main() {
/// testing::process_manager(Keep {}).when(Closed {}).then_events(Archived {}).then_commands(());
/// # }
/// ```
#[track_caller]
pub fn process_manager(component: impl Component) -> ProcessManagerTest {
    let logic = match component.register() {
        Registration::ProcessManager(logic) => logic,
        other => unfit("process manager", &other),
    };
    ProcessManagerTest {
        state: logic.stateful().new_state(),
        logic,
        clock: Clock::new(),
        key: None,
        count: 0,
        exists: false,
        ended: false,
        deadlines: Vec::new(),
        links: 0,
        step: Ok(Step::default()),
    }
}

/// An instance of a process manager. See [`process_manager`].
pub struct ProcessManagerTest {
    logic: Arc<dyn ProcessManagerLogic>,
    state: State,
    clock: Clock,
    /// Natural id of the instance, once an event has named it.
    key: Option<String>,
    count: u32,
    exists: bool,
    ended: bool,
    /// In the order in which they were set.
    deadlines: Vec<Pending>,
    /// Those of the deadline that fires.
    links: usize,
    step: Result<Step, Failure>,
}

struct Pending {
    name: String,
    at: Timestamp,
    payload: Payload,
    /// How many deadlines led to each other up to this one, without letting time pass.
    links: usize,
}

/// What came of the last thing that happened.
#[derive(Debug, Default)]
struct Step {
    events: Vec<Payload>,
    commands: Vec<Payload>,
}

impl std::fmt::Debug for ProcessManagerTest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessManagerTest")
            .field("name", &self.name())
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

impl ProcessManagerTest {
    /// Says when everything from here on happens. No deadline fires because of that.
    pub fn at(self, instant: Timestamp) -> Self {
        self.clock.set(instant);
        self
    }

    /// Names the instance, for `cx.key()`, where no event does.
    pub fn of(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Adds events of its own.
    #[track_caller]
    pub fn given<K>(mut self, events: impl Messages<K>) -> Self {
        let events = events.payloads();
        self.exists |= !events.is_empty();
        fold(self.logic.stateful(), &mut self.state, &events);
        self
    }

    /// Sets a deadline, as a handler would with `cx.schedule`.
    pub fn given_deadline<D: Deadline>(mut self, name: &str, when: impl Into<When>, deadline: D) -> Self {
        let at = self.instant(when.into());
        self.exists = true;
        let due = Some((at, Payload::deadline(&deadline)));
        self.plan(PlannedDeadline { name: name.to_owned(), due }, self.clock.now());
        self
    }

    /// Has it handle an event. It is ignored if there is no instance and it starts none, or if that has come to its end.
    #[must_use = "say what comes of it"]
    #[track_caller]
    pub fn when<E: Event>(mut self, event: E) -> Self {
        let event = Payload::event(&event);
        self.step = self.happened(E::DOMAIN, &event);
        self
    }

    /// Has it handle a deadline that passes now, whether it was set or not.
    #[must_use = "say what comes of it"]
    #[track_caller]
    pub fn when_deadline<D: Deadline>(mut self, deadline: D) -> Self {
        let now = self.clock.now();
        self.step = self.take_step(ProcessInput::Deadline(&Payload::deadline(&deadline)), now, D::DOMAIN);
        self
    }

    /// Tells it that a command that it sent was refused, also if it has come to its end since.
    #[must_use = "say what comes of it"]
    #[track_caller]
    pub fn when_refused<C: Command>(mut self, command: C, rejection: Rejection) -> Self {
        let (command, now) = (Payload::command(&command), self.clock.now());
        let input = ProcessInput::Refusal { command: &command, rejection: &rejection };
        self.step = self.take_step(input, now, self.logic.spec().domain);
        self
    }

    /// Lets time go by. What is due fires, one deadline after the other, each at its time; what comes of all of them counts.
    #[must_use = "say what comes of it"]
    #[track_caller]
    pub fn advance(mut self, time: Duration) -> Self {
        let until = time::after(&self.clock.now(), time);
        self.step = self.fire(until);
        self.clock.set(until);
        self
    }

    /// It stored exactly these events.
    #[track_caller]
    pub fn then_events<K>(self, events: impl Messages<K>) -> Self {
        let what = format!("events of `{}`", self.name());
        shown::assert_same(&what, &events.payloads(), &self.step().events);
        self
    }

    /// It sent exactly these commands and facts.
    #[track_caller]
    pub fn then_commands<K>(self, commands: impl Messages<K>) -> Self {
        let what = format!("commands of `{}`", self.name());
        shown::assert_same(&what, &commands.payloads(), &self.step().commands);
        self
    }

    /// It stored no event and sent no command.
    #[track_caller]
    pub fn then_nothing(self) -> Self {
        self.then_events(()).then_commands(())
    }

    /// This deadline is pending now: so long from now, or then.
    #[track_caller]
    pub fn then_deadline<D: Deadline>(self, name: &str, when: impl Into<When>, deadline: D) -> Self {
        self.step();
        let at = self.instant(when.into());
        let expected = Pending { name: name.to_owned(), at, payload: Payload::deadline(&deadline), links: 0 };
        let what = format!("deadlines of `{}` named \"{name}\"", self.name());
        let actual: String = self.deadlines.iter().filter(|pending| pending.name == name).map(Pending::text).collect();
        shown::assert_same_text(&what, &expected.text(), &actual);
        self
    }

    /// No deadline of this name is pending now.
    #[track_caller]
    pub fn then_no_deadline(self, name: &str) -> Self {
        self.step();
        let what = format!("deadlines of `{}` named \"{name}\"", self.name());
        let actual: String = self.deadlines.iter().filter(|pending| pending.name == name).map(Pending::text).collect();
        shown::assert_same_text(&what, "", &actual);
        self
    }

    /// The instance has come to its end.
    #[track_caller]
    pub fn then_completed(self) -> Self {
        self.step();
        assert!(self.ended, "the instance of `{}` has not come to its end", self.name());
        self
    }

    /// The handler failed with this code; nothing was changed.
    #[track_caller]
    pub fn then_failed(self, code: &str) -> Self {
        match &self.step {
            Err(failure) if failure.code() == code => self,
            Err(failure) => panic!("expected a failure with {code}, but `{}` failed with {failure}", self.name()),
            Ok(_) => panic!("expected a failure with {code}, but `{}` succeeded", self.name()),
        }
    }

    /// Looks at the state.
    #[track_caller]
    pub fn then_state<S: StateMessage>(self, look: impl FnOnce(&S)) -> Self {
        show_state(self.name(), &self.state, look);
        self
    }

    fn name(&self) -> &'static str {
        self.logic.spec().name
    }

    fn instant(&self, when: When) -> Timestamp {
        match when {
            When::After(after) => time::after(&self.clock.now(), after),
            When::At(at) => time::from_micros(time::to_micros(&at)),
        }
    }

    #[track_caller]
    fn step(&self) -> &Step {
        match &self.step {
            Ok(step) => step,
            Err(failure) => panic!("`{}` failed with {failure}", self.name()),
        }
    }

    #[track_caller]
    fn happened(&mut self, domain: &'static str, event: &Payload) -> Result<Step, Failure> {
        if let Some(named) = self.logic.key(event)? {
            let named = canonical_key(&named.to_string());
            match &self.key {
                Some(key) if *key != named => {
                    panic!("`{}` is for the instance \"{named}\"; this is the test of \"{key}\"", event.type_name)
                }
                _ => self.key = Some(named),
            }
        }
        if !self.exists && !self.logic.spec().starts.contains(&&*event.type_name) {
            return Ok(Step::default());
        }
        let now = self.clock.now();
        self.take_step(ProcessInput::Event(event), now, domain)
    }

    #[track_caller]
    fn fire(&mut self, until: Timestamp) -> Result<Step, Failure> {
        let mut all = Step::default();
        loop {
            let due = self.deadlines.iter().enumerate().map(|(index, pending)| (time::to_micros(&pending.at), index));
            let next = due.min().filter(|(at, _)| *at <= time::to_micros(&until));
            let Some((at, index)) = next else { return Ok(all) };
            let Pending { payload, links, .. } = self.deadlines.remove(index);
            if links > LONGEST_CHAIN {
                panic!("`{}` had {LONGEST_CHAIN} deadlines fire in one go: they set each other for ever", self.name());
            }
            if at > time::to_micros(&self.clock.now()) {
                self.clock.set(time::from_micros(at));
            }
            let domain = self.logic.spec().domain;
            self.links = links;
            let step = self.take_step(ProcessInput::Deadline(&payload), time::from_micros(at), domain);
            self.links = 0;
            let step = step?;
            all.events.extend(step.events);
            all.commands.extend(step.commands);
        }
    }

    #[track_caller]
    fn take_step(&mut self, input: ProcessInput<'_>, now: Timestamp, domain: &str) -> Result<Step, Failure> {
        let is_refusal = matches!(input, ProcessInput::Refusal { .. });
        if (self.ended && !is_refusal) || (!self.exists && !matches!(input, ProcessInput::Event(_))) {
            return Ok(Step::default());
        }
        let key = self.key.as_deref().unwrap_or(SOME_KEY);
        let cause = Place { domain, key }.cause(self.name(), self.count);
        let own = Place { domain: self.logic.spec().domain, key };
        let cx = own.context(now, self.count + 1, Some(cause)).of_process();
        self.count += 1;
        let emissions = finished(self.logic.react(&self.state, input, &cx))?;
        let planned = cx.into_planned();
        let (events, commands): (Vec<_>, Vec<_>) =
            emissions.into_iter().partition(|emission| matches!(emission, Emission::Event(_)));
        let step = Step {
            events: events.into_iter().map(payload).collect(),
            commands: commands.into_iter().map(payload).collect(),
        };
        self.exists |= !step.events.is_empty() || !step.commands.is_empty();
        self.exists |= planned.completed || !planned.deadlines.is_empty();
        self.ended |= planned.completed;
        planned.deadlines.into_iter().for_each(|deadline| self.plan(deadline, now));
        fold(self.logic.stateful(), &mut self.state, &step.events);
        Ok(step)
    }

    fn plan(&mut self, PlannedDeadline { name, due }: PlannedDeadline, now: Timestamp) {
        self.deadlines.retain(|pending| pending.name != name);
        let Some((at, payload)) = due else { return };
        let links = if lets_pass(&now, &at) { 0 } else { self.links + 1 };
        self.deadlines.push(Pending { name, at, payload, links });
    }
}

impl Pending {
    fn text(&self) -> String {
        format!("\"{}\" at {}: {}\n", self.name, self.at, shown::text(&self.payload))
    }
}

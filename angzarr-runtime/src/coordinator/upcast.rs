//! Old versions of events become current ones on every read path.
//!
//! Whoever reads records asks services first for all that their upcasters make of these, which is nothing to wait for where
//! no service has any. What records are today can then be told at once, in any order.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::guarded;
use crate::component::{StoredNames, UpcasterLogic};
use crate::failure::Failure;
use crate::message::{Emission, Payload};
use crate::store::Record;

/// A longer chain than this is a cycle.
const LONGEST_CHAIN: usize = 64;

/// The upcasters of an application, and the names that its events had before.
#[derive(Default)]
pub(crate) struct Upcasts {
    domains: HashMap<&'static str, Domain>,
    /// Whether any domain has a step that a service makes.
    has_hooks: bool,
}

/// What services have made of events.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// By the full name of the upcaster.
    by_upcaster: HashMap<&'static str, HashMap<Payload, Result<Vec<Payload>, Failure>>>,
}

impl Answers {
    fn find(&self, upcaster: &str, event: &Payload) -> Option<&Result<Vec<Payload>, Failure>> {
        self.by_upcaster.get(upcaster)?.get(event)
    }

    /// Why a service gave no answer, if it may give one later.
    pub(crate) fn unavailable(&self) -> Option<Failure> {
        let mut answers = self.by_upcaster.values().flat_map(HashMap::values);
        answers.find_map(|answer| answer.as_ref().err().filter(|failure| failure.retryable()).map(Failure::again))
    }
}

/// The end of an event's chains, as far as it is known.
#[derive(Default)]
struct Followed {
    current: Vec<Payload>,
    /// Those that a service has to be asked for.
    unasked: Vec<(Arc<dyn UpcasterLogic>, Payload)>,
}

#[derive(Default)]
struct Domain {
    steps: HashMap<&'static str, Arc<dyn UpcasterLogic>>,
    /// Stored names, each with the one that the type has today.
    names: HashMap<&'static str, &'static str>,
    /// Steps and names as text, in the order of their names: part of snapshots' fingerprints.
    chain: BTreeSet<String>,
    /// Whether any of the steps is made by a service.
    has_hooks: bool,
}

impl std::fmt::Debug for Upcasts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.domains.iter().map(|(domain, steps)| (domain, &steps.chain))).finish()
    }
}

impl Upcasts {
    /// Adds an upcaster.
    ///
    /// # Errors
    /// The name of a type that another one upcasts already.
    pub(crate) fn add(&mut self, logic: &Arc<dyn UpcasterLogic>) -> Result<(), &'static str> {
        let domain = self.domains.entry(logic.spec().domain).or_default();
        self.has_hooks |= logic.hooks().is_some();
        domain.has_hooks |= logic.hooks().is_some();
        for (from, to) in logic.spec().steps {
            domain.chain.insert(format!("{from}>{}", to.join("+")));
            if domain.steps.insert(from, logic.clone()).is_some() {
                return Err(from);
            }
        }
        Ok(())
    }

    /// Adds the stored names of a domain's events.
    ///
    /// # Errors
    /// A name that something else is stored under.
    pub(crate) fn add_names(&mut self, domain: &'static str, events: &[StoredNames]) -> Result<(), &'static str> {
        let domain = self.domains.entry(domain).or_default();
        for StoredNames { type_name, stored_as } in events {
            for name in *stored_as {
                domain.chain.insert(format!("{name}={type_name}"));
                let taken = domain.names.insert(name, type_name).is_some_and(|other| other != *type_name);
                if taken || domain.steps.contains_key(name) {
                    return Err(name);
                }
            }
        }
        Ok(())
    }

    /// Whether `type_name` is an old version in `domain`, or an old name.
    pub(crate) fn is_old(&self, domain: &str, type_name: &str) -> bool {
        self.domains
            .get(domain)
            .is_some_and(|domain| domain.steps.contains_key(type_name) || domain.names.contains_key(type_name))
    }

    /// The names under which an event of type `wanted` may be stored: its own, and of all that leads to it, old names
    /// too.
    pub(crate) fn stored_as(&self, domain: &str, wanted: &'static str) -> Vec<&'static str> {
        let mut found = vec![wanted];
        let steps = self.domains.get(domain).map(|domain| &domain.steps);
        let edges: Vec<_> = steps.into_iter().flatten().flat_map(|(_, logic)| logic.spec().steps).collect();
        let mut next = 0;
        while let Some(current) = found.get(next).copied() {
            for (from, to) in &edges {
                if to.contains(&current) && !found.contains(from) {
                    found.push(from);
                }
            }
            next += 1;
        }
        let names = self.domains.get(domain).into_iter().flat_map(|domain| &domain.names);
        let names: Vec<_> = names.filter(|(_, current)| found.contains(current)).map(|(name, _)| *name).collect();
        found.extend(names);
        found
    }

    /// The chain of a domain, for fingerprints.
    pub(crate) fn chain(&self, domain: &str) -> impl Iterator<Item = &str> {
        self.domains.get(domain).into_iter().flat_map(|domain| domain.chain.iter().map(String::as_str))
    }

    /// What services make of those records among these that they upcast.
    pub(crate) fn ask<'a, R>(&self, records: R) -> impl Future<Output = Answers> + Send + use<'_, 'a, R>
    where
        R: IntoIterator<Item = &'a Record>,
    {
        let mut events = Vec::new();
        if self.has_hooks {
            let old = records.into_iter().filter(|record| record.kind.is_event() && self.may_need_service(record));
            events.extend(old.map(|record| (record.stream.domain.clone(), record.payload.clone())));
        }
        self.ask_for(events)
    }

    fn may_need_service(&self, record: &Record) -> bool {
        self.domains.get(&*record.stream.domain).is_some_and(|domain| domain.has_hooks)
            && self.is_old(&record.stream.domain, &record.payload.type_name)
    }

    /// Asks for a step of every event, then for a step of what is still old then, until nothing is.
    async fn ask_for(&self, mut events: Vec<(Arc<str>, Payload)>) -> Answers {
        let mut answers = Answers::default();
        while !events.is_empty() {
            let mut unasked: HashMap<&'static str, (Arc<dyn UpcasterLogic>, Vec<Payload>)> = HashMap::new();
            events.retain(|(domain, event)| {
                let mut followed = Followed::default();
                // What fails is told to whoever reads it.
                let _ = self.follow(domain, event.clone(), LONGEST_CHAIN, &answers, &mut followed);
                let waits = !followed.unasked.is_empty();
                for (logic, event) in followed.unasked {
                    unasked.entry(logic.spec().name).or_insert_with(|| (logic, Vec::new())).1.push(event);
                }
                waits
            });
            for (name, (logic, events)) in unasked {
                if let Some(hooks) = logic.hooks() {
                    answers.by_upcaster.entry(name).or_default().extend(hooks.ask(events).await);
                }
            }
        }
        answers
    }

    /// Adds what a stored record is today to `records`: itself, its successor, several parts, or nothing. Services were
    /// asked for it before.
    pub(crate) fn current(&self, record: Record, answers: &Answers, records: &mut Vec<Record>) -> Result<(), Failure> {
        if !record.kind.is_event() || !self.is_old(&record.stream.domain, &record.payload.type_name) {
            records.push(record);
            return Ok(());
        }
        let read = self.read_as(&record.stream.domain, &record.payload, answers);
        let payloads = read.map_err(|failure| at(&record, &failure))?;
        let parts = match payloads.len() {
            1 => 0,
            several => u32::try_from(several).unwrap_or(u32::MAX),
        };
        records.extend(payloads.into_iter().zip(0..).map(|(payload, part)| Record {
            payload,
            part,
            parts,
            ..record.clone()
        }));
        Ok(())
    }

    /// What stored records are today.
    pub(crate) async fn all_current(&self, stored: Vec<Record>) -> Result<Vec<Record>, Failure> {
        let answers = self.ask(&stored).await;
        let mut records = Vec::with_capacity(stored.len());
        for record in stored {
            self.current(record, &answers, &mut records)?;
        }
        Ok(records)
    }

    /// Whether events of a domain can be read.
    pub(crate) async fn check(&self, domain: &str, events: Vec<Payload>) -> Result<(), Failure> {
        let name = Arc::<str>::from(domain);
        let answers = self.ask_for(events.iter().map(|event| (name.clone(), event.clone())).collect()).await;
        events.iter().try_for_each(|event| self.read_as(domain, event, &answers).map(drop))
    }

    /// What an event is read as today. Services were asked for it before.
    pub(crate) fn read_as(&self, domain: &str, payload: &Payload, answers: &Answers) -> Result<Vec<Payload>, Failure> {
        let mut followed = Followed::default();
        self.follow(domain, payload.clone(), LONGEST_CHAIN, answers, &mut followed)?;
        match followed.unasked.first() {
            None => Ok(followed.current),
            Some((logic, event)) => {
                let message = format!("`{}` upcasts `{}` in a service", logic.spec().name, event.type_name);
                Err(Failure::new("UPCAST_UNASKED", message))
            }
        }
    }

    fn follow(
        &self,
        domain: &str,
        mut payload: Payload,
        left: usize,
        answers: &Answers,
        followed: &mut Followed,
    ) -> Result<(), Failure> {
        let known = self.domains.get(domain);
        if let Some(current) = known.and_then(|domain| domain.names.get(&*payload.type_name)) {
            payload.type_name = (*current).into();
        }
        let step = known.and_then(|domain| domain.steps.get(&*payload.type_name));
        let Some(logic) = step else {
            followed.current.push(payload);
            return Ok(());
        };
        if left == 0 {
            return Err(Failure::new("UPCAST_CYCLE", format!("`{}` is upcast in a circle", payload.type_name)));
        }
        let name = logic.spec().name;
        if logic.hooks().is_some_and(|hooks| hooks.make(&payload.type_name)) {
            match answers.find(name, &payload) {
                None => followed.unasked.push((logic.clone(), payload)),
                Some(Err(failure)) => return Err(failure.again()),
                Some(Ok(successors)) => {
                    for next in successors {
                        self.follow(domain, next.clone(), left - 1, answers, followed)?;
                    }
                }
            }
            return Ok(());
        }
        for emission in guarded(name, || logic.upcast(&payload))? {
            match emission {
                Emission::Event(next) => self.follow(domain, next, left - 1, answers, followed)?,
                Emission::Command(_) => {
                    return Err(Failure::new("UPCAST_TO_COMMAND", format!("`{name}` upcast to a command")));
                }
            }
        }
        Ok(())
    }
}

fn at(record: &Record, failure: &Failure) -> Failure {
    let message =
        format!("upcasting `{}` at position {}: {}", record.payload.type_name, record.position, failure.message());
    failure.reworded(message)
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use futures_util::future::{BoxFuture, FutureExt, ready};

    use super::*;
    use crate::component::{Answer, Hooks, UpcasterSpec};
    use crate::failure::SERVICE_UNAVAILABLE;

    const RENAMED: StoredNames = StoredNames { type_name: "t.v1.Done", stored_as: &["t.Done", "t.v0.Done"] };

    #[test]
    fn names_of_before_are_read_searched_for_and_part_of_fingerprints() {
        let mut upcasts = Upcasts::default();
        assert_eq!(upcasts.chain("doer").count(), 0);
        upcasts.add_names("doer", &[RENAMED]).unwrap();
        let chain: Vec<_> = upcasts.chain("doer").collect();
        assert_eq!(chain, ["t.Done=t.v1.Done", "t.v0.Done=t.v1.Done"]);
        let mut stored = upcasts.stored_as("doer", "t.v1.Done");
        stored.sort_unstable();
        assert_eq!(stored, ["t.Done", "t.v0.Done", "t.v1.Done"]);

        let old = Payload { type_name: "t.v0.Done".into(), value: vec![8, 1].into() };
        let current = Payload { type_name: "t.v1.Done".into(), ..old.clone() };
        let read_as = |domain| upcasts.read_as(domain, &old, &Answers::default()).unwrap();
        assert_eq!((read_as("doer"), read_as("other")), (vec![current], vec![old.clone()]));
    }

    #[test]
    fn a_name_belongs_to_one_type() {
        let mut upcasts = Upcasts::default();
        upcasts.add_names("doer", &[RENAMED, RENAMED]).unwrap();
        let other = StoredNames { type_name: "t.v1.Other", ..RENAMED };
        assert_eq!(upcasts.add_names("doer", &[other]), Err("t.Done"));
        upcasts.add_names("elsewhere", &[other]).unwrap();
    }

    /// From A by a service to B, from there by the fields to C and D, from C by a service to E.
    #[derive(Default)]
    struct History {
        /// What the service was asked for, call by call.
        asked: Mutex<Vec<Vec<String>>>,
    }

    static SPEC: UpcasterSpec = UpcasterSpec {
        name: "t.app.History",
        domain: "doer",
        steps: &[
            ("A", &["B"]),
            ("B", &["C", "D"]),
            ("C", &["E"]),
            ("Circle", &["Circle"]),
            ("Dropped", &["E"]),
            ("Lost", &["E"]),
        ],
        stored_as: &[],
        declared: &[],
    };

    fn event(type_name: &str) -> Payload {
        Payload { type_name: type_name.into(), value: Vec::new().into() }
    }

    impl UpcasterLogic for History {
        fn spec(&self) -> &'static UpcasterSpec {
            &SPEC
        }

        fn upcast(&self, _: &Payload) -> Result<Vec<Emission>, Failure> {
            Ok(vec![Emission::Event(event("C")), Emission::Event(event("D"))])
        }

        fn hooks(&self) -> Option<&dyn Hooks> {
            Some(self)
        }
    }

    impl Hooks for History {
        fn make(&self, type_name: &str) -> bool {
            type_name != "B"
        }

        fn ask(&self, events: Vec<Payload>) -> BoxFuture<'_, Vec<Answer>> {
            let names = events.iter().map(|event| event.type_name.to_string()).collect();
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(names);
            let answer = |old: Payload| {
                let successors = match &*old.type_name {
                    "A" => Ok(vec![event("B")]),
                    "C" => Ok(vec![event("E")]),
                    "Circle" => Ok(vec![event("Circle")]),
                    "Dropped" => Ok(Vec::new()),
                    _ => Err(Failure::new(SERVICE_UNAVAILABLE, "nobody is there")),
                };
                (old, successors)
            };
            ready(events.into_iter().map(answer).collect()).boxed()
        }
    }

    #[tokio::test]
    async fn steps_of_services_and_by_fields_follow_each_other() {
        let history = Arc::new(History::default());
        let mut upcasts = Upcasts::default();
        let logic: Arc<dyn UpcasterLogic> = history.clone();
        upcasts.add(&logic).unwrap();
        let asked = async |names: &[&str]| {
            let answers = upcasts.ask_for(names.iter().map(|name| ("doer".into(), event(name))).collect()).await;
            let calls = std::mem::take(&mut *history.asked.lock().unwrap());
            (answers, calls)
        };
        let (answers, calls) = asked(&["A", "Dropped", "A", "D"]).await;
        assert_eq!(calls, [vec!["A", "Dropped", "A"], vec!["C", "C"]], "a call for each step of all of them");
        let read = |name| upcasts.read_as("doer", &event(name), &answers);
        assert_eq!(read("A").unwrap(), [event("E"), event("D")]);
        assert_eq!(read("B").unwrap(), [event("E"), event("D")]);
        assert_eq!(read("Dropped").unwrap(), []);
        assert!(answers.unavailable().is_none());
        assert_eq!(read("Circle").unwrap_err().code(), "UPCAST_UNASKED");

        let (answers, calls) = asked(&["Circle"]).await;
        assert_eq!(calls, [["Circle"]]);
        assert_eq!(upcasts.read_as("doer", &event("Circle"), &answers).unwrap_err().code(), "UPCAST_CYCLE");

        let (answers, _) = asked(&["A", "Lost"]).await;
        assert_eq!(answers.unavailable().unwrap().code(), SERVICE_UNAVAILABLE);
        assert_eq!(upcasts.read_as("doer", &event("Lost"), &answers).unwrap_err().code(), SERVICE_UNAVAILABLE);
        assert_eq!(upcasts.read_as("doer", &event("A"), &answers).unwrap().len(), 2, "others can be read");
        upcasts.check("doer", vec![event("A"), event("D")]).await.unwrap();
        assert!(upcasts.check("doer", vec![event("Lost")]).await.is_err());
    }
}

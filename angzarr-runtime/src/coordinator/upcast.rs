//! Old versions of events become current ones on every read path.

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
}

#[derive(Default)]
struct Domain {
    steps: HashMap<&'static str, Arc<dyn UpcasterLogic>>,
    /// Stored names, each with the one that the type has today.
    names: HashMap<&'static str, &'static str>,
    /// Steps and names as text, in the order of their names: part of snapshots' fingerprints.
    chain: BTreeSet<String>,
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

    /// Adds what a stored record is today to `records`: itself, its successor, several parts, or nothing.
    pub(crate) fn current(&self, record: Record, records: &mut Vec<Record>) -> Result<(), Failure> {
        if !record.kind.is_event() || !self.is_old(&record.stream.domain, &record.payload.type_name) {
            records.push(record);
            return Ok(());
        }
        let payloads = self.read_as(&record.stream.domain, &record.payload).map_err(|failure| at(&record, &failure))?;
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

    /// What an event is read as today.
    pub(crate) fn read_as(&self, domain: &str, payload: &Payload) -> Result<Vec<Payload>, Failure> {
        let mut found = Vec::new();
        self.follow(domain, payload.clone(), LONGEST_CHAIN, &mut found)?;
        Ok(found)
    }

    fn follow(&self, domain: &str, mut payload: Payload, left: usize, found: &mut Vec<Payload>) -> Result<(), Failure> {
        let known = self.domains.get(domain);
        if let Some(current) = known.and_then(|domain| domain.names.get(&*payload.type_name)) {
            payload.type_name = (*current).into();
        }
        let step = known.and_then(|domain| domain.steps.get(&*payload.type_name));
        let Some(logic) = step else {
            found.push(payload);
            return Ok(());
        };
        if left == 0 {
            return Err(Failure::new("UPCAST_CYCLE", format!("`{}` is upcast in a circle", payload.type_name)));
        }
        let name = logic.spec().name;
        for emission in guarded(name, || logic.upcast(&payload))? {
            match emission {
                Emission::Event(next) => self.follow(domain, next, left - 1, found)?,
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
    use super::*;

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
        assert_eq!(upcasts.read_as("doer", &old).unwrap(), [current]);
        assert_eq!(upcasts.read_as("other", &old).unwrap(), [old]);
    }

    #[test]
    fn a_name_belongs_to_one_type() {
        let mut upcasts = Upcasts::default();
        upcasts.add_names("doer", &[RENAMED, RENAMED]).unwrap();
        let other = StoredNames { type_name: "t.v1.Other", ..RENAMED };
        assert_eq!(upcasts.add_names("doer", &[other]), Err("t.Done"));
        upcasts.add_names("elsewhere", &[other]).unwrap();
    }
}

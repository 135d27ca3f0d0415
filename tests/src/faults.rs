//! Handlers that fail on demand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use angzarr_runtime::Failure;

/// How a handler goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It reports a failure each time.
    Fails,
    /// It reports a failure this many times, then works.
    FailsTimes(usize),
    /// It panics each time.
    Panics,
    /// It takes this long each time; for consumers.
    Takes(Duration),
    /// It waits until it is mended; for handlers of aggregates that do I/O.
    Waits,
}

/// How one component goes wrong, and how often it was called.
#[derive(Debug, Default)]
struct Component {
    fault: Option<Fault>,
    /// For one account only.
    faults: HashMap<String, Fault>,
    calls: usize,
}

type Components = HashMap<&'static str, Component>;

/// Which components go wrong, and how often each was called. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    inner: Arc<Mutex<Components>>,
}

impl Faults {
    /// Makes `component` go wrong from now on.
    pub fn set(&self, component: &'static str, fault: Fault) {
        self.all().entry(component).or_default().fault = Some(fault);
    }

    /// Makes `component` go wrong for one account.
    pub fn set_for(&self, component: &'static str, account: &str, fault: Fault) {
        self.all().entry(component).or_default().faults.insert(account.to_owned(), fault);
    }

    /// Makes `component` work again.
    pub fn mend(&self, component: &'static str) {
        let mut all = self.all();
        let component = all.entry(component).or_default();
        component.fault = None;
        component.faults.clear();
    }

    /// How often `component` was called.
    pub fn calls(&self, component: &'static str) -> usize {
        self.all().get(component).map_or(0, |component| component.calls)
    }

    /// What each handler of a consumer calls first.
    pub(crate) async fn enter(&self, component: &'static str, account: &str) -> Result<(), Failure> {
        let fault = self.next(component, account);
        if let Some(Fault::Takes(time)) = fault {
            tokio::time::sleep(time).await;
        }
        go_wrong(component, fault)
    }

    /// What each handler of an aggregate calls first.
    pub(crate) fn check(&self, component: &'static str) -> Result<(), Failure> {
        go_wrong(component, self.next(component, ""))
    }

    /// What each handler of an aggregate calls first that does I/O.
    pub(crate) async fn pass(&self, component: &'static str, account: &str) -> Result<(), Failure> {
        let fault = self.next(component, account);
        if fault == Some(Fault::Waits) {
            while self.all().get(component).is_some_and(|component| component.faults.contains_key(account)) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            return Ok(());
        }
        go_wrong(component, fault)
    }

    /// Counts a call, and says how it goes wrong.
    fn next(&self, component: &'static str, account: &str) -> Option<Fault> {
        let mut all = self.all();
        let Component { fault, faults, calls } = all.entry(component).or_default();
        *calls += 1;
        match faults.get_mut(account).or(fault.as_mut()) {
            Some(Fault::FailsTimes(0)) => None,
            Some(Fault::FailsTimes(left)) => {
                *left -= 1;
                Some(Fault::Fails)
            }
            other => other.copied(),
        }
    }

    fn all(&self) -> MutexGuard<'_, Components> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn go_wrong(component: &str, fault: Option<Fault>) -> Result<(), Failure> {
    match fault {
        None | Some(Fault::Takes(_) | Fault::Waits) => Ok(()),
        Some(Fault::Panics) => panics(component),
        Some(_) => Err(Failure::new("FAULT", format!("{component} was told to fail"))),
    }
}

#[allow(clippy::panic, reason = "what the runtime makes of a panic is what is tested")]
fn panics(component: &str) -> ! {
    panic!("{component} was told to panic")
}

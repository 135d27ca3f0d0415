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
}

/// By component: how it goes wrong, and how often it was called.
type Components = HashMap<&'static str, (Option<Fault>, usize)>;

/// Which components go wrong, and how often each was called. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    inner: Arc<Mutex<Components>>,
}

impl Faults {
    /// Makes `component` go wrong from now on.
    pub fn set(&self, component: &'static str, fault: Fault) {
        self.all().entry(component).or_default().0 = Some(fault);
    }

    /// Makes `component` work again.
    pub fn mend(&self, component: &'static str) {
        self.all().entry(component).or_default().0 = None;
    }

    /// How often `component` was called.
    pub fn calls(&self, component: &'static str) -> usize {
        self.all().get(component).map_or(0, |(_, calls)| *calls)
    }

    /// What each handler of a consumer calls first.
    pub(crate) async fn enter(&self, component: &'static str) -> Result<(), Failure> {
        let fault = self.all().get(component).and_then(|(fault, _)| *fault);
        if let Some(Fault::Takes(time)) = fault {
            tokio::time::sleep(time).await;
        }
        self.check(component)
    }

    /// What each handler of an aggregate calls first.
    pub(crate) fn check(&self, component: &'static str) -> Result<(), Failure> {
        let fault = {
            let mut all = self.all();
            let (fault, calls) = all.entry(component).or_default();
            *calls += 1;
            match fault {
                Some(Fault::FailsTimes(0)) => None,
                Some(Fault::FailsTimes(left)) => {
                    *left -= 1;
                    Some(Fault::Fails)
                }
                other => *other,
            }
        };
        match fault {
            None | Some(Fault::Takes(_)) => Ok(()),
            Some(Fault::Panics) => panics(component),
            Some(_) => Err(Failure::new("FAULT", format!("{component} was told to fail"))),
        }
    }

    fn all(&self) -> MutexGuard<'_, Components> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[allow(clippy::panic, reason = "what the runtime makes of a panic is what is tested")]
fn panics(component: &str) -> ! {
    panic!("{component} was told to panic")
}

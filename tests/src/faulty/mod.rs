//! Storage that goes wrong on demand.

mod gates;
mod store;
mod tables;
mod views;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use angzarr_runtime::store::{Lease, Opened, Store, StoreError};
use tokio::sync::{Notify, OwnedRwLockReadGuard, RwLock};

use gates::{Gates, Passage};
use store::FaultyStore;
use tables::FaultyTables;
use views::FaultyViews;

/// What can be made to go wrong, or to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Appending books of one stream.
    Append,
    /// Loading a stream.
    Load,
    /// Reading the log.
    Read,
    /// Moving a consumer's checkpoint in the store.
    SaveCheckpoint,
    /// Giving a sign of life.
    Renew,
    /// Asking which lanes of a consumer are parked.
    Parks,
    /// Adding events to parks.
    Park,
    /// Keeping a dead letter.
    SaveDeadLetter,
    /// Giving an order to a consumer.
    GiveOrder,
    /// Writing what carrying out an order has changed.
    CarryOut,
    /// Taking a view.
    TakeView,
    /// Asking what a view knows of a key.
    ViewEntry,
    /// Committing the version of a view that readers see.
    CommitView,
    /// Committing one that is built beside it.
    CommitBuilding,
    /// Letting that one take its place.
    SwitchView,
    /// Committing a transaction of a projector's own.
    CommitTables,
    /// Moving a consumer's checkpoint where its own tables lie.
    SaveTables,
    /// Waiting until what was committed to views or tables has reached the disk.
    Sync,
}

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// Nothing is written; the store says that it could not.
    FailsBefore,
    /// It is written, but the answer is lost.
    LosesAnswer,
    /// Nothing is done; the store says that it is damaged.
    IsDamaged,
}

/// What goes wrong with storage that is wrapped. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct StoreFaults {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Somebody has come to a gate.
    arrived: Notify,
    /// Held for reading by every call that is at work.
    working: Arc<RwLock<()>>,
}

/// A call at work.
type Working = OwnedRwLockReadGuard<()>;

#[derive(Debug, Default)]
struct State {
    gates: Gates,
    killed: bool,
    leases: Vec<Lease>,
    wrapped: Vec<Arc<dyn Store>>,
}

impl StoreFaults {
    /// Storage over `opened`. Closing it leaves `opened` open, so that it can be used again.
    pub fn wrap(&self, opened: Opened) -> Opened {
        self.state().wrapped.push(opened.store.clone());
        Opened {
            store: Arc::new(FaultyStore { inner: opened.store, faults: self.clone() }),
            views: Arc::new(FaultyViews {
                tables: FaultyTables { inner: opened.views.clone(), faults: self.clone() },
                inner: opened.views,
                faults: self.clone(),
            }),
        }
    }

    /// Lets the next calls of this kind go wrong, one for each fault.
    pub fn next(&self, call: Call, faults: impl IntoIterator<Item = StoreFault>) {
        self.state().gates.of(call).next.extend(faults);
    }

    /// Lets every call of this kind wait before it does anything.
    pub fn hold(&self, call: Call) {
        let mut state = self.state();
        // Nothing holds the dead.
        let killed = state.killed;
        state.gates.of(call).held = !killed;
    }

    /// Waits until a call of this kind is held.
    pub async fn reached(&self, call: Call) {
        loop {
            let arrived = self.shared.arrived.notified();
            if self.state().gates.of(call).someone_waits() {
                return;
            }
            arrived.await;
        }
    }

    /// Lets one held call go on, to work or to go wrong.
    pub async fn pass(&self, call: Call, fault: Option<StoreFault>) {
        self.reached(call).await;
        self.state().gates.of(call).pass(fault);
    }

    /// Holds calls of this kind no longer.
    pub fn open(&self, call: Call) {
        self.state().gates.of(call).open();
    }

    /// Ends the program, as far as the storage can tell: calls that are at work are finished, no other one does anything.
    /// Its leases are given back, as if the system had told that it is gone.
    pub async fn kill(&self) {
        {
            let mut state = self.state();
            state.killed = true;
            state.gates.open_all();
        }
        drop(self.shared.working.write().await);
        let (leases, wrapped) = {
            let mut state = self.state();
            (std::mem::take(&mut state.leases), std::mem::take(&mut state.wrapped))
        };
        for store in wrapped {
            for lease in &leases {
                // Fails only if the store below is closed.
                let _ = store.release(lease).await;
            }
        }
    }

    /// Where every call comes by before it does anything.
    async fn enter(&self, call: Call) -> Result<(Option<StoreFault>, Working), StoreError> {
        let passage = self.state().gates.of(call).enter();
        let fault = match passage {
            Passage::Free(fault) => fault,
            Passage::Held(passed) => {
                self.shared.arrived.notify_waiters();
                passed.await.unwrap_or(None)
            }
        };
        let working = self.alive().await?;
        match fault {
            Some(StoreFault::FailsBefore) => Err(StoreError::Unavailable { reason: "told to fail".into() }),
            Some(StoreFault::IsDamaged) => Err(StoreError::Damaged { reason: "told to be damaged".into() }),
            fault => Ok((fault, working)),
        }
    }

    /// Fails if the program has ended.
    async fn alive(&self) -> Result<Working, StoreError> {
        let working = self.shared.working.clone().read_owned().await;
        if self.state().killed { Err(StoreError::Closed) } else { Ok(working) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the caller hears of a call that was done.
fn answered<T>(fault: Option<StoreFault>, answer: Result<T, StoreError>) -> Result<T, StoreError> {
    match fault {
        Some(StoreFault::LosesAnswer) => Err(StoreError::Unknown { reason: "told to lose the answer".into() }),
        _ => answer,
    }
}

//! The transaction of a handler, as the handler and the coordinator see it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, OnceCell};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    Mark, Ran, SqlError, SqlRow, TableStore, Transaction, is_about_transactions, no_tables, no_transaction, refused,
};
use crate::error::Error;
use crate::failure::Failure;
use crate::store::{EventRef, Lease, StoreError};
use crate::view::{Value, ViewStore};

/// The transaction in which an event is handled: what [`Context::tx`](crate::Context::tx) gives.
///
/// It begins with the first statement. It is committed when the handler has succeeded, together with the mark that the
/// event is handled; if the handler fails, panics or takes too long, nothing of it stays.
///
/// Parameters are `$1`, `$2`, … in both databases. After a statement that failed nothing more can be done, and nothing is
/// committed, whatever the handler returns.
#[derive(Clone, Copy, Debug)]
pub struct Tx<'a> {
    slot: Option<&'a Slot>,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(slot: Option<&'a Slot>) -> Self {
        Self { slot }
    }

    /// Runs a statement, and gives how many rows it changed. (PostgreSQL also counts those that a query gives.)
    ///
    /// # Errors
    /// `SQL_FAILED` with the database's words. `HANDLED_ALREADY` if what the event does was committed before: the event
    /// is taken for done then. `NO_TRANSACTION` outside of projectors without a view.
    pub async fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, Failure> {
        Ok(self.run(sql, params).await?.affected)
    }

    /// Runs a query, and gives its rows. They show what the transaction has done so far.
    ///
    /// # Errors
    /// As for [`Tx::execute`].
    pub async fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<SqlRow>, Failure> {
        Ok(self.run(sql, params).await?.rows)
    }

    async fn run(&self, sql: &str, params: &[Value]) -> Result<Ran, Failure> {
        let slot = self.slot.ok_or_else(no_transaction)?;
        slot.run(sql, params).await
    }
}

/// What the holder of a projector's lease knows of the projector's tables.
pub(crate) struct Holding {
    views: Arc<dyn ViewStore>,
    log: Uuid,
    lease: Lease,
    /// Where it is.
    checkpoint: AtomicU64,
    /// Set once the tables know the projector.
    enrolled: OnceCell<()>,
}

impl Holding {
    /// Begins under a lease; `checkpoint` is what the log knows.
    pub(crate) async fn take(
        views: Arc<dyn ViewStore>,
        log: Uuid,
        lease: Lease,
        checkpoint: u64,
    ) -> Result<Self, StoreError> {
        let known = match views.tables() {
            Some(tables) => tables.take(log, &lease).await?,
            None => None,
        };
        let enrolled = OnceCell::new_with(known.map(|_| ()));
        Ok(Self { views, log, lease, checkpoint: known.unwrap_or(checkpoint).into(), enrolled })
    }

    /// Refuses tables in which more is handled than the log has: new events would be taken for those.
    pub(crate) async fn check_end(&self, head: u64) -> Result<(), StoreError> {
        let Some(tables) = self.tables() else { return Ok(()) };
        let last = tables.last_handled(&self.lease).await?;
        if last <= head {
            return Ok(());
        }
        let place = format!("what the tables of {} were written from", self.lease.consumer);
        let reason = format!("position {last} is handled, but this log ends at {head}: it is an older one");
        Err(StoreError::Foreign { place, reason })
    }

    /// Where to go on: what the tables know counts, since it lies beside what was done.
    pub(crate) fn checkpoint(&self) -> u64 {
        self.checkpoint.load(Ordering::Acquire)
    }

    /// The tables, if there is anything of the projector in them.
    fn tables(&self) -> Option<&dyn TableStore> {
        self.enrolled.initialized().then(|| self.views.tables()).flatten()
    }

    pub(crate) async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), StoreError> {
        // Whoever enrols the projector from now on begins here.
        self.checkpoint.fetch_max(position, Ordering::AcqRel);
        match self.tables() {
            Some(tables) => tables.save_checkpoint(lease, position).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn keep(&self, lease: &Lease, events: &[EventRef]) -> Result<(), StoreError> {
        match self.tables() {
            Some(tables) if !events.is_empty() => tables.keep(lease, events).await,
            _ => Ok(()),
        }
    }

    pub(crate) async fn forget(&self, lease: &Lease, event: EventRef) -> Result<(), StoreError> {
        match self.tables() {
            Some(tables) => tables.forget(lease, event).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn sync(&self) -> Result<(), StoreError> {
        match self.tables() {
            Some(tables) => tables.sync().await,
            None => Ok(()),
        }
    }

    async fn begin(&self, event: EventRef, limit: Duration) -> Result<Option<Box<dyn Transaction>>, Begun> {
        let tables = self.views.tables().ok_or(Begun::NoTables)?;
        self.enrolled.get_or_try_init(|| tables.enrol(self.log, &self.lease, self.checkpoint())).await?;
        Ok(tables.begin(&self.lease, event, limit).await?)
    }
}

/// Why no transaction was begun.
enum Begun {
    NoTables,
    Failed(StoreError),
}

impl From<StoreError> for Begun {
    fn from(error: StoreError) -> Self {
        Begun::Failed(error)
    }
}

/// The transaction of one event, wherever it stands.
pub(crate) struct Slot {
    holding: Arc<Holding>,
    event: EventRef,
    /// How long the handler may take, not counting how long it waits for its transaction to begin; that may take as long.
    limit: Duration,
    waits: Waits,
    state: Mutex<State>,
}

/// How long a handler waits for its transaction to begin.
#[derive(Default)]
struct Waits(std::sync::Mutex<Option<(Instant, Option<Instant>)>>);

/// While this lives, it waits.
struct Waiting<'a>(&'a Waits);

impl Waits {
    fn lock(&self) -> MutexGuard<'_, Option<(Instant, Option<Instant>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> Waiting<'_> {
        *self.lock() = Some((Instant::now(), None));
        Waiting(self)
    }

    fn so_far(&self) -> Duration {
        self.lock().map_or(Duration::ZERO, |(since, until)| until.unwrap_or_else(Instant::now) - since)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some((_, until)) = &mut *self.0.lock() {
            *until = Some(Instant::now());
        }
    }
}

enum State {
    Unbegun,
    Open(Box<dyn Transaction>),
    /// What the event does was committed before.
    Handled,
    /// A statement failed.
    Refused(String),
    Broken(StoreError),
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("event", &self.event).finish_non_exhaustive()
    }
}

impl Slot {
    pub(crate) fn new(holding: Arc<Holding>, event: EventRef, limit: Duration) -> Self {
        Self { holding, event, limit, waits: Waits::default(), state: Mutex::new(State::Unbegun) }
    }

    /// Ends once the handler that begins now has taken its time.
    pub(crate) async fn over(&self) {
        let begun = Instant::now();
        loop {
            let taken = begun.elapsed().saturating_sub(self.waits.so_far());
            let left = self.limit.saturating_sub(taken);
            if left.is_zero() {
                return;
            }
            sleep(left).await;
        }
    }

    async fn begin(&self) -> Result<Option<Box<dyn Transaction>>, Begun> {
        // Others are in the way, or the database is slow: neither is the handler's fault.
        let _waiting = self.waits.begin();
        self.holding.begin(self.event, self.limit).await
    }

    async fn run(&self, sql: &str, params: &[Value]) -> Result<Ran, Failure> {
        let mut state = self.state.lock().await;
        // Stays so if the handler gives up waiting.
        let before = std::mem::replace(&mut *state, State::Refused("a statement was given up half-way".to_owned()));
        let mut transaction = match before {
            State::Open(transaction) => transaction,
            State::Unbegun => match self.begin().await {
                Ok(Some(transaction)) => transaction,
                Ok(None) => {
                    *state = State::Handled;
                    return Err(handled());
                }
                Err(Begun::NoTables) => {
                    *state = State::Unbegun;
                    return Err(no_tables());
                }
                Err(Begun::Failed(error)) => {
                    *state = State::Broken(error.clone());
                    return Err(error.into());
                }
            },
            ended => {
                let failure = match &ended {
                    State::Handled => handled(),
                    State::Broken(error) => error.clone().into(),
                    _ => refused("an earlier statement of this transaction failed".to_owned()),
                };
                *state = ended;
                return Err(failure);
            }
        };
        let ran = if is_about_transactions(sql) {
            Err(SqlError::Refused("the runtime begins and ends the transaction".to_owned()))
        } else {
            transaction.run(sql, params).await
        };
        let (after, ran) = match ran {
            Ok(ran) => (State::Open(transaction), Ok(ran)),
            Err(SqlError::Refused(reason)) => (State::Refused(reason.clone()), Err(refused(reason))),
            Err(SqlError::Store(error)) => (State::Broken(error.clone()), Err(error.into())),
        };
        *state = after;
        ran
    }

    /// Commits if the handler succeeded; tells what is to become of the event.
    pub(crate) async fn end(self, handled: Result<(), Failure>, mark: Mark) -> Result<(), Error> {
        match (self.state.into_inner(), handled) {
            (State::Handled, _) => Ok(()),
            // Whatever the handler made of it.
            (State::Broken(error), _) => Err(error.into()),
            (State::Open(transaction), Ok(())) => Ok(transaction.commit(mark).await?),
            (State::Open(transaction), Err(failure)) => {
                transaction.roll_back().await;
                Err(failure.into())
            }
            (State::Refused(reason), Ok(())) => Err(refused(reason).into()),
            (State::Unbegun | State::Refused(_), handled) => Ok(handled?),
        }
    }
}

fn handled() -> Failure {
    Failure::new("HANDLED_ALREADY", "what this event does was committed before; the event is done")
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "sqlite")]
    use crate::store::memory::MemoryViews;

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn a_projector_is_enrolled_where_it_is() {
        let views: Arc<dyn ViewStore> = Arc::new(MemoryViews::default());
        let lease = |token| Lease { consumer: "a.v1.app.Ledger".into(), token };
        let held = async |token| Holding::take(views.clone(), Uuid::nil(), lease(token), 1).await.unwrap();
        let holding = held(1).await;
        holding.save_checkpoint(&lease(1), 7).await.unwrap();
        assert!(
            holding
                .begin(EventRef { position: 8, part: 0 }, Duration::from_secs(1))
                .await
                .is_ok_and(|begun| begun.is_some())
        );
        // Whoever comes next has not seen it end.
        assert_eq!(held(2).await.checkpoint(), 7);
    }

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn tables_that_are_ahead_of_the_log_are_refused() {
        let views: Arc<dyn ViewStore> = Arc::new(MemoryViews::default());
        let lease = Lease { consumer: "a.v1.app.Ledger".into(), token: 1 };
        let holding = Holding::take(views, Uuid::nil(), lease, 1).await.unwrap();
        holding.check_end(0).await.unwrap();
        let begun = holding.begin(EventRef { position: 8, part: 0 }, Duration::from_secs(1)).await;
        begun.ok().flatten().unwrap().commit(Mark::UntilPassed).await.unwrap();
        holding.check_end(8).await.unwrap();
        assert_eq!(holding.check_end(7).await.unwrap_err().code(), "STORE_FOREIGN");
    }

    #[tokio::test]
    async fn only_projectors_without_a_view_have_transactions() {
        let failure = Tx::new(None).execute("SELECT 1", &[]).await.unwrap_err();
        assert_eq!(failure.to_string(), "NO_TRANSACTION: only projectors without a view have transactions");
    }
}

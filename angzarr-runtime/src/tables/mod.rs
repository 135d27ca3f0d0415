//! Tables that projectors write with SQL of their own, each event in a transaction that says that it is handled.

mod row;
mod tx;

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

pub use row::{FromValue, SqlRow};
pub use tx::Tx;
pub(crate) use tx::{Holding, Slot};

use crate::failure::Failure;
use crate::store::{EventRef, Lease, StoreError};
use crate::view::Value;

/// Where the tables of projectors' own lie.
///
/// A projector gets there only when one of its handlers asks for a transaction; until then nothing is kept here for it.
///
/// # Contract
/// - **Once.** What a transaction changed is committed together with the mark that its event is handled, or not at all;
///   an event that has its mark gets no transaction. Marks go away with the checkpoint that passes their events, in one
///   commit.
/// - **Fencing.** A transaction under a lease that somebody else has taken over commits nothing and gets
///   [`StoreError::LeaseLost`].
/// - **Durability.** Commits need not have reached the disk when they return, as long as those before them have
///   when they have. [`sync`](TableStore::sync) waits for the disk.
#[async_trait]
pub trait TableStore: Send + Sync + std::fmt::Debug + 'static {
    /// Takes the tables of a projector for whoever holds its lease: older ones are fenced off. Gives where to go on;
    /// none if the projector never had a transaction.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if a newer token was here before, [`StoreError::Foreign`] if they were written from
    /// another log.
    async fn take(&self, log: Uuid, lease: &Lease) -> Result<Option<u64>, StoreError>;

    /// Makes a projector known that is about to have its first transaction, and has come to `checkpoint` without one. If
    /// it is known already, the later checkpoint counts. It is on the disk when this returns.
    ///
    /// # Errors
    /// As for [`take`](TableStore::take).
    async fn enrol(&self, log: Uuid, lease: &Lease, checkpoint: u64) -> Result<(), StoreError>;

    /// The last position at which a projector is known to have handled something, be it behind its checkpoint; 0 if
    /// nothing is known of it.
    async fn last_handled(&self, lease: &Lease) -> Result<u64, StoreError>;

    /// Begins the transaction in which an event is handled; none if it was handled before. Where there is no room, it
    /// waits for `limit`; then the transaction is [`StoreError::Unavailable`]. No statement goes on for longer than
    /// `limit`, or when nobody waits for it any more.
    async fn begin(
        &self,
        lease: &Lease,
        event: EventRef,
        limit: Duration,
    ) -> Result<Option<Box<dyn Transaction>>, StoreError>;

    /// Moves the checkpoint of a projector that is known, and removes the marks that it has passed.
    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), StoreError>;

    /// Keeps the marks of events that join a park until they are forgotten. No-op for events that have none.
    async fn keep(&self, lease: &Lease, events: &[EventRef]) -> Result<(), StoreError>;

    /// Removes the marks of an event that has left its park. No-op if there are none.
    async fn forget(&self, lease: &Lease, event: EventRef) -> Result<(), StoreError>;

    /// Waits until everything that was committed has reached the disk.
    async fn sync(&self) -> Result<(), StoreError>;

    /// Runs statements, divided by `;`, in one transaction: to make tables, say.
    async fn run(&self, statements: &str) -> Result<(), SqlError>;
}

/// A transaction. It is rolled back when it is dropped.
#[async_trait]
pub trait Transaction: Send + std::fmt::Debug {
    /// Runs one statement. After an error nothing more can be done in the transaction.
    async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Ran, SqlError>;

    /// Commits it with the mark of its event, unless the event has its mark already. What the database checks only now
    /// may be refused.
    async fn commit(self: Box<Self>, mark: Mark) -> Result<(), SqlError>;

    /// Ends it without a trace, so that what it used can be used again at once.
    async fn roll_back(self: Box<Self>);
}

/// How long the mark of an event is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Until the checkpoint has passed the event.
    UntilPassed,
    /// Until the event has left its park, though the checkpoint passes it before.
    UntilUnparked,
}

/// What came of a statement.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// How many rows it changed.
    pub affected: u64,
    /// The rows that it gave.
    pub rows: Vec<SqlRow>,
}

/// Why a statement was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// The database does not take it, for this reason.
    #[error("{0}")]
    Refused(String),
    /// The database is away, busy, full or damaged, or somebody else holds the lease.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SqlError> for crate::error::Error {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Refused(reason) => refused(reason).into(),
            SqlError::Store(error) => error.into(),
        }
    }
}

fn refused(reason: String) -> Failure {
    Failure::new("SQL_FAILED", reason)
}

fn no_transaction() -> Failure {
    Failure::new("NO_TRANSACTION", "only projectors without a view have transactions")
}

pub(crate) fn no_tables() -> Failure {
    Failure::new("NO_TRANSACTION", "the storage has no place for tables of projectors' own")
}

/// Whether a statement would begin or end a transaction, which is the runtime's to do.
pub(crate) fn is_about_transactions(sql: &str) -> bool {
    const WORDS: [&str; 9] =
        ["ABORT", "BEGIN", "COMMIT", "END", "PREPARE", "RELEASE", "ROLLBACK", "SAVEPOINT", "START"];
    let Some(sql) = without_comments(sql) else { return true };
    let word = sql.split(|character: char| !character.is_ascii_alphabetic()).next();
    word.is_some_and(|word| WORDS.iter().any(|other| other.eq_ignore_ascii_case(word)))
}

/// A statement from its first word on. None if nobody can say where that is: in PostgreSQL comments lie within each
/// other, in SQLite they do not.
fn without_comments(mut sql: &str) -> Option<&str> {
    loop {
        sql = sql.trim_start_matches(|character: char| character.is_whitespace() || character == ';');
        sql = if let Some(line) = sql.strip_prefix("--") {
            line.split_once('\n').map_or("", |(_, behind)| behind)
        } else if let Some(comment) = sql.strip_prefix("/*") {
            let (text, behind) = comment.split_once("*/").unwrap_or((comment, ""));
            if text.contains("/*") {
                return None;
            }
            behind
        } else {
            return Some(sql);
        };
    }
}

#[cfg(test)]
mod tests {
    use super::is_about_transactions;

    #[test]
    fn transactions_are_the_runtimes_to_end() {
        let commented = ["/* x */ COMMIT", "-- x\nCOMMIT", "/**/--\r\n ; /* a\n*/end", "/* /* */ COMMIT"];
        for sql in ["COMMIT", "  rollback to a", "begin;", "End", "SAVEPOINT a"].into_iter().chain(commented) {
            assert!(is_about_transactions(sql), "{sql}");
        }
        for sql in [
            "",
            "SELECT 'COMMIT'",
            "INSERT INTO commits VALUES (1)",
            "-- COMMIT",
            "/* COMMIT */ SELECT 1",
            "CREATE TABLE begun (a integer)",
        ] {
            assert!(!is_about_transactions(sql), "{sql}");
        }
    }
}

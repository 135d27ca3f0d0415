//! Groups of work that share a commit.

use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{oneshot, watch};

use crate::store::{StoreError, raise};

/// A group of work inside its transaction.
pub(super) struct Transaction<'a> {
    pub(super) connection: &'a Connection,
    /// The last position that was given, once that was asked for.
    position: Option<i64>,
    /// Whether something went wrong before, so that this is one piece of work that is tried again by itself.
    pub(super) careful: bool,
}

impl<'a> Transaction<'a> {
    fn of_many(connection: &'a Connection) -> Self {
        Self { connection, position: None, careful: false }
    }

    fn of_one(connection: &'a Connection) -> Self {
        Self { careful: true, ..Self::of_many(connection) }
    }

    /// The last position that was given.
    pub(super) fn position(&mut self) -> Result<&mut i64, StoreError> {
        let last = match self.position {
            Some(last) => last,
            None => super::events::last_position(self.connection)?,
        };
        Ok(self.position.insert(last))
    }
}

/// Something to write: it shares its commit with others.
pub(super) trait Work: Send {
    /// Does it, inside the group's transaction. After an error the transaction is rolled back, and it is called again
    /// in one of its own.
    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), StoreError>;

    /// Tells whoever waits, once it is committed, or that it will not be.
    fn finish(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// Work with a typed result. An error that is its own, found before anything was written, is a result as well.
pub(super) struct Typed<T, F> {
    work: F,
    result: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Typed<T, F> {
    /// Work whose result is sent to `answer`.
    pub(super) fn new(work: F, answer: oneshot::Sender<Result<T, StoreError>>) -> Self {
        Self { work, result: None, answer }
    }
}

impl<T, F> Work for Typed<T, F>
where
    T: Send,
    F: FnMut(&mut Transaction<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        match (self.work)(transaction) {
            Err(error) if !is_own(&error) => Err(error),
            result => {
                self.result = Some(result);
                Ok(())
            }
        }
    }

    fn finish(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { result, answer, .. } = *self;
        let missing = || Err(StoreError::Unavailable { reason: "the work was not run".into() });
        // A caller that went away does not need it.
        let _ = answer.send(outcome.and_then(|()| result.unwrap_or_else(missing)));
    }
}

/// Whether an error says something about one piece of work only, which has written nothing then.
pub(super) fn is_own(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Conflict { .. }
            | StoreError::StreamFull
            | StoreError::BookTooLarge { .. }
            | StoreError::LeaseLost { .. }
    )
}

/// Begins the transaction of a group; whoever else writes is waited for so long.
pub(super) fn begin(connection: &Connection, patience: Duration) -> Result<(), StoreError> {
    if !connection.is_autocommit() {
        roll_back(connection);
    }
    connection.busy_timeout(patience)?;
    Ok(connection.execute_batch("BEGIN IMMEDIATE")?)
}

fn roll_back(connection: &Connection) {
    // Fails only if there is no transaction, which is what it is to achieve.
    let _ = connection.execute_batch("ROLLBACK");
}

/// Tells a group that the store cannot be written to.
pub(super) fn refuse(group: Vec<Box<dyn Work>>, error: &StoreError) {
    if !group.is_empty() {
        tracing::warn!(code = error.code(), %error, works = group.len(), "a group of writes was refused");
    }
    finish(group, &Err(error.clone()));
}

/// Writes a group in the transaction that has begun, and answers. If something in it cannot be written, each piece is
/// written by itself, so that what is wrong with one is no other's loss.
///
/// A commit that failed halfway may be found complete after a crash, unless another one was written in its place. So
/// nothing is said of its pieces but that they are stored, or that nobody knows.
pub(super) fn commit(connection: &Connection, mut group: Vec<Box<dyn Work>>, head: &watch::Sender<u64>) {
    let Err(error) = write(Transaction::of_many(connection), &mut group, head) else {
        return finish(group, &Ok(()));
    };
    tracing::warn!(code = error.code(), %error, works = group.len(), "a group of writes was rolled back");
    let unsure = matches!(error, StoreError::Unknown { .. });
    let mut group = group.into_iter();
    while let Some(work) = group.next() {
        let mut single = vec![work];
        let begun = begin(connection, super::BUSY_TIMEOUT);
        let away = begun.is_err();
        let outcome = begun.and_then(|()| write(Transaction::of_one(connection), &mut single, head));
        if let Err(error) = &outcome
            && (away || unsure)
        {
            // Nobody who waits behind it has to find that out for himself; nor was it written behind what is unsure.
            let error = if unsure { unknown(error) } else { error.clone() };
            return refuse(single.into_iter().chain(group).collect(), &error);
        }
        finish(single, &outcome);
    }
}

fn unknown(error: &StoreError) -> StoreError {
    match error {
        StoreError::Unknown { .. } => error.clone(),
        error => StoreError::Unknown { reason: error.to_string() },
    }
}

fn finish(group: Vec<Box<dyn Work>>, outcome: &Result<(), StoreError>) {
    group.into_iter().for_each(|work| work.finish(outcome.clone()));
}

/// Writes and commits a group, or nothing of it.
fn write(
    mut transaction: Transaction<'_>,
    group: &mut [Box<dyn Work>],
    head: &watch::Sender<u64>,
) -> Result<(), StoreError> {
    let connection = transaction.connection;
    let written = group
        .iter_mut()
        .try_for_each(|work| work.run(&mut transaction))
        .and_then(|()| connection.execute_batch("COMMIT").map_err(|error| uncommitted(&error)));
    match &written {
        Ok(()) => raise(head, transaction.position.unwrap_or(0).unsigned_abs()),
        Err(_) => roll_back(connection),
    }
    written
}

/// Why a commit failed. After an I/O error, all of it may have been written, and only not be forced to disk.
fn uncommitted(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) => StoreError::Unknown { reason: error.to_string() },
        _ => super::translate(error),
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::{Arc, Mutex};

    use rusqlite::Connection;
    use tokio::sync::watch;

    use super::{Transaction, Work, begin, commit};
    use crate::store::StoreError;
    use crate::store::sqlite::BUSY_TIMEOUT;

    /// Fails while it shares a transaction. Once it is told of its own, another connection holds the file locked, until
    /// the next one is told.
    struct Single {
        path: PathBuf,
        other: Arc<Mutex<Option<Connection>>>,
        told: Arc<Mutex<Vec<Result<(), StoreError>>>>,
    }

    impl Work for Single {
        fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
            let shared = StoreError::Full { reason: "for all of them together".into() };
            if transaction.careful { Ok(()) } else { Err(shared) }
        }

        fn finish(self: Box<Self>, outcome: Result<(), StoreError>) {
            self.told.lock().unwrap().push(outcome);
            let mut other = self.other.lock().unwrap();
            *other = if other.is_some() { None } else { Some(locked(&self.path)) };
        }
    }

    fn locked(path: &Path) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        connection
    }

    #[test]
    fn a_file_that_is_locked_while_work_is_done_piece_by_piece_is_waited_for_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.db");
        let connection = Connection::open(&path).unwrap();
        let (other, told) = (Arc::default(), Arc::default());
        let group = (0..4).map(|_| {
            let (path, other, told) = (path.clone(), Arc::clone(&other), Arc::clone(&told));
            Box::new(Single { path, other, told }) as Box<dyn Work>
        });
        begin(&connection, BUSY_TIMEOUT).unwrap();
        commit(&connection, group.collect(), &watch::Sender::new(0));
        let told = told.lock().unwrap();
        assert_eq!(told[0], Ok(()));
        assert!(told[1..].iter().all(|told| told.as_ref().is_err_and(StoreError::retryable)), "{told:?}");
        assert_eq!(told.len(), 4);
    }
}

//! Whose turn it is to write: one thread that commits what has gathered, and lone callers who spare themselves the
//! way there.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use super::BUSY_TIMEOUT;
use super::group::{Transaction, Typed, Work, begin, commit, refuse};
use super::lock::{OpenLock, refused};
use crate::store::StoreError;

/// How many pieces of work share a commit at most.
const GROUP: usize = 256;

/// How many may wait; senders beyond that wait themselves.
const QUEUE: usize = 1024;

/// How long a group waits to become as large as the last one.
const PATIENCE: Duration = Duration::from_micros(100);

/// A commit that takes no longer may hold up the thread of a runtime.
const QUICK: Duration = Duration::from_micros(500);

/// After so many commits during which nobody else came, a caller is taken to be the only one. Of several callers, one is by
/// himself often enough; while he commits on a thread of the runtime, the others have to share what threads are left.
const ALONE: usize = 16;

enum Job {
    Work(Box<dyn Work>),
    Close(Closing),
}

type Closing = oneshot::Sender<Result<(), StoreError>>;

/// The way to the file.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    desk: Arc<Desk>,
}

/// Where writing is done, by one at a time.
#[derive(Debug)]
struct Desk {
    /// None once it is closed.
    connection: Mutex<Option<Connection>>,
    head: watch::Sender<u64>,
    /// How much work is on its way to the thread, or being written.
    queued: AtomicUsize,
    /// How many commits in a row were quick and of one piece of work, with no other one on its way.
    quiet: AtomicUsize,
}

impl Desk {
    /// Writes a group in the transaction that has begun, and commits it.
    fn commit(&self, connection: &Connection, group: Vec<Box<dyn Work>>) {
        let (begun, works) = (Instant::now(), group.len());
        commit(connection, group, &self.head);
        let quiet = works <= 1 && begun.elapsed() < QUICK && self.queued.load(Ordering::Acquire) <= 1;
        let before = self.quiet.load(Ordering::Relaxed);
        self.quiet.store(if quiet { before.saturating_add(1) } else { 0 }, Ordering::Relaxed);
    }

    /// Commits the work of somebody who is alone, here and now; gives it back if he is not.
    ///
    /// Handing it over would take longer than many a disk takes to commit. It holds up one thread of the runtime,
    /// so there has to be another one, and the last commits must have been quick ones.
    fn alone(&self, work: Box<dyn Work>) -> Option<Box<dyn Work>> {
        let quiet = self.quiet.load(Ordering::Relaxed) >= ALONE && has_other_threads();
        if !quiet || self.queued.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return Some(work);
        }
        let left = self.here(work);
        self.queued.fetch_sub(1, Ordering::AcqRel);
        left
    }

    /// Commits work on this thread, unless something has to be waited for.
    fn here(&self, work: Box<dyn Work>) -> Option<Box<dyn Work>> {
        let connection = match self.connection.try_lock() {
            Ok(connection) => connection,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Some(work),
        };
        let Some(connection) = &*connection else { return Some(work) };
        // Another process that writes is waited for elsewhere.
        if begin(connection, Duration::ZERO).is_err() {
            return Some(work);
        }
        self.commit(connection, vec![work]);
        None
    }
}

/// Whether one thread of the runtime may be held up for a moment.
pub(super) fn has_other_threads() -> bool {
    Handle::try_current().is_ok_and(|runtime| runtime.metrics().num_workers() > 1)
}

impl Writer {
    /// The thread keeps the lock until its connection is closed, and tells `head` how far the log reaches.
    pub(super) fn start(
        connection: Connection,
        lock: OpenLock,
        head: watch::Sender<u64>,
        path: &Path,
    ) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let connection = Mutex::new(Some(connection));
        let desk = Arc::new(Desk { connection, head, queued: AtomicUsize::new(0), quiet: AtomicUsize::new(ALONE) });
        let shared = desk.clone();
        std::thread::Builder::new()
            .name("angzarr-sqlite-writer".into())
            .spawn(move || run(&shared, lock, queue))
            .map_err(|error| refused(path, &error))?;
        Ok(Self { jobs, desk })
    }

    /// Runs `work`, again if need be, and commits it.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        if let Some(work) = self.desk.alone(Box::new(Typed::new(work, answer))) {
            let room = self.jobs.reserve().await.map_err(|_| StoreError::Closed)?;
            self.desk.queued.fetch_add(1, Ordering::AcqRel);
            room.send(Job::Work(work));
        }
        answered.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Finishes what is queued and closes the file. Closing what is closed already is fine.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        if self.jobs.send(Job::Close(answer)).await.is_err() {
            return Ok(());
        }
        answered.await.unwrap_or(Ok(()))
    }
}

fn run(desk: &Desk, lock: OpenLock, mut queue: mpsc::Receiver<Job>) {
    let (mut last, mut closing) = (0, Vec::new());
    while closing.is_empty() {
        let group;
        (group, closing) = gather(&mut queue, last);
        last = group.len();
        if group.is_empty() && closing.is_empty() {
            // All senders are gone.
            break;
        }
        // Whatever a panic interrupted is rolled back before the next transaction.
        let connection = desk.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = &*connection
            && last > 0
        {
            match begin(connection, BUSY_TIMEOUT) {
                Ok(()) => desk.commit(connection, group),
                Err(error) => refuse(group, &error),
            }
        }
        drop(connection);
        desk.queued.fetch_sub(last, Ordering::AcqRel);
    }
    let connection = desk.connection.lock().unwrap_or_else(PoisonError::into_inner).take();
    let closed = connection.map_or(Ok(()), |connection| Ok(connection.close().map_err(|(_, error)| error)?));
    // The lock outlives the connection.
    drop(lock);
    // What came after the first of them is dropped with the queue, and told that the store is closed.
    for answer in closing {
        let _ = answer.send(closed.clone());
    }
}

/// The next group, empty if nobody can send any more, and who wants the file to be closed behind it.
///
/// Those who were answered by the last commit often have more to write at once. Waiting for as many of them, for a
/// moment only, makes groups larger, and spares a lone caller the waking up of this thread.
fn gather(queue: &mut mpsc::Receiver<Job>, last: usize) -> (Vec<Box<dyn Work>>, Vec<Closing>) {
    let patience = Instant::now() + PATIENCE;
    while queue.len() < last && Instant::now() < patience {
        std::thread::yield_now();
    }
    let (mut group, mut closing) = (Vec::new(), Vec::new());
    let mut next = queue.blocking_recv();
    while let Some(job) = next {
        match job {
            Job::Work(work) => group.push(work),
            Job::Close(answer) => closing.push(answer),
        }
        let full = group.len() == GROUP || !closing.is_empty();
        next = if full { None } else { queue.try_recv().ok() };
    }
    (group, closing)
}

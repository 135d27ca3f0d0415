//! Noticing what other processes append and order: SQLite cannot wake anybody, so one thread asks.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;

use super::{connect, events, lock::refused, orders};
use crate::store::StoreError;
use crate::store::raise;

/// How long a write of another process may stay unnoticed.
const POLL: Duration = Duration::from_millis(50);

/// Ends the thread when it is dropped.
#[derive(Debug)]
pub(super) struct Watcher {
    alive: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// Starts the thread. `head` follows the log from here on; `ordered` changes with every order and answer.
    pub(super) fn start(
        path: &Path,
        head: watch::Sender<u64>,
        ordered: watch::Sender<u64>,
    ) -> Result<Self, StoreError> {
        let connection = connect(path)?;
        let (alive, ended) = channel();
        let thread = std::thread::Builder::new()
            .name("angzarr-sqlite-watcher".into())
            .spawn(move || run(&connection, &ended, &head, &ordered));
        Ok(Self { alive, thread: thread.map_err(|error| refused(path, &error))? })
    }

    /// Ends the thread now, and with it its connection.
    pub(super) fn end(self) {
        drop(self.alive);
        // A thread that panicked has ended, too.
        let _ = self.thread.join();
    }
}

fn run(connection: &Connection, ended: &Receiver<()>, head: &watch::Sender<u64>, ordered: &watch::Sender<u64>) {
    let (mut seen, mut seen_changes) = (None, None);
    while ended.recv_timeout(POLL) == Err(RecvTimeoutError::Timeout) {
        // Changes with every commit of another connection; asking reads shared memory only.
        let version: rusqlite::Result<i64> = connection.pragma_query_value(None, "data_version", |row| row.get(0));
        if let Ok(version) = version
            && seen != Some(version)
            // What cannot be read now is asked for again.
            && let Ok(position) = events::last_position(connection)
            && let Ok(changes) = orders::changes(connection)
        {
            seen = Some(version);
            raise(head, position.unsigned_abs());
            if seen_changes.replace(changes) != Some(changes) {
                ordered.send_modify(|told| *told += 1);
            }
        }
    }
}

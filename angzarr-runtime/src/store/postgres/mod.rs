//! A PostgreSQL database, from version 13 on: one connection that appends in groups, a few that read.
//!
//! Everything lies in the schema `angzarr`. A group of books is appended by one call of a procedure on the server, so a
//! client that dies or sleeps holds nothing up. It takes positions under a lock, which it gives back as soon as they are
//! committed; then it waits for the disk, and only then publishes them: so they become visible in their order, and
//! groups of several processes share a flush. A call whose answer was lost is made again, and gets the answer of the
//! first.
//!
//! Whoever publishes notifies, once a group, and that wakes the readers of all processes that have readers. The
//! connection that listens also holds an advisory lock as a sign of life: where it is gone, leases are taken over at
//! once; where it is not, after a silence.
//!
//! Acknowledged means flushed (`synchronous_commit = on`); a server that runs with `fsync = off` breaks that promise, and
//! is warned of.

mod append;
mod consumers;
mod error;
mod events;
mod listener;
mod orders;
mod rows;
mod schema;
mod session;
mod tables;
mod text;
mod url;
mod views;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::query;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Store, StoreError};
use listener::Listener;
use rows::Names;
use session::{Server, Sessions};
use writer::Writer;

pub use url::PostgresUrl;
pub use views::PostgresViews;

/// A log in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    log_id: Uuid,
    /// Under which leases are held and batches are written.
    holder: Uuid,
    sessions: Arc<Sessions>,
    leases: Sessions,
    names: Arc<Names>,
    writer: Writer,
    listener: Listener,
}

impl PostgresStore {
    /// Opens the log in a database, creating the schema `angzarr` if there is none.
    ///
    /// # Errors
    /// [`StoreError::CannotOpen`] if there is no such server, user, password or database; [`StoreError::NoRights`] with
    /// the right that is missing; [`StoreError::Foreign`] if the schema is of something else or of a newer release;
    /// [`StoreError::Altered`] if somebody changed its tables.
    pub async fn open(url: &PostgresUrl) -> Result<Self, StoreError> {
        let unopened = |error| match error {
            // Once it is open, this may pass; here there is nobody yet who would wait for that.
            StoreError::Unavailable { reason } => StoreError::CannotOpen { place: url.place().to_owned(), reason },
            other => other,
        };
        Self::open_as_it_is(url).await.map_err(unopened)
    }

    async fn open_as_it_is(url: &PostgresUrl) -> Result<Self, StoreError> {
        let server = Server::new(url)?;
        let mut connection = server.connect().await?;
        let log_id = schema::prepare(&mut connection, server.place()).await?;
        let sessions = Arc::new(Sessions::new(server.clone()));
        let leases = Sessions::for_leases(server.clone());
        let names = Arc::new(Names::new());
        let head = watch::Sender::new(events::head(&sessions).await?);
        let holder = Uuid::new_v4();
        let listener = Listener::start(&server, holder, sessions.clone(), head.clone()).await?;
        let writer = Writer::start(connection, server, holder, sessions.clone(), names.clone(), head);
        Ok(Self { log_id, holder, sessions, leases, names, writer, listener })
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn log_id(&self) -> Uuid {
        self.log_id
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.writer.close().await;
        let holder = self.holder;
        let free = self.leases.run(|mut session| async move {
            let free = query("UPDATE angzarr.consumers SET holder = NULL WHERE holder = $1").bind(holder);
            free.execute(session.connection()).await?;
            session.done(())
        });
        match free.await {
            Ok(()) | Err(StoreError::Closed) => {}
            // Whoever waits for them sees that this process is gone.
            Err(error) => tracing::warn!(code = error.code(), %error, "leases were not given back"),
        }
        self.listener.stop();
        self.leases.close().await;
        self.sessions.close().await;
        Ok(())
    }
}

/// A number as PostgreSQL keeps it; those beyond its range become the greatest.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

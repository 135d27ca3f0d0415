//! Hearing of what others append, and showing that this store lives.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff};
use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::query;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::error::Failed;
use super::events;
use super::session::{Server, Sessions, pauses};
use crate::store::StoreError;

/// How long a connection may be silent before it is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(15);

/// How long it may take to answer, or to be made.
const ANSWER: Duration = Duration::from_secs(5);

/// Ends the task when it is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    task: AbortHandle,
}

impl Listener {
    /// Listens. `head` follows the log from here on, and leases of `holder` count as held.
    pub(super) async fn start(
        server: &Server,
        holder: Uuid,
        sessions: Arc<Sessions>,
        head: watch::Sender<u64>,
    ) -> Result<Self, StoreError> {
        let ear = Ear { server: server.clone(), holder, sessions, head };
        let listening = ear.listen().await?;
        Ok(Self { task: tokio::spawn(ear.run(listening)).abort_handle() })
    }

    pub(super) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Ear {
    server: Server,
    holder: Uuid,
    sessions: Arc<Sessions>,
    head: watch::Sender<u64>,
}

impl Ear {
    /// A connection that listens and holds the sign of life.
    async fn listen(&self) -> Result<PgListener, Failed> {
        let pool =
            PgPoolOptions::new().max_connections(1).acquire_timeout(ANSWER).max_lifetime(None).idle_timeout(None);
        let pool = pool.connect_lazy_with(self.server.options().clone());
        let mut listener = PgListener::connect_with(&pool).await?;
        // What comes after a lost connection is done here, not by the driver.
        listener.eager_reconnect(false);
        let alive = query("SELECT pg_advisory_lock_shared(angzarr.life($1))").bind(self.holder);
        alive.execute(&mut listener).await?;
        listener.listen("angzarr").await?;
        // What was appended before is not notified any more.
        events::raise(&self.head, events::head(&self.sessions).await?);
        Ok(listener)
    }

    /// Whether the connection still gets answers.
    async fn hears(&self, listener: &mut PgListener) -> bool {
        let asked = timeout(ANSWER, query("SELECT 1").execute(listener)).await;
        matches!(asked, Ok(Ok(_)))
    }

    async fn run(self, first: PgListener) {
        let mut listening = Some(first);
        let mut waits: Option<ExponentialBackoff> = None;
        loop {
            let Some(listener) = &mut listening else {
                let silent =
                    |_| Err(Failed::Lost(StoreError::Unavailable { reason: "the server gave no answer".into() }));
                match timeout(ANSWER, self.listen()).await.unwrap_or_else(silent) {
                    Ok(listener) => (listening, waits) = (Some(listener), None),
                    Err(failed) => {
                        let error = StoreError::from(failed);
                        if error == StoreError::Closed {
                            return;
                        }
                        tracing::warn!(code = error.code(), %error, "appends of others are not heard of now");
                        let pauses = waits.get_or_insert_with(|| pauses().with_total_delay(None).build());
                        sleep(pauses.next().unwrap_or_default()).await;
                    }
                }
                continue;
            };
            match timeout(SILENCE, listener.try_recv()).await {
                Ok(Ok(Some(told))) => {
                    // Anybody may notify, so it is a hint only; what this store appended itself is known.
                    let known = *self.head.borrow();
                    if told.payload().parse::<u64>().is_ok_and(|position| position > known) {
                        match events::head(&self.sessions).await {
                            Ok(head) => events::raise(&self.head, head),
                            // Listening anew asks again.
                            Err(_) => listening = None,
                        }
                    }
                }
                Ok(Ok(None) | Err(_)) => listening = None,
                // A connection that was cut without a word looks like one on which nothing happens.
                Err(_) if self.hears(listener).await => {}
                Err(_) => listening = None,
            }
        }
    }
}

//! Hearing of what others append, as long as somebody wants to know, and showing that this store lives.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff};
use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::query;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::error::Failed;
use super::events;
use super::session::{SOON, Server, Sessions, passing, pauses, within};
use crate::store::{StoreError, raise};

/// What publishers notify, by the position that they have reached, ...
pub(super) const CHANNEL: &str = "angzarr";

/// ... and whoever gives or answers an order, by this.
pub(super) const ORDERS: &str = "orders";

/// How long a connection may be silent before it is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(15);

/// Ends the task when it is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    task: AbortHandle,
    head: watch::Sender<u64>,
    /// Changes with orders and answers.
    orders: watch::Sender<u64>,
    /// Tells that somebody watches one of them.
    watched: Arc<Notify>,
}

impl Listener {
    /// Listens. `head` follows the log from here on, and leases of `holder` count as held.
    pub(super) async fn start(
        server: &Server,
        holder: Uuid,
        sessions: Arc<Sessions>,
        head: watch::Sender<u64>,
    ) -> Result<Self, StoreError> {
        let (watched, orders) = (Arc::new(Notify::new()), watch::Sender::new(0));
        let ear = Ear {
            server: server.clone(),
            holder,
            sessions,
            head: head.clone(),
            orders: orders.clone(),
            watched: watched.clone(),
            hears: false,
        };
        let connection = ear.connect().await?;
        Ok(Self { task: tokio::spawn(ear.run(connection)).abort_handle(), head, orders, watched })
    }

    /// Follows the head. Where nobody does, the server need not tell every append to this process, too.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        let receiver = self.head.subscribe();
        self.watched.notify_one();
        receiver
    }

    /// Follows orders and answers, in the same way.
    pub(super) fn watch_orders(&self) -> watch::Receiver<u64> {
        let receiver = self.orders.subscribe();
        self.watched.notify_one();
        receiver
    }

    /// Tells of an order or an answer of this store, which needs no server for that.
    pub(super) fn tell_orders(&self) {
        tell(&self.orders);
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

fn tell(orders: &watch::Sender<u64>) {
    orders.send_modify(|changes| *changes += 1);
}

struct Ear {
    server: Server,
    holder: Uuid,
    sessions: Arc<Sessions>,
    head: watch::Sender<u64>,
    orders: watch::Sender<u64>,
    watched: Arc<Notify>,
    /// Whether the present connection is told of appends.
    hears: bool,
}

/// What happened to the connection.
enum Event {
    Notified(String),
    Lost,
    Silence,
    /// Somebody watches, or nobody does any more.
    Watchers,
}

impl Ear {
    /// A connection that holds the sign of life.
    async fn connect(&self) -> Result<PgListener, Failed> {
        within(SOON, self.connect_at_all()).await.unwrap_or_else(|late| Err(Failed::Lost(late)))
    }

    async fn connect_at_all(&self) -> Result<PgListener, Failed> {
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(SOON).max_lifetime(None).idle_timeout(None);
        let pool = pool.connect_lazy_with(self.server.options().clone());
        let mut listener = PgListener::connect_with(&pool).await.map_err(|error| self.server.unreachable(&error))?;
        // What comes after a lost connection is done here, not by the driver.
        listener.eager_reconnect(false);
        let alive = query("SELECT pg_advisory_lock_shared(angzarr.life($1))").bind(self.holder);
        alive.execute(&mut listener).await?;
        Ok(listener)
    }

    async fn run(mut self, first: PgListener) {
        let mut connection = Some(first);
        let mut waits: Option<ExponentialBackoff> = None;
        loop {
            let Some(listener) = &mut connection else {
                self.hears = false;
                match self.connect().await {
                    Ok(listener) => (connection, waits) = (Some(listener), None),
                    Err(failed) => {
                        let error = passing(failed.into());
                        tracing::warn!(code = error.code(), %error, "appends of others are not heard of now");
                        let pauses = waits.get_or_insert_with(|| pauses().with_total_delay(None).build());
                        sleep(pauses.next().unwrap_or_default()).await;
                    }
                }
                continue;
            };
            let alive = match self.follow_watchers(listener).await {
                Ok(()) => match self.next(listener).await {
                    Event::Notified(told) => self.told(&told).await,
                    Event::Lost => false,
                    Event::Silence => self.after_silence(listener).await,
                    Event::Watchers => true,
                },
                Err(_) => false,
            };
            if !alive {
                connection = None;
            }
        }
    }

    /// Listens if there is somebody to be told, and only then.
    async fn follow_watchers(&mut self, listener: &mut PgListener) -> Result<(), Failed> {
        let watched = self.head.receiver_count() + self.orders.receiver_count() > 0;
        if watched && !self.hears {
            within(SOON, listener.listen(CHANNEL)).await??;
            self.hears = true;
            // What was written before is not notified any more.
            self.ask().await?;
            tell(&self.orders);
        } else if !watched && self.hears {
            within(SOON, listener.unlisten(CHANNEL)).await??;
            self.hears = false;
        }
        Ok(())
    }

    async fn next(&self, listener: &mut PgListener) -> Event {
        let watchers = async {
            if self.hears {
                tokio::join!(self.head.closed(), self.orders.closed());
            } else {
                self.watched.notified().await;
            }
        };
        tokio::select! {
            heard = timeout(SILENCE, listener.try_recv()) => match heard {
                Ok(Ok(Some(told))) => Event::Notified(told.payload().to_owned()),
                Ok(Ok(None) | Err(_)) => Event::Lost,
                Err(_) => Event::Silence,
            },
            () = watchers => Event::Watchers,
        }
    }

    /// Anybody may notify, so it is a hint only; what this store appended itself is known. False if the connection
    /// should be made anew, which asks again.
    async fn told(&self, payload: &str) -> bool {
        if payload == ORDERS {
            tell(&self.orders);
            return true;
        }
        let known = *self.head.borrow();
        let news = payload.parse::<u64>().is_ok_and(|position| position > known);
        !news || self.ask().await.is_ok()
    }

    /// A connection that was cut without a word looks like one on which nothing happens; and a writer that died before
    /// it published what it had committed looks like none.
    async fn after_silence(&self, listener: &mut PgListener) -> bool {
        let asked = timeout(SOON, query("SELECT 1").execute(listener)).await;
        let settled = !self.hears || (events::settle(&self.sessions).await.is_ok() && self.ask().await.is_ok());
        matches!(asked, Ok(Ok(_))) && settled
    }

    async fn ask(&self) -> Result<(), StoreError> {
        raise(&self.head, events::head(&self.sessions).await?);
        Ok(())
    }
}

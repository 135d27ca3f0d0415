//! Connections: a handful, each used by one call at a time, and replaced when it is lost.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, raw_sql};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::error::{Failed, cannot_connect};
use super::url::PostgresUrl;
use crate::store::StoreError;

/// How many connections read and do small writes at most.
const CONNECTIONS: usize = 8;

/// How many keep leases.
const LEASES: usize = 2;

/// How long a call goes on asking over new connections after one was lost.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How long a call waits for its answer at all: one page, or one stream.
pub(super) const ANSWER: Duration = Duration::from_secs(60);

/// How long it may take to connect, and to answer what takes no time.
pub(super) const SOON: Duration = Duration::from_secs(5);

/// What every session is set to. Plans are made once and follow the indexes, whatever the statistics say: the tables
/// grow faster than these. A client that is gone is noticed within a minute, and never holds a lock for long.
const SETTINGS: &[(&str, &str)] = &[
    ("search_path", "pg_catalog"),
    ("synchronous_commit", "on"),
    ("default_transaction_isolation", "read committed"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
    ("jit", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// What a session is set to in which users' SQL runs: whatever else is up to them. Their commits need not wait for the
/// disk, since the checkpoint is in the same database.
const USERS_SETTINGS: &[(&str, &str)] = &[
    ("synchronous_commit", "off"),
    ("default_transaction_isolation", "read committed"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
];

/// The pauses between two attempts.
pub(super) fn pauses() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(10))
        .with_max_delay(Duration::from_millis(500))
        .with_jitter()
        .without_max_times()
        .with_total_delay(Some(PATIENCE))
}

/// Waits for an answer, so long at most. Then the connection is of no more use.
pub(super) async fn within<T>(limit: Duration, answer: impl Future<Output = T>) -> Result<T, StoreError> {
    let late =
        |_| StoreError::Unavailable { reason: format!("the server gave no answer within {} s", limit.as_secs()) };
    timeout(limit, answer).await.map_err(late)
}

/// How to connect.
#[derive(Clone)]
pub(super) struct Server {
    /// Without settings.
    plain: Arc<PgConnectOptions>,
    options: Arc<PgConnectOptions>,
    place: Arc<str>,
}

impl Server {
    pub(super) fn new(url: &PostgresUrl) -> Result<Self, StoreError> {
        let plain = url.options()?.application_name("angzarr").disable_statement_logging();
        let options = plain.clone().options(SETTINGS.iter().copied());
        Ok(Self { plain: Arc::new(plain), options: Arc::new(options), place: url.place().into() })
    }

    /// The same for users' SQL.
    pub(super) fn for_users(&self) -> Self {
        let options = (*self.plain).clone().options(USERS_SETTINGS.iter().copied());
        Self { options: Arc::new(options), ..self.clone() }
    }

    /// Host, port and database.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    pub(super) async fn connect(&self) -> Result<PgConnection, Failed> {
        match timeout(SOON, PgConnection::connect_with(&self.options)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(self.unreachable(&error)),
            Err(_) => {
                let reason = format!("host or port: no answer within {} s", SOON.as_secs());
                Err(Failed::Lost(StoreError::CannotOpen { place: self.place.to_string(), reason }))
            }
        }
    }

    /// Why no connection was made.
    pub(super) fn unreachable(&self, error: &sqlx::Error) -> Failed {
        Failed::Lost(cannot_connect(error, &self.place))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.place).finish()
    }
}

/// Connections to one server.
#[derive(Debug)]
pub(super) struct Sessions {
    server: Server,
    idle: Mutex<Vec<PgConnection>>,
    permits: Semaphore,
}

impl Sessions {
    /// Connects when it is asked to.
    pub(super) fn new(server: Server) -> Self {
        Self::at_most(CONNECTIONS, server)
    }

    /// The same, for signs of life: they must not wait for those who read.
    pub(super) fn for_leases(server: Server) -> Self {
        Self::at_most(LEASES, server)
    }

    fn at_most(connections: usize, server: Server) -> Self {
        Self { server, idle: Mutex::default(), permits: Semaphore::new(connections) }
    }

    /// Where they lead.
    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Runs `work` over one of the connections. If that is lost, over another, for a while: so `work` must come to the
    /// same however often it is done.
    pub(super) async fn run<'s, T, F>(&'s self, work: impl Fn(Session<'s>) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Failed>>,
    {
        let once = || async {
            let permit = self.permits.acquire().await.map_err(|_| StoreError::Closed)?;
            let idle = self.idle().pop();
            let connection = match idle {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            let session = Session { sessions: self, connection, _permit: permit };
            let done = within(ANSWER, work(session)).await.unwrap_or_else(|late| Err(late.into()));
            if let Err(Failed::Lost(_)) = &done {
                // What happened to one has happened to most.
                self.idle().clear();
            }
            done
        };
        // Attempts take their time, too, and not only the pauses between them.
        let mut lost: Option<Instant> = None;
        let again = |failed: &Failed| {
            matches!(failed, Failed::Lost(_)) && lost.get_or_insert_with(Instant::now).elapsed() < PATIENCE
        };
        let done = once.retry(pauses()).when(again).await;
        done.map_err(|failed| passing(failed.into()))
    }

    /// A server that crashed may have forgotten what it had published last. That ended all connections, so whoever reads
    /// over a new one sees it published again.
    async fn connect(&self) -> Result<PgConnection, Failed> {
        let mut connection = self.server.connect().await?;
        within(SOON, raw_sql("CALL angzarr.settle()").execute(&mut connection)).await.map_err(Failed::Lost)??;
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<PgConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connections. Later calls fail.
    pub(super) async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            // The server notices the end of a connection without being told, too.
            let _ = connection.close().await;
        }
    }
}

/// A connection while it is used. It is closed when it is dropped, since it may be in the middle of an answer.
pub(super) struct Session<'s> {
    sessions: &'s Sessions,
    connection: PgConnection,
    _permit: SemaphorePermit<'s>,
}

impl Session<'_> {
    /// The connection, between two questions.
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Gives the connection back to whoever needs it next.
    pub(super) fn done<T>(self, value: T) -> Result<T, Failed> {
        if !self.sessions.permits.is_closed() {
            self.sessions.idle().push(self.connection);
        }
        Ok(value)
    }
}

/// Once a store is open, a server that cannot be reached may come back.
pub(super) fn passing(error: StoreError) -> StoreError {
    match error {
        StoreError::CannotOpen { reason, .. } => StoreError::Unavailable { reason },
        other => other,
    }
}

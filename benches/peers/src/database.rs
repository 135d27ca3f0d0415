//! A database for each peer, on the server that is measured.

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};
use uuid::Uuid;

use crate::peer::Result;

/// The databases made so far.
#[derive(Debug)]
pub(crate) struct Databases {
    server: PgConnectOptions,
    administration: PgConnection,
    names: Vec<String>,
}

impl Databases {
    /// Connects to the server; the URL's own database is only used to make others.
    pub(crate) async fn connect(server: PgConnectOptions) -> Result<Self> {
        let existing = server.get_database().unwrap_or("postgres").to_owned();
        let administration = server.clone().database(&existing).connect().await;
        let administration =
            administration.map_err(|error| format!("the PostgreSQL server cannot be reached: {error}"))?;
        Ok(Self { server, administration, names: Vec::new() })
    }

    /// Makes an empty database.
    pub(crate) async fn create(&mut self, purpose: &str) -> Result<PgConnectOptions> {
        let name = format!("peers_{}_{}", purpose.replace('-', "_"), Uuid::new_v4().simple());
        // Noted first, so that it is dropped even if whoever waits for this is interrupted.
        self.names.push(name.clone());
        sqlx::query(&format!("CREATE DATABASE {name}")).execute(&mut self.administration).await?;
        Ok(self.server.clone().database(&name))
    }

    /// Drops them all, whoever is still connected.
    pub(crate) async fn drop_all(mut self) -> Result<()> {
        for name in self.names {
            sqlx::query(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                .execute(&mut self.administration)
                .await?;
        }
        self.administration.close().await?;
        Ok(())
    }
}

/// Connections for so many callers, none of whom waits for another's: one more, since a lock may take one besides.
pub(crate) async fn connect(database: &PgConnectOptions, callers: u32) -> Result<PgPool> {
    // A pool asks by default whether a connection still lives, a round trip before each statement; it is spared here, in
    // favour of the peers.
    let pool = PgPoolOptions::new().max_connections(callers + 1).test_before_acquire(false);
    Ok(pool.connect_with(database.clone()).await?)
}

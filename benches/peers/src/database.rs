//! A database for each peer, on the server that is measured.

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use uuid::Uuid;

use crate::peer::Result;

/// The databases made so far.
#[derive(Debug)]
pub(crate) struct Databases {
    server: PgConnectOptions,
    administration: PgPool,
    names: Vec<String>,
}

impl Databases {
    /// Connects to the server; the URL's own database is only used to make others.
    pub(crate) async fn connect(server: PgConnectOptions) -> Result<Self> {
        let existing = server.get_database().unwrap_or("postgres").to_owned();
        let administration = PgPoolOptions::new()
            .max_connections(1)
            .connect_with(server.clone().database(&existing))
            .await
            .map_err(|error| format!("the PostgreSQL server cannot be reached: {error}"))?;
        Ok(Self { server, administration, names: Vec::new() })
    }

    /// Makes an empty database.
    pub(crate) async fn create(&mut self, purpose: &str) -> Result<PgConnectOptions> {
        let name = format!("peers_{}_{}", purpose.replace('-', "_"), Uuid::new_v4().simple());
        sqlx::query(&format!("CREATE DATABASE {name}")).execute(&self.administration).await?;
        let options = self.server.clone().database(&name);
        self.names.push(name);
        Ok(options)
    }

    /// Drops them all, whoever is still connected.
    pub(crate) async fn drop_all(self) -> Result<()> {
        for name in self.names {
            sqlx::query(&format!("DROP DATABASE {name} WITH (FORCE)")).execute(&self.administration).await?;
        }
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

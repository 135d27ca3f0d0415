//! Where the server is, and who asks: kept so that it is never printed.

use std::fmt;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use crate::store::StoreError;

/// The parameters that may stand behind the `?`.
const PARAMETERS: &[&str] =
    &["host", "hostaddr", "port", "dbname", "user", "password", "sslmode", "sslrootcert", "sslcert", "sslkey"];

/// The URL of a PostgreSQL database, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. What is printed of it is host, port
/// and database.
///
/// Parameters are `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, and `host` for the folder of a Unix socket; what is not
/// said comes from the environment (`PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`) and from `~/.pgpass`.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    url: String,
    place: String,
}

impl PostgresUrl {
    /// Host, port and database: what may be printed.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// For the driver.
    pub(super) fn options(&self) -> Result<PgConnectOptions, StoreError> {
        let options = PgConnectOptions::from_str(&self.url).map_err(|_| bad("it is no URL"))?;
        // The driver wants an IPv6 address without its brackets.
        let host = options.get_host().trim_matches(['[', ']']).to_owned();
        Ok(if options.get_socket().is_some() { options } else { options.host(&host) })
    }
}

/// The URL is not repeated: wherever it is wrong, its password may be anywhere in it.
fn bad(reason: &str) -> StoreError {
    StoreError::BadStorage { given: "postgres://…".into(), reason: reason.to_owned() }
}

impl FromStr for PostgresUrl {
    type Err = StoreError;

    fn from_str(url: &str) -> Result<Self, StoreError> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(bad("it does not begin with `postgres://`"));
        }
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let names = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split('=').next().unwrap_or(pair));
        if names.into_iter().any(|name| !PARAMETERS.contains(&name)) {
            let known = PARAMETERS.join(", ");
            return Err(bad(&format!(
                "it has a parameter that is not known; there are {known}; in names and passwords, `?`, `#`, `/`, `@` and `%` are written `%3F`, `%23`, `%2F`, `%40` and `%25`"
            )));
        }
        // A user's name may be taken for a host, and a password that begins with digits for a port and a database.
        let path = url.split('?').next().unwrap_or(url).splitn(4, '/').nth(3).unwrap_or_default();
        if path.contains(['@', '/', '#']) {
            return Err(bad(
                "the database is no name; in names and passwords, `?`, `#`, `/`, `@` and `%` are written `%3F`, `%23`, `%2F`, `%40` and `%25`",
            ));
        }
        let mut parsed = Self { url: url.to_owned(), place: String::new() };
        let options = parsed.options().map_err(|_| {
            bad("it is no URL; in names and passwords, `?`, `#`, `/`, `@` and `%` are written `%3F`, `%23`, `%2F`, `%40` and `%25`")
        })?;
        let Some(database) = options.get_database() else { return Err(bad("the database is missing: …/DATABASE")) };
        let host = match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => options.get_host().to_owned(),
        };
        parsed.place = format!("postgres://{host}:{}/{database}", options.get_port());
        Ok(parsed)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresUrl").field(&self.place).finish()
    }
}

//! What the server and the driver say, in our words.

use sqlx::Error;

use crate::store::StoreError;

/// What came of asking the server something.
#[derive(Debug)]
pub(super) enum Failed {
    /// The connection is gone, or was never there: ask again over another one.
    Lost(StoreError),
    /// The server, or what it holds, refused.
    Refused(StoreError),
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Lost(error) | Failed::Refused(error) => error,
        }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Failed::Refused(error)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Failed::from_driver(&error)
    }
}

impl Failed {
    pub(super) fn from_driver(error: &Error) -> Self {
        if is_lost(error) { Failed::Lost(translate(error)) } else { Failed::Refused(translate(error)) }
    }
}

/// Whether the connection is of no more use, whatever it was asked.
fn is_lost(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed => true,
        // Connection exceptions; the server shuts down, crashed, or starts up; it has no connection to spare.
        Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("08") || code.starts_with("57P0") || code == "53300" || code == "25P03"
        }),
        _ => false,
    }
}

/// The one table of errors.
pub(super) fn translate(error: &Error) -> StoreError {
    let Error::Database(told) = error else {
        return match error {
            Error::Io(error) => StoreError::Unavailable { reason: format!("no connection to the server: {error}") },
            Error::ColumnDecode { .. } | Error::Decode(_) | Error::RowNotFound => {
                StoreError::Damaged { reason: error.to_string() }
            }
            _ => StoreError::Unavailable { reason: error.to_string() },
        };
    };
    let code = told.code().unwrap_or_default();
    let reason = format!("{} ({code})", told.message());
    let place = "the server".to_owned();
    match &*code {
        "53100" => StoreError::Full { reason },
        "42501" => StoreError::NoRights { place, reason },
        // Tables, columns, functions, types and schemas that are not there, or not what they were.
        "42P01" | "42703" | "42883" | "42804" | "42P10" | "3F000" | "42809" => StoreError::Altered { place, reason },
        // What a constraint of ours, or a trigger of somebody else, does not take.
        _ if code.starts_with("23") || code == "P0001" => StoreError::Altered { place, reason },
        "XX001" | "XX002" => StoreError::Damaged { reason },
        // Among these is a server that takes no writes any more (25006): another one may take its place.
        _ => StoreError::Unavailable { reason },
    }
}

/// Why there is no connection at all. The server repeats the user's name, so it is not let speak.
pub(super) fn cannot_connect(error: &Error, place: &str) -> StoreError {
    let refused = |reason: &str| StoreError::CannotOpen { place: place.to_owned(), reason: reason.to_owned() };
    let Error::Database(told) = error else {
        return match error {
            Error::Io(error) => refused(&format!("host or port: {error}")),
            Error::PoolTimedOut => refused("host or port: no connection was made in time"),
            Error::Tls(error) => refused(&format!("TLS: {error}")),
            _ => refused(&format!("what answers there is no PostgreSQL server: {error}")),
        };
    };
    match told.code().as_deref().unwrap_or_default() {
        "28P01" => refused("the server does not know this user with this password (28P01)"),
        "28000" => refused("the server does not let this user in from here (28000); see its pg_hba.conf"),
        "3D000" => refused("the server has no such database (3D000)"),
        "42501" => StoreError::NoRights {
            place: place.to_owned(),
            reason: "this user may not connect to the database: GRANT CONNECT ON DATABASE … (42501)".into(),
        },
        "53300" => refused("the server has no connection to spare (53300); raise its max_connections"),
        "57P03" => refused("the server is starting up or shutting down (57P03)"),
        code => refused(&format!("the server refuses the connection ({code})")),
    }
}

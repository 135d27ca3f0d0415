//! Where a program keeps its log and its views: the one place that knows all stores.

#[cfg(feature = "sqlite")]
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::{Store, StoreError, memory};
use crate::view::ViewStore;

/// The configured storage. Its text form is `memory`, `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`;
/// what is opened already has none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// Gone with the process; for tests.
    Memory,
    /// One file for the log at this path, one for the views at `PATH.views`.
    #[cfg(feature = "sqlite")]
    Sqlite(PathBuf),
    /// The schema `angzarr` of a PostgreSQL database.
    #[cfg(feature = "postgres")]
    Postgres(super::postgres::PostgresUrl),
    /// What is opened already: a store of one's own, or one that is wrapped. [`App::shutdown`](crate::App::shutdown)
    /// closes it.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use angzarr_runtime::store::memory::{MemoryStore, MemoryViews};
    /// use angzarr_runtime::store::{Opened, Storage};
    ///
    /// let opened = Opened { store: Arc::new(MemoryStore::new()), views: Arc::new(MemoryViews::new()) };
    /// let app = angzarr_runtime::App::builder(Storage::Opened(opened));
    /// ```
    Opened(Opened),
}

impl FromStr for Storage {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let bad = |reason: &str| StoreError::BadStorage { given: printable(text), reason: reason.to_owned() };
        match text.split_once(':') {
            None if text == "memory" => Ok(Storage::Memory),
            #[cfg(feature = "sqlite")]
            Some(("sqlite", "")) => Err(bad("the path is missing")),
            #[cfg(feature = "sqlite")]
            // What SQLite itself would not take for a path.
            Some(("sqlite", path)) if path.starts_with(':') || path.starts_with("file:") => {
                Err(bad("a path is wanted; a log in memory is `memory`"))
            }
            #[cfg(feature = "sqlite")]
            Some(("sqlite", path)) => Ok(Storage::Sqlite(PathBuf::from(path))),
            #[cfg(feature = "postgres")]
            Some(("postgres" | "postgresql", _)) => Ok(Storage::Postgres(text.parse()?)),
            _ => Err(bad("no such kind of storage")),
        }
    }
}

/// What may be printed of a text: unless it is a path or a word, a password may be anywhere in it.
fn printable(text: &str) -> String {
    let is_word =
        |text: &str| text.chars().all(|character| character.is_ascii_alphanumeric() || "_+-".contains(character));
    match text.split_once(':') {
        Some(("sqlite", _)) => text.to_owned(),
        Some((kind, _)) if is_word(kind) => format!("{kind}:…"),
        None if is_word(text) => text.to_owned(),
        _ => "…".to_owned(),
    }
}

/// An opened storage. Clones share it; those that do are equal.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The log.
    pub store: Arc<dyn Store>,
    /// The views.
    pub views: Arc<dyn ViewStore>,
}

impl PartialEq for Opened {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.store), Arc::as_ptr(&other.store))
            && std::ptr::addr_eq(Arc::as_ptr(&self.views), Arc::as_ptr(&other.views))
    }
}

impl Eq for Opened {}

impl Storage {
    /// Opens it, creating what does not exist.
    ///
    /// # Errors
    /// Files that cannot be opened, are in use, or belong to something else.
    pub async fn open(&self) -> Result<Opened, StoreError> {
        match self {
            Storage::Memory => {
                Ok(Opened { store: Arc::new(memory::MemoryStore::new()), views: Arc::new(memory::MemoryViews::new()) })
            }
            #[cfg(feature = "sqlite")]
            Storage::Sqlite(path) => {
                let store = super::sqlite::SqliteStore::open(path.clone()).await?;
                let views = super::sqlite::SqliteViews::open(store.path()).await?;
                Ok(Opened { store: Arc::new(store), views: Arc::new(views) })
            }
            #[cfg(feature = "postgres")]
            Storage::Postgres(url) => {
                let store = super::postgres::PostgresStore::open(url).await?;
                let views = super::postgres::PostgresViews::beside(&store);
                Ok(Opened { store: Arc::new(store), views: Arc::new(views) })
            }
            Storage::Opened(opened) => Ok(opened.clone()),
        }
    }
}

//! The backends that the suites run on: the one place that names them.

use std::path::PathBuf;
use std::sync::Arc;

use angzarr_runtime::Storage;
use angzarr_runtime::store::Opened;
use angzarr_runtime::store::memory::{MemoryStore, MemoryViews};
use async_trait::async_trait;

/// A fresh place to keep things, gone when it is dropped.
#[async_trait]
pub(crate) trait Backend: Send + Sync + Sized + 'static {
    /// As it is called in the list of what ran.
    const NAME: &'static str;

    /// Whether an application that opens [`storage`](Backend::storage) again finds what an earlier one left.
    const PERSISTENT: bool;

    /// A place of its own.
    fn new() -> Self;

    /// For applications.
    fn storage(&self) -> Storage;

    /// Opens store and views.
    async fn open(&self) -> Opened;

    /// Closes what can be opened again, and opens it.
    async fn reopen(&self, opened: Opened) -> Opened;

    /// Loses the views of the storage while nobody has it open.
    fn lose_views(&self);
}

/// Keeps everything as long as the value lives; an application's own storage cannot be reached from outside.
#[derive(Debug)]
pub(crate) struct Memory {
    opened: Opened,
}

#[async_trait]
impl Backend for Memory {
    const NAME: &'static str = "memory";
    const PERSISTENT: bool = false;

    fn new() -> Self {
        Self { opened: Opened { store: Arc::new(MemoryStore::new()), views: Arc::new(MemoryViews::new()) } }
    }

    fn storage(&self) -> Storage {
        Storage::Memory
    }

    async fn open(&self) -> Opened {
        self.opened.clone()
    }

    async fn reopen(&self, opened: Opened) -> Opened {
        opened
    }

    fn lose_views(&self) {}
}

/// A file in a folder of its own.
#[derive(Debug)]
pub(crate) struct Sqlite {
    folder: tempfile::TempDir,
}

impl Sqlite {
    /// The log's file.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("log.db")
    }
}

#[async_trait]
impl Backend for Sqlite {
    const NAME: &'static str = "sqlite";
    const PERSISTENT: bool = true;

    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn storage(&self) -> Storage {
        Storage::Sqlite(self.path())
    }

    async fn open(&self) -> Opened {
        self.storage().open().await.unwrap()
    }

    async fn reopen(&self, opened: Opened) -> Opened {
        opened.views.close().await.unwrap();
        opened.store.close().await.unwrap();
        self.open().await
    }

    fn lose_views(&self) {
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().contains(".views") {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
}

/// Backend, case, and whether the case runs there.
pub(crate) type Listed = (&'static str, &'static str, bool);

/// Lists cases as tests: `case::memory`, `case::sqlite`. Those under `persistent` need a backend that is, and are
/// ignored, visibly, on others.
macro_rules! cases {
    (every: $($case:ident),+ $(,)?; persistent: $($kept:ident),* $(,)?;) => {
        $(mod $case {
            use crate::backend::{Backend, Memory, Sqlite};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn memory() {
                super::$case(Memory::new()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$case(Sqlite::new()).await;
            }
        })+
        $(mod $kept {
            use crate::backend::{Backend, Sqlite};

            #[test]
            #[ignore = "an application's storage in memory cannot be opened again"]
            fn memory() {}

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$kept(Sqlite::new()).await;
            }
        })*
        /// What is listed above: backend, case, and whether it runs there.
        pub(crate) const LISTED: &[crate::backend::Listed] = &[
            $(("memory", stringify!($case), true), ("sqlite", stringify!($case), true),)+
            $(("memory", stringify!($kept), false), ("sqlite", stringify!($kept), true),)*
        ];
    };
}

/// Every suite runs on all backends, and only those that do not persist skip what needs persistence.
#[test]
fn all_backends_run() {
    let backends = [(Memory::NAME, Memory::PERSISTENT), (Sqlite::NAME, Sqlite::PERSISTENT)];
    assert_eq!(backends, [("memory", false), ("sqlite", true)]);
    for suite in [crate::store::LISTED, crate::view::LISTED, crate::coordinator::LISTED] {
        let mut ran: Vec<_> = suite.iter().map(|(backend, _, _)| *backend).collect();
        ran.sort_unstable();
        ran.dedup();
        assert_eq!(ran, ["memory", "sqlite"]);
        for (name, persistent) in backends {
            let skips = suite.iter().any(|(backend, _, runs)| *backend == name && !runs);
            assert!(!(skips && persistent), "{name} skips cases");
        }
    }
    let skips = |suite: &[Listed]| suite.iter().filter(|(_, _, runs)| !runs).count();
    assert_eq!(skips(crate::store::LISTED), 0);
    assert_eq!(skips(crate::view::LISTED), 0);
}

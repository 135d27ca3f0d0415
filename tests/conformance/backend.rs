//! The backends that the suites run on: the one place that names them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use angzarr_runtime::Storage;
use angzarr_runtime::store::memory::{MemoryStore, MemoryViews};
use angzarr_runtime::store::{Opened, StreamId};
use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

/// A fresh place to keep things, gone when it is dropped.
#[async_trait]
pub(crate) trait Backend: Send + Sync + Sized + 'static {
    /// As it is called in the list of what ran.
    const NAME: &'static str;

    /// Whether it is there beside its stores: it can be opened again, twice at once, and by other processes.
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

    /// As applications spell it.
    fn text(&self) -> String;

    /// Runs SQL where the views lie; gives the rows of the last statement, fields separated by `|`. Only where it is
    /// persistent, like what follows.
    fn view_sql(&self, statements: &str) -> String;

    /// A view's table, as SQL names it.
    fn view_table(&self, name: &str) -> String;

    /// Names of the indexes that users made on a view's table, sorted.
    fn view_indexes(&self, table: &str) -> Vec<String>;

    /// Begins a new stream with one record, by a writer beneath the runtime that does not commit it yet. Only where it
    /// is persistent.
    async fn hold(&self, stream: &StreamId) -> Box<dyn Held>;
}

/// A writer between write and commit.
#[async_trait]
pub(crate) trait Held: Send {
    /// Makes the record durable.
    async fn commit(self: Box<Self>);

    /// Goes away without a word.
    async fn die(self: Box<Self>);
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

    fn text(&self) -> String {
        "memory".into()
    }

    fn view_sql(&self, _: &str) -> String {
        panic!("memory knows no SQL")
    }

    fn view_table(&self, _: &str) -> String {
        panic!("memory knows no SQL")
    }

    fn view_indexes(&self, _: &str) -> Vec<String> {
        panic!("memory knows no SQL")
    }

    async fn hold(&self, _: &StreamId) -> Box<dyn Held> {
        panic!("in memory nothing is written before it is committed")
    }
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
    fn text(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    fn view_sql(&self, statements: &str) -> String {
        let connection = Connection::open(self.folder.path().join("log.db.views")).unwrap();
        let mut statement = connection.prepare(statements).unwrap();
        let columns = statement.column_count();
        let field = |value: ValueRef<'_>| match value {
            ValueRef::Null => String::new(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
        };
        let row = |row: &rusqlite::Row<'_>| {
            let fields: Result<Vec<_>, _> = (0..columns).map(|index| row.get_ref(index).map(field)).collect();
            Ok(fields?.join("|"))
        };
        let rows: Vec<String> = statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap();
        rows.join("\n")
    }

    fn view_table(&self, name: &str) -> String {
        format!("\"{name}\"")
    }

    fn view_indexes(&self, table: &str) -> Vec<String> {
        let names = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name =";
        self.view_sql(&format!("{names} '{table}' ORDER BY name")).lines().map(ToOwned::to_owned).collect()
    }

    async fn hold(&self, stream: &StreamId) -> Box<dyn Held> {
        let connection = Connection::open(self.path()).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        connection
            .execute(
                "INSERT INTO streams (domain, root, key, next_sequence) VALUES (?1, ?2, 'thing', 1)",
                (&stream.domain, stream.root.as_bytes().as_slice()),
            )
            .unwrap();
        connection
            .execute(
                "INSERT INTO records (position, stream, sequence, kind, type, payload, created_at, correlation_id)
                 SELECT coalesce(max(position), 0) + 1, ?1, 0, 0, 'test.Said', CAST('held' AS BLOB), 0, 'talk'
                 FROM records",
                [connection.last_insert_rowid()],
            )
            .unwrap();
        Box::new(HeldConnection(connection))
    }
}

struct HeldConnection(Connection);

#[async_trait]
impl Held for HeldConnection {
    async fn commit(self: Box<Self>) {
        self.0.execute_batch("COMMIT").unwrap();
    }

    async fn die(self: Box<Self>) {
        drop(self.0);
    }
}

/// A database of its own, on a server that all cases share.
#[derive(Debug)]
pub(crate) struct Postgres {
    url: String,
}

#[async_trait]
impl Backend for Postgres {
    const NAME: &'static str = "postgres";
    const PERSISTENT: bool = true;

    fn new() -> Self {
        Self { url: angzarr_servers::postgres::shared().create_database().unwrap() }
    }

    fn storage(&self) -> Storage {
        self.url.parse().unwrap()
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
        let lost = "TRUNCATE angzarr.views, angzarr.view_versions, angzarr.view_tombstones;
                    DROP SCHEMA angzarr_views CASCADE; CREATE SCHEMA angzarr_views";
        angzarr_servers::postgres::shared().sql_in(&self.url, lost).unwrap();
    }

    fn text(&self) -> String {
        self.url.clone()
    }

    fn view_sql(&self, statements: &str) -> String {
        let rows = angzarr_servers::postgres::shared().sql_in(&self.url, statements).unwrap();
        rows.trim_end().to_owned()
    }

    fn view_table(&self, name: &str) -> String {
        format!("angzarr_views.\"{name}\"")
    }

    fn view_indexes(&self, table: &str) -> Vec<String> {
        let names = "SELECT indexname FROM pg_indexes WHERE schemaname = 'angzarr_views' AND indexdef NOT LIKE '%256%'";
        let names = self.view_sql(&format!("{names} AND tablename = '{table}' ORDER BY indexname"));
        names.lines().map(ToOwned::to_owned).collect()
    }

    async fn hold(&self, stream: &StreamId) -> Box<dyn Held> {
        Box::new(HeldSession(uncommitted(&self.url, stream).await))
    }
}

/// A connection that has appended an event to a new stream, and has not committed it.
pub(crate) async fn uncommitted(url: &str, stream: &StreamId) -> PgConnection {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query("BEGIN").execute(&mut connection).await.unwrap();
    sqlx::query(
        "SELECT angzarr.append(gen_random_uuid(), 1, '{1}', ARRAY[$1], ARRAY[$2], '{thing}', '{0}', '{NULL}', '{1}',
            '{true}', '{0}', '{1}', '{0}', '{0}', '{test.Said}', ARRAY['held'::bytea], '{NULL}', '{talk}', '{NULL}',
            '{NULL}', '{}', '{}', '{}', '{}')",
    )
    .bind(&*stream.domain)
    .bind(stream.root)
    .execute(&mut connection)
    .await
    .unwrap();
    connection
}

struct HeldSession(PgConnection);

#[async_trait]
impl Held for HeldSession {
    async fn commit(mut self: Box<Self>) {
        sqlx::query("COMMIT").execute(&mut self.0).await.unwrap();
        sqlx::query("CALL angzarr.settle()").execute(&mut self.0).await.unwrap();
    }

    async fn die(self: Box<Self>) {
        drop(self.0);
    }
}

/// SQLite, with components in a service beside the runtime.
#[derive(Debug)]
pub(crate) struct Served(Sqlite);

#[async_trait]
impl Backend for Served {
    const NAME: &'static str = "served";
    const PERSISTENT: bool = true;

    fn new() -> Self {
        angzarr_tests::serve_components();
        Self(Sqlite::new())
    }

    fn storage(&self) -> Storage {
        self.0.storage()
    }

    async fn open(&self) -> Opened {
        self.0.open().await
    }

    async fn reopen(&self, opened: Opened) -> Opened {
        self.0.reopen(opened).await
    }

    fn lose_views(&self) {
        self.0.lose_views();
    }

    fn text(&self) -> String {
        self.0.text()
    }

    fn view_sql(&self, statements: &str) -> String {
        self.0.view_sql(statements)
    }

    fn view_table(&self, name: &str) -> String {
        self.0.view_table(name)
    }

    fn view_indexes(&self, table: &str) -> Vec<String> {
        self.0.view_indexes(table)
    }

    async fn hold(&self, stream: &StreamId) -> Box<dyn Held> {
        self.0.hold(stream).await
    }
}

/// One case on every backend: a line each.
macro_rules! on_backends {
    (every $case:ident) => {
        on_backend!(memory, Memory, $case);
        on_backend!(postgres, Postgres, $case);
        on_backend!(sqlite, Sqlite, $case);
    };
    (persistent $case:ident) => {
        #[test]
        #[ignore = "what is in memory cannot be opened again, nor by another process"]
        fn memory() {}
        on_backend!(postgres, Postgres, $case);
        on_backend!(sqlite, Sqlite, $case);
    };
    (served $case:ident) => {
        on_backend!(served, Served, $case);
    };
}

macro_rules! on_backend {
    ($name:ident, $backend:ident, $case:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            super::$case(<crate::backend::$backend as crate::backend::Backend>::new()).await;
        }
    };
}

/// Lists cases as tests: `case::memory`, `case::sqlite`. Those under `persistent` need a backend that is, and are
/// ignored, visibly, on others. With a list of those under `linked`, all others run with components in a service, too;
/// those are about what is there only where runtime and components are one program.
macro_rules! cases {
    (every: $($case:ident),+ $(,)?; persistent: $($kept:ident),* $(,)?;) => {
        $(mod $case {
            on_backends!(every $case);
        })+
        $(mod $kept {
            on_backends!(persistent $kept);
        })*
    };
    (
        every: $($case:ident),+ $(,)?;
        persistent: $($kept:ident),* $(,)?;
        linked, every: $($linked:ident),* $(,)?;
        linked, persistent: $($both:ident),* $(,)?;
    ) => {
        $(mod $case {
            on_backends!(every $case);
            on_backends!(served $case);
        })+
        $(mod $kept {
            on_backends!(persistent $kept);
            on_backends!(served $kept);
        })*
        $(mod $linked {
            on_backends!(every $linked);
        })*
        $(mod $both {
            on_backends!(persistent $both);
        })*
    };
}

/// Every case of every suite, by backend, as this test binary lists them: `suite::case::backend: test`.
fn listed(arguments: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let itself = std::env::current_exe().unwrap();
    let output = Command::new(itself).args(["--list", "--format", "terse"]).args(arguments).output().unwrap();
    let mut cases: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let name = line.strip_suffix(": test").unwrap();
        if let [suite @ ("store" | "tables" | "view" | "coordinator" | "model"), case, backend] =
            *name.split("::").collect::<Vec<_>>()
        {
            cases.entry(backend.to_owned()).or_default().insert(format!("{suite}::{case}"));
        }
    }
    cases
}

/// Every suite runs on all backends, and only those that do not persist skip what needs persistence.
#[test]
fn all_backends_run() {
    let backends = [
        (Memory::NAME, Memory::PERSISTENT),
        (Postgres::NAME, Postgres::PERSISTENT),
        (Sqlite::NAME, Sqlite::PERSISTENT),
    ];
    assert_eq!(backends, [("memory", false), ("postgres", true), ("sqlite", true)]);
    let (all, skipped) = (listed(&[]), listed(&["--ignored"]));
    assert_eq!(all.keys().collect::<Vec<_>>(), ["memory", "postgres", "served", "sqlite"]);
    let coordinators = |name: &str| all[name].iter().filter(|case| case.starts_with("coordinator::")).count();
    assert!(all["served"].iter().all(|case| case.starts_with("coordinator::")));
    assert!(coordinators("served") + 30 > coordinators("memory"), "few cases are about one program only");
    for (name, persistent) in backends {
        assert_eq!(all[name], all["memory"], "{name} has the same cases as the others");
        for suite in ["store::", "tables::", "view::", "coordinator::", "model::"] {
            assert!(all[name].iter().any(|case| case.starts_with(suite)), "{name} runs {suite}");
        }
        assert_eq!(skipped.contains_key(name), !persistent, "{name}: {:?}", skipped.get(name));
        // `make conformance` prints what ran in the end; this is what is to run.
        println!("{name}: {} cases, {} skipped", all[name].len(), skipped.get(name).map_or(0, BTreeSet::len));
    }
}

//! PostgreSQL that is not there, not ours, or not as we left it: each gets a coded error with help, no error tells a
//! password, and nothing is changed.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};

use angzarr_runtime::Storage;
use angzarr_runtime::store::{Opened, StoreError};
use angzarr_runtime::view::{Owner, Selection, Writer};
use angzarr_servers::Postgres;
use angzarr_servers::postgres::{Admin, shared};
use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;
use tracing::subscriber::DefaultGuard;
use uuid::Uuid;

use crate::store::{book, lease, stream};
use crate::view::{change, plain, shape};

/// A password in which everything has to be escaped, and as it stands in a URL.
const SECRET: &str = "Tr0ub@dor/&:3?#%";
const ESCAPED: &str = "Tr0ub%40dor%2F%26%3A3%3F%23%25";

/// A database of its own, with a user of its own, who has no rights there but those that everybody has.
struct Database {
    admin: &'static Admin,
    url: String,
    user: String,
}

impl Database {
    fn new() -> Self {
        let admin = shared();
        let url = admin.create_database().unwrap();
        let user = format!("user_{}", Uuid::new_v4().simple());
        admin.sql(&format!("CREATE ROLE {user} LOGIN PASSWORD '{SECRET}'")).unwrap();
        Self { admin, url, user }
    }

    /// One that holds a log which was opened and closed again.
    async fn used() -> Self {
        let database = Self::new();
        close(open(&database.url).await.unwrap()).await;
        database
    }

    /// The URL of the user.
    fn of_user(&self) -> String {
        with_user(&self.url, &self.user, ESCAPED)
    }

    fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap()
    }

    /// As the superuser; `USER` and `DATABASE` stand for their names.
    fn sql(&self, statements: &str) -> String {
        let statements = statements.replace("USER", &self.user).replace("DATABASE_", self.name());
        self.admin.sql_in(&self.url, &statements).unwrap()
    }

    /// Everything that the database holds: its relations, and how many rows there are.
    fn contents(&self) -> String {
        self.sql(CONTENTS)
    }
}

const CONTENTS: &str = "
    SELECT string_agg(format('%s.%s %s %s %s', n.nspname, c.relname, c.relkind, c.relnatts, CASE c.relkind WHEN 'r' THEN
        query_to_xml(format('SELECT count(*) AS n FROM %I.%I', n.nspname, c.relname), false, true, '')::text END), ';'
        ORDER BY n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'";

impl Drop for Database {
    fn drop(&mut self) {
        // What is left on a server that goes on running harms nobody.
        let _ = self.admin.drop_database(&self.url);
        let _ = self.admin.sql(&format!("DROP ROLE {}", self.user));
    }
}

fn with_user(url: &str, user: &str, password: &str) -> String {
    let (_, place) = url.rsplit_once('@').unwrap();
    format!("postgres://{user}:{password}@{place}")
}

fn with_port(url: &str, port: u16) -> String {
    let (user, place) = url.rsplit_once('@').unwrap();
    format!("{user}@127.0.0.1:{port}/{}", place.rsplit('/').next().unwrap())
}

async fn open(url: &str) -> Result<Opened, StoreError> {
    url.parse::<Storage>()?.open().await
}

async fn close(opened: Opened) {
    opened.views.close().await.unwrap();
    opened.store.close().await.unwrap();
}

/// Everything that is traced by this thread.
#[derive(Clone, Default)]
struct Traced(Arc<Mutex<Vec<u8>>>);

impl Traced {
    fn all() -> (Self, DefaultGuard) {
        let traced = Self::default();
        let writer = traced.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (traced, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Traced {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Expects that no part of the credentials of `url` stands in what was printed.
fn hidden(url: &str, printed: &str) {
    let user = url.split_once("://").map_or(url, |(_, rest)| rest);
    let user = user.rsplit_once('@').map_or("", |(user, _)| user);
    let password = user.split_once(':').map_or("", |(_, password)| password);
    for secret in [SECRET, ESCAPED, password].into_iter().filter(|secret| !secret.is_empty()) {
        assert!(!printed.contains(secret), "{secret} of {url} is in:\n{printed}");
    }
}

/// Expects a URL to be refused, and nothing that is said about it to tell the password.
async fn refused(url: &str, code: &str) -> StoreError {
    let (traced, guard) = Traced::all();
    let error = open(url).await.unwrap_err();
    drop(guard);
    assert_eq!(error.code(), code, "{error}");
    assert!(!error.help().is_empty());
    let storage = url.parse::<Storage>().map(|storage| format!("{storage:?} {storage:#?}")).unwrap_or_default();
    hidden(url, &format!("{error} {error:?} {error:#?} {storage} {}", traced.text()));
    if let Some((_, place)) = url.rsplit_once('@').filter(|_| code != "STORE_BAD_STORAGE") {
        let place = place.split('?').next().unwrap();
        assert!(error.to_string().contains(place), "the message names {place}: {error}");
    }
    error
}

#[tokio::test]
async fn urls_that_are_none() {
    let wrong = [
        "postgres:",
        "postgresql:",
        "postgres:/",
        "postgres://",
        "postgres:host",
        "postgres://u:SECRET@host",
        "postgres://u:SECRET@host/",
        "postgres://u:SECRET@host:port/d",
        "postgres://u:SECRET@host:70000/d",
        "postgres://u:SEC/RET@host/d",
        "postgres://u:SEC#RET@host/d",
        "postgres://u:SEC?RET@host/d",
        "postgres://u:SECRET@[::1/d",
        "postgres://u:SECRET@ho st/d",
        // A password that might be a port.
        "postgres://u:12/SECRET@host/d",
        "postgres://u:12#SECRET@host/d",
        "postgres://u:12?SECRET@host/d",
        "postgres://u:12/d?SECRET@host/d",
        "postgres://u:12/SECRET@host:5432/d",
        "postgres://u:SECRET@host/d?frobnicate=SECRET",
        "postgres://u:SECRET@host/d?SECRET",
        "postgres://u:SECRET@host/d?pass%77ord=SECRET",
        "postgres://u:SECRET@host/d?sslmode=SECRET",
        "postgres://u:SECRET@host/d?port=SECRET",
        "POSTGRES://u:SECRET@host/d",
        "postgres//u:SECRET@host/d",
        "postgress://u:SECRET@host/d",
        "mysql://u:SECRET@host/d",
        "postgres:u:SECRET@host/d",
    ];
    for url in wrong {
        let error = refused(url, "STORE_BAD_STORAGE").await;
        let told = format!("{error} {error:?}");
        assert!(!told.contains("SEC") && !told.contains("RET"), "{told}");
    }
    let fine =
        ["postgres://h/d", "postgresql://u@h:1/d", "postgres://u:p@[::1]:5432/d", "postgres://u:p@h/d?sslmode=disable"];
    for url in fine {
        assert!(url.parse::<Storage>().is_ok(), "{url}");
    }
}

#[tokio::test]
async fn servers_that_are_none() {
    let database = Database::new();
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let error = refused(&with_port(&database.of_user(), nobody), "STORE_CANNOT_OPEN").await;
    assert!(error.to_string().contains("host or port"), "{error}");
    let error = refused(&format!("postgres://u:{ESCAPED}@nowhere.invalid:5432/d"), "STORE_CANNOT_OPEN").await;
    assert!(error.to_string().contains("host or port"), "{error}");
    for answer in ["HTTP/1.1 400 Bad Request\r\n\r\n", "S", "N", "R\0\0\0\u{8}\0\0\0\0", ""] {
        let other = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = other.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((mut socket, _)) = other.accept().await {
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        });
        refused(&with_port(&database.of_user(), port), "STORE_CANNOT_OPEN").await;
        task.abort();
    }
}

#[tokio::test]
async fn a_wrong_database_user_or_password() {
    let database = Database::new();
    let (base, _) = database.url.rsplit_once('/').unwrap();
    let error = refused(&format!("{base}/nothing_of_that_name"), "STORE_CANNOT_OPEN").await;
    assert!(error.to_string().contains("no such database"), "{error}");
    let error = refused(&with_user(&database.url, &database.user, "wr%40ng%3Fpassword"), "STORE_CANNOT_OPEN").await;
    assert!(error.to_string().contains("password"), "{error}");
    let error = refused(&with_user(&database.url, "nobody_of_that_name", ESCAPED), "STORE_CANNOT_OPEN").await;
    assert!(error.to_string().contains("does not know this user"), "{error}");
    assert!(!error.to_string().contains("nobody_of_that_name"), "{error}");
    let error = refused(&format!("{}?sslmode=require", database.of_user()), "STORE_CANNOT_OPEN").await;
    assert!(error.to_string().contains("TLS"), "{error}");
    let contents = database.contents();
    assert!(!contents.contains("angzarr"), "{contents}");
}

#[tokio::test]
async fn a_user_who_may_not_make_the_schema() {
    let database = Database::new();
    let error = refused(&database.of_user(), "STORE_NO_RIGHTS").await;
    assert!(error.to_string().contains("GRANT CREATE ON DATABASE"), "{error}");
    assert!(!database.contents().contains("angzarr"));
    database.sql("GRANT CREATE ON DATABASE DATABASE_ TO USER");
    let opened = open(&database.of_user()).await.unwrap();
    opened.store.append(book(&stream(), &["a"])).await.unwrap();
    close(opened).await;

    database.sql("REVOKE CONNECT ON DATABASE DATABASE_ FROM PUBLIC");
    let error = refused(&database.of_user(), "STORE_NO_RIGHTS").await;
    assert!(error.to_string().contains("GRANT CONNECT ON DATABASE"), "{error}");
}

#[tokio::test]
async fn a_user_who_lacks_a_right() {
    let database = Database::used().await;
    let everything = "GRANT USAGE ON SCHEMA angzarr TO USER; GRANT ALL ON ALL TABLES IN SCHEMA angzarr TO USER;
                      GRANT ALL ON ALL SEQUENCES IN SCHEMA angzarr TO USER;
                      GRANT EXECUTE ON ALL ROUTINES IN SCHEMA angzarr TO USER";
    let error = refused(&database.of_user(), "STORE_NO_RIGHTS").await;
    assert!(error.to_string().contains("USAGE on schema angzarr"), "{error}");
    database.sql("REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA angzarr FROM PUBLIC");
    let lacking = [
        ("USAGE ON SCHEMA angzarr", "USAGE on schema angzarr"),
        ("SELECT ON angzarr.migrations", "SELECT on table angzarr.migrations"),
        ("SELECT ON angzarr.log", "SELECT on table angzarr.log"),
        ("INSERT ON angzarr.records", "INSERT on table angzarr.records"),
        ("UPDATE ON angzarr.consumers", "UPDATE on table angzarr.consumers"),
        ("DELETE ON angzarr.view_versions", "DELETE on table angzarr.view_versions"),
        ("UPDATE ON SEQUENCE angzarr.published", "UPDATE on sequence angzarr.published"),
        ("EXECUTE ON FUNCTION angzarr.append", "EXECUTE on function angzarr.append"),
        ("EXECUTE ON PROCEDURE angzarr.publish", "EXECUTE on procedure angzarr.publish"),
        ("EXECUTE ON FUNCTION angzarr.commit_view", "EXECUTE on function angzarr.commit_view"),
    ];
    for (right, told) in lacking {
        database.sql(everything);
        database.sql(&format!("REVOKE {right} FROM USER"));
        let before = database.contents();
        let error = refused(&database.of_user(), "STORE_NO_RIGHTS").await;
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(database.contents(), before);
    }
    database.sql(everything);
    let opened = open(&database.of_user()).await.unwrap();
    opened.store.append(book(&stream(), &["a"])).await.unwrap();

    // A right that is taken away later.
    database.sql("REVOKE INSERT ON angzarr.records FROM USER");
    let error = opened.store.append(book(&stream(), &["b"])).await.unwrap_err();
    assert_eq!(error.code(), "STORE_NO_RIGHTS", "{error}");
    assert!(error.to_string().contains("records") && !error.retryable(), "{error}");
    database.sql("GRANT INSERT ON angzarr.records TO USER");
    opened.store.append(book(&stream(), &["c"])).await.unwrap();
    assert_eq!(opened.store.head().await.unwrap(), 2);
    close(opened).await;
}

/// Tables of views belong to the schema's owner, whoever feeds them; who may read them may read what replaces them.
#[tokio::test]
async fn rights_to_views() {
    let database = Database::used().await;
    database.sql(
        "GRANT USAGE ON SCHEMA angzarr TO USER; GRANT ALL ON ALL TABLES IN SCHEMA angzarr TO USER;
         GRANT ALL ON ALL SEQUENCES IN SCHEMA angzarr TO USER;
         GRANT EXECUTE ON ALL ROUTINES IN SCHEMA angzarr TO USER",
    );
    let readable = || database.sql("SELECT has_table_privilege('USER', 'angzarr_views.a_view', 'SELECT')");
    let (owner, user) = (open(&database.url).await.unwrap(), open(&database.of_user()).await.unwrap());
    let shape = shape("a.Row");
    let of = Owner { log: owner.store.log_id(), shape: &shape };
    for (token, opened) in (1..).zip([&user, &owner, &user]) {
        let version = opened.views.take("a.View", of, 9, token).await.unwrap().version;
        let by = Writer { token, version };
        opened.views.commit("a.View", by, vec![change("key", token, Some(plain(b"row")))], token).await.unwrap();
        assert!(opened.views.switch("a.View", by, token).await.unwrap());
        assert_eq!(opened.views.rows("a.View", Selection::ALL).await.unwrap().len(), 1);
        assert_eq!(opened.views.versions("a.View").await.unwrap().len(), 1);
        if token == 1 {
            assert_eq!(readable().trim(), "f");
            database.sql("GRANT SELECT ON angzarr_views.a_view TO USER");
        }
        assert_eq!(readable().trim(), "t");
        opened.views.rebuild("a.View").await.unwrap();
    }
    close(owner).await;
    close(user).await;
}

#[tokio::test]
async fn a_schema_of_something_else() {
    let others = [
        "CREATE SCHEMA angzarr",
        "CREATE SCHEMA angzarr; CREATE TABLE angzarr.theirs (a int); INSERT INTO angzarr.theirs VALUES (1)",
        "CREATE SCHEMA angzarr; CREATE TABLE angzarr.migrations (name text); INSERT INTO angzarr.migrations VALUES ('1')",
        "CREATE SCHEMA angzarr; CREATE TABLE angzarr.migrations (version text); INSERT INTO angzarr.migrations VALUES ('1')",
        "CREATE SCHEMA angzarr; CREATE TABLE angzarr.migrations (version int, shape text)",
    ];
    for other in others {
        let database = Database::new();
        database.sql(other);
        let before = database.contents();
        refused(&database.url, "STORE_FOREIGN").await;
        // Whoever has no rights there is not told to get them.
        database.sql("GRANT USAGE ON SCHEMA angzarr TO USER");
        if !other.contains("migrations") {
            refused(&database.of_user(), "STORE_FOREIGN").await;
        }
        assert_eq!(database.contents(), before, "{other}");
    }
}

#[tokio::test]
async fn a_log_of_a_newer_release() {
    let database = Database::used().await;
    for version in ["99", "0", "-1"] {
        database.sql(&format!("UPDATE angzarr.migrations SET version = {version} WHERE version = (SELECT max(version) FROM angzarr.migrations)"));
        if version == "0" {
            database.sql("DELETE FROM angzarr.migrations WHERE version > 0");
        }
        let before = database.contents();
        let error = refused(&database.url, "STORE_FOREIGN").await;
        assert!(error.to_string().contains(&format!("version {version}")), "{error}");
        assert_eq!(database.contents(), before);
    }
}

/// A change, what undoes it, and what is told of it.
const CHANGES: &[(&str, &str, &str)] = &[
    (
        "ALTER TABLE angzarr.records ADD COLUMN note text",
        "ALTER TABLE angzarr.records DROP COLUMN note",
        "column records.note",
    ),
    (
        "ALTER TABLE angzarr.streams RENAME COLUMN key TO name",
        "ALTER TABLE angzarr.streams RENAME COLUMN name TO key",
        "column streams.key",
    ),
    (
        "ALTER TABLE angzarr.parked ALTER COLUMN part TYPE int",
        "ALTER TABLE angzarr.parked ALTER COLUMN part TYPE bigint",
        "column parked.part",
    ),
    (
        "ALTER TABLE angzarr.records ALTER COLUMN payload DROP NOT NULL",
        "ALTER TABLE angzarr.records ALTER COLUMN payload SET NOT NULL",
        "column records.payload",
    ),
    ("ALTER TABLE angzarr.records RENAME TO entries", "ALTER TABLE angzarr.entries RENAME TO records", "records"),
    (
        "ALTER INDEX angzarr.records_correlated RENAME TO mine",
        "ALTER INDEX angzarr.mine RENAME TO records_correlated",
        "index CREATE INDEX records_correlated",
    ),
    ("CREATE INDEX slow ON angzarr.records (created_at)", "DROP INDEX angzarr.slow", "CREATE INDEX slow"),
    (
        "ALTER TABLE angzarr.records ADD CONSTRAINT small CHECK (length(payload) < 10)",
        "ALTER TABLE angzarr.records DROP CONSTRAINT small",
        "constraint small",
    ),
    ("ALTER FUNCTION angzarr.life RENAME TO death", "ALTER FUNCTION angzarr.death RENAME TO life", "function life"),
    (
        "CREATE TRIGGER late BEFORE UPDATE ON angzarr.streams FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "DROP TRIGGER late ON angzarr.streams",
        "trigger late",
    ),
    (
        "CREATE RULE never AS ON DELETE TO angzarr.parked DO INSTEAD NOTHING",
        "DROP RULE never ON angzarr.parked",
        "rule never",
    ),
    ("CREATE TABLE angzarr.notes (a int)", "DROP TABLE angzarr.notes", "notes"),
    ("CREATE TABLE angzarr.notes ()", "DROP TABLE angzarr.notes", "notes"),
    ("CREATE VIEW angzarr.newest AS SELECT 1 AS a", "DROP VIEW angzarr.newest", "newest"),
    ("ALTER TABLE angzarr.records SET UNLOGGED", "ALTER TABLE angzarr.records SET LOGGED", "records"),
    (
        "ALTER TABLE angzarr.records ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE angzarr.records DISABLE ROW LEVEL SECURITY",
        "records",
    ),
    (
        "ALTER FUNCTION angzarr.append SECURITY DEFINER",
        "ALTER FUNCTION angzarr.append SECURITY INVOKER",
        "function append",
    ),
    (
        "ALTER FUNCTION angzarr.append SET synchronous_commit = off",
        "ALTER FUNCTION angzarr.append RESET synchronous_commit",
        "function append",
    ),
];

#[tokio::test]
async fn a_log_whose_tables_were_altered() {
    let database = Database::used().await;
    database.sql("CREATE TABLE kept AS SELECT pg_get_functiondef('angzarr.life'::regproc) AS source");
    for (change, undo, told) in CHANGES {
        let before = database.sql(&format!("{change}; {CONTENTS}"));
        let error = refused(&database.url, "STORE_ALTERED").await;
        assert!(error.to_string().contains(told), "{change}: {error}");
        let after = database.sql(&format!("{CONTENTS}; {undo}"));
        assert_eq!(after, before, "{change}: nothing was written");
    }
    close(open(&database.url).await.unwrap()).await;
    database.sql("CREATE OR REPLACE FUNCTION angzarr.life(holder uuid) RETURNS bigint IMMUTABLE LANGUAGE sql AS 'SELECT 1::bigint'");
    let error = refused(&database.url, "STORE_ALTERED").await;
    assert!(error.to_string().contains("function life"), "{error}");
    database.sql("DO $$ BEGIN EXECUTE (SELECT source FROM kept); END $$");
    // What a database does to keep in shape is no change.
    database.sql("ANALYZE; REINDEX TABLE angzarr.records; CLUSTER angzarr.records USING records_pkey; GRANT ALL ON angzarr.records TO USER");
    close(open(&database.url).await.unwrap()).await;

    let losses = [
        ("DROP INDEX angzarr.records_correlated", "records_correlated"),
        ("DROP TABLE angzarr.snapshots", "column snapshots"),
        ("DROP TABLE angzarr.log", "column log"),
    ];
    for (loss, told) in losses {
        database.sql(loss);
        let error = refused(&database.url, "STORE_ALTERED").await;
        assert!(error.to_string().contains(told), "{loss}: {error}");
    }
}

#[tokio::test]
async fn other_schemas_are_left_alone() {
    let database = Database::new();
    database.sql(
        "CREATE SCHEMA theirs; CREATE TABLE theirs.records (a int); INSERT INTO theirs.records VALUES (1), (2);
         CREATE TABLE records (b text); CREATE TABLE migrations (version text); INSERT INTO migrations VALUES ('7');
         CREATE FUNCTION theirs.hashtextextended(text, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 1/0::bigint';
         ALTER DATABASE DATABASE_ SET search_path = theirs, public, pg_catalog;
         ALTER DATABASE DATABASE_ SET default_transaction_isolation = 'serializable';
         ALTER DATABASE DATABASE_ SET synchronous_commit = off",
    );
    let before = database.contents();
    let opened = open(&database.url).await.unwrap();
    let stream = stream();
    let appended = opened.store.append(book(&stream, &["a", "b"])).await.unwrap();
    assert_eq!(opened.store.read(0, 10).await.unwrap(), appended.records);
    close(opened).await;
    database.sql("DROP SCHEMA angzarr CASCADE");
    assert_eq!(database.contents(), before);
}

#[tokio::test]
async fn several_open_an_empty_database_at_once() {
    let database = Database::new();
    let opened = join_all((0..8).map(|_| open(&database.url))).await;
    let opened: Vec<Opened> = opened.into_iter().map(Result::unwrap).collect();
    let id = opened[0].store.log_id();
    for one in opened {
        assert_eq!(one.store.log_id(), id);
        one.store.append(book(&stream(), &["a"])).await.unwrap();
        close(one).await;
    }
    assert_eq!(database.sql("SELECT count(*) FROM angzarr.log"), "1");
    assert_eq!(database.sql("SELECT max(position) FROM angzarr.records"), "8");
}

/// What came of a writer's last group is kept as long as he may ask for it, whatever the server's clock does.
#[tokio::test]
async fn outcomes_of_writers_that_live_are_kept() {
    let database = Database::new();
    let opened = open(&database.url).await.unwrap();
    opened.store.append(book(&stream(), &["a"])).await.unwrap();
    let jump = "UPDATE angzarr.writers SET seen_at = seen_at - interval '2 days'";
    let outcomes = "SELECT count(*) FROM angzarr.writers";
    database.sql(jump);
    close(open(&database.url).await.unwrap()).await;
    assert_eq!(database.sql(outcomes), "1");
    database.sql("DELETE FROM angzarr.writers");
    opened.store.append(book(&stream(), &["b"])).await.unwrap();
    assert_eq!(database.sql(outcomes), "1", "it is kept all the same");
    close(opened).await;

    database.sql(jump);
    while database.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") != "1" {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    close(open(&database.url).await.unwrap()).await;
    assert_eq!(database.sql(outcomes), "0", "its writer is gone");
}

#[tokio::test]
async fn an_open_storage_tells_no_password() {
    let database = Database::new();
    database.sql("GRANT CREATE ON DATABASE DATABASE_ TO USER");
    let url = database.of_user();
    let (traced, guard) = Traced::all();
    let storage: Storage = url.parse().unwrap();
    let opened = storage.open().await.unwrap();
    opened.store.append(book(&stream(), &["a"])).await.unwrap();
    let printed = format!("{storage:?} {storage:#?} {opened:?} {opened:#?}");
    close(opened).await;
    drop(guard);
    hidden(&url, &format!("{printed} {}", traced.text()));
    assert!(printed.contains(database.name()), "{printed}");
    assert!(!printed.contains(&database.user), "{printed}");
}

/// The password is changed while the log is open, and all connections are lost.
#[tokio::test]
async fn a_user_who_is_not_let_in_again_is_not_named() {
    let database = Database::new();
    database.sql("GRANT CREATE ON DATABASE DATABASE_ TO USER");
    let opened = open(&database.of_user()).await.unwrap();
    let (traced, guard) = Traced::all();
    database.sql("ALTER ROLE USER PASSWORD 'another'");
    database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'USER'");
    while !traced.text().contains("appends of others are not heard of now") {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let error = opened.store.append(book(&stream(), &["a"])).await.unwrap_err();
    assert!(error.retryable() && !error.to_string().contains(&database.user), "{error}");
    drop(guard);
    hidden(&database.of_user(), &traced.text());
    let told: Vec<_> = traced.text().lines().filter(|line| line.contains("WARN")).map(str::to_owned).collect();
    assert!(told.iter().all(|line| !line.contains(&database.user)), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("does not know this user")), "{told:#?}");
    database.sql(&format!("ALTER ROLE USER PASSWORD '{SECRET}'"));
    opened.store.append(book(&stream(), &["b"])).await.unwrap();
    close(opened).await;
}

/// As one that was demoted does.
#[tokio::test]
async fn a_server_that_takes_no_writes_for_a_while() {
    let server = Postgres::start().unwrap();
    let opened = open(server.url()).await.unwrap();
    let store = &opened.store;
    let held = lease(store, "mine").await;
    store.append(book(&stream(), &["a"])).await.unwrap();
    let reload = async |change: &str, read_only: &str| {
        server.admin().sql(change).unwrap();
        server.admin().sql("SELECT pg_reload_conf()").unwrap();
        while server.admin().sql("SHOW default_transaction_read_only").unwrap() != read_only {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    reload("ALTER SYSTEM SET default_transaction_read_only = on", "on").await;
    let appended = store.append(book(&stream(), &["b"])).await.map(drop);
    for refused in [appended, store.save_checkpoint(&held, 1).await, store.renew(&held).await] {
        let error = refused.unwrap_err();
        assert_eq!((error.code(), error.retryable()), ("STORE_UNAVAILABLE", true), "{error}");
    }
    assert_eq!(store.read(0, 10).await.unwrap().len(), 1);
    let error = open(server.url()).await.unwrap_err();
    assert_eq!(error.code(), "STORE_NO_RIGHTS", "{error}");
    assert!(error.to_string().contains("takes no writes"), "{error}");

    reload("ALTER SYSTEM RESET default_transaction_read_only", "off").await;
    store.append(book(&stream(), &["c"])).await.unwrap();
    store.save_checkpoint(&held, 2).await.unwrap();
    assert_eq!(store.head().await.unwrap(), 2);
    close(opened).await;
}

#[tokio::test]
async fn a_server_that_does_not_sync_is_warned_of() {
    let server = Postgres::start_with(&["fsync=off", "full_page_writes=off"]).unwrap();
    let (traced, guard) = Traced::all();
    close(open(server.url()).await.unwrap()).await;
    drop(guard);
    let traced = traced.text();
    for setting in ["fsync", "full_page_writes"] {
        let warned =
            traced.lines().any(|line| line.contains("WARN") && line.contains(&format!("setting=\"{setting}\"")));
        assert!(warned, "{setting}: {traced}");
    }
    hidden(server.url(), &traced);

    let database = Database::new();
    let (traced, guard) = Traced::all();
    close(open(&database.url).await.unwrap()).await;
    drop(guard);
    assert!(!traced.text().contains("WARN"), "{}", traced.text());
}

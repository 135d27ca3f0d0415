//! Files that are no log, or not ours to use: each gets a coded error with help, and stays as it is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use angzarr_runtime::Storage;
use angzarr_runtime::store::{Answer, Opened, Order, OrderState, Refusal, StoreError};
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

use crate::store::{book, lease, stream};

async fn open(path: &Path) -> Result<Opened, StoreError> {
    Storage::Sqlite(path.to_owned()).open().await
}

async fn refused(path: &Path, code: &str) -> StoreError {
    let error = open(path).await.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(!error.help().is_empty());
    assert!(error.to_string().contains(&path.display().to_string()), "the message names the file: {error}");
    error
}

/// A log that was opened and closed again.
async fn used() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    close(open(&path).await.unwrap()).await;
    (folder, path)
}

async fn close(opened: Opened) {
    opened.views.close().await.unwrap();
    opened.store.close().await.unwrap();
}

#[tokio::test]
async fn a_missing_folder() {
    let folder = tempfile::tempdir().unwrap();
    refused(&folder.path().join("missing/log.db"), "STORE_CANNOT_OPEN").await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    std::fs::create_dir(&path).unwrap();
    refused(&path, "STORE_CANNOT_OPEN").await;
}

#[tokio::test]
async fn a_text_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "no database at all\n".repeat(200);
    std::fs::write(&path, &text).unwrap();
    refused(&path, "STORE_FOREIGN").await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn the_database_of_something_else() {
    let folder = tempfile::tempdir().unwrap();
    for (name, application) in [("plain.db", 0), ("marked.db", 0x1234)] {
        let path = folder.path().join(name);
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "application_id", application).unwrap();
        connection.execute_batch("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)").unwrap();
        drop(connection);
        let before = std::fs::read(&path).unwrap();
        refused(&path, "STORE_FOREIGN").await;
        assert_eq!(std::fs::read(&path).unwrap(), before, "{name} is unchanged");
        assert!(!folder.path().join(format!("{name}.views")).exists());
    }
}

#[tokio::test]
async fn a_log_of_a_newer_release() {
    let (_folder, path) = used().await;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = refused(&path, "STORE_FOREIGN").await;
    assert!(error.to_string().contains("99"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn views_as_a_log() {
    let (folder, _) = used().await;
    let views = folder.path().join("log.db.views");
    let before = std::fs::read(&views).unwrap();
    refused(&views, "STORE_FOREIGN").await;
    assert_eq!(std::fs::read(&views).unwrap(), before);
}

#[tokio::test]
async fn a_log_as_views() {
    let (folder, path) = used().await;
    let views = folder.path().join("log.db.views");
    std::fs::copy(&path, &views).unwrap();
    let error = open(&path).await.unwrap_err();
    assert_eq!(error.code(), "STORE_VIEWS_UNUSABLE", "{error}");
    assert!(error.to_string().contains("log.db.views"), "{error}");
    // The log itself was let go of again.
    std::fs::remove_file(&views).unwrap();
    close(open(&path).await.unwrap()).await;
}

/// Appends a record, and expects another opening of the same log to see it.
async fn seen_by(writer: &Opened, reader: &Opened) {
    let mut head = reader.store.watch();
    let appended = writer.store.append(book(&stream(), &["a"])).await.unwrap();
    let position = appended.records[0].position;
    tokio::time::timeout(Duration::from_secs(10), head.wait_for(|head| *head >= position)).await.unwrap().unwrap();
    assert_eq!(reader.store.read(position - 1, 10).await.unwrap(), appended.records);
}

#[tokio::test]
async fn a_log_that_is_open_twice_is_one_log() {
    let (_folder, path) = used().await;
    let (one, two) = (open(&path).await.unwrap(), open(&path).await.unwrap());
    assert_eq!(one.store.log_id(), two.store.log_id());
    seen_by(&one, &two).await;
    seen_by(&two, &one).await;
    close(one).await;
    assert_eq!(two.store.head().await.unwrap(), 2, "the other one goes on");
    close(two).await;
}

#[tokio::test]
async fn a_file_that_another_connection_locks() {
    let (folder, path) = used().await;
    let other = Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    refused(&path, "STORE_IN_USE").await;
    drop(other);
    close(open(&path).await.unwrap()).await;

    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    refused(&path, "STORE_IN_USE").await;
    drop(other);

    let empty = folder.path().join("empty.db");
    let other = Connection::open(&empty).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    refused(&empty, "STORE_IN_USE").await;
}

#[tokio::test]
async fn storage_strings_that_name_nothing() {
    let in_memory = ["sqlite::memory:", "sqlite:file:x", "sqlite:file::memory:?cache=shared"];
    for text in ["", "sqlite", "sqlite:", "memory:", "postgres:host", "Memory"].into_iter().chain(in_memory) {
        let error = text.parse::<Storage>().unwrap_err();
        assert_eq!(error.code(), "STORE_BAD_STORAGE", "{text}");
        assert!(!error.help().is_empty());
    }
    assert_eq!("memory".parse(), Ok(Storage::Memory));
    assert_eq!("sqlite:a/b.db".parse(), Ok(Storage::Sqlite("a/b.db".into())));
    assert_eq!("sqlite:a:b".parse(), Ok(Storage::Sqlite("a:b".into())));
}

#[cfg(unix)]
#[tokio::test]
async fn links_to_a_log() {
    let (folder, path) = used().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let in_linked_folder = elsewhere.path().join("folder");
    std::os::unix::fs::symlink(folder.path(), &in_linked_folder).unwrap();
    let aliases = [link, in_linked_folder.join("log.db")];
    std::fs::remove_file(folder.path().join("log.db.views")).unwrap();
    for alias in &aliases {
        let opened = open(alias).await.unwrap();
        assert_eq!(opened.store.head().await.unwrap(), 0);
        for other in aliases.iter().chain([&path]) {
            let other = open(other).await.unwrap();
            assert_eq!(other.store.log_id(), opened.store.log_id());
            close(other).await;
        }
        close(opened).await;
    }
    assert!(folder.path().join("log.db.views").exists(), "the views lie beside the log itself");
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 2, "and nothing beside the link");

    let nowhere = elsewhere.path().join("nowhere.db");
    std::os::unix::fs::symlink(folder.path().join("missing.db"), &nowhere).unwrap();
    refused(&nowhere, "STORE_CANNOT_OPEN").await;
}

/// Expects views that `damage` changed to be refused, and to be left as they are.
async fn unusable(damage: impl FnOnce(&Path)) {
    let (folder, path) = used().await;
    let views = folder.path().join("log.db.views");
    damage(&views);
    let before = std::fs::read(&views).unwrap();
    let error = open(&path).await.unwrap_err();
    assert_eq!(error.code(), "STORE_VIEWS_UNUSABLE", "{error}");
    assert!(error.to_string().contains("log.db.views"), "{error}");
    assert!(error.help().contains("move the file away"), "{}", error.help());
    assert_eq!(std::fs::read(&views).unwrap(), before, "the file is unchanged");
    // As the help says.
    std::fs::remove_file(&views).unwrap();
    close(open(&path).await.unwrap()).await;
}

#[tokio::test]
async fn views_of_another_release() {
    unusable(|views| Connection::open(views).unwrap().pragma_update(None, "user_version", 99).unwrap()).await;
}

#[tokio::test]
async fn views_that_are_garbage() {
    unusable(|views| std::fs::write(views, [7; 8192]).unwrap()).await;
}

#[tokio::test]
async fn views_of_something_else() {
    unusable(|views| {
        std::fs::remove_file(views).unwrap();
        Connection::open(views).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    })
    .await;
}

/// A file after the first step, with a checkpoint.
#[tokio::test]
async fn a_log_of_an_older_release_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(include_str!("../../angzarr-runtime/src/store/sqlite/migrations/1.sql")).unwrap();
    connection.execute("INSERT INTO checkpoints VALUES ('a.Consumer', 7)", []).unwrap();
    connection.pragma_update(None, "application_id", 0x414e_475a).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);
    let opened = open(&path).await.unwrap();
    assert_eq!(opened.store.checkpoint("a.Consumer").await.unwrap(), 7);
    close(opened).await;
    close(open(&path).await.unwrap()).await;
}

#[tokio::test]
async fn orders_of_a_newer_release_are_refused() {
    let (_folder, path) = used().await;
    let opened = open(&path).await.unwrap();
    let (held, id) = (lease(&opened.store, "a.Consumer").await, Uuid::new_v4());
    opened.store.give_order("a.Consumer", id, Order::Pause).await.unwrap();
    Connection::open(&path).unwrap().execute("UPDATE orders SET kind = 'juggle'", []).unwrap();
    assert_eq!(opened.store.take_orders(&held).await.unwrap(), []);
    let refused = OrderState::Answered { events: 0, answer: Answer::Refused(Refusal::Unknown) };
    assert_eq!(opened.store.order(id).await.unwrap(), Some(refused));
    close(opened).await;
}

#[tokio::test]
async fn a_log_whose_tables_were_altered() {
    let changes = [
        ("ALTER TABLE records ADD COLUMN note TEXT", "table `records` is another one"),
        ("ALTER TABLE streams RENAME COLUMN key TO name", "table `streams` is another one"),
        ("DROP TABLE snapshots", "table `snapshots` is missing"),
        ("DROP INDEX records_correlated", "index `records_correlated` is missing"),
        ("CREATE TRIGGER late AFTER INSERT ON records BEGIN DELETE FROM keys; END", "trigger `late` is not ours"),
        ("CREATE TABLE notes (a)", "table `notes` is not ours"),
    ];
    for (change, told) in changes {
        let (_folder, path) = used().await;
        Connection::open(&path).unwrap().execute_batch(change).unwrap();
        let error = refused(&path, "STORE_ALTERED").await;
        assert!(error.to_string().contains(told), "{error}");
    }
    let (_folder, path) = used().await;
    Connection::open(&path).unwrap().execute_batch("ANALYZE").unwrap();
    close(open(&path).await.unwrap()).await;
}

//! `writer STORAGE MODE …`: writes to a log, and prints `root sequence` after each acknowledged book. What it cannot do
//! at all it tells on standard error as `CODE: reason`.
//!
//! - `forever`: books of three records to 16 streams at once, until it is killed.
//! - `rounds COUNT CALLERS`: so many times, one book to each of so many new streams, all at once; printed after each
//!   round.
//! - `shared ROOT COUNT`: books of two records to one stream, each naming its sequence, decided anew on a conflict.
//! - `steps SIZE`: for each line on standard input, a book of one record of so many bytes to one stream; prints
//!   `CODE retryable` or `CODE final` where that fails.
//! - `views`, `tables`: commits to a view, or to tables of a projector's own, waits for the disk, and prints `synced`.
//! - `lease CONSUMER`: takes a lease, prints its token, and gives signs of life until it is killed.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use angzarr_runtime::Payload;
use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::{
    Acquired, Appended, EventRef, Lease, Load, NewBook, NewRecord, RecordKind, Storage, Store, StoreError, StreamId,
    Trace,
};
use angzarr_runtime::tables::{Mark, TableStore};
use angzarr_runtime::view::{Change, NewRow, Owner, Shape, ViewStore, Writer};
use tokio::task::JoinSet;
use uuid::Uuid;

const USAGE: &str = "usage: writer STORAGE forever | rounds COUNT CALLERS | shared ROOT COUNT | steps SIZE | views | tables | lease CONSUMER";

/// Streams that are written at once.
const STREAMS: u128 = 16;

type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = run().await else { return ExitCode::SUCCESS };
    let code = error.downcast_ref().map_or("FAILED", StoreError::code);
    // If not even this can be said, the exit code has to do.
    let _ = writeln!(std::io::stderr(), "{code}: {error}");
    ExitCode::FAILURE
}

async fn run() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [storage, mode @ ..] = words.as_slice() else { return Err(USAGE.into()) };
    let opened = storage.parse::<Storage>()?.open().await?;
    let store = &opened.store;
    match mode {
        ["forever"] => {
            all((0..STREAMS).map(|root| forever(store.clone(), Uuid::from_u128(root)))).await?;
        }
        ["rounds", count, callers] => {
            let callers: usize = callers.parse()?;
            for _ in 0..count.parse()? {
                let appended = all((0..callers).map(|_| once(store.clone()))).await?;
                appended.iter().try_for_each(acknowledge)?;
            }
        }
        ["shared", root, count] => shared(store, root.parse()?, count.parse()?).await?,
        ["steps", size] => steps(store, size.parse()?).await?,
        ["views"] => views(&*opened.views).await?,
        ["tables"] => tables(opened.views.tables().ok_or("there are none")?).await?,
        ["lease", consumer] => lease(store, consumer).await?,
        _ => return Err(USAGE.into()),
    }
    opened.views.close().await?;
    Ok(store.close().await?)
}

/// Runs them all at once, to the first that fails.
async fn all<T: Send + 'static>(
    writers: impl Iterator<Item = impl Future<Output = Done<T>> + Send + 'static>,
) -> Done<Vec<T>> {
    let mut writers: JoinSet<_> = writers.collect();
    let mut results = Vec::new();
    while let Some(ended) = writers.join_next().await {
        results.push(ended??);
    }
    Ok(results)
}

async fn forever(store: Arc<dyn Store>, root: Uuid) -> Done {
    loop {
        acknowledge(&append(&store, book(root, 3)).await?)?;
    }
}

async fn once(store: Arc<dyn Store>) -> Done<Appended> {
    Ok(append(&store, book(Uuid::new_v4(), 1)).await?)
}

async fn shared(store: &Arc<dyn Store>, root: Uuid, count: usize) -> Done {
    for _ in 0..count {
        let new = book(root, 2);
        loop {
            let next = store.load(Load::of(new.stream.clone())).await?.next_sequence;
            match append(store, NewBook { expected: Some(next), ..new.clone() }).await {
                Err(StoreError::Conflict { .. }) => {}
                appended => break acknowledge(&appended?)?,
            }
        }
    }
    Ok(())
}

async fn steps(store: &Arc<dyn Store>, size: usize) -> Done {
    let root = Uuid::new_v4();
    for line in std::io::stdin().lines() {
        line?;
        let mut book = book(root, 1);
        book.records.iter_mut().for_each(|record| record.payload.value = vec![7; size].into());
        match store.append(book).await {
            Ok(appended) => acknowledge(&appended)?,
            Err(error) => say(&format!("{} {}", error.code(), if error.retryable() { "retryable" } else { "final" }))?,
        }
    }
    Ok(())
}

async fn views(views: &dyn ViewStore) -> Done {
    let shape = Shape { row_type: "test.Row".into(), columns: Vec::new() };
    let taken = views.take("test.View", Owner { log: Uuid::nil(), shape: &shape }, 0, 1).await?;
    for position in 1..4 {
        let row = NewRow { bytes: vec![7; 5_000].into(), values: Vec::new(), rest: "{}".into() };
        let change = Change { key: "a".into(), event: EventRef { position, part: 0 }, row: Some(row) };
        views.commit("test.View", Writer { token: 1, version: taken.version }, vec![change], position).await?;
    }
    views.sync().await?;
    Ok(say("synced")?)
}

async fn tables(tables: &dyn TableStore) -> Done {
    let lease = Lease { consumer: "test.Ledger".into(), token: 1 };
    tables.enrol(Uuid::nil(), &lease, 0).await?;
    for position in 1..4 {
        let begun = tables.begin(&lease, EventRef { position, part: 0 }, Duration::from_secs(30)).await?;
        begun.ok_or("it was handled before")?.commit(Mark::UntilPassed).await?;
    }
    tables.sync().await?;
    Ok(say("synced")?)
}

async fn lease(store: &Arc<dyn Store>, consumer: &str) -> Done {
    let Acquired::Taken(lease) = store.acquire(consumer, None).await? else { return Err("it is held".into()) };
    say(&lease.token.to_string())?;
    loop {
        store.renew(&lease).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Appends under a key, again and again as long as that may help.
async fn append(store: &Arc<dyn Store>, book: NewBook) -> Result<Appended, StoreError> {
    loop {
        match store.append(book.clone()).await {
            Err(error) if error.retryable() => tokio::time::sleep(Duration::from_millis(10)).await,
            appended => return appended,
        }
    }
}

/// A book under a new key, whose records say which process wrote them, under which key, and their place in the book.
fn book(root: Uuid, records: usize) -> NewBook {
    let key = Uuid::new_v4();
    let record = |place| {
        let value = format!("{} {key} {place}/{records}", std::process::id()).into_bytes().into();
        let payload = Payload { type_name: "test.Written".into(), value };
        NewRecord { kind: RecordKind::Event, payload, occurred_at: None, due: None }
    };
    NewBook {
        stream: StreamId::new("written", root),
        key: root.to_string().into(),
        expected: None,
        idempotency_key: Some(key.to_string()),
        records: (0..records).map(record).collect(),
        cleared: Vec::new(),
        created_at: Timestamp::default(),
        trace: Trace { correlation_id: "written".into(), cause: None, traceparent: None },
    }
}

fn acknowledge(appended: &Appended) -> Done {
    let Some(last) = appended.records.last() else { return Err("an empty book was acknowledged".into()) };
    Ok(say(&format!("{} {}", last.stream.root, last.sequence))?)
}

/// One line, in one write.
fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()
}

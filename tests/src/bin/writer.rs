//! `writer STORAGE MODE …`: writes to a log, and prints `root sequence` after each acknowledged book.
//!
//! - `forever`: books of three records to 16 streams at once, until it is killed.
//! - `rounds COUNT CALLERS`: so many times, one book to each of so many new streams, all at once.
//! - `shared ROOT COUNT`: books of two records to one stream, each naming its sequence, decided anew on a conflict.
//! - `lease CONSUMER`: takes a lease, prints its token, and gives signs of life until it is killed.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use angzarr_runtime::Payload;
use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::{
    Acquired, Appended, Load, NewBook, NewRecord, RecordKind, Storage, Store, StoreError, StreamId, Trace,
};
use tokio::task::JoinSet;
use uuid::Uuid;

const USAGE: &str = "usage: writer STORAGE forever | rounds COUNT CALLERS | shared ROOT COUNT | lease CONSUMER";

/// Streams that are written at once.
const STREAMS: u128 = 16;

type Done = Result<(), Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [storage, mode @ ..] = words.as_slice() else { return Err(USAGE.into()) };
    let opened = storage.parse::<Storage>()?.open().await?;
    let store = &opened.store;
    match mode {
        ["forever"] => all((0..STREAMS).map(|root| forever(store.clone(), Uuid::from_u128(root)))).await?,
        ["rounds", count, callers] => {
            let callers: usize = callers.parse()?;
            for _ in 0..count.parse()? {
                all((0..callers).map(|_| once(store.clone()))).await?;
            }
        }
        ["shared", root, count] => shared(store, root.parse()?, count.parse()?).await?,
        ["lease", consumer] => lease(store, consumer).await?,
        _ => return Err(USAGE.into()),
    }
    opened.views.close().await?;
    Ok(store.close().await?)
}

async fn all(writers: impl Iterator<Item = impl Future<Output = Done> + Send + 'static>) -> Done {
    let mut writers: JoinSet<_> = writers.collect();
    while let Some(ended) = writers.join_next().await {
        ended??;
    }
    Ok(())
}

async fn forever(store: Arc<dyn Store>, root: Uuid) -> Done {
    loop {
        acknowledge(&append(&store, book(root, 3)).await?)?;
    }
}

async fn once(store: Arc<dyn Store>) -> Done {
    acknowledge(&append(&store, book(Uuid::new_v4(), 1)).await?)
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
        trace: Trace { correlation_id: "written".into(), cause: None },
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

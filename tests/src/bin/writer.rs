//! `writer PATH`: appends to a SQLite log until it is killed, and prints `root sequence` after each acknowledgement.

use std::io::Write;
use std::sync::Arc;

use angzarr_runtime::Payload;
use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::{NewBook, NewRecord, RecordKind, Storage, Store, StreamId, Trace};
use uuid::Uuid;

/// Streams that are written at once.
const STREAMS: u128 = 16;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: writer PATH")?;
    let store = Storage::Sqlite(path.into()).open().await?.store;
    let mut writers = tokio::task::JoinSet::new();
    for stream in 0..STREAMS {
        writers.spawn(write(store.clone(), Uuid::from_u128(stream)));
    }
    while let Some(ended) = writers.join_next().await {
        ended??;
    }
    Ok(())
}

async fn write(store: Arc<dyn Store>, root: Uuid) -> Result<(), std::io::Error> {
    loop {
        let payload = Payload { type_name: "test.Written".into(), value: root.as_bytes().to_vec().into() };
        let book = NewBook {
            stream: StreamId::new("chaos", root),
            key: root.to_string().into(),
            expected: None,
            idempotency_key: None,
            records: vec![NewRecord { kind: RecordKind::Event, payload, occurred_at: None, due: None }],
            cleared: Vec::new(),
            created_at: Timestamp::default(),
            trace: Trace { correlation_id: "chaos".into(), cause: None },
        };
        let appended = store.append(book).await.map_err(std::io::Error::other)?;
        let mut out = std::io::stdout().lock();
        for record in appended.records {
            writeln!(out, "{root} {}", record.sequence)?;
        }
        out.flush()?;
    }
}

//! A server that is there and says nothing: nobody waits for it for ever, and nobody is told what is not known.

use std::time::{Duration, Instant};

use angzarr_runtime::Storage;
use angzarr_runtime::store::{Appended, StoreError};
use angzarr_servers::Postgres;
use angzarr_servers::postgres::Paused;

use crate::store::{book, stream};

fn code(result: Result<Appended, StoreError>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "STORED")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_server_is_given_up() {
    let server = Postgres::start().unwrap();
    let storage: Storage = server.create_database().unwrap().parse().unwrap();
    let opened = storage.open().await.unwrap();
    let store = &opened.store;
    let streams = [stream(), stream(), stream(), stream()];
    let said = |index: usize| book(&streams[index], &["something"]);
    store.append(said(0)).await.unwrap();

    server.pause(Paused::Yes).unwrap();
    let began = Instant::now();
    let first = tokio::spawn({
        let (store, said) = (store.clone(), said(1));
        async move { store.append(said).await }
    });
    // It is on its way; this one has to wait for it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let second = store.append(said(2)).await;
    assert_eq!(code(first.await.unwrap()), "STORE_OUTCOME_UNKNOWN");
    assert_eq!(code(second), "STORE_UNAVAILABLE");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());

    server.pause(Paused::No).unwrap();
    store.append(said(3)).await.unwrap();
    let stored: Vec<_> = store.read(0, 100).await.unwrap().into_iter().map(|record| record.stream).collect();
    let [zero, one, _, three] = streams;
    assert!(stored == [zero.clone(), three.clone()] || stored == [zero, one, three], "{stored:?}");
    opened.store.close().await.unwrap();
}

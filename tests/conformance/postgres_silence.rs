//! A server that is there and says nothing: nobody waits for it for ever, and nobody is told what is not known.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

use angzarr_runtime::Storage;
use angzarr_runtime::store::{Appended, StoreError};
use angzarr_servers::Postgres;
use angzarr_servers::postgres::{Paused, shared};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

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

/// What the server says when it has let somebody in.
const READY: &[u8] = b"Z\0\0\0\x05I";

/// Carries connections to the server at `port`. From the one with this number on, nothing that the server says passes
/// after it has let the client in.
async fn falls_silent(port: u16, first: usize) -> u16 {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let own = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut number = 0;
        while let Ok((client, _)) = socket.accept().await {
            number += 1;
            tokio::spawn(carry(client, port, number >= first));
        }
    });
    own
}

async fn carry(client: TcpStream, port: u16, silent: bool) -> std::io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let ((mut asks, mut hears), (mut answers, mut told)) = (client.into_split(), server.into_split());
    let asking = tokio::spawn(async move { copy(&mut asks, &mut told).await });
    let mut bytes = vec![0; 1 << 16];
    loop {
        let count = answers.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        hears.write_all(&bytes[..count]).await?;
        if silent && bytes[..count].windows(READY.len()).any(|word| word == READY) {
            return asking.await?.map(drop);
        }
    }
}

/// The connection that looks at the schema and appends, the first that reads, the one that listens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_falls_silent_while_it_is_opened_is_given_up() {
    let url = shared().create_database().unwrap();
    url.parse::<Storage>().unwrap().open().await.unwrap().store.close().await.unwrap();
    let (user, place) = url.rsplit_once('@').unwrap();
    let (host, database) = place.split_once('/').unwrap();
    let server = host.rsplit_once(':').unwrap().1.parse().unwrap();
    let opened = |first: usize| async move {
        let port = falls_silent(server, first).await;
        let storage: Storage = format!("{user}@127.0.0.1:{port}/{database}").parse().unwrap();
        timeout(Duration::from_secs(60), storage.open()).await.map(Result::unwrap_err)
    };
    for opened in join_all([1, 2, 3].map(opened)).await {
        let error = opened.unwrap();
        assert_eq!(error.code(), "STORE_CANNOT_OPEN", "{error}");
        assert!(error.to_string().contains("no answer"), "{error}");
    }
}

/// A connection on which nothing comes after somebody began to watch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_that_should_listen_is_replaced() {
    let server = Postgres::start().unwrap();
    let url = server.create_database().unwrap();
    let storage: Storage = url.parse().unwrap();
    let opened = storage.open().await.unwrap();
    let listens = "SELECT coalesce(min(pid), 0) FROM pg_stat_activity WHERE query LIKE '%advisory_lock_shared%'
                   AND pid <> pg_backend_pid()";
    let silent = server.admin().sql_in(&url, listens).unwrap();
    assert_ne!(silent, "0");
    let signal = |signal: &str| assert!(Command::new("kill").args([signal, &silent]).status().unwrap().success());
    signal("-STOP");
    let mut head = opened.store.watch();
    let other = storage.open().await.unwrap();
    let told = other.store.append(book(&stream(), &["a"])).await.unwrap().records[0].position;
    let heard = timeout(Duration::from_secs(60), head.wait_for(|head| *head >= told)).await;
    signal("-CONT");
    heard.unwrap().unwrap();
    other.store.close().await.unwrap();
    opened.store.close().await.unwrap();
}

//! Conversations that are followed as they go on.

use std::time::Duration;

use angzarr_runtime::App;
use angzarr_tests::Faults;
use angzarr_tests::bank::v1::{Deposit, Transfer};
use tokio::time::timeout;

use super::{names, open, start};
use crate::backend::Backend;

async fn deposit(app: &App, amount: u64) {
    app.send(Deposit { account: "a".into(), amount }).correlation_id("talk").await.unwrap();
}

pub(super) async fn follow_catches_up_and_goes_on(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 1_000).await;
    open(&app, "b", 0).await;
    for amount in 1..=300 {
        deposit(&app, amount).await;
    }
    let mut talk = app.follow("talk");
    let writer = {
        let app = app.clone();
        tokio::spawn(async move {
            for amount in 301..=600 {
                deposit(&app, amount).await;
            }
            let transfer = Transfer { account: "a".into(), to: "b".into(), amount: 5 };
            app.send(transfer).correlation_id("talk").await.unwrap();
        })
    };
    let (mut positions, mut last) = (Vec::new(), Vec::new());
    while last != ["TransferReceived"] {
        let book = timeout(Duration::from_secs(20), talk.next()).await.unwrap().unwrap().unwrap();
        positions.extend(book.records.iter().map(|record| record.position));
        last = names(&book.records).into_iter().map(ToOwned::to_owned).collect();
    }
    writer.await.unwrap();
    let all = app.conversation("talk", 0, usize::MAX).await.unwrap().records;
    assert!(positions.iter().eq(all.iter().map(|record| &record.position)), "no gap, nothing twice");
    assert_eq!(positions.len(), 602);
}

pub(super) async fn follow_ends_after_a_count_or_a_time(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 1_000).await;
    for amount in 1..=3 {
        deposit(&app, amount).await;
    }
    let mut two = app.follow("talk").count(2);
    assert!(two.next().await.unwrap().is_some() && two.next().await.unwrap().is_some());
    assert_eq!(two.next().await.unwrap(), None);
    let first = app.conversation("talk", 0, 1).await.unwrap().records[0].position;
    let mut rest = app.follow("talk").after(first).within(Duration::from_millis(300));
    let mut count = 0;
    while rest.next().await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 2);
    assert_eq!(app.follow("silence").within(Duration::from_millis(10)).next().await.unwrap(), None);
}

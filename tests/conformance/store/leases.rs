//! Leases, and what is written under them.

use std::sync::Arc;

use angzarr_runtime::store::{Acquired, Beat, EventRef, Lease, NewDeadLetter, NewParked, Pause, Store, StoreError};
use futures_util::future::join_all;

use super::{book, lease, regain, remove_dead_letter, stream, unpark};
use crate::backend::Backend;

const CONSUMER: &str = "a.v1.app.Zähler";

/// The last sign of life of whoever holds the lease.
async fn beat(store: &Arc<dyn Store>) -> Beat {
    match store.acquire(CONSUMER, None).await.unwrap() {
        Acquired::Held(beat) => beat,
        Acquired::Taken(lease) => panic!("nobody held it: {lease:?}"),
    }
}

pub(super) async fn leases_are_free_until_somebody_takes_them(backend: impl Backend) {
    let store = backend.open().await.store;
    let first = lease(&store, CONSUMER).await;
    assert_eq!((&*first.consumer, first.token > 0), (CONSUMER, true));
    assert_eq!(beat(&store).await.token, first.token);
    assert_eq!(beat(&store).await, beat(&store).await, "asking is no sign of life");
    // Another consumer's lease is another.
    lease(&store, "a.v1.app.Other").await;
    store.save_checkpoint(&first, 3).await.unwrap();
    assert_eq!(store.checkpoint("a.v1.app.Other").await.unwrap(), 0);
}

pub(super) async fn leases_are_taken_over_from_the_silent_only(backend: impl Backend) {
    let store = backend.open().await.store;
    let first = lease(&store, CONSUMER).await;
    let mut seen = vec![Beat { token: 0, count: 0 }, Beat { token: first.token + 1, count: 0 }, beat(&store).await];
    for _ in 0..3 {
        store.renew(&first).await.unwrap();
        seen.push(beat(&store).await);
    }
    let last = seen.pop().unwrap();
    assert!(seen.iter().all(|beat| *beat != last), "every renewal is another beat");
    for old in seen {
        assert_eq!(store.acquire(CONSUMER, Some(old)).await.unwrap(), Acquired::Held(last), "{old:?} is not the last");
    }
    let Acquired::Taken(second) = store.acquire(CONSUMER, Some(last)).await.unwrap() else { panic!("it was silent") };
    assert!(second.token > first.token, "tokens grow");
    assert_eq!(beat(&store).await.token, second.token);
    let again = store.acquire(CONSUMER, Some(last)).await.unwrap();
    assert_eq!(again, Acquired::Held(beat(&store).await), "a beat is good for one takeover");
}

pub(super) async fn leases_that_are_given_back_are_free(backend: impl Backend) {
    let store = backend.open().await.store;
    let mut token = 0;
    for _ in 0..4 {
        let held = lease(&store, CONSUMER).await;
        assert!(held.token > token, "tokens grow: {} after {token}", held.token);
        token = held.token;
        store.save_checkpoint(&held, token * 10).await.unwrap();
        store.release(&held).await.unwrap();
        assert_eq!(store.checkpoint(CONSUMER).await.unwrap(), token * 10, "the checkpoint stays");
    }
    // To name a beat does not hurt where nobody holds it.
    let any = store.acquire(CONSUMER, Some(Beat { token: 77, count: 7 })).await.unwrap();
    assert!(matches!(any, Acquired::Taken(lease) if lease.token > token));
}

pub(super) async fn leases_that_were_lost_are_given_back_already(backend: impl Backend) {
    let store = backend.open().await.store;
    let first = lease(&store, CONSUMER).await;
    let second = regain(&store, CONSUMER).await;
    store.release(&first).await.unwrap();
    assert_eq!(beat(&store).await.token, second.token, "it still is the second one's");
    store.save_checkpoint(&second, 1).await.unwrap();
    store.release(&second).await.unwrap();
    store.release(&second).await.unwrap();
    let third = lease(&store, CONSUMER).await;
    store.release(&second).await.unwrap();
    assert_eq!(beat(&store).await.token, third.token);
    store.release(&Lease { consumer: "never.seen".into(), token: 1 }).await.unwrap();
}

pub(super) async fn leases_go_to_one_of_many(backend: impl Backend) {
    let store = backend.open().await.store;
    let mut silent = None;
    let mut token = 0;
    // The first time it is free, then it is taken over.
    for _ in 0..4 {
        let asking = (0..20).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.acquire(CONSUMER, silent).await.unwrap() })
        });
        let answers: Vec<_> = join_all(asking).await.into_iter().map(|asked| asked.unwrap()).collect();
        let taken: Vec<_> = answers.iter().filter(|answer| matches!(answer, Acquired::Taken(_))).collect();
        let [Acquired::Taken(lease)] = taken[..] else { panic!("one of them has it, not {taken:?}") };
        assert!(lease.token > token);
        token = lease.token;
        let held = |answer: &Acquired| matches!(answer, Acquired::Held(beat) if beat.token == token);
        assert_eq!(answers.iter().filter(|answer| held(answer)).count(), 19);
        silent = Some(beat(&store).await);
    }
}

/// What is kept for a consumer, apart from whose turn it is.
async fn kept(store: &Arc<dyn Store>) -> String {
    let checkpoint = store.checkpoint(CONSUMER).await.unwrap();
    let parks = store.parks(CONSUMER).await.unwrap();
    let parked = store.parked(CONSUMER, "lane", 10).await.unwrap();
    let letters = store.dead_letters(CONSUMER, None, 10).await.unwrap();
    let paused = store.paused(CONSUMER).await.unwrap();
    format!("{checkpoint} {parks:?} {parked:?} {letters:?} {paused:?}")
}

fn parked(position: u64) -> NewParked {
    NewParked { lane: "lane".into(), event: EventRef { position, part: 0 } }
}

fn letter(position: u64) -> NewDeadLetter {
    NewDeadLetter { event: EventRef { position, part: 0 }, lane: "lane".into(), attempts: Vec::new() }
}

/// Tries every kind of write under a lease.
async fn writes(store: &Arc<dyn Store>, lease: &Lease, position: u64, other: u64) -> Vec<Result<(), StoreError>> {
    vec![
        store.save_checkpoint(lease, position).await,
        store.park(lease, vec![parked(position), parked(other)]).await,
        unpark(store, lease, parked(other)).await,
        store.save_dead_letter(lease, letter(position)).await,
        store.save_dead_letter(lease, letter(other)).await,
        remove_dead_letter(store, lease, EventRef { position: other, part: 0 }).await,
        store.pause(lease, Pause { position, reason: "paused".into() }).await,
        store.take_orders(lease).await.map(drop),
        store.renew(lease).await,
        store.park(lease, Vec::new()).await,
    ]
}

pub(super) async fn fencing_refuses_every_write_under_an_old_lease(backend: impl Backend) {
    let opened = backend.open().await;
    let positions: Vec<u64> = {
        let records = opened.store.append(book(&stream(), &["a", "b", "c"])).await.unwrap().records;
        records.iter().map(|record| record.position).collect()
    };
    let first = lease(&opened.store, CONSUMER).await;
    let written = writes(&opened.store, &first, positions[0], positions[1]).await;
    assert!(written.iter().all(Result::is_ok), "{written:?}");
    let second = regain(&opened.store, CONSUMER).await;
    let before = (kept(&opened.store).await, beat(&opened.store).await);
    let lost = |consumer: &str| Err(StoreError::LeaseLost { consumer: consumer.into() });
    let old = [first.clone(), Lease { token: 0, ..first.clone() }, Lease { token: second.token + 1, ..first.clone() }];
    for old in old {
        for refused in writes(&opened.store, &old, positions[2], positions[0]).await {
            assert_eq!(refused, lost(CONSUMER), "{old:?}");
        }
        assert_eq!((kept(&opened.store).await, beat(&opened.store).await), before, "{old:?} changed nothing");
    }
    let strange = Lease { consumer: "never.seen".into(), token: 1 };
    assert_eq!(opened.store.save_checkpoint(&strange, 1).await, lost("never.seen"));
    assert_eq!(opened.store.checkpoint("never.seen").await.unwrap(), 0);

    let written = writes(&opened.store, &second, positions[2], positions[0]).await;
    assert!(written.iter().all(Result::is_ok), "{written:?}");
    assert_ne!(kept(&opened.store).await, before.0);
    // As long as the log: an old lease is worth nothing after it was opened again.
    let store = backend.reopen(opened).await.store;
    let third = regain(&store, CONSUMER).await;
    assert!(third.token > second.token);
    let before = kept(&store).await;
    for old in [first, second] {
        for refused in writes(&store, &old, positions[1], positions[2]).await {
            assert_eq!(refused, lost(CONSUMER));
        }
    }
    assert_eq!(kept(&store).await, before);
}

pub(super) async fn fencing_holds_among_many_writers(backend: impl Backend) {
    let store = backend.open().await.store;
    let first = lease(&store, CONSUMER).await;
    let second = regain(&store, CONSUMER).await;
    let writers = (1..=40).map(|n: u64| {
        let (store, old) = (store.clone(), n.is_multiple_of(2));
        let lease = if old { first.clone() } else { second.clone() };
        tokio::spawn(async move {
            store.append(book(&stream(), &["beside"])).await.unwrap();
            (old, store.save_checkpoint(&lease, n).await)
        })
    });
    for written in join_all(writers).await {
        let (old, written) = written.unwrap();
        assert_eq!(written.is_err(), old, "{written:?}");
    }
    assert_eq!(store.checkpoint(CONSUMER).await.unwrap() % 2, 1);
    assert_eq!(store.read(0, 100).await.unwrap().len(), 40, "those beside them are not spoilt");
}

/// Somebody else has the log open as well, so it is not that nobody is left.
pub(super) async fn leases_are_given_back_at_close(backend: impl Backend) {
    let (one, two) = (backend.open().await, backend.open().await);
    let (first, other) = (lease(&one.store, CONSUMER).await, lease(&two.store, "a.v1.app.Other").await);
    assert_eq!(beat(&two.store).await.token, first.token, "both see the same leases");
    let renewed = beat(&two.store).await;
    one.store.renew(&first).await.unwrap();
    assert_ne!(beat(&two.store).await, renewed);
    one.store.close().await.unwrap();
    assert!(lease(&two.store, CONSUMER).await.token > first.token);
    two.store.save_checkpoint(&other, 5).await.unwrap();
}

/// A holder that was paused and wakes up: it writes through a store of its own.
pub(super) async fn fencing_reaches_other_stores(backend: impl Backend) {
    let (one, two) = (backend.open().await, backend.open().await);
    let first = lease(&one.store, CONSUMER).await;
    one.store.save_checkpoint(&first, 4).await.unwrap();
    assert_eq!(two.store.checkpoint(CONSUMER).await.unwrap(), 4);
    let second = regain(&two.store, CONSUMER).await;
    assert_eq!(one.store.save_checkpoint(&first, 5).await.unwrap_err().code(), "LEASE_LOST");
    assert_eq!(one.store.renew(&first).await.unwrap_err().code(), "LEASE_LOST");
    one.store.release(&first).await.unwrap();
    one.store.close().await.unwrap();
    two.store.save_checkpoint(&second, 6).await.unwrap();
    assert_eq!(beat(&two.store).await.token, second.token, "closing gave back what was its own only");
}

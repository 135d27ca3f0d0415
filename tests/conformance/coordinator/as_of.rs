//! Streams and states as they were, and conversations.

use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::{AsOf, NewBook, NewRecord, Record, RecordKind, Store, Trace};
use angzarr_runtime::{App, Event, Payload};
use angzarr_tests::bank::v1::{
    Account, AccountOpened, AccountOpenedV2, Deposit, Deposited, Remarked, Transfer, Turnover, Withdraw, Withdrawn,
};
use angzarr_tests::watch::v1::Watch;
use angzarr_tests::{Faults, StoreFaults};

use super::{code, decode, faulty, log, names, open, start, start_accounts, start_accounts_over, stream};
use crate::backend::Backend;

async fn account(app: &App, as_of: AsOf) -> Option<Account> {
    app.state("accounts", "a", as_of).await.unwrap()
}

/// Balance and number of events, by sequence.
async fn history(app: &App, sequences: u32) -> Vec<(u64, u32)> {
    let mut history = Vec::new();
    for sequence in 0..sequences {
        let account = account(app, AsOf::Sequence(sequence)).await.unwrap();
        history.push((account.balance, account.events));
    }
    history
}

pub(super) async fn as_of_a_sequence_it_is_as_it_was(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 10).await;
    // Snapshots are written on the way: they must not show in what was before them.
    for amount in 1..=10 {
        app.send(Deposit { account: "a".into(), amount }).await.unwrap();
    }
    let expected = [0, 10, 11, 13, 16, 20, 25, 31, 38, 46, 55, 65];
    let expected: Vec<(u64, u32)> = expected.into_iter().zip(1..).collect();
    assert_eq!(history(&app, 12).await, expected);
    for (sequence, events) in (0..12).zip(1..) {
        let then = app.events_as_of("accounts", "a", AsOf::Sequence(sequence)).await.unwrap();
        assert_eq!(then.len(), events);
        assert_eq!(then.last().map(|event| event.sequence), Some(sequence));
    }

    let now = account(&app, AsOf::Now).await;
    assert_eq!(now.as_ref().map(|account| account.balance), Some(65));
    for beyond in [11, 12, u32::MAX] {
        assert_eq!(account(&app, AsOf::Sequence(beyond)).await, now);
    }
    for as_of in [AsOf::Now, AsOf::Sequence(0)] {
        assert_eq!(app.state::<Account>("accounts", "nobody", as_of).await.unwrap(), None);
        assert_eq!(app.events_as_of("accounts", "nobody", as_of).await.unwrap(), []);
    }
}

pub(super) async fn as_of_stays_after_a_restart(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 10).await;
    for amount in 1..=10 {
        app.send(Deposit { account: "a".into(), amount }).await.unwrap();
    }
    let told = history(&app, 12).await;
    app.shutdown().await.unwrap();
    let app = start_accounts(&backend).await;
    app.send(Withdraw { account: "a".into(), amount: 65 }).await.unwrap();
    assert_eq!(history(&app, 12).await, told);
    assert_eq!(history(&app, 13).await.last(), Some(&(0, 13)));
    app.shutdown().await.unwrap();
}

/// Appends an event as a process does whose clock shows this many seconds since 1970.
async fn append(store: &dyn Store, seconds: i64, event: &impl Event) {
    let payload = Payload::event(event);
    let book = NewBook {
        stream: stream("accounts", "a"),
        key: "a".into(),
        expected: None,
        idempotency_key: None,
        records: vec![NewRecord { kind: RecordKind::Event, payload, occurred_at: None, due: None }],
        cleared: Vec::new(),
        created_at: Timestamp { seconds, nanos: 0 },
        trace: Trace { correlation_id: "clocks".into(), cause: None, traceparent: None },
    };
    store.append(book).await.unwrap();
}

fn deposited(amount: u64) -> Deposited {
    Deposited { account: "a".into(), amount, ..Deposited::default() }
}

fn at(seconds: i64, nanos: i32) -> AsOf {
    AsOf::Time(Timestamp { seconds, nanos })
}

pub(super) async fn as_of_a_time_it_is_a_beginning_of_the_stream(backend: impl Backend) {
    let storage = backend.open().await;
    let old = AccountOpened { account: "a".into(), city: "Gent".into() };
    append(&*storage.store, 100, &old).await;
    append(&*storage.store, 200, &deposited(1)).await;
    // The clock was put back.
    append(&*storage.store, 150, &Turnover { account: "a".into(), deposited: 20, withdrawn: 10 }).await;
    append(&*storage.store, 300, &deposited(100)).await;
    let app = start_accounts_over(&backend, &StoreFaults::default()).await;
    // A snapshot comes to stand behind all of them.
    for _ in 0..7 {
        app.send(Deposit { account: "a".into(), amount: 1000 }).await.unwrap();
    }

    let expected = [
        (at(-1, 0), None),
        (at(99, 999_999_000), None),
        (at(100, 0), Some((0, 1))),
        // What was recorded at 150 lies behind what had not been recorded yet.
        (at(150, 0), Some((0, 1))),
        (at(199, 999_999_000), Some((0, 1))),
        (at(200, 0), Some((11, 4))),
        (at(299, 0), Some((11, 4))),
        (at(300, 0), Some((111, 5))),
        (at(i64::MAX, 0), Some((7111, 12))),
    ];
    for (as_of, expected) in expected {
        let then = account(&app, as_of).await;
        assert_eq!(then.map(|account| (account.balance, account.events)), expected, "{as_of:?}");
        let events = app.events_as_of("accounts", "a", as_of).await.unwrap();
        assert_eq!(events.len(), expected.map_or(0, |(_, events)| events as usize), "{as_of:?}");
    }
    app.shutdown().await.unwrap();
}

pub(super) async fn as_of_then_events_are_in_current_versions(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    let import = app.import("accounts", "a").event(&AccountOpened { account: "a".into(), city: "Gent".into() }, None);
    let import = import.event(&Turnover { account: "a".into(), deposited: 100, withdrawn: 30 }, None);
    let import = import.event(&Remarked { account: "a".into(), text: "hm".into() }, None);
    import.event(&deposited(5), None).await.unwrap();

    let expected: [(&[&str], (u64, u32)); 4] = [
        (&["AccountOpenedV2"], (0, 1)),
        (&["AccountOpenedV2", "Deposited", "Withdrawn"], (70, 3)),
        // One that means nothing today.
        (&["AccountOpenedV2", "Deposited", "Withdrawn"], (70, 3)),
        (&["AccountOpenedV2", "Deposited", "Withdrawn", "Deposited"], (75, 4)),
    ];
    for (sequence, (types, state)) in (0..).zip(expected) {
        let then = app.events_as_of("accounts", "a", AsOf::Sequence(sequence)).await.unwrap();
        assert_eq!(names(&then), types, "{sequence}");
        assert_eq!(decode::<AccountOpenedV2>(&then[0]).branch.unwrap().city, "Gent");
        let account = account(&app, AsOf::Sequence(sequence)).await.unwrap();
        assert_eq!((account.balance, account.events), state, "{sequence}");
    }
}

pub(super) async fn as_of_knows_process_managers_and_refuses_strangers(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 100).await;
    for amount in [1, 2] {
        app.send(Withdraw { account: "a".into(), amount }).await.unwrap();
        app.drained().await.unwrap();
    }
    let watch = async |as_of| app.state::<Watch>("watches", "a", as_of).await.unwrap().map(|watch| watch.withdrawals);
    assert_eq!(watch(AsOf::Sequence(0)).await, Some(1));
    assert_eq!(watch(AsOf::Sequence(1)).await, Some(2));
    assert_eq!(watch(AsOf::Now).await, Some(2), "what was decided to be sent changes no state");
    assert_eq!(watch(AsOf::Time(Timestamp::default())).await, None);
    let events = app.events_as_of("watches", "a", AsOf::Now).await.unwrap();
    assert_eq!(names(&events), ["WithdrawalCounted", "WithdrawalCounted"]);
    // The card was never opened, so the command was refused there: that is no event.
    let card = app.state::<Account>("accounts", "a/card", AsOf::Now).await.unwrap();
    assert_eq!(card, Some(Account::default()));

    let now = AsOf::Now;
    assert_eq!(code(app.state::<Account>("nowhere", "a", now).await), "DOMAIN_UNKNOWN");
    assert_eq!(code(app.state::<Account>("accounts", "", now).await), "ROOT_EMPTY");
    assert_eq!(code(app.events_as_of("accounts", "", now).await), "ROOT_EMPTY");
    // Even of a stream that is not there.
    let error = app.state::<Watch>("accounts", "nobody", now).await.unwrap_err();
    assert_eq!(error.code(), "SETUP");
    let expected = "the state of `bank.v1.app.Accounts` is not `watch.v1.Watch`; it is `bank.v1.Account`";
    assert_eq!(error.to_string(), expected);
}

/// A conversation, read in slices.
async fn talk(app: &App, id: &str, limit: usize) -> Vec<Record> {
    let (mut records, mut after) = (Vec::new(), 0);
    loop {
        let slice = app.conversation(id, after, limit).await.unwrap();
        records.extend(slice.records);
        let Some(next) = slice.next else { return records };
        assert!(next > after);
        after = next;
    }
}

pub(super) async fn conversations_are_told_in_order(backend: impl Backend) {
    let storage = faulty(&backend, &StoreFaults::default()).await;
    let app = angzarr_tests::register(App::builder(storage), &Faults::default()).start().await.unwrap();
    open(&app, "a", 100).await;
    open(&app, "b", 0).await;
    let transfer = |to: &str| app.send(Transfer { account: "a".into(), to: to.into(), amount: 10 });
    transfer("b").correlation_id("talk-1").await.unwrap();
    transfer("nobody").correlation_id("talk-2").await.unwrap();
    transfer("b").correlation_id("talk-1").await.unwrap();
    let import = app.import("accounts", "b").correlation_id("talk-3");
    let import = import.event(&Turnover { account: "b".into(), deposited: 3, withdrawn: 2 }, None);
    import.event(&Remarked { account: "b".into(), text: "hm".into() }, None).await.unwrap();
    app.drained().await.unwrap();

    let all = log(&app).await;
    for id in ["talk-1", "talk-2", "talk-3", "talk"] {
        let expected: Vec<_> = all.iter().filter(|record| &*record.trace.correlation_id == id).cloned().collect();
        for limit in [1, 2, 100] {
            assert_eq!(talk(&app, id, limit).await, expected, "{id} by {limit}");
        }
    }
    let second = talk(&app, "talk-2", 100).await;
    assert_eq!(names(&second), ["TransferSent", "Refusal", "TransferReturned"]);
    let third = talk(&app, "talk-3", 1).await;
    assert_eq!((decode::<Deposited>(&third[0]).amount, decode::<Withdrawn>(&third[1]).amount), (3, 2));
    assert_eq!((third[0].part, third[1].part, third[0].parts), (0, 1, 2));
    assert_eq!(names(&third)[2..], ["WithdrawalCounted"], "what followed, in another domain");
    let nobody = app.conversation("talk", 0, 100).await.unwrap();
    assert_eq!((nobody.records.len(), nobody.next), (0, None));
    app.shutdown().await.unwrap();
}

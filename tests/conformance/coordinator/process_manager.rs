//! Law 5.

use std::sync::{Arc, Mutex};

use angzarr_runtime::id::{Purpose, Trigger, consumer_key};
use angzarr_runtime::prost::Message;
use angzarr_runtime::proto::CommandsIssued;
use angzarr_runtime::store::{NewBook, Record, RecordKind, Trace};
use angzarr_runtime::{App, Context, Failure, ProcessManager};
use angzarr_tests::bank::v1::{Deposit, Deposited, Withdraw, Withdrawn};
use angzarr_tests::placed;
use angzarr_tests::watch::v1::app::{WatchStep, WithdrawalWatch};
use angzarr_tests::watch::v1::{DepositCounted, Watch, WithdrawalCounted};
use angzarr_tests::{AccountRules, Faults, OldAccounts};
use uuid::Uuid;

use super::{WATCH, beneath, event_names, forget, log, names, of, open, start, stream};
use crate::backend::Backend;

async fn withdraw(app: &App, amount: u64) -> Record {
    let event = app.send(Withdraw { account: "a".into(), amount }).await.unwrap().events.remove(0);
    app.drained().await.unwrap();
    event
}

fn trigger(event: &Record) -> Trigger<'_> {
    let (domain, root) = (&*event.stream.domain, event.stream.root);
    Trigger { consumer: WATCH, domain, root, sequence: event.sequence, part: event.part }
}

/// What is recorded for a step; the book is not, if the key is not.
fn probe(event: &Record) -> NewBook {
    NewBook {
        stream: stream("watches", "a"),
        key: "a".into(),
        expected: Some(u32::MAX),
        idempotency_key: Some(consumer_key(Purpose::Step, trigger(event), 0).to_string()),
        records: Vec::new(),
        cleared: Vec::new(),
        created_at: event.created_at,
        trace: Trace { correlation_id: "probe".into(), cause: None, traceparent: None },
    }
}

pub(super) async fn a_process_manager_step_is_one_book(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 100).await;
    let first = withdraw(&app, 1).await;
    let second = withdraw(&app, 2).await;
    let all = log(&app).await;
    app.shutdown().await.unwrap();

    let steps = of(&all, "watches", "a");
    let kinds: Vec<_> = steps.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [RecordKind::Event, RecordKind::Event, RecordKind::Commands], "own events come first");
    assert_eq!(steps[1].position + 1, steps[2].position);
    assert_eq!((&*steps[0].key, steps[2].sequence), ("a", 2));

    let issued = CommandsIssued::decode(steps[2].payload.value.clone()).unwrap();
    let keys: Vec<_> = issued.books.iter().map(|book| book.idempotency_key.clone()).collect();
    let key = |index| consumer_key(Purpose::Command, trigger(&second), index).to_string();
    assert_eq!(keys, [key(0), key(1)]);
    let covers: Vec<_> = issued.books.iter().map(|book| book.cover.as_ref().unwrap().key.as_str()).collect();
    assert_eq!(covers, ["a/card", "a"]);
    // One was refused, which is recorded at its target; the other one was done.
    assert_eq!(names(of(&all, "accounts", "a/card")), ["Refusal"]);
    assert_eq!(names(of(&all, "accounts", "a")).last(), Some(&"AccountFrozen"));

    beneath(&backend, async |opened| {
        for (event, book) in [(&first, &steps[..1]), (&second, &steps[1..])] {
            let recorded = opened.store.append(probe(event)).await.unwrap();
            assert!(recorded.duplicate);
            assert_eq!(recorded.records.iter().collect::<Vec<_>>(), book);
        }
    })
    .await;
}

pub(super) async fn a_process_manager_step_is_not_decided_again(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    open(&app, "a", 100).await;
    withdraw(&app, 1).await;
    withdraw(&app, 2).await;
    let (before, decided) = (log(&app).await, faults.calls("WithdrawalWatch"));
    app.shutdown().await.unwrap();
    beneath(&backend, async |opened| forget(&opened.store, WATCH).await).await;

    let app = start(&backend, &faults).await;
    app.drained().await.unwrap();
    assert_eq!(log(&app).await, before);
    assert_eq!((decided, faults.calls("WithdrawalWatch")), (2, 2));
    app.shutdown().await.unwrap();
}

pub(super) async fn a_process_manager_without_an_instance_ignores(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    open(&app, "a", 100).await;
    open(&app, "b", 100).await;
    app.drained().await.unwrap();
    assert_eq!(faults.calls("WithdrawalWatch"), 0, "deposits start nothing");
    assert_eq!(super::status(&app, WATCH).ignored, 2, "they are counted");
    withdraw(&app, 1).await;
    for account in ["a", "b"] {
        app.send(Deposit { account: account.into(), amount: 1 }).await.unwrap();
    }
    app.drained().await.unwrap();
    let all = log(&app).await;
    assert_eq!(names(of(&all, "watches", "a")), ["WithdrawalCounted", "DepositCounted"]);
    assert!(of(&all, "watches", "b").is_empty());
    // One withdrawal each does not freeze: instances do not mix.
    app.send(Withdraw { account: "b".into(), amount: 1 }).await.unwrap();
    app.drained().await.unwrap();
    assert!(!event_names(&app, "a").await.contains(&"AccountFrozen".to_owned()));
    assert!(!event_names(&app, "b").await.contains(&"AccountFrozen".to_owned()));
}

/// Writes down in which stream it is told to be.
#[derive(ProcessManager, Debug)]
#[process_manager(WithdrawalWatch)]
struct Curious {
    told: Arc<Mutex<Vec<(String, Uuid, String)>>>,
}

impl Curious {
    fn note(&self, cx: &Context) {
        self.told.lock().unwrap().push((cx.domain().to_owned(), cx.root(), cx.key().to_owned()));
    }
}

impl WithdrawalWatch for Curious {
    async fn on_withdrawn(&self, _: &Watch, event: Withdrawn, cx: &Context) -> Result<Vec<WatchStep>, Failure> {
        self.note(cx);
        Ok(vec![WithdrawalCounted { account: event.account }.into()])
    }

    async fn on_deposited(&self, _: &Watch, _: Deposited, cx: &Context) -> Result<Vec<WatchStep>, Failure> {
        self.note(cx);
        Ok(Vec::new())
    }

    fn apply_withdrawal_counted(_: &mut Watch, _: WithdrawalCounted) {}

    fn apply_deposit_counted(_: &mut Watch, _: DepositCounted) {}
}

pub(super) async fn a_process_manager_knows_its_own_stream(backend: impl Backend) {
    let told = Arc::default();
    let (rules, curious) = (AccountRules { faults: Faults::default() }, Curious { told: Arc::clone(&told) });
    let app =
        App::builder(backend.storage()).register(placed(rules)).register(placed(OldAccounts)).register(placed(curious));
    let app = app.start().await.unwrap();
    open(&app, "a", 100).await;
    withdraw(&app, 1).await;
    app.send(Deposit { account: "a".into(), amount: 1 }).await.unwrap();
    app.drained().await.unwrap();
    let own = ("watches".to_owned(), stream("watches", "a").root, "a".to_owned());
    assert_eq!(*told.lock().unwrap(), [own.clone(), own]);
}

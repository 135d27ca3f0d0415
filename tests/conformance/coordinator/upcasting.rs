//! Law 7.

use angzarr_runtime::prost::Message;
use angzarr_runtime::store::Record;
use angzarr_runtime::{App, Event, Payload, prost, prost_types};
use angzarr_tests::Faults;
use angzarr_tests::bank::v1::{
    AccountOpened, AccountOpenedV2, BranchRow, CashCounted, Deposit, Deposited, Remarked, Turnover, Withdraw, Withdrawn,
};

use super::{balance, beneath, code, decode, log, names, of, open, start};
use crate::backend::Backend;

fn opened() -> AccountOpened {
    AccountOpened { account: "old".into(), city: "Gent".into() }
}

fn turnover() -> Turnover {
    Turnover { account: "old".into(), deposited: 100, withdrawn: 30 }
}

fn remarked() -> Remarked {
    Remarked { account: "old".into(), text: "hm".into() }
}

async fn import(app: &App) {
    let import = app.import("accounts", "old").event(&opened(), None).event(&turnover(), None);
    import.event(&remarked(), None).await.unwrap();
}

/// A withdrawal under its name of before.
#[derive(Clone, PartialEq, prost::Message, Event)]
#[prost(prost_path = "angzarr_runtime::prost")]
#[event(name = "bank.CashTaken", domain = "accounts")]
struct CashTaken {
    #[prost(string, tag = "1")]
    account: String,
    #[prost(uint64, tag = "2")]
    amount: u64,
}

/// An old version under its name of before.
#[derive(Clone, PartialEq, prost::Message, Event)]
#[prost(prost_path = "angzarr_runtime::prost")]
#[event(name = "bank.CashCounted", domain = "accounts")]
struct OlderCashCounted {
    #[prost(string, tag = "1")]
    account: String,
    #[prost(uint64, tag = "3")]
    sum: u64,
}

/// Sequence, part, parts.
fn places(records: &[Record]) -> Vec<(u32, u32, u32)> {
    records.iter().map(|record| (record.sequence, record.part, record.parts)).collect()
}

pub(super) async fn upcasting_reaches_all_readers(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    import(&app).await;
    app.drained().await.unwrap();

    let events = app.events("accounts", "old").await.unwrap();
    assert_eq!(names(&events), ["AccountOpenedV2", "Deposited", "Withdrawn"]);
    assert_eq!(places(&events), [(0, 0, 0), (1, 0, 2), (1, 1, 2)]);
    let branch = decode::<AccountOpenedV2>(&events[0]).branch.unwrap();
    assert_eq!((branch.country.as_str(), branch.city.as_str()), ("NL", "Gent"));
    assert_eq!(decode::<Deposited>(&events[1]).amount, 100);
    assert_eq!(decode::<Withdrawn>(&events[2]).amount, 30);

    let slice = app.read_log(0, 3).await.unwrap();
    assert_eq!(slice.records, events);
    assert_eq!(slice.next, Some(3), "the one that became nothing is passed, too");
    assert_eq!(balance(&app, "old").await, Some(70));
    let branches = app.view::<BranchRow>().unwrap();
    assert_eq!(branches.get(["NL", "Gent"]).await.unwrap().map(|row| row.accounts), Some(1));
    // The process manager reacted to one part, and names it.
    let all = log(&app).await;
    let steps = of(&all, "watches", "old");
    assert_eq!(names(steps.iter().copied()), ["WithdrawalCounted"]);
    let cause = steps[0].trace.cause.as_ref().unwrap();
    assert_eq!((cause.sequence, cause.part), (1, 1));

    // Loads fold current versions.
    assert_eq!(code(app.send(Withdraw { account: "old".into(), amount: 71 }).await), "ACCOUNT_REJECTION_INSUFFICIENT");
    let withdrawn = app.send(Withdraw { account: "old".into(), amount: 70 }).await.unwrap();
    assert_eq!(withdrawn.events[0].sequence, 3);
}

/// Fields find their new numbers and names; what is stored under another name is the same event all the same.
pub(super) async fn upcasting_knows_fields_and_stored_names(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "old", 5).await;
    let account = || "old".to_owned();
    let at = Some(prost_types::Timestamp { seconds: 7, nanos: 8 });
    let counted = CashCounted { account: account(), teller: "Jo".into(), sum: 40, at };
    let import = app.import("accounts", "old").event(&counted, None);
    let import = import.event(&OlderCashCounted { account: account(), sum: 2 }, None);
    import.event(&CashTaken { account: account(), amount: 30 }, None).await.unwrap();
    app.drained().await.unwrap();

    let events = app.events("accounts", "old").await.unwrap();
    assert_eq!(names(&events[2..]), ["Deposited", "Deposited", "Withdrawn"]);
    assert_eq!(decode::<Deposited>(&events[2]), Deposited { account: account(), amount: 40, at, ids: Vec::new() });
    let older = Deposited { account: account(), amount: 2, at: None, ids: Vec::new() };
    assert_eq!(decode::<Deposited>(&events[3]), older);
    assert_eq!(decode::<Withdrawn>(&events[4]), Withdrawn { account: account(), amount: 30 });
    // The view, and the process manager, which listens to withdrawals.
    assert_eq!(balance(&app, "old").await, Some(17));
    let all = log(&app).await;
    assert_eq!(names(of(&all, "watches", "old")), ["WithdrawalCounted"]);
    // Loads, too.
    assert_eq!(code(app.send(Withdraw { account: account(), amount: 18 }).await), "ACCOUNT_REJECTION_INSUFFICIENT");
}

pub(super) async fn upcasting_passes_what_becomes_nothing(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "old", 5).await;
    for _ in 0..3 {
        app.import("accounts", "old").event(&remarked(), None).await.unwrap();
    }
    // Ends, although the last positions are delivered to nobody.
    app.drained().await.unwrap();
    assert!(app.consumers().iter().all(|consumer| consumer.position == 5), "{:?}", app.consumers());
    let slice = app.read_log(2, 2).await.unwrap();
    assert_eq!((slice.records.len(), slice.next), (0, Some(4)));
    assert_eq!(app.read_log(5, 2).await.unwrap().next, None);
    let deposited = app.send(Deposit { account: "old".into(), amount: 1 }).expecting(5).await.unwrap();
    assert_eq!(deposited.events[0].sequence, 5);
    app.drained().await.unwrap();
    assert_eq!(balance(&app, "old").await, Some(6));
}

pub(super) async fn upcasting_leaves_stored_bytes_alone(backend: impl Backend) {
    let faults = Faults::default();
    let taken = CashTaken { account: "old".into(), amount: 3 };
    for round in 0..2 {
        let app = start(&backend, &faults).await;
        if round == 0 {
            import(&app).await;
            app.import("accounts", "old").event(&taken, None).await.unwrap();
        }
        app.drained().await.unwrap();
        app.events("accounts", "old").await.unwrap();
        app.shutdown().await.unwrap();
        let stored = beneath(&backend, async |opened| opened.store.read(0, 100).await.unwrap()).await;
        // Those who listen store events of their own among them.
        let imported = stored.into_iter().filter(|record| record.trace.cause.is_none());
        let payloads: Vec<Payload> = imported.map(|record| record.payload).collect();
        let expected = [
            Payload { type_name: "bank.v1.AccountOpened".into(), value: opened().encode_to_vec().into() },
            Payload { type_name: "bank.v1.Turnover".into(), value: turnover().encode_to_vec().into() },
            Payload { type_name: "bank.v1.Remarked".into(), value: remarked().encode_to_vec().into() },
            Payload { type_name: "bank.CashTaken".into(), value: taken.encode_to_vec().into() },
        ];
        assert_eq!(payloads, expected);
    }
}

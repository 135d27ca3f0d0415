//! Law 6. Snapshots are written every five records; here some of them lie, so that one sees who believes them.

use std::sync::Arc;

use angzarr_runtime::component::{
    AggregateLogic, AggregateSpec, Component, Deciding, Encoding, Input, Registration, SnapshotSpec, State, Stateful,
};
use angzarr_runtime::store::AsOf;
use angzarr_runtime::{App, Context, Emission, Failure, Payload};
use angzarr_tests::bank::v1::{Account, Deposit, Withdraw};
use angzarr_tests::placed;
use angzarr_tests::{AccountRules, Faults, OldAccounts};

use super::{code, event_names, open};
use crate::backend::Backend;

/// What is written as a snapshot.
#[derive(Clone, Copy)]
enum Writes {
    TheTruth,
    AFortune,
    Garbage,
}

/// The rules of accounts, with other snapshots.
struct Altered {
    writes: Writes,
    version: u32,
}

struct Logic {
    rules: Arc<dyn AggregateLogic>,
    altered: Altered,
}

impl Component for Altered {
    fn register(self) -> Registration {
        match (AccountRules { faults: Faults::default() }).register() {
            Registration::Aggregate(rules) => Registration::Aggregate(Arc::new(Logic { rules, altered: self })),
            other => other,
        }
    }
}

impl AggregateLogic for Logic {
    fn stateful(&self) -> &dyn Stateful {
        self
    }

    fn spec(&self) -> &'static AggregateSpec {
        self.rules.spec()
    }

    fn decide<'a>(&'a self, state: &'a State, input: &'a Input, cx: &'a Context) -> Deciding<'a, Vec<Emission>> {
        self.rules.decide(state, input, cx)
    }

    fn query<'a>(&'a self, state: &'a State, query: &'a Payload, cx: &'a Context) -> Deciding<'a, Payload> {
        self.rules.query(state, query, cx)
    }
}

impl Stateful for Logic {
    fn state_type(&self) -> String {
        self.rules.stateful().state_type()
    }

    fn new_state(&self) -> State {
        self.rules.stateful().new_state()
    }

    fn fold(&self, state: &mut State, event: &Payload) -> Result<(), Failure> {
        self.rules.stateful().fold(state, event)
    }

    fn encode_state<'a>(&'a self, state: &'a State, next_sequence: u32) -> Encoding<'a> {
        let fortune = Account { open: true, balance: 1_000_000, ..Account::default() };
        match self.altered.writes {
            Writes::TheTruth => self.rules.stateful().encode_state(state, next_sequence),
            Writes::AFortune => Encoding::Done(Some(Payload::named(&fortune))),
            Writes::Garbage => {
                let garbage = Payload { value: b"\xff\xff\xff".to_vec().into(), ..Payload::named(&fortune) };
                Encoding::Done(Some(garbage))
            }
        }
    }

    fn encoded_len(&self, state: &State) -> usize {
        self.rules.stateful().encoded_len(state)
    }

    fn decode_state(&self, payload: &Payload) -> Option<State> {
        self.rules.stateful().decode_state(payload)
    }

    fn snapshots(&self) -> SnapshotSpec {
        SnapshotSpec { version: self.altered.version, ..self.rules.stateful().snapshots() }
    }
}

async fn start(backend: &impl Backend, writes: Writes, version: u32) -> App {
    let altered = Altered { writes, version };
    App::builder(backend.storage()).register(placed(altered)).register(placed(OldAccounts)).start().await.unwrap()
}

/// Fills the stream up to where a snapshot is due: five records, and a balance of 100.
async fn fill(app: &App) {
    open(app, "a", 97).await;
    for _ in 0..3 {
        app.send(Deposit { account: "a".into(), amount: 1 }).await.unwrap();
    }
}

fn withdraw(app: &App, amount: u64) -> angzarr_runtime::app::SendCommand {
    app.send(Withdraw { account: "a".into(), amount })
}

pub(super) async fn snapshots_are_used(backend: impl Backend) {
    let app = start(&backend, Writes::AFortune, 1).await;
    open(&app, "a", 97).await;
    assert_eq!(code(withdraw(&app, 500_000).await), "ACCOUNT_REJECTION_INSUFFICIENT", "none is due yet");
    for _ in 0..3 {
        app.send(Deposit { account: "a".into(), amount: 1 }).await.unwrap();
    }
    assert_eq!(code(withdraw(&app, 500_000).await), "ACCOUNT_REJECTION_INSUFFICIENT", "the state is warm");
    app.shutdown().await.unwrap();
    let app = start(&backend, Writes::AFortune, 1).await;
    // What stands in the snapshot, and what came after it.
    withdraw(&app, 500_000).await.unwrap();
    assert_eq!(code(withdraw(&app, 500_001).await), "ACCOUNT_REJECTION_INSUFFICIENT");
    assert_eq!(event_names(&app, "a").await.len(), 6);
    app.shutdown().await.unwrap();
}

pub(super) async fn snapshots_are_used_for_what_is_not_before_them(backend: impl Backend) {
    let app = start(&backend, Writes::AFortune, 1).await;
    fill(&app).await;
    // Whoever comes next finds the snapshot written.
    app.send(Deposit { account: "a".into(), amount: 1 }).await.unwrap();
    for (sequence, balance) in [(0, 0), (1, 97), (3, 99), (4, 1_000_000), (5, 1_000_001), (6, 1_000_001)] {
        let account: Option<Account> = app.state("accounts", "a", AsOf::Sequence(sequence)).await.unwrap();
        assert_eq!(account.map(|account| account.balance), Some(balance), "{sequence}");
        // Events are told as they are, whatever a snapshot says.
        let events = app.events_as_of("accounts", "a", AsOf::Sequence(sequence)).await.unwrap();
        assert_eq!(events.len(), 6.min(sequence as usize + 1));
    }
    app.shutdown().await.unwrap();
}

pub(super) async fn snapshots_that_do_not_decode_are_ignored_and_replaced(backend: impl Backend) {
    let app = start(&backend, Writes::Garbage, 1).await;
    fill(&app).await;
    for _ in 0..7 {
        withdraw(&app, 10).await.unwrap();
    }
    assert_eq!(code(withdraw(&app, 31).await), "ACCOUNT_REJECTION_INSUFFICIENT");
    assert_eq!(withdraw(&app, 30).await.unwrap().events[0].sequence, 12);
    app.shutdown().await.unwrap();
    if backend_forgets::<_>(&backend) {
        return;
    }
    // With the truth in them again, they are good again.
    let app = start(&backend, Writes::TheTruth, 1).await;
    for n in 0..8 {
        app.send(Deposit { account: "a".into(), amount: 1 }).await.unwrap();
        assert_eq!(code(withdraw(&app, 2 + n).await), "ACCOUNT_REJECTION_INSUFFICIENT");
    }
    app.shutdown().await.unwrap();
}

/// Whether the second half of a case has nothing to look at.
fn backend_forgets<B: Backend>(_: &B) -> bool {
    !B::PERSISTENT
}

pub(super) async fn snapshots_of_another_version_are_ignored(backend: impl Backend) {
    let app = start(&backend, Writes::AFortune, 1).await;
    fill(&app).await;
    app.shutdown().await.unwrap();

    let app = start(&backend, Writes::TheTruth, 2).await;
    assert_eq!(code(withdraw(&app, 101).await), "ACCOUNT_REJECTION_INSUFFICIENT");
    app.send(Deposit { account: "a".into(), amount: 1 }).await.unwrap();
    app.shutdown().await.unwrap();
    // Its own snapshot was due at once, and replaced the other one: the first release replays, too.
    let app = start(&backend, Writes::TheTruth, 1).await;
    assert_eq!(code(withdraw(&app, 102).await), "ACCOUNT_REJECTION_INSUFFICIENT");
    withdraw(&app, 101).await.unwrap();
    app.shutdown().await.unwrap();
}

pub(super) async fn snapshots_of_another_chain_are_ignored(backend: impl Backend) {
    let app = start(&backend, Writes::AFortune, 1).await;
    fill(&app).await;
    app.shutdown().await.unwrap();

    let altered = Altered { writes: Writes::TheTruth, version: 1 };
    let app = App::builder(backend.storage()).register(placed(altered)).start().await.unwrap();
    assert_eq!(code(withdraw(&app, 101).await), "ACCOUNT_REJECTION_INSUFFICIENT");
    app.shutdown().await.unwrap();
    // The snapshot is still there, and still believed by whoever has the chain.
    let app = start(&backend, Writes::TheTruth, 1).await;
    withdraw(&app, 500_000).await.unwrap();
    app.shutdown().await.unwrap();
}

//! Random requests, duplicates, faults, crashes, restarts and foreign writes, compared with a reference after every
//! step: answers, streams, keys, and rows of the view.
//!
//! `SEED` replays a run, `MODEL_CASES` makes more of them.

mod reference;
mod steps;

use std::collections::BTreeMap;
use std::time::Duration;

use angzarr_runtime::app::SendCommand;
use angzarr_runtime::prost::Message;
use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::{Load, NewBook, NewRecord, Opened, Record, RecordKind, StoreError, Trace};
use angzarr_runtime::{App, Error, Outcome, Payload, Storage};
use angzarr_tests::bank::v1::{
    AdjustBalance, BalanceRow, Deposit, Deposited, OpenAccount, Transfer, TransferReceived, TransferReturned,
    TransferSent, Withdraw, Withdrawn,
};
use angzarr_tests::{AccountRules, BalanceView, Call, Faults, OldAccounts, StoreFaults, TransferSaga};
use futures_util::future::join_all;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::backend::Backend;
use crate::coordinator::stream;
use reference::{ACCOUNTS, Account, Answer, Command, Entry, Model, Request};
use steps::{Asked, End, Step, steps};

cases! {
    every: it_does_what_the_reference_does;
    persistent:;
}

/// How many runs there are, unless `MODEL_CASES` says otherwise.
const CASES: u32 = 24;

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Within which all requests of a step are made.
const GATHERING: Duration = Duration::from_millis(2);

async fn it_does_what_the_reference_does<B: Backend>(_: B) {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let seed = number("SEED").unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    let cases = number("MODEL_CASES").map_or(CASES, |cases| cases.try_into().unwrap());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let run = |steps: Vec<Step>| {
        let handle = tokio::runtime::Handle::current();
        handle.block_on(async { tokio::time::timeout(PATIENCE, Run::new(B::new()).await.all(steps)).await.unwrap() });
        Ok(())
    };
    // The runner knows nothing of futures.
    if let Err(error) = tokio::task::block_in_place(|| runner.run(&steps(), run)) {
        panic!("SEED={seed}: {error}");
    }
}

/// What a program and its surroundings are made of.
struct Run<B> {
    backend: B,
    /// The first application has consumers, and a store that goes wrong.
    first: App,
    faults: StoreFaults,
    /// The second one has neither.
    second: App,
    /// Beneath both.
    opened: Opened,
    model: Model,
}

impl<B: Backend> Run<B> {
    async fn new(backend: B) -> Self {
        let (faults, sound) = (StoreFaults::default(), StoreFaults::default());
        let opened = backend.open().await;
        let first = start(&faults, backend.open().await).await;
        let rules = AccountRules { faults: Faults::default() };
        let storage = Storage::Opened(sound.wrap(backend.open().await));
        let second = App::builder(storage).register(rules).register(OldAccounts).start().await.unwrap();
        Self { backend, first, faults, second, opened, model: Model::default() }
    }

    async fn all(mut self, steps: Vec<Step>) {
        for step in steps {
            self.step(step).await;
        }
        self.first.shutdown().await.unwrap();
    }

    async fn step(&mut self, step: Step) {
        for (call, fault) in &step.faults {
            self.faults.next(*call, [*fault]);
        }
        let requests: Vec<_> = step.requests.iter().map(|asked| self.request(asked)).collect();
        let answers = requests.iter().zip(&step.requests).map(|(request, asked)| {
            let app = if asked.elsewhere { self.second.clone() } else { self.first.clone() };
            tokio::spawn(ask(app, self.opened.clone(), request.clone()))
        });
        if step.gathers {
            self.faults.hold(Call::Append);
        }
        let answers = join_all(answers.collect::<Vec<_>>());
        if step.gathers {
            tokio::time::sleep(GATHERING).await;
            self.faults.open(Call::Append);
        }
        if let End::IsKilled(after) = step.end {
            tokio::time::sleep(Duration::from_micros(after)).await;
            self.faults.kill().await;
        }
        let answers = answers.await.into_iter().map(Result::unwrap);
        let answered: Vec<_> = requests.into_iter().zip(answers).collect();
        match step.end {
            End::GoesOn => {}
            End::IsKilled(_) => self.start_again().await,
            End::IsRestarted => {
                self.first.clone().shutdown().await.unwrap();
                self.start_again().await;
            }
        }
        self.first.drained().await.unwrap();
        self.compare(&answered).await;
    }

    fn request(&self, asked: &Asked) -> Request {
        let next = self.model.accounts[asked.account].entries.len();
        let expected = asked.behind.map(|behind| u32::try_from(next).unwrap().saturating_sub(behind));
        let (account, command) = (asked.account, asked.command);
        Request { account, command, key: asked.key.map(|key| format!("key {key}")), expected }
    }

    async fn start_again(&mut self) {
        self.faults = StoreFaults::default();
        self.first = start(&self.faults, self.backend.open().await).await;
    }

    /// Looks for what explains the answers, and is what there is.
    async fn compare(&mut self, answered: &[(Request, Answer)]) {
        let before = std::mem::take(&mut self.model);
        let mut accounts = Vec::new();
        for account in ACCOUNTS {
            accounts.push(stored(&self.opened, account).await);
        }
        let there = Model { accounts: accounts.try_into().unwrap() };
        let explained = before.clone().explain(answered);
        assert!(
            explained.contains(&there),
            "{answered:#?}\non {before:#?}\ndo not explain {there:#?}\nbut {explained:#?}"
        );
        let rows = self.first.view::<BalanceRow>().unwrap().all().await.unwrap();
        let rows: BTreeMap<_, _> = rows.into_iter().map(|(_, row)| (row.account, (row.balance, row.events))).collect();
        let expected = ACCOUNTS.iter().zip(&there.accounts);
        let expected = expected.filter_map(|(account, found)| Some(((*account).to_owned(), found.row()?)));
        assert_eq!(rows, expected.collect());
        self.model = there;
    }
}

async fn start(faults: &StoreFaults, opened: Opened) -> App {
    let handlers = Faults::default();
    App::builder(Storage::Opened(faults.wrap(opened)))
        .register(AccountRules { faults: handlers.clone() })
        .register(OldAccounts)
        .register(TransferSaga { faults: handlers.clone() })
        .register(BalanceView { faults: handlers })
        .start()
        .await
        .unwrap()
}

/// An account as the store has it.
async fn stored(opened: &Opened, account: &str) -> Account {
    let stream = stream("accounts", account);
    let records = opened.store.load(Load::of(stream.clone())).await.unwrap().records;
    let mut keys = BTreeMap::new();
    for key in (0..4).map(|key| format!("key {key}")) {
        let load = Load { idempotency_key: Some(key.clone()), ..Load::of(stream.clone()) };
        if let Some(recorded) = opened.store.load(load).await.unwrap().recorded {
            keys.insert(key, recorded);
        }
    }
    // Where an empty book stands, nobody can tell.
    let book = |records: Vec<Record>| (records.first().map_or(0, |first| first.sequence as usize), records.len());
    let keys = keys.into_iter().map(|(key, records)| (key, book(records))).collect();
    Account { entries: records.iter().map(entry).collect(), keys }
}

/// Asks and notes the answer.
async fn ask(app: App, opened: Opened, request: Request) -> Answer {
    if let Command::Foreign(amount) = request.command {
        return append(&opened, &request, amount).await;
    }
    let mut send = send(&app, &request);
    if let Some(key) = &request.key {
        send = send.idempotency_key(key);
    }
    if let Some(expected) = request.expected {
        send = send.expecting(expected);
    }
    match send.await {
        Ok(Outcome { events, duplicate, .. }) => noted(&events, duplicate),
        Err(Error::Rejected(rejection)) => Answer::Rejected(rejection.code),
        Err(Error::Store(error)) => failed(error),
        Err(other) => panic!("{other}"),
    }
}

fn send(app: &App, request: &Request) -> SendCommand {
    let account = ACCOUNTS[request.account].to_owned();
    match request.command {
        Command::Open => app.send(OpenAccount { account, branch: None }),
        Command::Deposit(amount) | Command::Foreign(amount) => app.send(Deposit { account, amount }),
        Command::Withdraw(amount) => app.send(Withdraw { account, amount }),
        Command::Adjust(balance) => app.send(AdjustBalance { account, balance }),
        Command::Transfer(to, amount) => app.send(Transfer { account, to: ACCOUNTS[to].to_owned(), amount }),
    }
}

/// Appends without asking anybody.
async fn append(opened: &Opened, request: &Request, amount: u64) -> Answer {
    let account = ACCOUNTS[request.account];
    let event = Deposited { account: account.to_owned(), amount, at: None, ids: Vec::new() };
    let payload = Payload { type_name: "bank.v1.Deposited".into(), value: event.encode_to_vec().into() };
    let book = NewBook {
        stream: stream("accounts", account),
        key: account.into(),
        expected: request.expected,
        idempotency_key: request.key.clone(),
        records: vec![NewRecord { kind: RecordKind::Event, payload, occurred_at: None, due: None }],
        cleared: Vec::new(),
        created_at: Timestamp::default(),
        trace: Trace { correlation_id: "foreign".into(), cause: None, traceparent: None },
    };
    match opened.store.append(book).await {
        Ok(appended) => noted(&appended.records, appended.duplicate),
        Err(error) => failed(error),
    }
}

fn noted(records: &[Record], duplicate: bool) -> Answer {
    let entries = records.iter().map(|record| (record.sequence, entry(record))).collect();
    Answer::Stored { entries, duplicate }
}

fn failed(error: StoreError) -> Answer {
    match error {
        StoreError::Conflict { expected, actual } => Answer::Conflict { expected, actual },
        StoreError::Unavailable { .. } => Answer::NotStored,
        StoreError::Unknown { .. } | StoreError::Closed => Answer::Unknown,
        other => panic!("{other}"),
    }
}

fn entry(record: &Record) -> Entry {
    let value = record.payload.value.clone();
    match record.payload.type_name.rsplit('.').next().unwrap() {
        "AccountOpenedV2" => ("AccountOpenedV2", 0),
        "Deposited" => ("Deposited", Deposited::decode(value).unwrap().amount),
        "Withdrawn" => ("Withdrawn", Withdrawn::decode(value).unwrap().amount),
        "TransferSent" => ("TransferSent", TransferSent::decode(value).unwrap().amount),
        "TransferReceived" => ("TransferReceived", TransferReceived::decode(value).unwrap().amount),
        "TransferReturned" => ("TransferReturned", TransferReturned::decode(value).unwrap().amount),
        "Refusal" => ("Refusal", 0),
        other => panic!("{other}"),
    }
}

//! Consumers of several processes: whoever holds a lease dies, or sleeps and wakes up.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use angzarr_runtime::App;
use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::{NewBook, Opened, Record, RecordKind, Storage, StreamId, Trace};
use angzarr_runtime::view::Owner;
use angzarr_tests::bank::v1::{
    BalanceRow, Deposit, Deposited, OpenAccount, Transfer, TransferReceived, TransferReturned, TransferSent,
};
use angzarr_tests::placed;
use angzarr_tests::{AccountRules, Faults, OldAccounts, register};
use uuid::Uuid;

use super::decode;
use crate::backend::Backend;
use crate::view::shape;

/// Within which somebody else goes on.
const TAKEOVER: Duration = Duration::from_secs(10);

/// Accounts that send money to each other, and what the first of them sends to nobody.
const ACCOUNTS: usize = 3;

/// A `worker`; killed when it is dropped.
struct Worker {
    child: Child,
    lines: Receiver<String>,
}

impl Worker {
    /// One that takes so long for each event.
    fn start(storage: &str, pace: Duration) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_worker"))
            .args([storage, &pace.as_millis().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let worker = Self { child, lines };
        worker.wait_for("started", 0);
        worker
    }

    /// Waits for a line of this word, with a number that is not below `least` if it has one.
    fn wait_for(&self, word: &str, least: u64) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let line = self.lines.recv_timeout(end - Instant::now()).unwrap();
            let (found, number) = line.split_once(' ').unwrap_or((&line, "0"));
            if found == word && number.parse::<u64>().unwrap() >= least {
                return;
            }
        }
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(kill.unwrap().success());
    }

    /// Ends it in order.
    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client in a process of its own: this one.
struct Client {
    app: App,
    transfers: usize,
    last: u64,
}

impl Client {
    async fn start(storage: &str) -> Self {
        let rules = AccountRules { faults: Faults::default() };
        let app = App::builder(storage.parse().unwrap())
            .register(placed(rules))
            .register(placed(OldAccounts))
            .start()
            .await
            .unwrap();
        let mut client = Self { app, transfers: 0, last: 0 };
        for account in 0..ACCOUNTS {
            let account = account.to_string();
            client.app.send(OpenAccount { account: account.clone(), branch: None }).await.unwrap();
            let deposit = client.app.send(Deposit { account, amount: 1000 }).await.unwrap();
            client.last = deposit.position;
        }
        client
    }

    async fn send(&mut self, transfers: usize) {
        for _ in 0..transfers {
            let account = (self.transfers % ACCOUNTS).to_string();
            // Every fifth comes back.
            let to = if self.transfers % 5 == 4 { "nobody".into() } else { (self.transfers % 2).to_string() };
            let sent = self.app.send(Transfer { account, to, amount: 1 }).await.unwrap();
            (self.transfers, self.last) = (self.transfers + 1, sent.position);
        }
    }

    /// Looks at everything, once all others are gone.
    async fn check(self, storage: &str) {
        self.app.shutdown().await.unwrap();
        let faults = Faults::default();
        let app = register(App::builder(storage.parse().unwrap()), &faults).start().await.unwrap();
        app.drained().await.unwrap();
        let calls = ["Transfers", "WithdrawalWatch", "Balances", "Notices"].map(|handler| faults.calls(handler));
        assert_eq!(calls, [0; 4], "everything was done, and counts as done");
        let log = app.read_log(0, usize::MAX).await.unwrap().records;
        let events: Vec<_> = log.iter().filter(|record| record.kind.is_event()).collect();
        let count = |name: &str| events.iter().filter(|event| *event.payload.type_name == *name).count();
        assert_eq!(count("bank.v1.TransferSent"), self.transfers);
        assert_eq!(count("bank.v1.TransferReturned"), self.transfers / 5);
        assert_eq!(count("bank.v1.TransferReceived"), self.transfers - self.transfers / 5, "nothing is there twice");
        let refused = log.iter().filter(|record| record.kind == RecordKind::Refusal).count();
        assert_eq!(refused, self.transfers / 5);
        let rows = app.view::<BalanceRow>().unwrap().all().await.unwrap();
        let rows: BTreeMap<_, _> = rows.into_iter().map(|(_, row)| (row.account, (row.balance, row.events))).collect();
        assert_eq!(rows, folded(&events), "rows are what the log says");
        app.shutdown().await.unwrap();
    }
}

/// Balance and number of events of each account.
fn folded(events: &[&Record]) -> BTreeMap<String, (u64, u32)> {
    let mut accounts: BTreeMap<String, (u64, u32)> = BTreeMap::new();
    for event in events.iter().filter(|event| &*event.stream.domain == "accounts") {
        let (balance, count) = accounts.entry(event.key.to_string()).or_default();
        match &*event.payload.type_name {
            "bank.v1.Deposited" => *balance += decode::<Deposited>(event).amount,
            "bank.v1.TransferReceived" => *balance += decode::<TransferReceived>(event).amount,
            "bank.v1.TransferReturned" => *balance += decode::<TransferReturned>(event).amount,
            "bank.v1.TransferSent" => *balance -= decode::<TransferSent>(event).amount,
            _ => {}
        }
        *count += 1;
    }
    accounts
}

pub(super) async fn a_killed_holder_is_followed(backend: impl Backend) {
    let storage = &backend.text();
    let pace = Duration::from_millis(40);
    let mut client = Client::start(storage).await;
    let (holder, other) = (Worker::start(storage, pace), Worker::start(storage, pace));
    client.send(30).await;
    holder.wait_for("handled", 10);
    drop(holder);
    let killed = Instant::now();
    client.send(10).await;
    other.wait_for("handled", 1);
    assert!(killed.elapsed() < TAKEOVER, "{:?}", killed.elapsed());
    other.wait_for("drained", client.last);
    other.end();
    client.check(storage).await;
}

pub(super) async fn a_sleeping_holder_changes_nothing_when_it_wakes(backend: impl Backend) {
    let storage = &backend.text();
    let pace = Duration::from_millis(300);
    let mut client = Client::start(storage).await;
    let (holder, other) = (Worker::start(storage, pace), Worker::start(storage, pace));
    client.send(5).await;
    holder.wait_for("drained", client.last);
    // It falls asleep in the middle of these, and is through with them as soon as it wakes up.
    client.send(3).await;
    tokio::time::sleep(pace / 2).await;
    pause(&holder, storage).await;
    let paused = Instant::now();
    client.send(4).await;
    other.wait_for("handled", 1);
    assert!(paused.elapsed() < TAKEOVER, "{:?}", paused.elapsed());
    other.wait_for("drained", client.last);
    holder.signal("CONT");
    client.send(3).await;
    other.wait_for("drained", client.last);
    holder.wait_for("drained", client.last);
    holder.end();
    other.end();
    client.check(storage).await;
}

/// Stops a process, at a moment when it holds no lock that others would have to wait for.
async fn pause(worker: &Worker, storage: &str) {
    let opened = storage.parse::<Storage>().unwrap().open().await.unwrap();
    loop {
        worker.signal("STOP");
        if can_write(&opened).await {
            break;
        }
        worker.signal("CONT");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    opened.views.close().await.unwrap();
    opened.store.close().await.unwrap();
}

async fn can_write(opened: &Opened) -> bool {
    let nothing = NewBook {
        stream: StreamId::new("probe", Uuid::nil()),
        key: "probe".into(),
        expected: None,
        idempotency_key: Some(Uuid::new_v4().to_string()),
        records: Vec::new(),
        cleared: Vec::new(),
        created_at: Timestamp::default(),
        trace: Trace { correlation_id: "probe".into(), cause: None, traceparent: None },
    };
    let shape = shape("probe");
    let owner = Owner { log: opened.store.log_id(), shape: &shape };
    opened.store.append(nothing).await.is_ok() && opened.views.take("probe", owner, 0, 1).await.is_ok()
}

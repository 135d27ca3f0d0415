//! Hooks of upcasters in a service: what becomes of old events when it is away, answers nonsense, or none at all.

use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use angzarr_runtime::app::{App, AppBuilder, Consumer};
use angzarr_runtime::id::root_id;
use angzarr_runtime::prost::Message;
use angzarr_runtime::prost_types::Any;
use angzarr_runtime::proto::upcast_response::Outcome;
use angzarr_runtime::proto::{self, UpcastAllRequest, UpcastAllResponse, UpcastRequest, UpcastResponse};
use angzarr_runtime::store::{AsOf, Storage};
use angzarr_runtime::transport::services::describe_server::{Describe, DescribeServer};
use angzarr_runtime::transport::services::upcaster_server::{Upcaster, UpcasterServer};
use angzarr_runtime::transport::{Address, Remote};
use angzarr_runtime::{Error, Payload};
use angzarr_tests::bank::v1::{
    AccountOpened, AccountOpenedV2, BalanceRow, Branch, CashCounted, Deposit, Deposited, FreezeAccount, Remarked,
    Turnover, Withdrawn,
};
use angzarr_tests::{AccountRules, BalanceView, Faults};
use tonic::{Request, Response, Status, async_trait};

use crate::python::Service;

const BALANCES: &str = "bank.v1.app.Balances";

/// Upcasts old accounts as it is told: by the rules or, if it misbehaves, as the name of the account says.
#[derive(Clone, Debug, Default)]
struct Scripted {
    misbehaves: Arc<AtomicBool>,
    away: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    /// After how many calls it goes away; 0: never.
    leaves: Arc<AtomicUsize>,
    /// For how many calls it is still gone.
    gone: Arc<AtomicUsize>,
}

#[async_trait]
impl Describe for Scripted {
    async fn describe(&self, _: Request<proto::DescribeRequest>) -> Result<Response<proto::DescribeResponse>, Status> {
        let mut description = proto::Description::decode(angzarr_tests::DESCRIPTION).unwrap();
        description.components.retain(|component| component.name == "bank.v1.app.AccountHistory");
        let service_epoch = vec![1; 16].into();
        Ok(Response::new(proto::DescribeResponse { description: Some(description), service_epoch }))
    }
}

#[async_trait]
impl Upcaster for Scripted {
    async fn upcast(&self, request: Request<UpcastRequest>) -> Result<Response<UpcastResponse>, Status> {
        self.called()?;
        let event = request.into_inner().event.unwrap();
        Ok(Response::new(UpcastResponse { outcome: self.answer(&event).await?, ..UpcastResponse::default() }))
    }

    async fn upcast_all(&self, request: Request<UpcastAllRequest>) -> Result<Response<UpcastAllResponse>, Status> {
        self.called()?;
        let mut answers = Vec::new();
        for event in request.into_inner().events {
            // Of this one it forgets to say anything.
            if account(&event) == "forgotten" && self.misbehaves.load(Ordering::SeqCst) {
                continue;
            }
            answers.push(UpcastResponse { outcome: self.answer(&event).await?, ..UpcastResponse::default() });
        }
        Ok(Response::new(UpcastAllResponse { answers, ..UpcastAllResponse::default() }))
    }
}

fn events<'a>(events: impl IntoIterator<Item = &'a Payload>) -> Option<Outcome> {
    Some(Outcome::Events(proto::Emissions { messages: events.into_iter().map(Payload::to_any).collect() }))
}

fn account(event: &Any) -> String {
    // In all of them it is the first field.
    FreezeAccount::decode(event.value.as_slice()).unwrap().account
}

impl Scripted {
    fn called(&self) -> Result<(), Status> {
        let (calls, leaves) = (self.calls.fetch_add(1, Ordering::SeqCst), self.leaves.load(Ordering::SeqCst));
        let gone = |calls: usize| calls.checked_sub(1);
        let restarts = self.gone.fetch_update(Ordering::SeqCst, Ordering::SeqCst, gone).is_ok();
        if self.away.load(Ordering::SeqCst) || restarts || (leaves > 0 && calls >= leaves) {
            Err(Status::unavailable("gone for lunch"))
        } else {
            Ok(())
        }
    }

    async fn answer(&self, event: &Any) -> Result<Option<Outcome>, Status> {
        let account = account(event);
        if !event.type_url.ends_with("AccountOpened") {
            return Ok(events([&Payload::event(&Deposited { account, amount: 1, ..Deposited::default() })]));
        }
        let branch = Branch { country: "NL".into(), city: "Gent".into() };
        let opened = Payload::event(&AccountOpenedV2 { account: account.clone(), branch: Some(branch) });
        if !self.misbehaves.load(Ordering::SeqCst) {
            return Ok(events([&opened]));
        }
        Ok(match account.as_str() {
            "two" => events([&opened, &opened]),
            "none" => events([]),
            "other" => events([&Payload::event(&Withdrawn { account, amount: 1 })]),
            "garbled" => events([&Payload { value: b"\xff".as_slice().into(), ..opened }]),
            "silent" => None,
            "failing" => Some(Outcome::Failure(proto::Failure { code: "BROKEN".into(), message: "no".into() })),
            // It takes a while until it is there again.
            "killing" => {
                self.gone.store(2, Ordering::SeqCst);
                return Err(Status::internal("it fell over"));
            }
            "hanging" => pending().await,
            _ => events([&opened]),
        })
    }

    /// Serves, as long as the test runs, and gives what a runtime beside it has.
    async fn connected(&self) -> Remote {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let server = tonic::transport::Server::builder()
            .add_service(DescribeServer::new(self.clone()))
            .add_service(UpcasterServer::new(self.clone()));
        tokio::spawn(async move { server.serve(address).await.unwrap() });
        let address: Address = address.to_string().parse().unwrap();
        loop {
            match Remote::connect(&address).await {
                Ok(remote) => return remote,
                Err(error) => assert!(error.retryable(), "{error}"),
            }
            tokio::task::yield_now().await;
        }
    }

    /// Accounts without consumers.
    async fn accounts(&self, storage: Storage) -> AppBuilder {
        App::builder(storage).remote(self.connected().await).register(AccountRules { faults: Faults::default() })
    }

    /// The same with their balances.
    async fn bank(&self, storage: Storage) -> App {
        let view = BalanceView { faults: Faults::default() };
        self.accounts(storage).await.register(view).start().await.unwrap()
    }
}

async fn import(app: &App, account: &str) -> Result<(), Error> {
    let opened = AccountOpened { account: account.into(), city: "Gent".into() };
    app.import("accounts", account).event(&opened, None).await.map(drop)
}

/// How many events are in the row of an account.
async fn row(app: &App, account: &str) -> Option<u64> {
    let row = app.view::<BalanceRow>().unwrap().get(account).await.unwrap();
    row.map(|row| row.events.into())
}

async fn deposit(app: &App, account: &str) -> Result<(), Error> {
    app.send(Deposit { account: account.into(), amount: 1 }).await.map(drop)
}

/// The code of the dead letter of an account's first event.
async fn letter(balances: &Consumer, account: &str) -> Option<String> {
    let lane = root_id("accounts", account).unwrap().to_string();
    let letters = balances.dead_letters(None, 100).await.unwrap();
    let letter = letters.into_iter().find(|letter| *letter.lane == lane)?;
    letter.attempts.last().map(|attempt| attempt.code.clone())
}

#[tokio::test]
async fn hooks_that_answer_nonsense_park_their_events_and_fail_loads() {
    let folder = tempfile::tempdir().unwrap();
    let storage = || Storage::Sqlite(folder.path().join("log"));
    let cases = [
        ("two", "SERVICE_ANSWER_INVALID"),
        ("none", "SERVICE_ANSWER_INVALID"),
        ("other", "SERVICE_ANSWER_INVALID"),
        ("garbled", "PAYLOAD_MALFORMED"),
        ("silent", "SERVICE_ANSWER_INVALID"),
        ("failing", "BROKEN"),
        ("killing", "SERVICE_FAILED"),
    ];
    let service = Scripted::default();
    let app = service.accounts(storage()).await.start().await.unwrap();
    for account in cases.map(|(account, _)| account).into_iter().chain(["forgotten", "fine"]) {
        import(&app, account).await.unwrap();
    }
    service.misbehaves.store(true, Ordering::SeqCst);
    for (account, code) in cases {
        assert_eq!(import(&app, account).await.unwrap_err().code(), code, "{account}: nothing unreadable is imported");
        service.gone.store(0, Ordering::SeqCst);
    }
    assert_eq!(app.read_log(0, 1).await.unwrap_err().code(), "SERVICE_ANSWER_INVALID");
    app.shutdown().await.unwrap();

    let app = service.bank(storage()).await;
    app.drained().await.unwrap();
    let balances = app.consumer(BALANCES).unwrap();
    for (account, code) in cases {
        assert_eq!(letter(&balances, account).await.as_deref(), Some(code), "{account}");
        assert_eq!(deposit(&app, account).await.unwrap_err().code(), code, "{account}");
        service.gone.store(0, Ordering::SeqCst);
        assert_eq!(row(&app, account).await, None);
    }
    // Asked for by themselves, since the call with all of them came to nothing.
    for account in ["forgotten", "fine"] {
        assert_eq!((letter(&balances, account).await, row(&app, account).await), (None, Some(1)), "{account}");
        deposit(&app, account).await.unwrap();
    }
    service.misbehaves.store(false, Ordering::SeqCst);
    for (account, _) in cases {
        let lane = root_id("accounts", account).unwrap().to_string();
        assert_eq!(balances.replay(&lane).await.unwrap().failed, None, "{account}");
        assert_eq!(row(&app, account).await, Some(1), "{account}");
        deposit(&app, account).await.unwrap();
    }
    app.shutdown().await.unwrap();
}

#[tokio::test]
async fn hooks_of_a_service_that_is_away_are_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let storage = || Storage::Sqlite(folder.path().join("log"));
    let service = Scripted::default();
    let app = service.accounts(storage()).await.start().await.unwrap();
    import(&app, "a").await.unwrap();
    app.shutdown().await.unwrap();

    service.away.store(true, Ordering::SeqCst);
    // To describe itself it comes back.
    let app = service.bank(storage()).await;
    for result in [deposit(&app, "a").await, import(&app, "b").await] {
        let error = result.unwrap_err();
        assert!(error.retryable() && error.code() == "SERVICE_UNAVAILABLE", "{error}");
    }
    let balances = app.consumer(BALANCES).unwrap();
    while balances.status().failures.get("SERVICE_UNAVAILABLE").is_none_or(|count| *count < 2) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((balances.status().position, balances.dead_letters(None, 1).await.unwrap().len()), (0, 0));
    service.away.store(false, Ordering::SeqCst);
    deposit(&app, "a").await.unwrap();
    app.drained().await.unwrap();
    assert_eq!(row(&app, "a").await, Some(2));
    assert_eq!(app.events("accounts", "b").await.unwrap(), []);
    let would = app.speculate(Deposit { account: "a".into(), amount: 1 });
    assert_eq!(would.as_of(AsOf::Sequence(0)).await.unwrap().first_sequence, 1);

    // A view that is built anew waits for it, too.
    service.away.store(true, Ordering::SeqCst);
    app.rebuild_view::<BalanceRow>().await.unwrap();
    let asked = service.calls.load(Ordering::SeqCst);
    while service.calls.load(Ordering::SeqCst) < asked + 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    service.away.store(false, Ordering::SeqCst);
    while app.view_status().await.unwrap()[0].version == 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(row(&app, "a").await, Some(2));
    app.shutdown().await.unwrap();
}

#[tokio::test]
async fn hooks_that_are_gone_after_an_import_deny_nothing() {
    let service = Scripted::default();
    let app = service.accounts(Storage::Memory).await.start().await.unwrap();
    service.leaves.store(1, Ordering::SeqCst);
    let imported = import(&app, "a").await.unwrap_err();
    assert!(!imported.retryable() && imported.code() == "EVENTS_UNREAD", "{imported}");
    service.leaves.store(0, Ordering::SeqCst);
    assert_eq!(app.events("accounts", "a").await.unwrap().len(), 1);
    app.shutdown().await.unwrap();
}

#[tokio::test]
async fn hooks_that_hang_keep_their_own_event_only() {
    let service = Scripted::default();
    let app = service.accounts(Storage::Memory).await.start().await.unwrap();
    for account in ["a", "hanging"] {
        import(&app, account).await.unwrap();
    }
    service.misbehaves.store(true, Ordering::SeqCst);
    // Whoever waits for nothing else waits no more.
    tokio::time::pause();
    let slice = app.read_log(0, 9).await.unwrap();
    assert_eq!((slice.records.len(), slice.next), (1, Some(1)));
    assert_eq!(app.read_log(1, 9).await.unwrap_err().code(), "HANDLER_TIMED_OUT");
}

#[tokio::test]
async fn hooks_are_asked_for_many_events_at_a_time() {
    let service = Scripted::default();
    let app = service.accounts(Storage::Memory).await.start().await.unwrap();
    let mut import = app.import("accounts", "a");
    for deposited in 0..300 {
        import = import.event(&Turnover { account: "a".into(), deposited, withdrawn: 0 }, None);
    }
    let imported = import.await.unwrap();
    assert_eq!(imported.events.len(), 300);
    service.calls.store(0, Ordering::SeqCst);
    assert_eq!(app.events("accounts", "a").await.unwrap(), imported.events);
    assert_eq!(service.calls.load(Ordering::SeqCst), 2);
    app.shutdown().await.unwrap();
}

async fn names(app: &App) -> Vec<String> {
    let events = app.events("accounts", "a").await.unwrap();
    events.iter().map(|event| event.payload.type_name.rsplit('.').next().unwrap().to_owned()).collect()
}

/// One to one, one to two, one to none, one by its fields, and one that is refused.
#[tokio::test]
async fn hooks_are_made_in_python() {
    let files = ["bank/v1/accounts.proto", "bank/v1/app/accounts.proto"].map(PathBuf::from).to_vec();
    let service = Service::start_with("bank", "tests/proto", files, "tests/served/bank_history.py");
    let app = App::builder(Storage::Memory)
        .remote(service.connected().await)
        .register(AccountRules { faults: Faults::default() })
        .register(BalanceView { faults: Faults::default() });
    let app = app.start().await.unwrap();
    let account = || "a".to_owned();
    app.import("accounts", "a")
        .event(&AccountOpened { account: account(), city: "Gent".into() }, None)
        .event(&Turnover { account: account(), deposited: 100, withdrawn: 30 }, None)
        .event(&Remarked { account: account(), text: "hm".into() }, None)
        .event(&CashCounted { account: account(), sum: 5, ..CashCounted::default() }, None)
        .await
        .unwrap();
    app.drained().await.unwrap();
    assert_eq!(names(&app).await, ["AccountOpenedV2", "Deposited", "Withdrawn", "Deposited"]);
    assert_eq!(row(&app, "a").await, Some(4));
    let nowhere = AccountOpened { account: "b".into(), city: String::new() };
    let refused = app.import("accounts", "b").event(&nowhere, None).await.unwrap_err();
    assert_eq!(refused.code(), "HANDLER_PANICKED", "{refused}");
    let withdrawn = app.send(angzarr_tests::bank::v1::Withdraw { account: account(), amount: 76 }).await;
    assert!(matches!(withdrawn, Err(Error::Rejected(_))), "75 are there: {withdrawn:?}");
    app.shutdown().await.unwrap();
}

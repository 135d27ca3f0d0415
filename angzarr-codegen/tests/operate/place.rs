//! The shop, served, and what happened in it.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use angzarr_runtime::component::{Delivery, DeliveryOverride, OnFailure};
use angzarr_runtime::store::Storage;
use angzarr_runtime::testing::Clock;
use angzarr_runtime::transport::{Address, Api, Limits, Remote, Service};
use angzarr_runtime::{App, Context, Failure, Projector, Saga};
use shop::components::{Board, Cashier, OldOrders, OrderBook, PriceList, Till, Warehouse};
use shop::orders::v1::app::{Fulfilment, OrderBoard};
use shop::orders::v1::{CancelOrder, OrderCancelled, OrderConfirmed, OrderHeld, OrderPlacedV2, OrderRow, PlaceOrder};
use shop::payments::v1::PaymentReceived;
use shop::stock::v1::{ReceiveStock, ReserveStock};

/// Reserves what was ordered, unless it is away.
#[derive(Saga, Debug)]
#[saga(Fulfilment)]
struct Clerk {
    is_away: Arc<AtomicBool>,
}

impl Fulfilment for Clerk {
    async fn on_order_placed(&self, event: OrderPlacedV2, _: &Context) -> Result<ReserveStock, Failure> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Failure::new("CLERK_AWAY", "nobody is at the desk"));
        }
        Ok(ReserveStock { sku: event.sku, order_id: event.order_id, quantity: event.quantity })
    }
}

/// The shop's board, unless its chalk is used up.
#[derive(Projector, Debug)]
#[projector(OrderBoard)]
struct Blackboard {
    has_no_chalk: Arc<AtomicBool>,
}

impl Blackboard {
    fn write(&self) -> Result<(), Failure> {
        let has_no_chalk = self.has_no_chalk.load(Ordering::SeqCst);
        if has_no_chalk { Err(Failure::new("NO_CHALK", "nothing can be written")) } else { Ok(()) }
    }
}

type Row = Option<OrderRow>;

impl OrderBoard for Blackboard {
    async fn on_placed(&self, row: Row, event: OrderPlacedV2, cx: &Context) -> Result<Row, Failure> {
        self.write()?;
        Board.on_placed(row, event, cx).await
    }

    async fn on_confirmed(&self, row: Row, event: OrderConfirmed, cx: &Context) -> Result<Row, Failure> {
        self.write()?;
        Board.on_confirmed(row, event, cx).await
    }

    async fn on_cancelled(&self, row: Row, event: OrderCancelled, cx: &Context) -> Result<Row, Failure> {
        self.write()?;
        Board.on_cancelled(row, event, cx).await
    }

    async fn on_held(&self, row: Row, event: OrderHeld, cx: &Context) -> Result<Row, Failure> {
        self.write()?;
        Board.on_held(row, event, cx).await
    }
}

#[derive(PartialEq)]
pub(crate) enum Chalk {
    There,
    UsedUp,
}

pub(crate) struct Place {
    pub(crate) app: App,
    clerk_is_away: Arc<AtomicBool>,
    board_has_no_chalk: Arc<AtomicBool>,
    folder: tempfile::TempDir,
}

/// An order that was paid, and one that nobody reserves anything for.
pub(crate) async fn place() -> Place {
    place_where(OnFailure::Park).await
}

/// The same, where this becomes of what cannot be written on the board.
pub(crate) async fn place_where(on_failure: OnFailure) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let clerk_is_away = Arc::new(AtomicBool::new(false));
    let service = Address::Unix(folder.path().join("service"));
    let (listening, clerk) = (service.clone(), Clerk { is_away: clerk_is_away.clone() });
    let board_has_no_chalk = Arc::new(AtomicBool::new(false));
    let board = Blackboard { has_no_chalk: board_has_no_chalk.clone() };
    tokio::spawn(async move {
        let prices = PriceList::from([("kettle", 4_500)]);
        Service::new(shop::DESCRIPTION)
            .register(OrderBook { prices, voucher_from_cents: 10_000 })
            .register(OldOrders)
            .register(Warehouse)
            .register(Till { limit_cents: 50_000 })
            .register(clerk)
            .register(Cashier)
            .register(board)
            .serve(&listening, std::future::pending())
            .await
            .unwrap();
    });
    let remote = loop {
        match Remote::connect(&service).await {
            Ok(remote) => break remote,
            Err(error) => assert!(error.retryable(), "{error}"),
        }
        tokio::task::yield_now().await;
    };
    let twice = DeliveryOverride { attempts: Some(2), ..Delivery::DEFAULT.into() };
    let app = App::builder(Storage::Memory).clock(&Clock::new()).delivery("shop.orders.v1.app.Fulfilment", twice);
    let board = DeliveryOverride { on_failure: Some(on_failure), ..twice };
    let app = app.delivery("shop.orders.v1.app.OrderBoard", board).remote(remote).start().await.unwrap();
    let place = Place { app: app.clone(), clerk_is_away, board_has_no_chalk, folder };
    let api = place.address();
    tokio::spawn(async move { Api::new(app, Limits::default()).serve(&api, std::future::pending()).await.unwrap() });
    place.trade().await;
    while std::os::unix::net::UnixStream::connect(place.folder.path().join("api")).is_err() {
        tokio::task::yield_now().await;
    }
    place
}

impl Place {
    async fn trade(&self) {
        let Self { app, .. } = self;
        app.send(ReceiveStock { sku: "kettle".into(), quantity: 10 }).correlation_id("delivery-1").await.unwrap();
        self.order("1", 3).await;
        let paid = PaymentReceived { order_id: "1".into(), transfer: "bank-1".into(), cents: 13_500 };
        app.record(paid).correlation_id("web-1").await.unwrap();
        app.drained().await.unwrap();
        self.clerk_is_away.store(true, Ordering::SeqCst);
        self.order("2", 1).await;
    }

    pub(crate) async fn order(&self, id: &str, quantity: u32) {
        let command = PlaceOrder { order_id: id.into(), sku: "kettle".into(), quantity };
        self.app.send(command).correlation_id(format!("web-{id}")).await.unwrap();
        self.app.drained().await.unwrap();
    }

    pub(crate) async fn cancel(&self, id: &str) {
        let command = CancelOrder { order_id: id.into(), reason: "another colour".into() };
        self.app.send(command).await.unwrap();
        self.app.drained().await.unwrap();
    }

    /// Whether something can be written on the board.
    pub(crate) fn chalk(&self, there: Chalk) {
        self.board_has_no_chalk.store(there == Chalk::UsedUp, Ordering::SeqCst);
    }

    pub(crate) fn clerk_comes_back(&self) {
        self.clerk_is_away.store(false, Ordering::SeqCst);
    }

    fn address(&self) -> Address {
        Address::Unix(self.path())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("api")
    }

    /// The command, which finds the sidecar by the environment.
    pub(crate) fn angzarr(&self) -> Command {
        let mut command = angzarr();
        command.env("ANGZARR_ADDRESS", self.address().to_string());
        command
    }

    /// What it says.
    pub(crate) fn run(&self, words: &[&str]) -> Said {
        said(self.angzarr().args(words))
    }
}

/// The command, and nothing of this process's environment that would change what it does.
pub(crate) fn angzarr() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_angzarr"));
    command.env_remove("ANGZARR_ADDRESS").env_remove("ANGZARR_TOKEN").stdin(Stdio::null());
    command
}

#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command to its end. Whoever serves it goes on meanwhile.
pub(crate) fn said(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = tokio::task::block_in_place(|| command.output().unwrap());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: status.code(), out: text(stdout), err: text(stderr) }
}

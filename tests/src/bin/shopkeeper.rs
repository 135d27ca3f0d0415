//! `shopkeeper STORAGE`: one of several processes that run the shop of `examples`, and the customers who come to it.
//!
//! Each line on its standard input is one errand. Whatever fails but may pass is sent again under the same key:
//! - `deliver KEY SKU QUANTITY`: pieces come in;
//! - `order ID SKU QUANTITY`: a customer places an order, pays if he gets a bill, waits for what becomes of it, and asks for it meanwhile;
//! - `import ID SKU QUANTITY`: the same with an order of the release before.
//!
//! It prints `started`, `placed ID` once an order is acknowledged, `through ID` (or `KEY`) at the end of an errand, and
//! `broken REASON` for what must not be. It ends in order when its input does.

use std::io::{self, Write};
use std::time::Duration;

use angzarr_runtime::prost::Name;
use angzarr_runtime::store::{Storage, StoreError};
use angzarr_runtime::{App, Error, Event};
use angzarr_tests::enquiries::v1::{Answered, Enquired};
use angzarr_tests::full_shop;
use shop::orders::v1::{OrderPlaced, PlaceOrder};
use shop::payments::v1::{GetBill, PaymentReceived, PaymentRejection};
use shop::stock::v1::ReceiveStock;

/// How long a customer waits before he asks again.
const LOOK: Duration = Duration::from_millis(150);

/// How long anybody waits before he tries again.
const PAUSE: Duration = Duration::from_millis(25);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let storage: Storage = std::env::args().nth(1).ok_or("usage: shopkeeper STORAGE")?.parse()?;
    let app = start(&storage).await?;
    tell("started")?;
    // Neither ends by itself: they are left where they are.
    let watching = tokio::spawn(tell_of_consumers(app.clone()));
    let (lines, mut errands) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || io::stdin().lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
    while let Some(line) = errands.recv().await {
        tokio::spawn(run(app.clone(), line));
    }
    watching.abort();
    Ok(app.shutdown().await?)
}

/// The server may be away just now.
async fn start(storage: &Storage) -> Result<App, Error> {
    loop {
        match full_shop(storage.clone()).start().await {
            Err(Error::Store(StoreError::CannotOpen { .. })) => {}
            Err(error) if error.retryable() => {}
            started => return started,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn tell_of_consumers(app: App) -> io::Result<()> {
    loop {
        for consumer in app.consumers() {
            let reason = consumer.stopped.or(consumer.paused);
            if let Some(reason) = reason.or((consumer.parks > 0).then(|| "a lane is parked".into())) {
                tell(&format!("broken {}: {reason}", consumer.name))?;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn run(app: App, line: String) -> io::Result<()> {
    let words: Vec<&str> = line.split(' ').collect();
    let done = match (words.as_slice(), words.get(3).and_then(|quantity| quantity.parse().ok())) {
        (["deliver", key, sku, _], Some(quantity)) => {
            let delivery = ReceiveStock { sku: (*sku).into(), quantity };
            again(|| app.send(delivery.clone()).idempotency_key(*key)).await.map(|_| *key)
        }
        ([kind, order_id, sku, _], Some(quantity)) => {
            buy(&app, kind, order_id, sku, quantity).await.map(|()| *order_id)
        }
        _ => return tell(&format!("broken {line:?} is no errand")),
    };
    match done {
        Ok(id) => tell(&format!("through {id}")),
        Err(Error::ShuttingDown) => Ok(()),
        Err(error) => tell(&format!("broken {line}: {}: {error}", error.code())),
    }
}

/// From placing an order to its end.
async fn buy(app: &App, kind: &str, order_id: &str, sku: &str, quantity: u32) -> Result<(), Error> {
    let (id, key) = (order_id.to_owned(), format!("web-{order_id}"));
    if kind == "import" {
        let old = OrderPlaced { order_id: id, sku: sku.into(), quantity, total_cents: 3_900 * u64::from(quantity) };
        again(|| app.import(OrderPlaced::DOMAIN, order_id).event(&old, None).idempotency_key(key.clone())).await?;
    } else {
        let order = PlaceOrder { order_id: id, sku: sku.into(), quantity };
        again(|| app.send(order.clone()).idempotency_key(key.clone())).await?;
    }
    // Whoever reads this is not there any more if it fails.
    let _ = tell(&format!("placed {order_id}"));
    let mut paid = false;
    while !is_over(app, order_id).await? {
        if !paid {
            paid = pay(app, order_id).await?;
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Whether the order has come to its end, and nobody will ask for it any more.
async fn is_over(app: &App, order_id: &str) -> Result<bool, Error> {
    let events = again(|| app.events("enquiries", order_id)).await?;
    let has = |name: &str| events.iter().any(|event| &*event.payload.type_name == name);
    Ok(has(&Answered::full_name()) && has(&Enquired::full_name()))
}

/// Pays in two transfers, if there is a bill. The bank tells of the first one twice.
async fn pay(app: &App, order_id: &str) -> Result<bool, Error> {
    let bill = match again(|| app.query(GetBill { order_id: order_id.into() })).await {
        Ok(bill) => bill,
        Err(Error::Rejected(rejection)) if rejection.is(PaymentRejection::NoBill) => return Ok(false),
        Err(error) => return Err(error),
    };
    let half = bill.cents / 2;
    for (transfer, cents) in [("first", half), ("second", bill.cents - half), ("first", half)] {
        let transfer = format!("bank-{order_id}-{transfer}");
        let fact = PaymentReceived { order_id: order_id.into(), transfer, cents };
        again(|| app.record(fact.clone())).await?;
    }
    Ok(true)
}

/// Tries until it is answered.
async fn again<T, F: IntoFuture<Output = Result<T, Error>>>(attempt: impl Fn() -> F) -> Result<T, Error> {
    loop {
        match attempt().await {
            Err(error) if error.retryable() => tokio::time::sleep(PAUSE).await,
            answer => return answer,
        }
    }
}

/// One line, in one write.
fn tell(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()
}

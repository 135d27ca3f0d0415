//! `shopkeeper STORAGE MENDED`: one of several processes that run the shop of `examples`, and the customers who come to it.
//!
//! Each line on its standard input is one errand. Whatever fails but may pass is sent again under the same key:
//! - `deliver KEY SKU QUANTITY`: pieces come in;
//! - `order ID SKU QUANTITY`: a customer places an order, pays if he gets a bill, waits for what becomes of it, and asks for it meanwhile;
//! - `import ID SKU QUANTITY`: the same with an order of the release before.
//!
//! Payments that the till cannot count are mended (by a file in the folder MENDED) and replayed, or discarded.
//!
//! It prints `started`, `placed ID` once an order is acknowledged, `cleared ID` when its payments have left their park,
//! `through ID` (or `KEY`) at the end of an errand, and `broken REASON` for what must not be. It ends in order when its
//! input does.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use angzarr_runtime::prost::Name;
use angzarr_runtime::store::{Storage, StoreError};
use angzarr_runtime::{App, Error, Event, Failure};
use angzarr_tests::enquiries::v1::{Answered, Enquired};
use angzarr_tests::{Luck, Till, full_shop};
use shop::orders::v1::{OrderPlaced, PlaceOrder};
use shop::payments::v1::{GetBill, PaymentReceived, PaymentRejection};
use shop::stock::v1::ReceiveStock;

/// How long a customer waits before he asks again.
const LOOK: Duration = Duration::from_millis(150);

/// How long anybody waits before he tries again.
const PAUSE: Duration = Duration::from_millis(25);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(storage), Some(mended)) = (arguments.next(), arguments.next()) else {
        return Err("usage: shopkeeper STORAGE MENDED".into());
    };
    let (storage, mended): (Storage, Arc<Path>) = (storage.parse()?, PathBuf::from(mended).into());
    let app = start(&storage, &mended).await?;
    tell("started")?;
    // Neither ends by itself: they are left where they are.
    let watching = tokio::spawn(tell_of_consumers(app.clone()));
    let (lines, mut errands) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || io::stdin().lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
    while let Some(line) = errands.recv().await {
        tokio::spawn(run(app.clone(), mended.clone(), line));
    }
    watching.abort();
    Ok(app.shutdown().await?)
}

/// The server may be away just now.
async fn start(storage: &Storage, mended: &Path) -> Result<App, Error> {
    loop {
        match full_shop(storage.clone(), mended).start().await {
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
            let may_park = consumer.name == Till::NAME;
            if let Some(reason) = reason.or((consumer.parks > 0 && !may_park).then(|| "a lane is parked".into())) {
                tell(&format!("broken {}: {reason}", consumer.name))?;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn run(app: App, mended: Arc<Path>, line: String) -> io::Result<()> {
    let words: Vec<&str> = line.split(' ').collect();
    let done = match (words.as_slice(), words.get(3).and_then(|quantity| quantity.parse().ok())) {
        (["deliver", key, sku, _], Some(quantity)) => {
            let delivery = ReceiveStock { sku: (*sku).into(), quantity };
            again(|| app.send(delivery.clone()).idempotency_key(*key)).await.map(|_| *key)
        }
        ([kind, order_id, sku, _], Some(quantity)) => match buy(&app, kind, order_id, sku, quantity).await {
            Ok(()) => clear(&app, &mended, order_id).await.map(|()| *order_id),
            Err(error) => Err(error),
        },
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

/// Sees to it that the payments of an order have left their park, if they are to; whichever process runs the till.
async fn clear(app: &App, mended: &Path, order_id: &str) -> Result<(), Error> {
    let luck = Luck::of(order_id);
    if matches!(luck, Luck::Good | Luck::Left) {
        return Ok(());
    }
    let events = again(|| app.events("payments", order_id)).await?;
    let paid = events.iter().filter(|event| *event.payload.type_name == *PaymentReceived::full_name());
    let Some(last) = paid.map(|event| event.position).max() else { return Ok(()) };
    let till = app.consumer(Till::NAME)?;
    loop {
        // First, so that whatever it could not count before is in the park by then.
        let passed = till.status().position >= last;
        let is_parked = again(|| till.parks()).await?.iter().any(|park| park.lane == order_id);
        if !is_parked && passed {
            return Ok(());
        }
        if is_parked {
            let ordered = if luck == Luck::Mended {
                std::fs::write(mended.join(order_id), "").map_err(Failure::from)?;
                till.replay(order_id).await
            } else {
                till.discard(order_id).await
            };
            match ordered {
                Ok(_) => {
                    // Whoever reads this is not there any more if it fails.
                    let _ = tell(&format!("cleared {order_id}"));
                }
                // Another process was asked for the same, or the one that runs the till has just died.
                Err(Error::NotParked { .. } | Error::LaneBusy { .. }) => {}
                Err(Error::ConsumerNotRunning { .. } | Error::OrderUnderWay { .. }) => {}
                Err(error) if error.retryable() => {}
                Err(error) => return Err(error),
            }
        }
        tokio::time::sleep(LOOK).await;
    }
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

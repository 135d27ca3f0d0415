//! What must be so at the end, asked of a fresh application.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use angzarr_runtime::App;
use angzarr_runtime::proto::CommandsIssued;
use angzarr_runtime::store::memory::MemoryViews;
use angzarr_runtime::store::{AsOf, Load, Opened, Record, RecordKind, Storage, Store, StreamId};
use angzarr_tests::ShelfView;
use angzarr_tests::shelves::v1::ShelfRow;
use shop::components;
use shop::orders::v1::{Order as OrderState, OrderRow};
use shop::payments::v1::Payment as PaymentState;
use shop::stock::v1::Article;
use uuid::Uuid;

use super::plan::Order;
use super::reference::{Reference, decode, name};

async fn open(storage: Storage) -> App {
    let app = components::shop(storage).register(ShelfView).start().await.unwrap();
    app.drained().await.unwrap();
    app
}

/// Everything, of a log that no process has open any more.
pub(super) async fn all(
    storage: &Storage,
    orders: &[Order],
    placed: &HashSet<String>,
    deliveries: &[(&str, &str, u32)],
) {
    let opened = storage.open().await.unwrap();
    let store = opened.store.clone();
    let log = store.read(0, usize::MAX).await.unwrap();
    streams_have_no_holes(&log);
    let reference = Reference::of(&log);
    println!("{} records, {} orders, {} acknowledged", log.len(), orders.len(), placed.len());
    orders_are_those_that_were_placed(&reference, orders, placed);
    reference.check_orders();
    stock_adds_up(&reference, deliveries);
    everything_followed_once(&log, &reference);
    commands_are_there_once(&store, &log).await;

    let app = open(Storage::Opened(opened)).await;
    nothing_is_left_over(&app).await;
    states_are_folded_right(&app, &reference).await;
    assert_eq!(store.head().await.unwrap(), log.last().unwrap().position, "there was nothing left to do");
    let kept = views(&app).await;
    app.shutdown().await.unwrap();

    let opened = storage.open().await.unwrap();
    let app = open(Storage::Opened(Opened { views: Arc::new(MemoryViews::new()), ..opened })).await;
    let rebuilt = views(&app).await;
    app.shutdown().await.unwrap();
    let expected = (reference.rows, reference.shelves);
    assert_eq!(rebuilt, expected, "views that were rebuilt");
    assert_eq!(kept, expected, "views that were kept");
}

fn streams_have_no_holes(log: &[Record]) {
    let mut next: HashMap<&StreamId, u32> = HashMap::new();
    let mut last = 0;
    for record in log {
        assert!(record.position > last);
        last = record.position;
        let next = next.entry(&record.stream).or_default();
        assert_eq!(record.sequence, *next, "{} {} has no holes", record.stream.domain, record.key);
        *next += 1;
    }
}

fn orders_are_those_that_were_placed(reference: &Reference, orders: &[Order], placed: &HashSet<String>) {
    let wanted: BTreeMap<_, _> =
        orders.iter().map(|order| (order.id.clone(), (order.sku.to_owned(), order.quantity))).collect();
    let found: BTreeMap<_, _> =
        reference.rows.iter().map(|(id, row)| (id.clone(), (row.sku.clone(), row.quantity))).collect();
    assert_eq!(found, wanted);
    let acknowledged = placed.iter().filter(|id| !found.contains_key(*id)).count();
    assert_eq!(acknowledged, 0, "what was acknowledged is there");
}

fn stock_adds_up(reference: &Reference, deliveries: &[(&str, &str, u32)]) {
    for (sku, shelf) in &reference.shelves {
        let delivered: i64 =
            deliveries.iter().filter(|(_, of, _)| of == sku).map(|(_, _, quantity)| i64::from(*quantity)).sum();
        assert_eq!(shelf.available + shelf.reserved, delivered, "{sku}");
    }
}

/// A record, by its stream and sequence.
type Place<'a> = (&'a str, Uuid, u32);

/// Each event, and each deadline, led to exactly what it had to lead to; nothing was done twice.
fn everything_followed_once(log: &[Record], reference: &Reference) {
    let mut followed: HashMap<Place<'_>, BTreeMap<String, usize>> = HashMap::new();
    let mut steps: HashMap<Place<'_>, BTreeSet<i128>> = HashMap::new();
    for record in log {
        let Some(cause) = record.trace.cause.as_deref() else { continue };
        let place = (&*cause.domain, cause.root, cause.sequence);
        let component = cause.component.rsplit('.').next().unwrap();
        let what = format!("{component}: {}: {}", record.stream.domain, name(record));
        *followed.entry(place).or_default().entry(what).or_default() += 1;
        if &*record.stream.domain == "checkout" {
            let at = record.created_at;
            steps.entry(place).or_default().insert(i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos));
        }
    }
    for (place, times) in steps {
        assert_eq!(times.len(), 1, "a process takes one step because of {place:?}, a deadline fires once");
    }
    for record in log.iter().filter(|record| record.kind.is_event()) {
        let found = followed.remove(&(&*record.stream.domain, record.stream.root, record.sequence)).unwrap_or_default();
        let due: BTreeMap<_, _> = reference.follows(record).into_iter().map(|what| (what.to_owned(), 1)).collect();
        assert_eq!(found, due, "because of {record:?}");
    }
    assert_eq!(followed.into_iter().next(), None, "nothing follows from what is not there");
}

/// What process managers decided to send is at its target, under its key.
async fn commands_are_there_once(store: &Arc<dyn Store>, log: &[Record]) {
    let mut keys = HashSet::new();
    for record in log.iter().filter(|record| record.kind == RecordKind::Commands) {
        for book in decode::<CommandsIssued>(record).books {
            let cover = book.cover.unwrap();
            let root = Uuid::from_slice(&cover.root.unwrap().value).unwrap();
            let load = Load {
                idempotency_key: Some(book.idempotency_key.clone()),
                ..Load::of(StreamId::new(cover.domain, root))
            };
            let recorded = store.load(load).await.unwrap().recorded;
            assert!(recorded.is_some_and(|records| !records.is_empty()), "{} of {record:?}", book.idempotency_key);
            assert!(keys.insert(book.idempotency_key), "no command was issued twice");
        }
    }
}

/// Nothing was made to fail, so nothing may have been given up.
async fn nothing_is_left_over(app: &App) {
    for status in app.consumers() {
        let consumer = app.consumer(status.name).unwrap();
        assert_eq!(consumer.parks().await.unwrap(), [], "{}", status.name);
        assert_eq!(consumer.dead_letters(None, usize::MAX).await.unwrap(), [], "{}", status.name);
        assert_eq!((status.stopped, status.paused), (None, None), "{}", status.name);
    }
}

async fn states_are_folded_right(app: &App, reference: &Reference) {
    for (sku, shelf) in &reference.shelves {
        let article: Article = app.state("stock", sku, AsOf::Now).await.unwrap().unwrap();
        let found = (i64::try_from(article.available).unwrap(), i64::try_from(article.reserved).unwrap());
        assert_eq!(found, (shelf.available, shelf.reserved), "{sku}");
    }
    for (order_id, row) in &reference.rows {
        let order: OrderState = app.state("orders", order_id, AsOf::Now).await.unwrap().unwrap();
        assert_eq!((order.status(), order.total_cents), (row.status(), row.total_cents), "{order_id}");
    }
    for (order_id, payment) in &reference.payments {
        let state: PaymentState = app.state("payments", order_id, AsOf::Now).await.unwrap().unwrap();
        assert_eq!((state.requested_cents, state.received_cents), (payment.requested, payment.received), "{order_id}");
    }
}

type Views = (BTreeMap<String, OrderRow>, BTreeMap<String, ShelfRow>);

async fn views(app: &App) -> Views {
    let orders = app.view::<OrderRow>().unwrap().all().await.unwrap();
    let shelves = app.view::<ShelfRow>().unwrap().all().await.unwrap();
    let orders = orders.into_iter().map(|(key, row)| (key.to_string(), row)).collect();
    (orders, shelves.into_iter().map(|(key, row)| (key.to_string(), row)).collect())
}

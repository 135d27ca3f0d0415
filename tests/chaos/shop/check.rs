//! What must be so at the end, asked of a fresh application.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use angzarr_runtime::App;
use angzarr_runtime::proto::{CommandsIssued, DeadlineSet};
use angzarr_runtime::store::memory::MemoryViews;
use angzarr_runtime::store::{AsOf, Load, Opened, Record, RecordKind, Storage, Store, StreamId};
use angzarr_runtime::view::ViewStore;
use angzarr_tests::shelves::v1::ShelfRow;
use angzarr_tests::{Impatience, Luck, Till, full_shop, query_tables};
use shop::orders::v1::{Order as OrderState, OrderRow};
use shop::payments::v1::Payment as PaymentState;
use shop::stock::v1::Article;
use uuid::Uuid;

use super::plan::Order;
use super::reference::{Reference, decode, name};

async fn open(storage: Storage, mended: &Path) -> App {
    let app = full_shop(storage, mended).start().await.unwrap();
    app.drained().await.unwrap();
    app
}

/// Everything, of a log that no process has open any more.
pub(super) async fn all(
    storage: &Storage,
    mended: &Path,
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
    deadlines_fired_once(&log);
    commands_are_there_once(&store, &log).await;

    let tables = opened.views.clone();
    let app = open(Storage::Opened(opened), mended).await;
    only_what_was_left_is_parked(&app, &reference).await;
    takings_are_counted(&tables, &reference).await;
    states_are_folded_right(&app, &reference).await;
    assert_eq!(store.head().await.unwrap(), log.last().unwrap().position, "there was nothing left to do");
    let kept = views(&app).await;
    app.shutdown().await.unwrap();

    let opened = storage.open().await.unwrap();
    let views_anew = Opened { views: Arc::new(MemoryViews::new()), ..opened };
    let app = open(Storage::Opened(views_anew), mended).await;
    let rebuilt = views(&app).await;
    app.shutdown().await.unwrap();
    for ((orders, shelves), which) in [(rebuilt, "rebuilt"), (kept, "kept")] {
        rows_are(&orders, &reference.rows, which);
        rows_are(&shelves, &reference.shelves, which);
    }
}

/// Tells only what differs: there are many.
fn rows_are<R: PartialEq + Debug>(found: &BTreeMap<String, R>, expected: &BTreeMap<String, R>, which: &str) {
    let keys: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let wrong: Vec<_> =
        keys.into_iter().map(|key| (found.get(key), expected.get(key))).filter(|(is, must)| is != must).collect();
    assert!(wrong.is_empty(), "rows of a view that was {which}, and what they must be: {wrong:#?}");
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

fn place(record: &Record) -> Place<'_> {
    (&record.stream.domain, record.stream.root, record.sequence)
}

/// What was done because of each record.
fn by_cause(log: &[Record]) -> HashMap<Place<'_>, Vec<&Record>> {
    let mut followed: HashMap<Place<'_>, Vec<&Record>> = HashMap::new();
    for record in log {
        if let Some(cause) = record.trace.cause.as_deref() {
            followed.entry((&*cause.domain, cause.root, cause.sequence)).or_default().push(record);
        }
    }
    followed
}

/// Each event led to exactly what it had to lead to, and nothing was done twice.
fn everything_followed_once(log: &[Record], reference: &Reference) {
    let mut followed = by_cause(log);
    for record in log.iter().filter(|record| record.kind.is_event()) {
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for effect in followed.remove(&place(record)).unwrap_or_default() {
            // Deadlines are looked at by themselves.
            if effect.kind != RecordKind::Deadline {
                let component = effect.trace.cause.as_ref().unwrap().component.rsplit('.').next().unwrap();
                *found.entry(format!("{component}: {}: {}", effect.stream.domain, name(effect))).or_default() += 1;
            }
        }
        let due: BTreeMap<_, _> = reference.follows(record).into_iter().map(|what| (what.to_owned(), 1)).collect();
        assert_eq!(found, due, "because of {record:?}");
    }
    // What is left was done because of deadlines.
    let set: HashSet<_> = log.iter().filter(|record| record.kind == RecordKind::Deadline).map(place).collect();
    assert!(followed.keys().all(|cause| set.contains(cause)), "nothing follows from what is not there");
}

/// A process takes one step because of one record, and so no deadline fires twice; none fires after it was cancelled, and
/// whichever was not, does.
fn deadlines_fired_once(log: &[Record]) {
    let followed = by_cause(log);
    for (cause, effects) in &followed {
        let steps = effects.iter().filter(|record| ["checkout", "enquiries"].contains(&&*record.stream.domain));
        let times: BTreeSet<_> =
            steps.map(|record| (&record.stream.domain, record.created_at.seconds, record.created_at.nanos)).collect();
        let domains: BTreeSet<_> = times.iter().map(|(domain, ..)| domain).collect();
        assert_eq!(times.len(), domains.len(), "one step because of {cause:?}");
    }
    let mut cancelled = HashMap::new();
    let mut fired = 0;
    let enquiries = log.iter().filter(|record| &*record.stream.domain == "enquiries");
    let deadlines: Vec<_> = enquiries
        .filter(|record| record.kind == RecordKind::Deadline)
        .map(|record| (record, decode::<DeadlineSet>(record)))
        .collect();
    for (record, set) in deadlines.iter().filter(|(_, set)| set.at.is_none()) {
        let before = cancelled.insert((record.stream.root, &set.name), record.sequence);
        assert_eq!(before, None, "cancelled once: {record:?}");
    }
    for (record, set) in deadlines.iter().filter(|(_, set)| set.at.is_some()) {
        let steps: Vec<_> = followed.get(&place(record)).into_iter().flatten().collect();
        match (steps.as_slice(), cancelled.get(&(record.stream.root, &set.name))) {
            ([step], None) => assert_eq!((name(step), &*set.name), ("Enquired", Impatience::SOON)),
            ([step], Some(cancelled)) => assert!(step.sequence < *cancelled, "fired after it was cancelled: {step:?}"),
            ([], Some(_)) => {}
            (steps, cancelled) => panic!("{record:?}, cancelled: {cancelled:?}, led to {steps:?}"),
        }
        fired += steps.len();
    }
    println!("{} deadlines, {fired} fired", deadlines.len() - cancelled.len());
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

/// Payments that nobody was to see to are in their parks, each with the reason why; nothing else was given up.
async fn only_what_was_left_is_parked(app: &App, reference: &Reference) {
    let left = reference.payments.iter().filter(|(order_id, _)| Luck::of(order_id) == Luck::Left);
    let left = left.map(|(order_id, payment)| (order_id.clone(), payment.transfers.len() as u64));
    let left: BTreeMap<_, _> = left.filter(|(_, events)| *events > 0).collect();
    for status in app.consumers() {
        let consumer = app.consumer(status.name).unwrap();
        let parks = consumer.parks().await.unwrap().into_iter().map(|park| (park.lane, park.events)).collect();
        let letters = consumer.dead_letters(None, usize::MAX).await.unwrap();
        let expected = if status.name == Till::NAME { &left } else { &BTreeMap::new() };
        let parks: BTreeMap<_, _> = parks;
        assert_eq!(parks, *expected, "{}", status.name);
        let reasons: BTreeMap<_, _> =
            letters.iter().map(|letter| (&letter.lane, letter.attempts.last().unwrap().code.as_str())).collect();
        let explained: BTreeMap<_, _> = expected.keys().map(|lane| (lane, Till::NO_CHANGE)).collect();
        assert_eq!((reasons, letters.len()), (explained, expected.len()), "{}", status.name);
        assert_eq!((status.stopped, status.paused), (None, None), "{}", status.name);
    }
    println!("{} orders whose payments stay in their park", left.len());
}

/// What the till has written is what was paid, but for what it was not to count.
async fn takings_are_counted(tables: &Arc<dyn ViewStore>, reference: &Reference) {
    let mut drawers: BTreeMap<i64, (u64, usize)> = BTreeMap::new();
    for (order_id, payment) in &reference.payments {
        if matches!(Luck::of(order_id), Luck::Good | Luck::Mended) && payment.received > 0 {
            let (cents, transfers) = drawers.entry(Till::drawer(order_id)).or_default();
            *cents += payment.received;
            *transfers += payment.transfers.len();
        }
    }
    let expected: Vec<_> =
        drawers.iter().map(|(drawer, (cents, transfers))| format!("{drawer}|{cents}|{transfers}")).collect();
    let found = query_tables(tables, "SELECT drawer, cents, transfers FROM takings ORDER BY drawer").await.unwrap();
    assert_eq!(found, expected.join("\n"));
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

//! Orders to consumers, and pauses.

use std::sync::Arc;

use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::{
    Answer, Attempt, EventRef, Lease, NewDeadLetter, NewParked, Order, OrderState, OrderStep, Pause, Refusal, Store,
    StoreError, TakenOrder,
};
use tokio::time::timeout;
use uuid::Uuid;

use super::follow::PATIENCE;
use super::{book, lease, regain, stream};
use crate::backend::Backend;

const CONSUMER: &str = "a.v1.app.Consumer";
const OTHER: &str = "a.v1.app.Consumer2";

fn all_kinds() -> Vec<Order> {
    let lane = "a lane/\u{0}\u{1}é".to_owned();
    let event = EventRef { position: 7, part: u32::MAX };
    vec![
        Order::Resume,
        Order::Replay { lane: lane.clone() },
        Order::Skip { lane: lane.clone() },
        Order::Pause,
        Order::Discard { lane: String::new() },
        Order::DiscardAndCompensate { lane },
        Order::RemoveDeadLetter { event },
    ]
}

async fn give(store: &Arc<dyn Store>, consumer: &str, order: Order) -> Uuid {
    let id = Uuid::new_v4();
    store.give_order(consumer, id, order).await.unwrap();
    id
}

async fn ids(store: &Arc<dyn Store>, lease: &Lease) -> Vec<Uuid> {
    store.take_orders(lease).await.unwrap().into_iter().map(|order| order.id).collect()
}

fn answered(events: u64, answer: Answer) -> Option<OrderState> {
    Some(OrderState::Answered { events, answer })
}

const DONE: Answer = Answer::Done { failed: None };

async fn answer(store: &Arc<dyn Store>, lease: &Lease, id: Uuid, answer: Answer) -> Result<(), StoreError> {
    store.carry_out(lease, OrderStep { id, answer: Some(answer), ..OrderStep::default() }).await
}

pub(super) async fn orders_are_taken_up_in_the_order_in_which_they_were_given(backend: impl Backend) {
    let opened = backend.open().await;
    let mut given = Vec::new();
    for order in all_kinds() {
        give(&opened.store, OTHER, Order::Pause).await;
        let id = give(&opened.store, CONSUMER, order.clone()).await;
        given.push(TakenOrder { id, order, events: 0 });
    }
    // An id that was used changes nothing.
    opened.store.give_order(CONSUMER, given[0].id, Order::Pause).await.unwrap();
    opened.store.give_order(OTHER, given[1].id, Order::Pause).await.unwrap();
    let held = lease(&opened.store, CONSUMER).await;
    assert_eq!(opened.store.order(given[0].id).await.unwrap(), Some(OrderState::Given));
    assert_eq!(opened.store.take_orders(&held).await.unwrap(), given);
    assert_eq!(opened.store.order(given[0].id).await.unwrap(), Some(OrderState::Taken));
    assert_eq!(opened.store.order(Uuid::new_v4()).await.unwrap(), None);
    let store = backend.reopen(opened).await.store;
    assert_eq!(store.take_orders(&regain(&store, CONSUMER).await).await.unwrap(), given, "the next holder finishes");
}

pub(super) async fn orders_are_answered_once_and_for_all(backend: impl Backend) {
    let opened = backend.open().await;
    let held = lease(&opened.store, CONSUMER).await;
    let attempt = Attempt {
        at: Timestamp { seconds: 1_700_000_000, nanos: 7_000 },
        code: "CODE".into(),
        reason: "it \u{0} fails".into(),
    };
    let event = EventRef { position: 9, part: 3 };
    let answers = [
        DONE,
        Answer::Done { failed: Some((event, attempt)) },
        Answer::Refused(Refusal::NotParked),
        Answer::Refused(Refusal::LaneBusy),
        Answer::Refused(Refusal::Unknown),
        Answer::Refused(Refusal::Paused(Pause { position: 5, reason: "é".into() })),
    ];
    let mut orders = Vec::new();
    for (events, wanted) in (1..).zip(answers) {
        let id = give(&opened.store, CONSUMER, Order::Replay { lane: "a".into() }).await;
        // Half of it is known before the answer is.
        opened.store.carry_out(&held, OrderStep { id, events, ..OrderStep::default() }).await.unwrap();
        let taken = opened.store.take_orders(&held).await.unwrap();
        assert_eq!(taken.iter().map(|order| (order.id, order.events)).collect::<Vec<_>>(), [(id, events)]);
        let last = OrderStep { id, events: events + 1, answer: Some(wanted.clone()), ..OrderStep::default() };
        opened.store.carry_out(&held, last).await.unwrap();
        assert!(ids(&opened.store, &held).await.is_empty(), "it is not carried out again");
        orders.push((id, answered(events + 1, wanted)));
    }
    let store = backend.reopen(opened).await.store;
    for (id, state) in orders {
        assert_eq!(store.order(id).await.unwrap(), state);
        assert_eq!(store.withdraw_order(id).await.unwrap(), state, "too late");
    }
}

pub(super) async fn orders_are_carried_out_whole_or_not_at_all(backend: impl Backend) {
    let store = backend.open().await.store;
    let records = store.append(book(&stream(), &["a", "b", "c"])).await.unwrap().records;
    let events: Vec<_> = records.iter().map(|record| EventRef { position: record.position, part: 0 }).collect();
    let held = lease(&store, CONSUMER).await;
    let parked = |index: usize| NewParked { lane: "lane".into(), event: events[index] };
    let letter = |index: usize| NewDeadLetter { event: events[index], lane: "lane".into(), attempts: Vec::new() };
    store.park(&held, vec![parked(0), parked(1), parked(2)]).await.unwrap();
    store.save_dead_letter(&held, letter(0)).await.unwrap();
    store.pause(&held, Pause { position: 2, reason: "said".into() }).await.unwrap();
    let id = give(&store, CONSUMER, Order::Replay { lane: "lane".into() }).await;
    let step = OrderStep {
        id,
        unparked: vec![parked(0), parked(1)],
        removed: vec![events[0], events[1]],
        letter: Some(letter(2)),
        resumed: true,
        events: 2,
        answer: Some(DONE),
    };
    let kept = async || {
        let parked = store.parked(CONSUMER, "lane", 9).await.unwrap().into_iter().map(|parked| parked.event);
        let letters = store.dead_letters(CONSUMER, None, 9).await.unwrap().into_iter().map(|letter| letter.event);
        (parked.collect::<Vec<_>>(), letters.collect::<Vec<_>>(), store.paused(CONSUMER).await.unwrap().is_some())
    };
    let before = kept().await;
    let next = regain(&store, CONSUMER).await;
    let lost = Err(StoreError::LeaseLost { consumer: CONSUMER.into() });
    assert_eq!(store.carry_out(&held, step.clone()).await, lost);
    assert_eq!((kept().await, store.order(id).await.unwrap()), (before, Some(OrderState::Given)));
    // The same step again comes to the same.
    for _ in 0..2 {
        store.carry_out(&next, step.clone()).await.unwrap();
        assert_eq!(kept().await, (vec![events[2]], vec![events[2]], false));
        assert_eq!(store.order(id).await.unwrap(), answered(2, DONE));
    }
}

pub(super) async fn orders_are_withdrawn_until_they_are_taken_up(backend: impl Backend) {
    let store = backend.open().await.store;
    let first = give(&store, CONSUMER, Order::Pause).await;
    assert_eq!(store.withdraw_order(first).await.unwrap(), None);
    assert_eq!(store.withdraw_order(first).await.unwrap(), None, "as often as one likes");
    let held = lease(&store, CONSUMER).await;
    assert!(ids(&store, &held).await.is_empty());
    let second = give(&store, CONSUMER, Order::Pause).await;
    assert_eq!(ids(&store, &held).await, [second]);
    assert_eq!(store.withdraw_order(second).await.unwrap(), Some(OrderState::Taken));
    assert_eq!(ids(&store, &held).await, [second]);
}

pub(super) async fn orders_make_room_for_newer_ones(backend: impl Backend) {
    let store = backend.open().await.store;
    let (held, other) = (lease(&store, CONSUMER).await, lease(&store, OTHER).await);
    let pending = give(&store, CONSUMER, Order::Pause).await;
    let theirs = give(&store, OTHER, Order::Pause).await;
    answer(&store, &other, theirs, DONE).await.unwrap();
    let mut given = Vec::new();
    for _ in 0..110 {
        let id = give(&store, CONSUMER, Order::Resume).await;
        answer(&store, &held, id, DONE).await.unwrap();
        given.push(id);
    }
    assert_eq!(ids(&store, &held).await, [pending], "what has no answer stays");
    for (index, id) in given.into_iter().enumerate() {
        assert_eq!(store.order(id).await.unwrap().is_some(), index >= 10, "{index}");
    }
    assert_eq!(store.order(theirs).await.unwrap(), answered(0, DONE));
    // One that took long is older than those that were answered meanwhile.
    answer(&store, &held, pending, DONE).await.unwrap();
    assert_eq!(store.order(pending).await.unwrap(), answered(0, DONE));
}

pub(super) async fn orders_wake_those_who_watch(backend: impl Backend) {
    let store = backend.open().await.store;
    let held = lease(&store, CONSUMER).await;
    let mut news = store.watch_orders();
    let changed = async |news: &mut tokio::sync::watch::Receiver<u64>| timeout(PATIENCE, news.changed()).await.is_ok();
    let id = give(&store, CONSUMER, Order::Pause).await;
    assert!(changed(&mut news).await);
    news.mark_unchanged();
    answer(&store, &held, id, DONE).await.unwrap();
    assert!(changed(&mut news).await);
}

pub(super) async fn orders_wake_those_who_watch_elsewhere(backend: impl Backend) {
    let (one, two) = (backend.open().await, backend.open().await);
    let mut news = two.store.watch_orders();
    let held = lease(&two.store, CONSUMER).await;
    let given = give(&one.store, CONSUMER, Order::Pause).await;
    let taken = async {
        while ids(&two.store, &held).await != [given] {
            news.changed().await.unwrap();
        }
    };
    timeout(PATIENCE, taken).await.unwrap();
    let mut news = one.store.watch_orders();
    answer(&two.store, &held, given, DONE).await.unwrap();
    let told = async {
        while one.store.order(given).await.unwrap() != answered(0, DONE) {
            news.changed().await.unwrap();
        }
    };
    timeout(PATIENCE, told).await.unwrap();
}

pub(super) async fn pauses_are_kept_until_an_order_ends_them(backend: impl Backend) {
    let opened = backend.open().await;
    assert_eq!(opened.store.paused("never.seen").await.unwrap(), None);
    let held = lease(&opened.store, CONSUMER).await;
    let pause = |position, reason: &str| Pause { position, reason: reason.to_owned() };
    opened.store.pause(&held, pause(1, "")).await.unwrap();
    opened.store.pause(&held, pause(4, "said \u{0}")).await.unwrap();
    opened.store.save_checkpoint(&held, 9).await.unwrap();
    assert_eq!(opened.store.paused(OTHER).await.unwrap(), None);
    let store = backend.reopen(opened).await.store;
    let held = regain(&store, CONSUMER).await;
    assert_eq!(store.paused(CONSUMER).await.unwrap(), Some(pause(4, "said \u{0}")));
    store.carry_out(&held, OrderStep { resumed: true, ..OrderStep::default() }).await.unwrap();
    assert_eq!((store.paused(CONSUMER).await.unwrap(), store.checkpoint(CONSUMER).await.unwrap()), (None, 9));
}

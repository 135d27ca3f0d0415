//! Consumers in a map.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Inner, MemoryStore};
use crate::store::order::ANSWERS;
use crate::store::{
    Acquired, Beat, ConsumerStore, DeadLetter, EventRef, Lease, NewDeadLetter, NewParked, Order, OrderState, OrderStep,
    Park, Parked, Pause, Record, StoreError, TakenOrder,
};

#[derive(Debug, Default)]
pub(super) struct Consumer {
    position: u64,
    token: u64,
    beats: u64,
    held: bool,
    /// By lane, and within a lane in the order of the log.
    parked: BTreeSet<(String, EventRef)>,
    letters: BTreeMap<EventRef, NewDeadLetter>,
    paused: Option<Pause>,
}

/// An order; they lie in the order in which they were given.
#[derive(Debug)]
pub(super) struct Ordered {
    consumer: String,
    taken: TakenOrder,
    state: OrderState,
}

impl Ordered {
    fn is_answered(&self) -> bool {
        matches!(self.state, OrderState::Answered { .. })
    }
}

impl Inner {
    /// The consumer, if `lease` still counts.
    fn fenced(&mut self, lease: &Lease) -> Result<&mut Consumer, StoreError> {
        let consumer = self.consumers.get_mut(&*lease.consumer).filter(|consumer| consumer.token == lease.token);
        consumer.ok_or_else(|| StoreError::LeaseLost { consumer: lease.consumer.to_string() })
    }

    /// Answers of older orders make room for that of this one.
    fn forget_answers(&mut self, consumer: &str, id: Uuid) {
        let other = |order: &Ordered| order.consumer == consumer && order.is_answered() && order.taken.id != id;
        let mut surplus = self.orders.iter().filter(|order| other(order)).count().saturating_sub(ANSWERS - 1);
        self.orders.retain(|order| {
            let old = surplus > 0 && other(order);
            surplus -= usize::from(old);
            !old
        });
    }

    fn record(&self, event: EventRef) -> Option<Record> {
        let index = usize::try_from(event.position).ok()?.checked_sub(1)?;
        self.log.get(index).cloned()
    }
}

#[async_trait]
impl ConsumerStore for MemoryStore {
    async fn acquire(&self, consumer: &str, silent: Option<Beat>) -> Result<Acquired, StoreError> {
        let mut inner = self.open()?;
        let found = inner.consumers.entry(consumer.to_owned()).or_default();
        let beat = Beat { token: found.token, count: found.beats };
        if found.held && silent != Some(beat) {
            return Ok(Acquired::Held(beat));
        }
        (found.held, found.token, found.beats) = (true, found.token + 1, 0);
        Ok(Acquired::Taken(Lease { consumer: consumer.into(), token: found.token }))
    }

    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut inner = self.open()?;
        inner.fenced(lease)?.beats += 1;
        Ok(())
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        if let Ok(consumer) = self.open()?.fenced(lease) {
            consumer.held = false;
        }
        Ok(())
    }

    async fn checkpoint(&self, consumer: &str) -> Result<u64, StoreError> {
        Ok(self.open()?.consumers.get(consumer).map_or(0, |consumer| consumer.position))
    }

    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), StoreError> {
        self.open()?.fenced(lease)?.position = position;
        Ok(())
    }

    async fn park(&self, lease: &Lease, events: Vec<NewParked>) -> Result<(), StoreError> {
        let mut inner = self.open()?;
        let added = events.into_iter().map(|NewParked { lane, event }| (lane, event));
        inner.fenced(lease)?.parked.extend(added);
        Ok(())
    }

    async fn parks(&self, consumer: &str) -> Result<Vec<Park>, StoreError> {
        let inner = self.open()?;
        let mut parks: BTreeMap<&str, Park> = BTreeMap::new();
        // By lane, and within a lane by event.
        for (lane, event) in inner.consumers.get(consumer).into_iter().flat_map(|found| &found.parked) {
            let park = || Park { lane: lane.clone(), events: 0, first: *event };
            parks.entry(lane).or_insert_with(park).events += 1;
        }
        let mut parks: Vec<_> = parks.into_values().collect();
        parks.sort_by(|a, b| (a.first, &a.lane).cmp(&(b.first, &b.lane)));
        Ok(parks)
    }

    async fn parked(&self, consumer: &str, lane: &str, limit: usize) -> Result<Vec<Parked>, StoreError> {
        let inner = self.open()?;
        let parked = inner.consumers.get(consumer).into_iter().flat_map(|found| &found.parked);
        let here = parked.filter(|(found, _)| found == lane).take(limit);
        Ok(here.filter_map(|(_, event)| Some(Parked { event: *event, record: inner.record(*event)? })).collect())
    }

    async fn parked_behind(&self, consumer: &str, position: u64) -> Result<Vec<EventRef>, StoreError> {
        let inner = self.open()?;
        let parked = inner.consumers.get(consumer).into_iter().flat_map(|found| &found.parked);
        let mut behind: Vec<_> = parked.map(|(_, event)| *event).filter(|event| event.position > position).collect();
        behind.sort_unstable();
        Ok(behind)
    }

    async fn save_dead_letter(&self, lease: &Lease, letter: NewDeadLetter) -> Result<(), StoreError> {
        self.open()?.fenced(lease)?.letters.insert(letter.event, letter);
        Ok(())
    }

    async fn dead_letters(
        &self,
        consumer: &str,
        after: Option<EventRef>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let inner = self.open()?;
        let letters = inner.consumers.get(consumer).into_iter().flat_map(|found| found.letters.values());
        let behind = letters.filter(|letter| after.is_none_or(|after| letter.event > after)).take(limit);
        let letter = |letter: &NewDeadLetter| {
            let NewDeadLetter { event, lane, attempts } = letter.clone();
            Some(DeadLetter { event, lane, attempts, record: inner.record(event)? })
        };
        Ok(behind.filter_map(letter).collect())
    }

    async fn pause(&self, lease: &Lease, pause: Pause) -> Result<(), StoreError> {
        self.open()?.fenced(lease)?.paused = Some(pause);
        Ok(())
    }

    async fn paused(&self, consumer: &str) -> Result<Option<Pause>, StoreError> {
        Ok(self.open()?.consumers.get(consumer).and_then(|consumer| consumer.paused.clone()))
    }

    async fn give_order(&self, consumer: &str, id: Uuid, order: Order) -> Result<(), StoreError> {
        let mut inner = self.open()?;
        if inner.orders.iter().all(|known| known.taken.id != id) {
            let taken = TakenOrder { id, order, events: 0 };
            inner.orders.push(Ordered { consumer: consumer.to_owned(), taken, state: OrderState::Given });
        }
        drop(inner);
        self.orders.send_modify(|changes| *changes += 1);
        Ok(())
    }

    async fn take_orders(&self, lease: &Lease) -> Result<Vec<TakenOrder>, StoreError> {
        let mut inner = self.open()?;
        inner.fenced(lease)?;
        let orders = inner.orders.iter_mut();
        let here = orders.filter(|order| *order.consumer == *lease.consumer && !order.is_answered());
        let take = |order: &mut Ordered| {
            order.state = OrderState::Taken;
            order.taken.clone()
        };
        Ok(here.map(take).collect())
    }

    async fn carry_out(&self, lease: &Lease, step: OrderStep) -> Result<(), StoreError> {
        let mut inner = self.open()?;
        let consumer = inner.fenced(lease)?;
        for NewParked { lane, event } in step.unparked {
            consumer.parked.remove(&(lane, event));
        }
        for event in step.removed {
            consumer.letters.remove(&event);
        }
        if let Some(letter) = step.letter {
            consumer.letters.insert(letter.event, letter);
        }
        if step.resumed {
            consumer.paused = None;
        }
        if let Some(order) = inner.orders.iter_mut().find(|order| order.taken.id == step.id) {
            order.taken.events = step.events;
            if let Some(answer) = step.answer {
                order.state = OrderState::Answered { events: step.events, answer };
                inner.forget_answers(&lease.consumer, step.id);
            }
        }
        drop(inner);
        self.orders.send_modify(|changes| *changes += 1);
        Ok(())
    }

    async fn order(&self, id: Uuid) -> Result<Option<OrderState>, StoreError> {
        let inner = self.open()?;
        Ok(inner.orders.iter().find(|order| order.taken.id == id).map(|order| order.state.clone()))
    }

    async fn withdraw_order(&self, id: Uuid) -> Result<Option<OrderState>, StoreError> {
        self.open()?.orders.retain(|order| order.taken.id != id || order.state != OrderState::Given);
        self.order(id).await
    }

    fn watch_orders(&self) -> watch::Receiver<u64> {
        self.orders.subscribe()
    }
}

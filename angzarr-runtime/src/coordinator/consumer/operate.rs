//! Having an order carried out, in whichever process the consumer runs.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

use super::{Asked, Running};
use crate::error::Error;
use crate::store::{Answer, Attempt, EventRef, Order, OrderState, Pause, Refusal, Store, StoreError};

/// Within which a holder takes an order up, if there is one, also where the last one has just died.
const TAKEN: Duration = Duration::from_secs(12);

/// The same where the consumer gave up in this process: whoever stands by elsewhere has its lease soon.
const TAKEN_ELSEWHERE: Duration = Duration::from_secs(3);

/// How long it takes to ask again after the store was away.
const AGAIN: Duration = Duration::from_millis(200);

/// What came of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cleared {
    /// How many events left the park.
    pub events: u64,
    /// The event at which it ended, and its last attempt: the lane stays parked.
    pub failed: Option<(EventRef, Attempt)>,
}

impl Running {
    /// Has an order carried out, and waits so long for the answer.
    ///
    /// # Errors
    /// [`Error::ConsumerNotRunning`] or [`Error::ConsumerStopped`] if nobody has taken it up in time: then it was taken
    /// back. [`Error::OrderUnderWay`] if it was taken up, but has no answer yet. What it is refused with. What the store
    /// can yield, if the order could not be given.
    pub(crate) async fn order(&self, store: &dyn Store, order: Order, patience: Duration) -> Result<Cleared, Error> {
        let mut news = store.watch_orders();
        let (id, begun) = (Uuid::new_v4(), Instant::now());
        let end = begun + patience;
        self.give(store, id, &order, end).await?;
        let mut taken = false;
        loop {
            news.mark_unchanged();
            let state = store.order(id).await;
            match &state {
                Ok(Some(OrderState::Answered { events, answer })) => {
                    let cleared = self.cleared(&order, *events, answer.clone());
                    if cleared.is_ok() {
                        self.seen(&order, end).await;
                    }
                    return cleared;
                }
                Ok(Some(OrderState::Taken)) => taken = true,
                // It has been answered, and newer answers took the place of that one.
                Ok(None) if taken => return Err(self.under_way()),
                Err(error) if !error.retryable() => return Err(error.clone().into()),
                _ => {}
            }
            let until = if taken { end } else { end.min(begun + self.time_to_be_taken()) };
            if Instant::now() >= until {
                break;
            }
            // A consumer may give up meanwhile, and an order that was taken up is not told of by itself.
            let again = if state.is_err() { AGAIN } else { TAKEN_ELSEWHERE };
            tokio::select! {
                _ = timeout_at(until, news.changed()) => {}
                () = sleep_until(Instant::now() + again) => {}
            }
        }
        self.take_back(store, id, &order).await
    }

    /// Waits until this process knows of a pause, or of its end, wherever the consumer runs.
    async fn seen(&self, order: &Order, end: Instant) {
        let paused = match order {
            Order::Pause => true,
            Order::Resume => false,
            _ => return,
        };
        let (answer, _) = oneshot::channel();
        // Whoever stands by looks at what the holder keeps.
        let _ = self.asked.send(Asked { from: 0, to: 0, answer }).await;
        let mut progress = self.progress.clone();
        // It has been answered all the same.
        let _ = timeout_at(end, progress.wait_for(|progress| progress.paused.is_some() == paused)).await;
    }

    /// Gives the order, again while the store is away.
    async fn give(&self, store: &dyn Store, id: Uuid, order: &Order, end: Instant) -> Result<(), StoreError> {
        loop {
            match store.give_order(self.name, id, order.clone()).await {
                Err(error) if error.retryable() && Instant::now() < end => {
                    sleep_until((Instant::now() + AGAIN).min(end)).await;
                }
                given => return given,
            }
        }
    }

    fn time_to_be_taken(&self) -> Duration {
        if self.progress.borrow().stopped.is_some() { TAKEN_ELSEWHERE } else { TAKEN }
    }

    /// Takes back what was not taken up in time.
    async fn take_back(&self, store: &dyn Store, id: Uuid, order: &Order) -> Result<Cleared, Error> {
        let consumer = self.name.to_owned();
        match store.withdraw_order(id).await? {
            Some(OrderState::Answered { events, answer }) => self.cleared(order, events, answer),
            Some(OrderState::Given | OrderState::Taken) => Err(self.under_way()),
            None => Err(match self.progress.borrow().stopped.clone() {
                Some((position, reason)) => Error::ConsumerStopped { consumer, position, reason },
                None => Error::ConsumerNotRunning { consumer },
            }),
        }
    }

    fn under_way(&self) -> Error {
        Error::OrderUnderWay { consumer: self.name.to_owned() }
    }

    fn cleared(&self, order: &Order, events: u64, answer: Answer) -> Result<Cleared, Error> {
        let lane = || match order {
            Order::Replay { lane }
            | Order::Skip { lane }
            | Order::Discard { lane }
            | Order::DiscardAndCompensate { lane } => lane.clone(),
            Order::RemoveDeadLetter { .. } | Order::Pause | Order::Resume => String::new(),
        };
        match answer {
            Answer::Done { failed } => Ok(Cleared { events, failed }),
            Answer::Refused(Refusal::NotParked) => Err(Error::NotParked { lane: lane() }),
            Answer::Refused(Refusal::LaneBusy) => Err(Error::LaneBusy { lane: lane() }),
            Answer::Refused(Refusal::Unknown) => Err(Error::OrderUnknown { consumer: self.name.to_owned() }),
            Answer::Refused(Refusal::Paused(Pause { position, reason })) => {
                Err(Error::ConsumerPaused { consumer: self.name.to_owned(), position, reason })
            }
        }
    }
}

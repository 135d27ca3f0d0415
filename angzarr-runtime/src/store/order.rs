//! What is ordered of a consumer, and what comes of it.

use uuid::Uuid;

use super::{Attempt, EventRef, NewDeadLetter, NewParked};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::{store::StoreError, time};

/// What whoever holds the lease of a consumer is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Handle what is parked in a lane.
    Replay {
        /// The lane.
        lane: String,
    },
    /// Take the first event out of the park of a lane.
    Skip {
        /// The lane.
        lane: String,
    },
    /// Take everything out of it.
    Discard {
        /// The lane.
        lane: String,
    },
    /// The same, and report the commands that would have followed as refused.
    DiscardAndCompensate {
        /// The lane.
        lane: String,
    },
    /// Remove a dead letter.
    RemoveDeadLetter {
        /// Its event.
        event: EventRef,
    },
    /// Stop behind what is under way.
    Pause,
    /// Go on after a pause.
    Resume,
}

/// An order that a holder has taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOrder {
    /// As it was given.
    pub id: Uuid,
    /// What is to be done.
    pub order: Order,
    /// How many events have left a park because of it, an earlier holder's included.
    pub events: u64,
}

/// Why a consumer is paused, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// It waits before this position.
    pub position: u64,
    /// One sentence.
    pub reason: String,
}

/// Why an order was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its lane is not parked.
    NotParked,
    /// Another order is at work at its lane.
    LaneBusy,
    /// The release that has the lease knows no such order.
    Unknown,
    /// The consumer is paused.
    Paused(Pause),
}

/// How an order ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was carried out, up to the event at which it failed if there is one.
    Done {
        /// That event, and its last attempt.
        failed: Option<(EventRef, Attempt)>,
    },
    /// It was not.
    Refused(Refusal),
}

/// How far an order is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// No holder has taken it up.
    Given,
    /// A holder is at it, or the next one will be.
    Taken,
    /// It has ended.
    Answered {
        /// How many events have left a park because of it.
        events: u64,
        /// How it ended.
        answer: Answer,
    },
}

/// What carrying out an order has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderStep {
    /// The order's.
    pub id: Uuid,
    /// Events that leave their parks. Those that are not there are passed over; a park without events is none.
    pub unparked: Vec<NewParked>,
    /// Dead letters that are removed. Those that are not there are passed over.
    pub removed: Vec<EventRef>,
    /// A dead letter that is kept, in place of an older one of that event.
    pub letter: Option<NewDeadLetter>,
    /// Set where a pause ends.
    pub resumed: bool,
    /// How many events have left a park because of this order so far, these included.
    pub events: u64,
    /// How it ended, if it did.
    pub answer: Option<Answer>,
}

/// How many answers are kept for each consumer; older ones make room.
pub(super) const ANSWERS: usize = 100;

/// An order as tables keep it.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(super) struct OrderRow {
    pub(super) kind: String,
    pub(super) lane: Option<String>,
    pub(super) event: Option<EventRef>,
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl From<Order> for OrderRow {
    fn from(order: Order) -> Self {
        let (kind, lane, event) = match order {
            Order::Replay { lane } => ("replay", Some(lane), None),
            Order::Skip { lane } => ("skip", Some(lane), None),
            Order::Discard { lane } => ("discard", Some(lane), None),
            Order::DiscardAndCompensate { lane } => ("discard and compensate", Some(lane), None),
            Order::RemoveDeadLetter { event } => ("remove dead letter", None, Some(event)),
            Order::Pause => ("pause", None, None),
            Order::Resume => ("resume", None, None),
        };
        Self { kind: kind.to_owned(), lane, event }
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl OrderRow {
    /// The order; none if it is of a kind that only a newer release knows.
    pub(super) fn known(self) -> Option<Order> {
        Some(match (&*self.kind, self.lane, self.event) {
            ("replay", Some(lane), _) => Order::Replay { lane },
            ("skip", Some(lane), _) => Order::Skip { lane },
            ("discard", Some(lane), _) => Order::Discard { lane },
            ("discard and compensate", Some(lane), _) => Order::DiscardAndCompensate { lane },
            ("remove dead letter", _, Some(event)) => Order::RemoveDeadLetter { event },
            ("pause", ..) => Order::Pause,
            ("resume", ..) => Order::Resume,
            _ => return None,
        })
    }
}

/// An answer as tables keep it. `event` is the one that failed, or the place of a pause.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[derive(Default)]
pub(super) struct AnswerRow {
    pub(super) answer: String,
    pub(super) event: Option<EventRef>,
    pub(super) at: Option<i64>,
    pub(super) code: Option<String>,
    pub(super) reason: Option<String>,
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl From<Answer> for AnswerRow {
    fn from(answer: Answer) -> Self {
        let plain = |answer: &str| Self { answer: answer.to_owned(), ..Self::default() };
        match answer {
            Answer::Done { failed: None } => plain("done"),
            Answer::Done { failed: Some((event, Attempt { at, code, reason })) } => Self {
                event: Some(event),
                at: Some(time::to_micros(&at)),
                code: Some(code),
                reason: Some(reason),
                ..plain("failed")
            },
            Answer::Refused(Refusal::NotParked) => plain("not parked"),
            Answer::Refused(Refusal::LaneBusy) => plain("lane busy"),
            Answer::Refused(Refusal::Unknown) => plain("unknown"),
            Answer::Refused(Refusal::Paused(Pause { position, reason })) => {
                Self { event: Some(EventRef { position, part: 0 }), reason: Some(reason), ..plain("paused") }
            }
        }
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl TryFrom<AnswerRow> for Answer {
    type Error = StoreError;

    fn try_from(row: AnswerRow) -> Result<Self, StoreError> {
        Ok(match (&*row.answer, row.event, row.at, row.code, row.reason) {
            ("done", ..) => Answer::Done { failed: None },
            ("failed", Some(event), Some(at), Some(code), Some(reason)) => {
                Answer::Done { failed: Some((event, Attempt { at: time::from_micros(at), code, reason })) }
            }
            ("not parked", ..) => Answer::Refused(Refusal::NotParked),
            ("lane busy", ..) => Answer::Refused(Refusal::LaneBusy),
            ("unknown", ..) => Answer::Refused(Refusal::Unknown),
            ("paused", Some(event), _, _, Some(reason)) => {
                Answer::Refused(Refusal::Paused(Pause { position: event.position, reason }))
            }
            (answer, ..) => {
                return Err(StoreError::Damaged { reason: format!("\"{answer}\" is no answer to an order") });
            }
        })
    }
}

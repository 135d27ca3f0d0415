//! The order in which a month is handed to the aggregates, as plain data.
//!
//! Every flight is scheduled first. After that, [`Feed::cancellations`] and the [`Feed::lanes`] do not depend on each
//! other: no flight is in both, and each lane is one aircraft's. Steps of one lane go one after the other, different
//! lanes at once.

use crate::departures::{Departure, Outcome};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What there is to do for a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// One for each flight, in the file's order; before anything else of that flight.
    pub schedules: Vec<Step>,
    /// One for each cancelled flight, in the file's order.
    pub cancellations: Vec<Step>,
    /// Take-offs and landings.
    pub lanes: Vec<Lane>,
}

/// What must happen in order: all take-offs and landings of one aircraft, or of one flight whose aircraft is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The aircraft's tail number, where it is known.
    pub tail_number: Option<String>,
    /// By instant, landings before take-offs at the same instant, then by the flight's root.
    pub steps: Vec<Step>,
}

/// One command for one flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When it happens, in seconds since the Unix epoch; for a schedule or a cancellation the scheduled departure.
    pub at: i64,
    /// What happens.
    pub action: Action,
    /// The flight that it happens to.
    pub departure: Arc<Departure>,
}

/// What happens to a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is announced.
    Schedule,
    /// It will not take off.
    Cancel,
    /// It takes off, this many minutes late; negative if early.
    Depart {
        /// Departure delay in minutes.
        delay: i32,
    },
    /// It lands at its destination.
    Arrive {
        /// Arrival delay in minutes; negative if early.
        delay: i32,
    },
    /// It lands elsewhere.
    Divert,
}

impl Action {
    /// At one instant, an aircraft lands before it takes off again.
    fn rank(self) -> u8 {
        match self {
            Action::Schedule => 0,
            Action::Arrive { .. } | Action::Divert => 1,
            Action::Cancel | Action::Depart { .. } => 2,
        }
    }
}

impl Feed {
    /// The work for `departures`, whose roots are distinct.
    pub fn new(departures: Vec<Departure>) -> Feed {
        let mut feed = Feed { schedules: Vec::new(), cancellations: Vec::new(), lanes: Vec::new() };
        let mut aircraft: BTreeMap<String, Vec<Step>> = BTreeMap::new();
        for departure in departures.into_iter().map(Arc::new) {
            let on_schedule = |action| Step { at: departure.scheduled, action, departure: Arc::clone(&departure) };
            feed.schedules.push(on_schedule(Action::Schedule));
            if departure.outcome == Outcome::Cancelled {
                feed.cancellations.push(on_schedule(Action::Cancel));
                continue;
            }
            let flown = flown(&departure);
            match departure.tail_number.clone() {
                Some(tail_number) => aircraft.entry(tail_number).or_default().extend(flown),
                None => feed.lanes.push(Lane { tail_number: None, steps: flown.collect() }),
            }
        }
        for (tail_number, mut steps) in aircraft {
            steps.sort_by(|a, b| a.order().cmp(&b.order()));
            feed.lanes.push(Lane { tail_number: Some(tail_number), steps });
        }
        feed
    }

    /// How many steps there are in all.
    pub fn len(&self) -> usize {
        self.schedules.len() + self.cancellations.len() + self.lanes.iter().map(|lane| lane.steps.len()).sum::<usize>()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.schedules.is_empty()
    }
}

impl Step {
    fn order(&self) -> (i64, u8, &str) {
        (self.at, self.action.rank(), &self.departure.root)
    }
}

/// Take-off and landing of a flight, in this order; nothing if it was cancelled.
fn flown(departure: &Arc<Departure>) -> impl Iterator<Item = Step> + use<> {
    let (take_off, landing) = match departure.outcome {
        Outcome::Cancelled => (None, None),
        Outcome::Flown { departure_delay, arrival_delay, .. } => {
            let landing = arrival_delay.map_or(Action::Divert, |delay| Action::Arrive { delay });
            (Some(Action::Depart { delay: departure_delay }), Some(landing))
        }
    };
    let departure = Arc::clone(departure);
    let timed = [(departure.take_off(), take_off), (departure.landing(), landing)];
    timed
        .into_iter()
        .filter_map(move |(at, action)| Some(Step { at: at?, action: action?, departure: Arc::clone(&departure) }))
}

//! The report that a month must end with, computed with plain loops from the departures alone.

use crate::departures::{Departure, LATE_MINUTES, Outcome};
use crate::report::{Aircraft, Carrier, Disruption, Report};
use std::collections::{BTreeMap, BTreeSet};

/// So many cancellations of one origin on one day are a disruption.
const DISRUPTION: u64 = 10;

/// The report of `departures`, with 0 seconds.
pub fn report(departures: &[Departure]) -> Report {
    let mut carriers: BTreeMap<String, Carrier> = BTreeMap::new();
    for departure in departures {
        count(departure, carriers.entry(departure.carrier.clone()).or_default());
    }
    let movements = movements(departures);
    let mut report = Report {
        carriers,
        disruptions: disruptions(departures),
        aircraft: Aircraft { takeoffs_accepted: movements.accepted, takeoffs_rejected: movements.rejected },
        flights_with_conflict: movements.conflicts,
        ..Report::default()
    };
    let totals = report.totals();
    report.flights = totals.scheduled;
    let of_flights = totals.scheduled + totals.cancelled + totals.departed + totals.arrived + totals.diverted;
    let compensations = movements.rejected;
    report.events = of_flights + compensations + movements.accepted + movements.landed;
    report
}

fn count(departure: &Departure, carrier: &mut Carrier) {
    carrier.scheduled += 1;
    match departure.outcome {
        Outcome::Cancelled => carrier.cancelled += 1,
        Outcome::Flown { departure_delay, arrival_delay, .. } => {
            carrier.departed += 1;
            carrier.departed_late += u64::from(departure_delay >= LATE_MINUTES);
            carrier.diverted += u64::from(arrival_delay.is_none());
            carrier.arrived += u64::from(arrival_delay.is_some());
            carrier.arrival_delay_minutes += i64::from(arrival_delay.unwrap_or(0));
        }
    }
}

fn disruptions(departures: &[Departure]) -> Vec<Disruption> {
    let mut days: BTreeMap<(&str, String), u64> = BTreeMap::new();
    for departure in departures.iter().filter(|departure| departure.outcome == Outcome::Cancelled) {
        *days.entry((&departure.origin, departure.date.to_string())).or_default() += 1;
    }
    let disrupted = days.into_iter().filter(|(_, cancelled)| *cancelled >= DISRUPTION);
    disrupted.map(|((origin, date), cancelled)| Disruption { origin: origin.to_owned(), date, cancelled }).collect()
}

#[derive(Default)]
struct Movements {
    accepted: u64,
    rejected: u64,
    /// Landings of the flight that was in the air.
    landed: u64,
    /// Flights whose take-off was rejected.
    conflicts: u64,
}

/// Everything that every known aircraft did, one aircraft after the other.
fn movements(departures: &[Departure]) -> Movements {
    // The tuples sort as the rules say: aircraft, instant, landings (false) before take-offs (true), root.
    let mut moves: Vec<(&str, i64, bool, &str)> = Vec::new();
    for departure in departures {
        if let (Some(tail_number), Some(take_off), Some(landing)) =
            (&departure.tail_number, departure.take_off(), departure.landing())
        {
            moves.push((tail_number, take_off, true, &departure.root));
            moves.push((tail_number, landing, false, &departure.root));
        }
    }
    moves.sort_unstable();

    let mut movements = Movements::default();
    let mut airborne: BTreeMap<&str, &str> = BTreeMap::new();
    let mut conflicts = BTreeSet::new();
    for (tail_number, _, takes_off, root) in moves {
        match (takes_off, airborne.get(tail_number)) {
            (true, None) => {
                airborne.insert(tail_number, root);
                movements.accepted += 1;
            }
            (true, Some(_)) => {
                conflicts.insert(root);
                movements.rejected += 1;
            }
            (false, Some(flight)) if *flight == root => {
                airborne.remove(tail_number);
                movements.landed += 1;
            }
            (false, _) => {}
        }
    }
    movements.conflicts = conflicts.iter().map(|_| 1).sum();
    movements
}

//! January 2013 as it was published.
#![allow(clippy::unwrap_used, reason = "in a test's helper, a panic is how the test fails")]

use flights::departures;
use flights::feed::{Action, Feed, Lane};
use flights::reference;
use std::path::Path;

fn january() -> Vec<departures::Departure> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/flights-2013-01.csv.gz");
    departures::read(&path).unwrap()
}

#[test]
fn january_has_the_published_numbers() {
    let report = reference::report(&january());
    let totals = report.totals();
    assert_eq!(report.flights, 27_004);
    assert_eq!(totals.scheduled, 27_004);
    assert_eq!(totals.cancelled, 521);
    assert_eq!(totals.departed, 26_483);
    assert_eq!(totals.arrived, 26_398);
    assert_eq!(totals.diverted, 85);
    assert_eq!(totals.departed_late, 5_091);
    assert_eq!(totals.arrival_delay_minutes, 161_819);
    assert_eq!(report.disruptions.len(), 13);
    assert_eq!(report.aircraft.takeoffs_accepted, 26_477);
    assert_eq!(report.aircraft.takeoffs_rejected, 6);
    assert_eq!(report.flights_with_conflict, 6);
    let day = report.disruptions.iter().find(|day| day.origin == "EWR" && day.date == "2013-01-16").unwrap();
    assert_eq!(day.cancelled, 16);
    // 27,004 + 521 + 26,483 + 26,398 + 85 of flights, 6 compensations, 26,477 take-offs and as many landings.
    assert_eq!(report.events, 133_451);
}

#[test]
fn the_feed_holds_every_step_once() {
    let feed = Feed::new(january());
    assert_eq!(feed.schedules.len(), 27_004);
    assert_eq!(feed.cancellations.len(), 521);
    let in_lanes: usize = feed.lanes.iter().map(|lane| lane.steps.len()).sum();
    assert_eq!(in_lanes, 2 * 26_483);
    assert_eq!(feed.len(), 27_004 + 521 + 2 * 26_483);
}

#[test]
fn the_feeds_order_leads_to_the_references_take_offs() {
    let departures = january();
    let expected = reference::report(&departures).aircraft;
    let feed = Feed::new(departures);
    let known = feed.lanes.iter().filter(|lane| lane.tail_number.is_some());
    let (accepted, rejected) = known.map(take_offs).fold((0, 0), |sum, lane| (sum.0 + lane.0, sum.1 + lane.1));
    assert_eq!((accepted, rejected), (expected.takeoffs_accepted, expected.takeoffs_rejected));
}

/// Accepted and rejected take-offs of one aircraft that does as its lane says.
fn take_offs(lane: &Lane) -> (u64, u64) {
    let (mut accepted, mut rejected, mut airborne) = (0, 0, None);
    for step in &lane.steps {
        let flight = step.departure.root.as_str();
        match step.action {
            Action::Depart { .. } if airborne.is_some() => rejected += 1,
            Action::Depart { .. } => {
                airborne = Some(flight);
                accepted += 1;
            }
            _ if airborne == Some(flight) => airborne = None,
            _ => {}
        }
    }
    (accepted, rejected)
}

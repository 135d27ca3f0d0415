//! The order of the work.
#![allow(clippy::unwrap_used, reason = "in a test's helper, a panic is how the test fails")]

use flights::calendar::{Date, MINUTE};
use flights::departures::{Departure, Outcome};
use flights::feed::{Action, Feed};
use flights::reference;

/// A flight of `number` that takes off at minute `take_off` and lands `air_time` minutes later.
fn flight(number: u32, tail_number: Option<&str>, take_off: i64, air_time: u32) -> Departure {
    Departure {
        root: format!("UA{number}/2013-01-01/EWR"),
        carrier: "UA".to_owned(),
        number,
        date: Date::new(2013, 1, 1).unwrap(),
        origin: "EWR".to_owned(),
        destination: "IAH".to_owned(),
        tail_number: tail_number.map(str::to_owned),
        scheduled: take_off * MINUTE,
        distance: 700,
        outcome: Outcome::Flown { departure_delay: 0, air_time: Some(air_time), arrival_delay: Some(3) },
    }
}

/// What a lane does, in order: flight number and whether it takes off.
fn moves(feed: &Feed, lane: usize) -> Vec<(u32, bool)> {
    let steps = feed.lanes[lane].steps.iter();
    steps.map(|step| (step.departure.number, matches!(step.action, Action::Depart { .. }))).collect()
}

#[test]
fn at_one_instant_landings_come_first_and_then_roots_decide() {
    let flights = vec![flight(5, Some("N1"), 100, 50), flight(4, Some("N1"), 100, 60), flight(9, Some("N1"), 40, 60)];
    let expected = [(9, true), (9, false), (4, true), (5, true), (5, false), (4, false)];
    assert_eq!(moves(&Feed::new(flights), 0), expected);
}

#[test]
fn unknown_aircraft_share_no_lane() {
    let feed = Feed::new(vec![flight(1, None, 0, 60), flight(2, Some("N1"), 0, 60), flight(3, None, 0, 60)]);
    let numbers: Vec<_> = (0..feed.lanes.len()).map(|lane| moves(&feed, lane)).collect();
    assert_eq!(numbers, [[(1, true), (1, false)], [(3, true), (3, false)], [(2, true), (2, false)]]);
}

#[test]
fn cancelled_flights_are_scheduled_and_cancelled_only() {
    let feed = Feed::new(vec![Departure { outcome: Outcome::Cancelled, ..flight(1, Some("N1"), 0, 60) }]);
    assert_eq!((feed.schedules.len(), feed.cancellations.len(), feed.lanes.len()), (1, 1, 0));
    assert_eq!(feed.schedules[0].action, Action::Schedule);
    assert_eq!(feed.cancellations[0].action, Action::Cancel);
    assert_eq!(feed.len(), 2);
}

#[test]
fn a_landing_of_a_refused_flight_frees_no_aircraft() {
    // 2 is refused while 1 is in the air; the landing of 2 must not let 3 take off.
    let flights = [flight(1, Some("N1"), 0, 100), flight(2, Some("N1"), 10, 20), flight(3, Some("N1"), 40, 70)];
    let report = reference::report(&flights);
    assert_eq!((report.aircraft.takeoffs_accepted, report.aircraft.takeoffs_rejected), (1, 2));
    assert_eq!(report.flights_with_conflict, 2);
    // 9 of the flights, 2 compensations, 1 take-off, 1 landing.
    assert_eq!(report.events, 13);
}

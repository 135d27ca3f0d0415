//! The rules of each component by itself, also where no month of data leads.

use angzarr_runtime::prost_types::{Duration, Timestamp};
use angzarr_runtime::{Rejection, testing};
use flights::aircraft::v1::{AircraftLanded, AircraftRejection, AircraftTookOff, Land, TakeOff};
use flights::components::{AircraftDispatcher, CancellationCounter, FlightRules, Hangar, OldFlights, Watch};
use flights::disruptions::v1::CancellationCounted;
use flights::flights::v1::{
    ArriveFlight, CancelFlight, CancellationRow, DepartFlight, FlightCancelled, FlightConflicted, FlightDeparted,
    FlightDepartedV2, FlightRejection, FlightScheduled, ScheduleFlight,
};
use flights::operations::v1::{DeclareDisruption, DisruptionDeclared};

const FLIGHT: &str = "UA1545/2013-01-01/EWR";

/// So many minutes after the flight's scheduled departure.
fn at(minutes: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: 1_357_035_300 + minutes * 60, nanos: 0 })
}

fn minutes(minutes: i64) -> Option<Duration> {
    Some(Duration { seconds: minutes * 60, nanos: 0 })
}

fn scheduled() -> FlightScheduled {
    FlightScheduled {
        flight: FLIGHT.into(),
        carrier: "UA".into(),
        number: 1545,
        date: "2013-01-01".into(),
        origin: "EWR".into(),
        destination: "IAH".into(),
        tail_number: "N14228".into(),
        scheduled_at: at(0),
    }
}

fn depart(delay: i64) -> DepartFlight {
    DepartFlight { flight: FLIGHT.into(), departed_at: at(delay) }
}

fn departed(delay: i64, late: bool) -> FlightDepartedV2 {
    FlightDepartedV2 {
        flight: FLIGHT.into(),
        carrier: "UA".into(),
        tail_number: "N14228".into(),
        departed_at: at(delay),
        delay: minutes(delay),
        late,
    }
}

fn cancelled(flight: &str) -> FlightCancelled {
    FlightCancelled { flight: flight.into(), carrier: "UA".into(), origin: "EWR".into(), date: "2013-01-01".into() }
}

#[test]
fn a_flight_is_late_from_a_quarter_of_an_hour_on() {
    for (delay, late) in [(-3, false), (14, false), (15, true)] {
        testing::aggregate(FlightRules).given(scheduled()).when(depart(delay)).then_events(departed(delay, late));
    }
}

#[test]
fn a_flight_is_scheduled_once_and_as_a_whole() {
    testing::aggregate(FlightRules)
        .given(scheduled())
        .when(ScheduleFlight {
            flight: FLIGHT.into(),
            carrier: "UA".into(),
            origin: "EWR".into(),
            date: "2013-01-01".into(),
            scheduled_at: at(0),
            ..ScheduleFlight::default()
        })
        .then_rejected(FlightRejection::Exists)
        .when(ScheduleFlight { flight: FLIGHT.into(), ..ScheduleFlight::default() })
        .then_rejected(FlightRejection::Incomplete);
}

#[test]
fn a_flight_departs_before_it_lands() {
    let arrive = |landed_at| ArriveFlight { flight: FLIGHT.into(), landed_at: at(landed_at), delay: minutes(0) };
    testing::aggregate(FlightRules)
        .when(depart(0))
        .then_rejected(FlightRejection::NotScheduled)
        .given(scheduled())
        .when(arrive(227))
        .then_rejected(FlightRejection::NotDeparted)
        .given(departed(0, false))
        .when(arrive(-1))
        .then_rejected(FlightRejection::BadTime)
        .when(CancelFlight { flight: FLIGHT.into() })
        .then_rejected(FlightRejection::NotScheduled);
}

fn take_off(flight: &str) -> TakeOff {
    TakeOff { tail_number: "N14228".into(), flight: flight.into(), at: at(0) }
}

#[test]
fn an_aircraft_is_in_the_air_with_one_flight() {
    let took_off = AircraftTookOff { tail_number: "N14228".into(), flight: FLIGHT.into(), at: at(0) };
    let land = |flight: &str| Land { tail_number: "N14228".into(), flight: flight.into(), at: at(227) };
    testing::aggregate(Hangar)
        .when(take_off(FLIGHT))
        .then_events(took_off)
        .when(take_off("UA1/2013-01-01/LGA"))
        .then_rejected(AircraftRejection::Airborne)
        .when(land("UA1/2013-01-01/LGA"))
        .then_nothing()
        .when(land(FLIGHT))
        .then_events(AircraftLanded { tail_number: "N14228".into(), flight: FLIGHT.into(), at: at(227) });
    testing::aggregate(FlightRules)
        .given((scheduled(), departed(0, false)))
        .when_refused(take_off(FLIGHT), Rejection::new(AircraftRejection::Airborne, "it is in the air"))
        .then_events(FlightConflicted { flight: FLIGHT.into(), tail_number: "N14228".into() });
}

#[test]
fn an_aircraft_that_nobody_knows_is_told_nothing() {
    testing::saga(AircraftDispatcher)
        .when(departed(0, false))
        .then_commands(take_off(FLIGHT))
        .when(FlightDepartedV2 { tail_number: String::new(), ..departed(0, false) })
        .then_nothing();
}

#[test]
fn the_tenth_cancellation_is_a_disruption_and_no_other() {
    let day = ("EWR".to_owned(), "2013-01-01".to_owned());
    let counted =
        |flight: &str| CancellationCounted { origin: day.0.clone(), date: day.1.clone(), flight: flight.into() };
    let declared =
        DeclareDisruption { disruption: "EWR/2013-01-01".into(), origin: day.0.clone(), date: day.1.clone() };
    testing::process_manager(Watch)
        .given(vec![counted("earlier"); 8])
        .when(cancelled("ninth"))
        .then_events(counted("ninth"))
        .then_commands(())
        .when(cancelled("tenth"))
        .then_events(counted("tenth"))
        .then_commands(declared)
        .when(cancelled("eleventh"))
        .then_events(counted("eleventh"))
        .then_commands(());
}

#[test]
fn cancellations_are_counted_by_origin_and_day() {
    let (origin, date) = ("EWR".to_owned(), "2013-01-01".to_owned());
    let row = |cancelled, declared| CancellationRow { origin: origin.clone(), date: date.clone(), cancelled, declared };
    testing::projector(CancellationCounter)
        .when(cancelled("one"))
        .when(cancelled("two"))
        .then_row(["EWR", "2013-01-01"], row(2, false))
        .when(DisruptionDeclared { disruption: "EWR/2013-01-01".into(), origin: origin.clone(), date: date.clone() })
        .then_row(["EWR", "2013-01-01"], row(2, true));
}

#[test]
fn an_old_departure_tells_its_delay_in_minutes() {
    let old = FlightDeparted {
        flight: FLIGHT.into(),
        carrier: "UA".into(),
        tail_number: "N14228".into(),
        departed_at: at(15),
        delay_minutes: 15,
    };
    testing::upcaster(OldFlights).when(old).then_events(departed(15, true));
}

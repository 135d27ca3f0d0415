//! Flights: scheduled, then cancelled, or departed and then arrived or diverted.

use angzarr_runtime::prost_types::{Duration, Timestamp};
use angzarr_runtime::{Aggregate, Context, Failure, Refused, Rejection, Upcaster, ensure};

use crate::aircraft::v1::{Land, TakeOff};
use crate::calendar::MINUTE;
use crate::departures::LATE_MINUTES;
use crate::flights::v1::app::{FlightHistory, Flights};
use crate::flights::v1::flight::Status;
use crate::flights::v1::{
    ArriveFlight, CancelFlight, DepartFlight, DivertFlight, Flight, FlightArrived, FlightCancelled, FlightConflicted,
    FlightDeparted, FlightDepartedV2, FlightDiverted, FlightRejection, FlightScheduled, ScheduleFlight,
};

/// The rules of flights.
#[derive(Aggregate, Debug)]
#[aggregate(Flights)]
pub struct FlightRules;

impl Flights for FlightRules {
    fn schedule(&self, flight: &Flight, command: ScheduleFlight, _: &Context) -> Result<FlightScheduled, Rejection> {
        let named = [&command.carrier, &command.origin, &command.date].iter().all(|name| !name.is_empty());
        ensure!(named, FlightRejection::Incomplete, "flight {} lacks carrier, origin or date", command.flight);
        ensure!(command.scheduled_at.is_some(), FlightRejection::BadTime, "flight {} has no time", command.flight);
        ensure!(
            flight.status() == Status::Unknown,
            FlightRejection::Exists,
            "flight {} was scheduled before",
            command.flight
        );
        Ok(FlightScheduled {
            flight: command.flight,
            carrier: command.carrier,
            number: command.number,
            date: command.date,
            origin: command.origin,
            destination: command.destination,
            tail_number: command.tail_number,
            scheduled_at: command.scheduled_at,
        })
    }

    fn depart(&self, flight: &Flight, command: DepartFlight, _: &Context) -> Result<FlightDepartedV2, Rejection> {
        waiting(flight, &command.flight)?;
        let (Some(scheduled), Some(departed)) = (flight.scheduled_at, command.departed_at) else {
            return Err(no_time(&command.flight));
        };
        let delay = departed.seconds - scheduled.seconds;
        Ok(FlightDepartedV2 {
            flight: command.flight,
            carrier: flight.carrier.clone(),
            tail_number: flight.tail_number.clone(),
            departed_at: command.departed_at,
            delay: Some(seconds(delay)),
            late: is_late(delay),
        })
    }

    fn arrive(&self, flight: &Flight, command: ArriveFlight, _: &Context) -> Result<FlightArrived, Rejection> {
        airborne(flight, &command.flight, command.landed_at)?;
        ensure!(command.delay.is_some(), FlightRejection::BadTime, "flight {} has no delay", command.flight);
        Ok(FlightArrived {
            flight: command.flight,
            carrier: flight.carrier.clone(),
            tail_number: flight.tail_number.clone(),
            landed_at: command.landed_at,
            delay: command.delay,
        })
    }

    fn divert(&self, flight: &Flight, command: DivertFlight, _: &Context) -> Result<FlightDiverted, Rejection> {
        airborne(flight, &command.flight, command.landed_at)?;
        Ok(FlightDiverted {
            flight: command.flight,
            carrier: flight.carrier.clone(),
            tail_number: flight.tail_number.clone(),
            landed_at: command.landed_at,
        })
    }

    fn cancel(&self, flight: &Flight, command: CancelFlight, _: &Context) -> Result<FlightCancelled, Rejection> {
        waiting(flight, &command.flight)?;
        Ok(FlightCancelled {
            flight: command.flight,
            carrier: flight.carrier.clone(),
            origin: flight.origin.clone(),
            date: flight.date.clone(),
        })
    }

    fn record_conflict(&self, _: &Flight, refused: Refused<TakeOff>, _: &Context) -> FlightConflicted {
        FlightConflicted { flight: refused.command.flight, tail_number: refused.command.tail_number }
    }

    fn record_landing_conflict(&self, _: &Flight, refused: Refused<Land>, _: &Context) -> FlightConflicted {
        FlightConflicted { flight: refused.command.flight, tail_number: refused.command.tail_number }
    }

    fn apply_flight_scheduled(flight: &mut Flight, event: FlightScheduled) {
        flight.set_status(Status::Scheduled);
        flight.carrier = event.carrier;
        flight.origin = event.origin;
        flight.date = event.date;
        flight.tail_number = event.tail_number;
        flight.scheduled_at = event.scheduled_at;
    }

    fn apply_flight_departed_v2(flight: &mut Flight, event: FlightDepartedV2) {
        flight.set_status(Status::Departed);
        flight.departed_at = event.departed_at;
    }

    fn apply_flight_arrived(flight: &mut Flight, _: FlightArrived) {
        flight.set_status(Status::Arrived);
    }

    fn apply_flight_diverted(flight: &mut Flight, _: FlightDiverted) {
        flight.set_status(Status::Diverted);
    }

    fn apply_flight_cancelled(flight: &mut Flight, _: FlightCancelled) {
        flight.set_status(Status::Cancelled);
    }

    fn apply_flight_conflicted(flight: &mut Flight, _: FlightConflicted) {
        flight.conflicted = true;
    }
}

/// Departing and cancelling need a flight that is scheduled and nothing more.
fn waiting(flight: &Flight, name: &str) -> Result<(), Rejection> {
    let status = flight.status();
    ensure!(status == Status::Scheduled, FlightRejection::NotScheduled, "flight {name} is {}", status.as_str_name());
    Ok(())
}

/// Landing needs a flight in the air, and comes after its take-off.
fn airborne(flight: &Flight, name: &str, landed_at: Option<Timestamp>) -> Result<(), Rejection> {
    let status = flight.status();
    ensure!(status == Status::Departed, FlightRejection::NotDeparted, "flight {name} is {}", status.as_str_name());
    let (Some(departed), Some(landed)) = (flight.departed_at, landed_at) else { return Err(no_time(name)) };
    ensure!(
        landed.seconds >= departed.seconds,
        FlightRejection::BadTime,
        "flight {name} would land {} seconds before it takes off",
        departed.seconds - landed.seconds
    );
    Ok(())
}

fn no_time(name: &str) -> Rejection {
    Rejection::new(FlightRejection::BadTime, format!("flight {name} has no time"))
}

fn seconds(seconds: i64) -> Duration {
    Duration { seconds, nanos: 0 }
}

fn is_late(delay_seconds: i64) -> bool {
    delay_seconds >= i64::from(LATE_MINUTES) * MINUTE
}

/// Departures as the older release stored them.
#[derive(Upcaster, Debug)]
#[upcaster(FlightHistory)]
pub struct OldFlights;

impl FlightHistory for OldFlights {
    fn to_v2(&self, old: FlightDeparted) -> Result<FlightDepartedV2, Failure> {
        let delay = i64::from(old.delay_minutes) * MINUTE;
        Ok(FlightDepartedV2 {
            flight: old.flight,
            carrier: old.carrier,
            tail_number: old.tail_number,
            departed_at: old.departed_at,
            delay: Some(seconds(delay)),
            late: is_late(delay),
        })
    }
}

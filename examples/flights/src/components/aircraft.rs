//! Aircraft: on the ground, or in the air with one flight.

use angzarr_runtime::{Aggregate, Context, Failure, Rejection, Saga, ensure};

use crate::aircraft::v1::app::Fleet;
use crate::aircraft::v1::{Aircraft, AircraftLanded, AircraftRejection, AircraftTookOff, Land, TakeOff};
use crate::flights::v1::app::AircraftDispatch;
use crate::flights::v1::{FlightArrived, FlightDepartedV2, FlightDiverted};

/// The rules of aircraft.
#[derive(Aggregate, Debug)]
#[aggregate(Fleet)]
pub struct Hangar;

impl Fleet for Hangar {
    fn lift_off(&self, aircraft: &Aircraft, command: TakeOff, _: &Context) -> Result<AircraftTookOff, Rejection> {
        ensure!(
            !command.flight.is_empty(),
            AircraftRejection::NoFlight,
            "{} takes off for nobody",
            command.tail_number
        );
        ensure!(
            aircraft.airborne.is_empty(),
            AircraftRejection::Airborne,
            "{} is in the air with {}",
            command.tail_number,
            aircraft.airborne
        );
        Ok(AircraftTookOff { tail_number: command.tail_number, flight: command.flight, at: command.at })
    }

    fn touch_down(&self, aircraft: &Aircraft, command: Land, _: &Context) -> Result<Vec<AircraftLanded>, Rejection> {
        if command.flight.is_empty() || aircraft.airborne != command.flight {
            return Ok(Vec::new());
        }
        Ok(vec![AircraftLanded { tail_number: command.tail_number, flight: command.flight, at: command.at }])
    }

    fn apply_aircraft_took_off(aircraft: &mut Aircraft, event: AircraftTookOff) {
        aircraft.airborne = event.flight;
    }

    fn apply_aircraft_landed(aircraft: &mut Aircraft, _: AircraftLanded) {
        aircraft.airborne.clear();
    }
}

/// Tells each aircraft what its flights do.
#[derive(Saga, Debug)]
#[saga(AircraftDispatch)]
pub struct AircraftDispatcher;

impl AircraftDispatch for AircraftDispatcher {
    async fn on_departed(&self, event: FlightDepartedV2, _: &Context) -> Result<Vec<TakeOff>, Failure> {
        let FlightDepartedV2 { tail_number, flight, departed_at: at, .. } = event;
        Ok(known(tail_number).map(|tail_number| TakeOff { tail_number, flight, at }).into_iter().collect())
    }

    async fn on_arrived(&self, event: FlightArrived, _: &Context) -> Result<Vec<Land>, Failure> {
        let FlightArrived { tail_number, flight, landed_at: at, .. } = event;
        Ok(known(tail_number).map(|tail_number| Land { tail_number, flight, at }).into_iter().collect())
    }

    async fn on_diverted(&self, event: FlightDiverted, _: &Context) -> Result<Vec<Land>, Failure> {
        let FlightDiverted { tail_number, flight, landed_at: at, .. } = event;
        Ok(known(tail_number).map(|tail_number| Land { tail_number, flight, at }).into_iter().collect())
    }
}

fn known(tail_number: String) -> Option<String> {
    (!tail_number.is_empty()).then_some(tail_number)
}

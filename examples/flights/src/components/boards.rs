//! The views that the report is read from.

use angzarr_runtime::{Context, Failure, Projector};

use crate::calendar::MINUTE;
use crate::flights::v1::app::{CancellationBoard, CarrierBoard};
use crate::flights::v1::{
    CancellationRow, CarrierRow, FlightArrived, FlightCancelled, FlightDepartedV2, FlightDiverted, FlightScheduled,
};
use crate::operations::v1::DisruptionDeclared;

/// Counts what became of each carrier's flights.
#[derive(Projector, Debug)]
#[projector(CarrierBoard)]
pub struct CarrierCounter;

impl CarrierBoard for CarrierCounter {
    async fn on_scheduled(
        &self,
        row: Option<CarrierRow>,
        event: FlightScheduled,
        _: &Context,
    ) -> Result<Option<CarrierRow>, Failure> {
        counted(row, event.carrier, |row| row.scheduled += 1)
    }

    async fn on_departed(
        &self,
        row: Option<CarrierRow>,
        event: FlightDepartedV2,
        _: &Context,
    ) -> Result<Option<CarrierRow>, Failure> {
        counted(row, event.carrier, |row| {
            row.departed += 1;
            row.departed_late += u64::from(event.late);
        })
    }

    async fn on_arrived(
        &self,
        row: Option<CarrierRow>,
        event: FlightArrived,
        _: &Context,
    ) -> Result<Option<CarrierRow>, Failure> {
        let minutes = event.delay.map_or(0, |delay| delay.seconds / MINUTE);
        counted(row, event.carrier, |row| {
            row.arrived += 1;
            row.arrival_delay_minutes += minutes;
        })
    }

    async fn on_diverted(
        &self,
        row: Option<CarrierRow>,
        event: FlightDiverted,
        _: &Context,
    ) -> Result<Option<CarrierRow>, Failure> {
        counted(row, event.carrier, |row| row.diverted += 1)
    }

    async fn on_cancelled(
        &self,
        row: Option<CarrierRow>,
        event: FlightCancelled,
        _: &Context,
    ) -> Result<Option<CarrierRow>, Failure> {
        counted(row, event.carrier, |row| row.cancelled += 1)
    }
}

fn counted(
    row: Option<CarrierRow>,
    carrier: String,
    count: impl FnOnce(&mut CarrierRow),
) -> Result<Option<CarrierRow>, Failure> {
    let mut row = row.unwrap_or(CarrierRow { carrier, ..CarrierRow::default() });
    count(&mut row);
    Ok(Some(row))
}

/// Counts the cancellations of each origin and day.
#[derive(Projector, Debug)]
#[projector(CancellationBoard)]
pub struct CancellationCounter;

impl CancellationBoard for CancellationCounter {
    async fn on_cancelled(
        &self,
        row: Option<CancellationRow>,
        event: FlightCancelled,
        _: &Context,
    ) -> Result<Option<CancellationRow>, Failure> {
        let mut row = row.unwrap_or_default();
        (row.origin, row.date) = (event.origin, event.date);
        row.cancelled += 1;
        Ok(Some(row))
    }

    async fn on_disruption_declared(
        &self,
        row: Option<CancellationRow>,
        event: DisruptionDeclared,
        _: &Context,
    ) -> Result<Option<CancellationRow>, Failure> {
        let mut row = row.unwrap_or_default();
        (row.origin, row.date) = (event.origin, event.date);
        row.declared = true;
        Ok(Some(row))
    }
}

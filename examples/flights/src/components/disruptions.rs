//! The watch over cancellations.

use angzarr_runtime::{Context, Failure, ProcessManager, Refused};

use crate::disruptions::v1::app::{DisruptionWatch, WatchStep};
use crate::disruptions::v1::{CancellationCount, CancellationCounted};
use crate::flights::v1::FlightCancelled;
use crate::operations::v1::DeclareDisruption;

/// So many cancellations of one origin and day are a disruption.
const DISRUPTION: u32 = 10;

/// Counts the cancellations of each origin and day.
#[derive(ProcessManager, Debug)]
#[process_manager(DisruptionWatch)]
pub struct Watch;

impl DisruptionWatch for Watch {
    async fn on_cancelled(
        &self,
        count: &CancellationCount,
        event: FlightCancelled,
        _: &Context,
    ) -> Result<Vec<WatchStep>, Failure> {
        let FlightCancelled { flight, origin, date, .. } = event;
        let mut steps = vec![CancellationCounted { origin: origin.clone(), date: date.clone(), flight }.into()];
        if count.cancelled + 1 == DISRUPTION {
            steps.push(DeclareDisruption { disruption: format!("{origin}/{date}"), origin, date }.into());
        }
        Ok(steps)
    }

    async fn on_declare_refused(
        &self,
        _: &CancellationCount,
        _: Refused<DeclareDisruption>,
        _: &Context,
    ) -> Result<(), Failure> {
        Ok(())
    }

    fn apply_cancellation_counted(count: &mut CancellationCount, _: CancellationCounted) {
        count.cancelled += 1;
    }
}

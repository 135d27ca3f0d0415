//! The control room.

use angzarr_runtime::{Aggregate, Context, Rejection, ensure};

use crate::operations::v1::app::ControlRoom;
use crate::operations::v1::{AirportDay, DeclareDisruption, DisruptionDeclared, OperationsRejection};

/// The rules of the control room.
#[derive(Aggregate, Debug)]
#[aggregate(ControlRoom)]
pub struct Control;

impl ControlRoom for Control {
    fn declare(
        &self,
        day: &AirportDay,
        command: DeclareDisruption,
        _: &Context,
    ) -> Result<DisruptionDeclared, Rejection> {
        ensure!(!day.disrupted, OperationsRejection::Declared, "{} was declared before", command.disruption);
        let DeclareDisruption { disruption, origin, date } = command;
        Ok(DisruptionDeclared { disruption, origin, date })
    }

    fn apply_disruption_declared(day: &mut AirportDay, _: DisruptionDeclared) {
        day.disrupted = true;
    }
}

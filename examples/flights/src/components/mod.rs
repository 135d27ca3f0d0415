//! The business rules, one file a domain.

mod aircraft;
mod boards;
mod disruptions;
mod flights;
mod operations;

pub use aircraft::{AircraftDispatcher, Hangar};
pub use boards::{CancellationCounter, CarrierCounter};
pub use disruptions::Watch;
pub use flights::{FlightRules, OldFlights};
pub use operations::Control;

use angzarr_runtime::app::AppBuilder;

/// Adds all components of this program.
pub fn register(app: AppBuilder) -> AppBuilder {
    app.register(FlightRules)
        .register(OldFlights)
        .register(Hangar)
        .register(Control)
        .register(AircraftDispatcher)
        .register(Watch)
        .register(CarrierCounter)
        .register(CancellationCounter)
}

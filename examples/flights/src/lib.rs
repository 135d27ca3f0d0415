//! A month of real departures from New York, as event-sourced flights and aircraft.
//!
//! [`components`] holds the business rules, [`run`] hands a month to them. The other modules are plain data and plain
//! functions: [`departures`] reads the month, [`feed`] orders the work, [`mod@reference`] computes the same numbers
//! without any event sourcing, and [`report`] is what both sides end with.

angzarr_runtime::include_protos!();

pub mod calendar;
pub mod components;
pub mod departures;
pub mod feed;
pub mod problem;
pub mod reference;
pub mod report;
pub mod run;

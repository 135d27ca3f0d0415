//! A month of real departures from New York, as event-sourced flights and aircraft.
//!
//! These modules are plain data and plain functions: [`departures`] reads the month, [`feed`] orders the work that is
//! handed to the aggregates, [`mod@reference`] computes the same numbers without any event sourcing, and [`report`] is
//! what both sides end with.

pub mod calendar;
pub mod departures;
pub mod feed;
pub mod problem;
pub mod reference;
pub mod report;

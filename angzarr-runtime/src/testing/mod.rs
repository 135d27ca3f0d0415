//! A test kit for applications.

mod clock;

pub use clock::Clock;

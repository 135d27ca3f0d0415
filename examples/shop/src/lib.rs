//! A shop: orders, stock, payments, and the checkout between them.
//!
//! [`components`] holds the business rules, [`demo`] is a day of customers, [`report`] prints what became of them.
//! `README.md` builds all of it step by step.

angzarr_runtime::include_protos!();

pub mod components;
pub mod demo;
pub mod report;

pub use self::shop::{checkout, orders, payments, stock};

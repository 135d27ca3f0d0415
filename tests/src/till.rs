//! The takings of the shop, and payments that cannot be counted.

use std::path::PathBuf;

use angzarr_runtime::component::{Delivery, OnFailure};
use angzarr_runtime::{Context, Failure, Projector};
use shop::payments::v1::PaymentReceived;

use crate::takings::v1::app::Takings;

/// Payments of an order from here on do not stay where they are: a consumer pauses after a hundred parks.
const LAST_LEFT: u32 = 64;

/// What becomes of the payments of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Luck {
    /// They are counted.
    Good,
    /// They cannot be counted before that was mended, and are replayed then.
    Mended,
    /// They cannot be counted, and are discarded.
    Discarded,
    /// They cannot be counted, and stay in their park.
    Left,
}

impl Luck {
    /// Follows from the order's number.
    pub fn of(order_id: &str) -> Self {
        let number = number(order_id);
        match (number % 4, number / 4 % 3) {
            (1, 1) => Self::Discarded,
            (1, 2) if number < LAST_LEFT => Self::Left,
            (1, _) => Self::Mended,
            _ => Self::Good,
        }
    }
}

fn number(order_id: &str) -> u32 {
    order_id.parse().unwrap_or_default()
}

/// Counts what was paid, by the drawer that it is put into.
#[derive(Projector, Debug)]
#[projector(Takings)]
pub struct Till {
    /// A folder with a file for each order whose payments were mended.
    pub mended: PathBuf,
}

impl Till {
    /// Its full name.
    pub const NAME: &str = "takings.v1.app.Takings";
    /// What it fails with.
    pub const NO_CHANGE: &str = "NO_CHANGE";
    /// What its tables are made by.
    pub const TABLES: &str = "CREATE TABLE IF NOT EXISTS takings
        (drawer bigint PRIMARY KEY, cents bigint NOT NULL, transfers bigint NOT NULL)";
    /// It gives up soon.
    pub const DELIVERY: Delivery = Delivery { attempts: 2, on_failure: OnFailure::Park, ..Delivery::DEFAULT };

    /// The drawer for the payments of an order; orders share it.
    pub fn drawer(order_id: &str) -> i64 {
        i64::from(number(order_id) % 5)
    }
}

impl Takings for Till {
    async fn on_received(&self, event: PaymentReceived, cx: &Context) -> Result<(), Failure> {
        let PaymentReceived { order_id, cents, .. } = event;
        let values = [Self::drawer(&order_id).into(), i64::try_from(cents)?.into()];
        let sql = "INSERT INTO takings (drawer, cents, transfers) VALUES ($1, $2, 1) ON CONFLICT (drawer)
            DO UPDATE SET cents = takings.cents + excluded.cents, transfers = takings.transfers + 1";
        cx.tx().execute(sql, &values).await?;
        // Behind what was written: that has to go again.
        if Luck::of(&order_id) == Luck::Good || self.mended.join(&order_id).exists() {
            return Ok(());
        }
        Err(Failure::new(Self::NO_CHANGE, format!("there is no change for order {order_id}")))
    }
}

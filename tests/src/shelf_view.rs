//! The shelves of the shop.

use angzarr_runtime::{Context, Failure, Projector};
use shop::stock::v1::{StockReceived, StockReleased, StockReserved};

use crate::shelves::v1::ShelfRow;
use crate::shelves::v1::app::Shelves;

/// Counts what moves in the stock of the shop.
#[derive(Projector, Debug)]
#[projector(Shelves)]
pub struct ShelfView;

type Row = Option<ShelfRow>;

impl Shelves for ShelfView {
    async fn on_received(&self, row: Row, event: StockReceived, _: &Context) -> Result<Row, Failure> {
        Ok(moved(row, event.sku, i64::from(event.quantity), 0))
    }

    async fn on_reserved(&self, row: Row, event: StockReserved, _: &Context) -> Result<Row, Failure> {
        let quantity = i64::from(event.quantity);
        Ok(moved(row, event.sku, -quantity, quantity))
    }

    async fn on_released(&self, row: Row, event: StockReleased, _: &Context) -> Result<Row, Failure> {
        let quantity = i64::from(event.quantity);
        Ok(moved(row, event.sku, quantity, -quantity))
    }
}

fn moved(row: Row, sku: String, available: i64, reserved: i64) -> Row {
    let row = row.unwrap_or(ShelfRow { sku, ..ShelfRow::default() });
    Some(ShelfRow {
        available: row.available + available,
        reserved: row.reserved + reserved,
        events: row.events + 1,
        ..row
    })
}

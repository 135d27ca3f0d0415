//! The view that customers are answered from.

use angzarr_runtime::{Context, Failure, Projector};

use crate::orders::v1::app::OrderBoard;
use crate::orders::v1::order::Status;
use crate::orders::v1::{OrderCancelled, OrderConfirmed, OrderHeld, OrderPlacedV2, OrderRow};

/// Shows where each order stands.
#[derive(Projector, Debug)]
#[projector(OrderBoard)]
pub struct Board;

type Row = Option<OrderRow>;

impl OrderBoard for Board {
    async fn on_placed(&self, _: Row, event: OrderPlacedV2, _: &Context) -> Result<Row, Failure> {
        let OrderPlacedV2 { order_id, sku, quantity, total_cents, currency } = event;
        let (status, reason) = (Status::Placed.into(), String::new());
        Ok(Some(OrderRow { order_id, sku, quantity, total_cents, currency, status, reason }))
    }

    async fn on_confirmed(&self, row: Row, _: OrderConfirmed, _: &Context) -> Result<Row, Failure> {
        Ok(row.map(|row| OrderRow { status: Status::Confirmed.into(), ..row }))
    }

    async fn on_cancelled(&self, row: Row, event: OrderCancelled, _: &Context) -> Result<Row, Failure> {
        Ok(row.map(|row| OrderRow { status: Status::Cancelled.into(), reason: event.reason, ..row }))
    }

    async fn on_held(&self, row: Row, event: OrderHeld, _: &Context) -> Result<Row, Failure> {
        Ok(row.map(|row| OrderRow { status: Status::Held.into(), reason: event.reason, ..row }))
    }
}

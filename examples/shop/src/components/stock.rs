//! Stock: pieces come in, are reserved, and may be released again.

use angzarr_runtime::{Aggregate, Context, Rejection, ensure};

use crate::stock::v1::app::Stock;
use crate::stock::v1::{
    Article, ReceiveStock, ReleaseStock, ReserveStock, StockReceived, StockRejection, StockReleased, StockReserved,
};

/// The rules of the warehouse.
#[derive(Aggregate, Debug)]
#[aggregate(Stock)]
pub struct Warehouse;

impl Stock for Warehouse {
    fn receive(&self, _: &Article, command: ReceiveStock, _: &Context) -> Result<StockReceived, Rejection> {
        Ok(StockReceived { sku: command.sku, quantity: command.quantity })
    }

    fn reserve(&self, article: &Article, command: ReserveStock, _: &Context) -> Result<StockReserved, Rejection> {
        let ReserveStock { sku, order_id, quantity } = command;
        let available = article.available;
        ensure!(
            available >= u64::from(quantity),
            StockRejection::OutOfStock,
            "{quantity} of {sku} wanted, {available} there"
        );
        Ok(StockReserved { sku, order_id, quantity })
    }

    fn release(&self, article: &Article, command: ReleaseStock, _: &Context) -> Result<StockReleased, Rejection> {
        let ReleaseStock { sku, order_id, quantity } = command;
        let reserved = article.reserved;
        ensure!(
            reserved >= u64::from(quantity),
            StockRejection::NotReserved,
            "{quantity} of {sku} to be released, {reserved} reserved"
        );
        Ok(StockReleased { sku, order_id, quantity })
    }

    fn apply_stock_received(article: &mut Article, event: StockReceived) {
        article.available += u64::from(event.quantity);
    }

    fn apply_stock_reserved(article: &mut Article, event: StockReserved) {
        article.available -= u64::from(event.quantity);
        article.reserved += u64::from(event.quantity);
    }

    fn apply_stock_released(article: &mut Article, event: StockReleased) {
        article.reserved -= u64::from(event.quantity);
        article.available += u64::from(event.quantity);
    }
}

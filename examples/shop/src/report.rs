//! What the shop has to show, as tables.

use angzarr_runtime::store::Record;
use angzarr_runtime::{App, Error};
use comfy_table::{Table, presets};

use crate::orders::v1::OrderRow;

/// Where each order stands, from the view.
///
/// # Errors
/// What the store can yield.
pub async fn orders(app: &App) -> Result<Table, Error> {
    let mut table = table(&["order", "article", "pieces", "total", "status", "reason"]);
    for (_, row) in app.view::<OrderRow>()?.all().await? {
        let total = format!("{}.{:02} {}", row.total_cents / 100, row.total_cents % 100, row.currency);
        let status = row.status().as_str_name().to_lowercase();
        table.add_row([row.order_id, row.sku, row.quantity.to_string(), total, status, row.reason]);
    }
    Ok(table)
}

/// What happened to one order, and why.
///
/// # Errors
/// What the store can yield.
pub async fn history(app: &App, order_id: &str) -> Result<Table, Error> {
    let mut table = table(&["#", "event", "because of", "correlation"]);
    for record in app.events("orders", order_id).await? {
        let event = record.payload.type_name.rsplit('.').next().unwrap_or_default().to_owned();
        let correlation = record.trace.correlation_id.to_string();
        table.add_row([record.sequence.to_string(), event, cause(&record), correlation]);
    }
    Ok(table)
}

fn cause(record: &Record) -> String {
    match &record.trace.cause {
        Some(cause) => format!("{}, on {} #{}", cause.component, cause.domain, cause.sequence),
        None => "a client".to_owned(),
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header(header);
    table
}

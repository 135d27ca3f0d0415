//! A projector with tables of its own.

use std::sync::Arc;
use std::time::Duration;

use angzarr_runtime::store::{EventRef, Lease, StoreError};
use angzarr_runtime::view::ViewStore;
use angzarr_runtime::{Context, Failure, Projector};
use uuid::Uuid;

use crate::bank::v1::app::Ledger;
use crate::bank::v1::{Deposited, Withdrawn};
use crate::faults::Faults;

/// Keeps the sum and the number of movements of each account, and every movement. An amount is there once for each
/// account: another one like it is a mistake of the database's to tell.
#[derive(Projector, Debug)]
#[projector(Ledger)]
pub struct LedgerBook {
    /// Called "Ledger" there, behind all that it wrote.
    pub faults: Faults,
}

/// What its tables are made by.
pub const LEDGER_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS sums (account text PRIMARY KEY, sum bigint NOT NULL, movements bigint NOT NULL);
    CREATE TABLE IF NOT EXISTS movements (account text, amount bigint, PRIMARY KEY (account, amount))";

impl LedgerBook {
    async fn moved(&self, account: String, amount: i64, cx: &Context) -> Result<(), Failure> {
        let tx = cx.tx();
        tx.execute("INSERT INTO movements VALUES ($1, $2)", &[account.as_str().into(), amount.into()]).await?;
        let known = "SELECT sum, movements FROM sums WHERE account = $1";
        let known = tx.query(known, &[account.as_str().into()]).await?;
        let sql = if known.is_empty() {
            "INSERT INTO sums (account, sum, movements) VALUES ($1, $2, $3)"
        } else {
            "UPDATE sums SET movements = $3, sum = $2 WHERE account = $1"
        };
        let (sum, movements) = match known.first() {
            Some(row) => (row.get::<i64>("sum")?, row.get::<i64>("movements")?),
            None => (0, 0),
        };
        let values = [account.as_str().into(), (sum + amount).into(), (movements + 1).into()];
        tx.execute(sql, &values).await?;
        self.faults.enter("Ledger", &account).await
    }
}

impl Ledger for LedgerBook {
    async fn on_deposited(&self, event: Deposited, cx: &Context) -> Result<(), Failure> {
        self.moved(event.account, i64::try_from(event.amount)?, cx).await
    }

    async fn on_withdrawn(&self, event: Withdrawn, cx: &Context) -> Result<(), Failure> {
        self.moved(event.account, -i64::try_from(event.amount)?, cx).await
    }
}

/// What a query gives where projectors keep their tables, a line for each row.
///
/// # Errors
/// What the store can yield, and what the database does not take.
pub async fn query_tables(views: &Arc<dyn ViewStore>, sql: &str) -> Result<String, angzarr_runtime::Error> {
    let tables = views.tables().ok_or(StoreError::Closed)?;
    let lease = Lease { consumer: "a probe".into(), token: 1 };
    tables.enrol(Uuid::nil(), &lease, 0).await?;
    let begun = tables.begin(&lease, EventRef { position: 1, part: 0 }, Duration::from_secs(30)).await?;
    let mut transaction = begun.ok_or(StoreError::Closed)?;
    let ran = transaction.run(sql, &[]).await?;
    transaction.roll_back().await;
    let lines = ran.rows.iter().map(|row| row.values().iter().map(ToString::to_string).collect::<Vec<_>>().join("|"));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

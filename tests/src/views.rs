//! The views over accounts.

use angzarr_runtime::{Context, Failure, Projector};

use crate::bank::v1::app::{Balances, Branches, Notices};
use crate::bank::v1::{
    AccountClosed, AccountOpenedV2, BalanceRow, BranchRow, Deposited, PaymentReceived, TransferReceived,
    TransferReturned, TransferSent, Withdrawn,
};
use crate::faults::Faults;

/// The balance of each account.
#[derive(Projector, Debug)]
#[projector(Balances)]
pub struct BalanceView {
    /// Called "Balances" there.
    pub faults: Faults,
}

type Row = Result<Option<BalanceRow>, Failure>;

impl BalanceView {
    async fn moved(&self, row: Option<BalanceRow>, account: String, change: impl FnOnce(&mut u64)) -> Row {
        self.faults.enter("Balances", &account).await?;
        let mut row = row.unwrap_or(BalanceRow { account, ..BalanceRow::default() });
        row.events += 1;
        change(&mut row.balance);
        Ok(Some(row))
    }
}

impl Balances for BalanceView {
    async fn on_opened(&self, row: Option<BalanceRow>, event: AccountOpenedV2, _: &Context) -> Row {
        self.moved(row, event.account, |_| {}).await
    }

    async fn on_deposited(&self, row: Option<BalanceRow>, event: Deposited, _: &Context) -> Row {
        self.moved(row, event.account, |balance| *balance += event.amount).await
    }

    async fn on_withdrawn(&self, row: Option<BalanceRow>, event: Withdrawn, _: &Context) -> Row {
        self.moved(row, event.account, |balance| *balance -= event.amount).await
    }

    async fn on_sent(&self, row: Option<BalanceRow>, event: TransferSent, _: &Context) -> Row {
        self.moved(row, event.account, |balance| *balance -= event.amount).await
    }

    async fn on_received(&self, row: Option<BalanceRow>, event: TransferReceived, _: &Context) -> Row {
        self.moved(row, event.account, |balance| *balance += event.amount).await
    }

    async fn on_returned(&self, row: Option<BalanceRow>, event: TransferReturned, _: &Context) -> Row {
        self.moved(row, event.account, |balance| *balance += event.amount).await
    }

    async fn on_payment(&self, row: Option<BalanceRow>, event: PaymentReceived, _: &Context) -> Row {
        self.moved(row, event.account, |balance| *balance += event.amount).await
    }

    async fn on_closed(&self, _: Option<BalanceRow>, event: AccountClosed, _: &Context) -> Row {
        self.faults.enter("Balances", &event.account).await?;
        Ok(None)
    }
}

/// How many accounts each branch opened.
#[derive(Projector, Debug)]
#[projector(Branches)]
pub struct BranchView;

impl Branches for BranchView {
    async fn on_opened(
        &self,
        row: Option<BranchRow>,
        _: AccountOpenedV2,
        _: &Context,
    ) -> Result<Option<BranchRow>, Failure> {
        Ok(Some(BranchRow { accounts: row.map_or(0, |row| row.accounts) + 1 }))
    }
}

/// Counts withdrawals outside of the runtime.
#[derive(Projector, Debug)]
#[projector(Notices)]
pub struct NoticeBoard {
    /// Called "Notices" there.
    pub faults: Faults,
}

impl Notices for NoticeBoard {
    async fn on_withdrawn(&self, event: Withdrawn, _: &Context) -> Result<(), Failure> {
        self.faults.enter("Notices", &event.account).await
    }
}

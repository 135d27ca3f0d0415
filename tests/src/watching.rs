//! The watch over withdrawals.

use angzarr_runtime::{Context, Failure, ProcessManager};

use crate::bank::v1::{Deposited, FreezeAccount, Withdrawn};
use crate::faults::Faults;
use crate::watch::v1::app::{WatchStep, WithdrawalWatch};
use crate::watch::v1::{DepositCounted, Watch, WithdrawalCounted};

/// Freezes an account, and the card of that name, at its second withdrawal.
#[derive(ProcessManager, Debug)]
#[process_manager(WithdrawalWatch)]
pub struct WithdrawalCounter {
    /// Called "WithdrawalWatch" there.
    pub faults: Faults,
}

impl WithdrawalWatch for WithdrawalCounter {
    async fn on_withdrawn(&self, watch: &Watch, event: Withdrawn, _: &Context) -> Result<Vec<WatchStep>, Failure> {
        self.faults.enter("WithdrawalWatch", &event.account).await?;
        let account = event.account;
        let mut steps = vec![WithdrawalCounted { account: account.clone() }.into()];
        if watch.withdrawals == 1 {
            steps.push(FreezeAccount { account: format!("{account}/card") }.into());
            steps.push(FreezeAccount { account }.into());
        }
        Ok(steps)
    }

    async fn on_deposited(&self, _: &Watch, event: Deposited, _: &Context) -> Result<Vec<WatchStep>, Failure> {
        self.faults.enter("WithdrawalWatch", &event.account).await?;
        Ok(vec![DepositCounted { account: event.account }.into()])
    }

    fn apply_withdrawal_counted(watch: &mut Watch, _: WithdrawalCounted) {
        watch.withdrawals += 1;
    }

    fn apply_deposit_counted(watch: &mut Watch, _: DepositCounted) {
        watch.deposits += 1;
    }
}

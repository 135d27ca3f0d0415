//! Accounts: opened, paid into and out of, frozen, closed; and transfers between them.

use angzarr_runtime::{Aggregate, Context, Failure, Refused, Rejection, Saga, Upcaster, ensure};

use crate::bank::v1::app::{AccountHistory, Accounts, LostMoney, Movement, Transfers};
use crate::bank::v1::{
    Account, AccountClosed, AccountFrozen, AccountOpened, AccountOpenedV2, AccountRejection, AdjustBalance, Branch,
    CloseAccount, Deposit, Deposited, FreezeAccount, GetStatement, OpenAccount, OwnerSeen, PaymentReceived,
    PaymentUnclaimed, Receive, Remarked, Statement, Transfer, TransferReceived, TransferReturned, TransferSent,
    Turnover, Withdraw, Withdrawn,
};
use crate::faults::Faults;

/// The rules of accounts. Panics in `PayOut` if told to.
#[derive(Aggregate, Debug)]
#[aggregate(Accounts)]
pub struct AccountRules {
    /// Called "Accounts" there, and "Adjust" where it does I/O.
    pub faults: Faults,
}

impl Accounts for AccountRules {
    fn open(&self, account: &Account, command: OpenAccount, _: &Context) -> Result<AccountOpenedV2, Rejection> {
        ensure!(!account.open, AccountRejection::Exists, "{} is open", command.account);
        Ok(AccountOpenedV2 { account: command.account, branch: command.branch })
    }

    fn pay_in(&self, account: &Account, command: Deposit, cx: &Context) -> Result<Deposited, Rejection> {
        usable(account, &command.account)?;
        let ids = vec![cx.new_id().to_string(), cx.new_id().to_string()];
        Ok(Deposited { account: command.account, amount: command.amount, at: Some(cx.now()), ids })
    }

    fn pay_out(&self, account: &Account, command: Withdraw, _: &Context) -> Result<Withdrawn, Rejection> {
        self.faults.check("Accounts").map_err(broken)?;
        usable(account, &command.account)?;
        covered(account, &command.account, command.amount)?;
        Ok(Withdrawn { account: command.account, amount: command.amount })
    }

    fn send(&self, account: &Account, command: Transfer, _: &Context) -> Result<TransferSent, Rejection> {
        usable(account, &command.account)?;
        covered(account, &command.account, command.amount)?;
        Ok(TransferSent { account: command.account, to: command.to, amount: command.amount })
    }

    fn take(&self, account: &Account, command: Receive, cx: &Context) -> Result<TransferReceived, Rejection> {
        usable(account, &command.account)?;
        let ids = vec![cx.new_id().to_string(), cx.new_id().to_string()];
        let Receive { account, sender, amount } = command;
        Ok(TransferReceived { account, sender, amount, at: Some(cx.now()), ids })
    }

    fn freeze(&self, account: &Account, command: FreezeAccount, _: &Context) -> Result<AccountFrozen, Rejection> {
        usable(account, &command.account)?;
        Ok(AccountFrozen { account: command.account })
    }

    fn close(&self, account: &Account, command: CloseAccount, _: &Context) -> Result<AccountClosed, Rejection> {
        usable(account, &command.account)?;
        Ok(AccountClosed { account: command.account })
    }

    async fn adjust(
        &self,
        account: &Account,
        command: AdjustBalance,
        cx: &Context,
    ) -> Result<Vec<Movement>, Rejection> {
        self.faults.pass("Adjust", &command.account).await.map_err(broken)?;
        usable(account, &command.account)?;
        let (now, wanted) = (account.balance, command.balance);
        let account = command.account;
        let movement = match wanted {
            _ if wanted > now => {
                Deposited { account, amount: wanted - now, at: Some(cx.now()), ids: Vec::new() }.into()
            }
            _ if wanted < now => Withdrawn { account, amount: now - wanted }.into(),
            _ => return Ok(Vec::new()),
        };
        Ok(vec![movement])
    }

    fn record_payment(&self, account: &Account, fact: PaymentReceived, cx: &Context) -> Vec<PaymentUnclaimed> {
        if account.open {
            return Vec::new();
        }
        let PaymentReceived { account, reference, amount } = fact;
        vec![PaymentUnclaimed { account, reference, amount, id: cx.new_id().to_string() }]
    }

    fn record_visit(&self, _: &Account, _: OwnerSeen, _: &Context) {}

    fn tell(&self, account: &Account, query: GetStatement, _: &Context) -> Result<Statement, Rejection> {
        ensure!(account.open, AccountRejection::NotOpen, "{} is not open", query.account);
        Ok(Statement { balance: account.balance, events: account.events })
    }

    fn r#return(&self, _: &Account, refused: Refused<Receive>, _: &Context) -> TransferReturned {
        let Receive { account: to, sender: account, amount } = refused.command;
        TransferReturned { account, to, amount, reason: refused.rejection.code }
    }

    fn apply_account_opened_v2(account: &mut Account, _: AccountOpenedV2) {
        account.open = true;
        account.events += 1;
    }

    fn apply_deposited(account: &mut Account, event: Deposited) {
        account.balance += event.amount;
        account.events += 1;
    }

    fn apply_withdrawn(account: &mut Account, event: Withdrawn) {
        account.balance -= event.amount;
        account.events += 1;
    }

    fn apply_transfer_sent(account: &mut Account, event: TransferSent) {
        account.balance -= event.amount;
        account.events += 1;
    }

    fn apply_transfer_received(account: &mut Account, event: TransferReceived) {
        account.balance += event.amount;
        account.events += 1;
    }

    fn apply_transfer_returned(account: &mut Account, event: TransferReturned) {
        account.balance += event.amount;
        account.events += 1;
    }

    fn apply_payment_received(account: &mut Account, event: PaymentReceived) {
        account.balance += event.amount;
        account.events += 1;
    }

    fn apply_owner_seen(account: &mut Account, _: OwnerSeen) {
        account.events += 1;
    }

    fn apply_payment_unclaimed(account: &mut Account, _: PaymentUnclaimed) {
        account.events += 1;
    }

    fn apply_account_frozen(account: &mut Account, _: AccountFrozen) {
        account.frozen = true;
        account.events += 1;
    }

    fn apply_account_closed(account: &mut Account, _: AccountClosed) {
        account.open = false;
        account.events += 1;
    }
}

fn broken(failure: Failure) -> Rejection {
    Rejection::new(AccountRejection::Unspecified, failure.message())
}

fn usable(account: &Account, name: &str) -> Result<(), Rejection> {
    ensure!(account.open, AccountRejection::NotOpen, "{name} is not open");
    ensure!(!account.frozen, AccountRejection::Frozen, "{name} is frozen");
    Ok(())
}

fn covered(account: &Account, name: &str, amount: u64) -> Result<(), Rejection> {
    ensure!(account.balance >= amount, AccountRejection::Insufficient, "{name} holds {}", account.balance);
    Ok(())
}

/// Events as older releases stored them.
#[derive(Upcaster, Debug)]
#[upcaster(AccountHistory)]
pub struct OldAccounts;

impl AccountHistory for OldAccounts {
    fn opened_to_v2(&self, old: AccountOpened) -> Result<AccountOpenedV2, Failure> {
        let branch = Branch { country: "NL".to_owned(), city: old.city };
        Ok(AccountOpenedV2 { account: old.account, branch: Some(branch) })
    }

    fn split_turnover(&self, old: Turnover) -> Result<Vec<Movement>, Failure> {
        let Turnover { account, deposited, withdrawn } = old;
        let deposited = Deposited { account: account.clone(), amount: deposited, at: None, ids: Vec::new() };
        Ok(vec![deposited.into(), Withdrawn { account, amount: withdrawn }.into()])
    }

    fn drop_remark(&self, _: Remarked) -> Result<Vec<Movement>, Failure> {
        Ok(Vec::new())
    }
}

/// Brings transfers to their receivers.
#[derive(Saga, Debug)]
#[saga(Transfers)]
pub struct TransferSaga {
    /// Called "Transfers" there.
    pub faults: Faults,
}

impl Transfers for TransferSaga {
    async fn on_sent(&self, event: TransferSent, _: &Context) -> Result<Receive, Failure> {
        self.faults.enter("Transfers", &event.account).await?;
        Ok(Receive { account: event.to, sender: event.account, amount: event.amount })
    }
}

/// Brings what nobody claims to the account "lost".
#[derive(Saga, Debug)]
#[saga(LostMoney)]
pub struct LostAndFound;

impl LostMoney for LostAndFound {
    async fn on_unclaimed(&self, event: PaymentUnclaimed, _: &Context) -> Result<PaymentReceived, Failure> {
        Ok(PaymentReceived { account: "lost".to_owned(), reference: event.reference, amount: event.amount })
    }
}

//! The desk of reminders.

use std::time::Duration;

use angzarr_runtime::{Context, Failure, ProcessManager, Refused as RefusedCommand};

use crate::bank::v1::{Deposited, Withdraw};
use crate::faults::Faults;
use crate::remind::v1::app::{ReminderDesk, ReminderStep};
use crate::remind::v1::{Desk, Refused, Reminded, Reminder};

/// Does what the amount of a deposit says: up to 999 sets the reminder "bell" to so many milliseconds later, and the
/// others are named.
#[derive(ProcessManager, Debug)]
#[process_manager(ReminderDesk)]
pub struct ReminderClerk {
    /// Called "ReminderDesk" there where it handles deadlines and refusals, "Desk" where it handles deposits.
    pub faults: Faults,
}

impl ReminderClerk {
    /// Cancels "bell".
    pub const CANCEL: u64 = 1_000;
    /// Sends a withdrawal that nobody covers.
    pub const OVERDRAW: u64 = 2_000;
    /// Sends one that nobody covers, and answers each refusal with the same again.
    pub const INSIST: u64 = 2_001;
    /// Ends the instance.
    pub const COMPLETE: u64 = 3_000;
    /// Ends it with a withdrawal that nobody covers.
    pub const LAST: u64 = 3_001;
    /// Sets "charge" to 10 ms later, which withdraws 1.
    pub const CHARGE: u64 = 4_000;
    /// Sets so many reminders beyond that, 10 ms later.
    pub const MANY: u64 = 5_000;
}

impl ReminderDesk for ReminderClerk {
    async fn on_deposited(&self, _: &Desk, event: Deposited, cx: &Context) -> Result<Vec<ReminderStep>, Failure> {
        self.faults.enter("Desk", &event.account).await?;
        let account = event.account;
        let reminder = |name: &str| Reminder { account: account.clone(), name: name.to_owned() };
        match event.amount {
            0 => {}
            1..=999 => cx.schedule("bell", Duration::from_millis(event.amount), &reminder("bell"))?,
            Self::CANCEL => cx.cancel("bell")?,
            Self::COMPLETE => cx.complete()?,
            Self::LAST => {
                cx.complete()?;
                return Ok(vec![Withdraw { account, amount: u64::MAX }.into()]);
            }
            Self::OVERDRAW => return Ok(vec![Withdraw { account, amount: u64::MAX }.into()]),
            Self::INSIST => return Ok(vec![Withdraw { account, amount: u64::MAX - 1 }.into()]),
            Self::CHARGE => cx.schedule("charge", Duration::from_millis(10), &reminder("charge"))?,
            more => {
                for name in 0..more - Self::MANY {
                    let name = name.to_string();
                    cx.schedule(&*name, Duration::from_millis(10), &reminder(&name))?;
                }
            }
        }
        Ok(Vec::new())
    }

    async fn on_reminder(&self, _: &Desk, deadline: Reminder, _: &Context) -> Result<Vec<ReminderStep>, Failure> {
        self.faults.enter("ReminderDesk", &deadline.account).await?;
        if deadline.name == "charge" {
            return Ok(vec![Withdraw { account: deadline.account, amount: 1 }.into()]);
        }
        Ok(vec![Reminded { account: deadline.account, name: deadline.name }.into()])
    }

    async fn on_withdraw_refused(
        &self,
        _: &Desk,
        refused: RefusedCommand<Withdraw>,
        _: &Context,
    ) -> Result<Vec<ReminderStep>, Failure> {
        let RefusedCommand { command, rejection } = refused;
        if command.amount == u64::MAX - 1 {
            return Ok(vec![command.into()]);
        }
        self.faults.enter("ReminderDesk", &command.account).await?;
        Ok(vec![Refused { account: command.account, code: rejection.code }.into()])
    }

    fn apply_reminded(desk: &mut Desk, event: Reminded) {
        desk.fired.push(event.name);
    }

    fn apply_refused(desk: &mut Desk, _: Refused) {
        desk.refused += 1;
    }
}

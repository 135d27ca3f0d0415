//! Laws 4 and 5: commands that were sent together may all be refused, and each refusal leads to a step of its own.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use angzarr_runtime::{App, Context, Failure, ProcessManager, Refused as RefusedCommand, Saga};
use angzarr_tests::bank::v1::app::LostMoney;
use angzarr_tests::bank::v1::{Deposit, Deposited, PaymentReceived, PaymentUnclaimed, Withdraw};
use angzarr_tests::remind::v1::app::{ReminderDesk, ReminderStep};
use angzarr_tests::remind::v1::{Desk, Refused, Reminded, Reminder};
use angzarr_tests::{Faults, register};
use uuid::Uuid;

use super::{balance, log, names, of, open};
use crate::backend::Backend;

/// Answers a deposit of 7 with two withdrawals that nobody covers. For account "a" each refusal leads to one that is
/// covered; for all others, to one that is not, and that refusal to an event.
#[derive(ProcessManager, Debug)]
#[process_manager(ReminderDesk)]
struct Insister {
    /// What it was given as new ids when commands were refused.
    ids: Arc<Mutex<Vec<Uuid>>>,
}

impl ReminderDesk for Insister {
    async fn on_deposited(&self, _: &Desk, event: Deposited, _: &Context) -> Result<Vec<ReminderStep>, Failure> {
        let withdraw = |amount| Withdraw { account: event.account.clone(), amount }.into();
        Ok(if event.amount == 7 { vec![withdraw(u64::MAX), withdraw(u64::MAX - 1)] } else { Vec::new() })
    }

    async fn on_reminder(&self, _: &Desk, _: Reminder, _: &Context) -> Result<Vec<ReminderStep>, Failure> {
        Ok(Vec::new())
    }

    async fn on_withdraw_refused(
        &self,
        _: &Desk,
        refused: RefusedCommand<Withdraw>,
        cx: &Context,
    ) -> Result<Vec<ReminderStep>, Failure> {
        self.ids.lock().unwrap().push(cx.new_id());
        let Withdraw { account, amount } = refused.command;
        let short = u64::MAX - amount;
        Ok(vec![match (&*account, short) {
            ("a", _) => Withdraw { account, amount: short + 1 }.into(),
            (_, 0 | 1) => Withdraw { account, amount: amount - 2 }.into(),
            _ => Refused { account, code: short.to_string() }.into(),
        }])
    }

    fn apply_reminded(_: &mut Desk, _: Reminded) {}

    fn apply_refused(desk: &mut Desk, _: Refused) {
        desk.refused += 1;
    }
}

pub(super) async fn refusals_of_commands_that_were_sent_together_lead_to_a_step_each(backend: impl Backend) {
    let ids = Arc::default();
    let app = register(App::builder(backend.storage()), &Faults::default());
    let app = app.register(Insister { ids: Arc::clone(&ids) }).start().await.unwrap();
    for account in ["a", "b"] {
        open(&app, account, 100).await;
        app.send(Deposit { account: account.into(), amount: 7 }).await.unwrap();
    }
    app.drained().await.unwrap();
    assert_eq!(balance(&app, "a").await, Some(104), "1 and 2 were withdrawn");
    let log = log(&app).await;
    let steps = of(&log, "reminders", "b");
    let sent = "CommandsIssued";
    assert_eq!(names(steps), [sent, sent, sent, "Refused", "Refused"], "each is refused twice");
    let ids = ids.lock().unwrap().clone();
    assert_eq!((ids.len(), ids.iter().collect::<HashSet<_>>().len()), (6, 6), "no id is that of another step");
    app.shutdown().await.unwrap();
}

/// Brings what nobody claims to "lost", unless it is broken.
#[derive(Saga, Debug)]
#[saga(LostMoney)]
struct Finder {
    broken: Arc<AtomicBool>,
}

impl LostMoney for Finder {
    async fn on_unclaimed(&self, event: PaymentUnclaimed, _: &Context) -> Result<PaymentReceived, Failure> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(Failure::new("BROKEN", "told to fail"));
        }
        Ok(PaymentReceived { account: "lost".into(), reference: event.reference, amount: event.amount })
    }
}

/// Nobody can refuse a fact, so nobody compensates one.
pub(super) async fn compensation_of_what_is_discarded_passes_facts(backend: impl Backend) {
    let broken = Arc::new(AtomicBool::new(true));
    let app = register(App::builder(backend.storage()), &Faults::default());
    let app = app.register(Finder { broken: broken.clone() }).start().await.unwrap();
    app.record(PaymentReceived { account: "nobody".into(), reference: "r".into(), amount: 1 }).await.unwrap();
    app.drained().await.unwrap();
    let saga = app.consumer("bank.v1.app.LostMoney").unwrap();
    let lane = saga.parks().await.unwrap().remove(0).lane;
    broken.store(false, Ordering::SeqCst);
    let cleared = saga.discard_and_compensate(lane).await.unwrap();
    assert_eq!((cleared.events, cleared.failed), (1, None));
    assert_eq!(app.events("accounts", "lost").await.unwrap(), []);
    app.shutdown().await.unwrap();
}

/// Withdraws what is paid in, from an account without a name while it is broken.
#[derive(ProcessManager, Debug)]
#[process_manager(ReminderDesk)]
struct Nameless {
    broken: Arc<AtomicBool>,
}

impl ReminderDesk for Nameless {
    async fn on_deposited(&self, _: &Desk, event: Deposited, _: &Context) -> Result<Vec<ReminderStep>, Failure> {
        let account = if self.broken.load(Ordering::SeqCst) { String::new() } else { event.account };
        Ok(vec![Withdraw { account, amount: event.amount }.into()])
    }

    async fn on_reminder(&self, _: &Desk, _: Reminder, _: &Context) -> Result<Vec<ReminderStep>, Failure> {
        Ok(Vec::new())
    }

    async fn on_withdraw_refused(
        &self,
        _: &Desk,
        _: RefusedCommand<Withdraw>,
        _: &Context,
    ) -> Result<Vec<ReminderStep>, Failure> {
        Ok(Vec::new())
    }

    fn apply_reminded(_: &mut Desk, _: Reminded) {}

    fn apply_refused(_: &mut Desk, _: Refused) {}
}

/// Otherwise no replay could ever mend it.
pub(super) async fn commands_that_nobody_could_be_sent_are_not_recorded(backend: impl Backend) {
    let broken = Arc::new(AtomicBool::new(true));
    let app = register(App::builder(backend.storage()), &Faults::default());
    let app = app.register(Nameless { broken: broken.clone() }).start().await.unwrap();
    open(&app, "a", 100).await;
    app.drained().await.unwrap();
    let desk = app.consumer("remind.v1.app.ReminderDesk").unwrap();
    let letter = desk.dead_letters(None, 9).await.unwrap().remove(0);
    let codes: Vec<_> = letter.attempts.iter().map(|attempt| attempt.code.as_str()).collect();
    assert_eq!((codes, of(&log(&app).await, "reminders", "a").len()), (vec!["ROOT_EMPTY"], 0));
    broken.store(false, Ordering::SeqCst);
    assert_eq!(desk.replay(letter.lane).await.unwrap().events, 1);
    app.drained().await.unwrap();
    assert_eq!(balance(&app, "a").await, Some(0));
    app.shutdown().await.unwrap();
}

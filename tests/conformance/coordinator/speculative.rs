//! Speculative runs: what would happen, and nothing does.

use angzarr_runtime::store::AsOf;
use angzarr_runtime::{App, Command, Outgoing, Payload};
use angzarr_tests::bank::v1::{
    AdjustBalance, CloseAccount, Deposit, Deposited, FreezeAccount, Receive, Transfer, Withdraw, Withdrawn,
};
use angzarr_tests::{Faults, StoreFaults};

use super::{TRANSFERS, WATCH, code, decode, log, open, start, start_accounts, start_accounts_over};
use crate::backend::Backend;

fn outgoing<C: Command>(command: &C) -> Outgoing {
    let (key, payload) = (command.root_key(), Payload::command(command));
    Outgoing { domain: C::DOMAIN, key, payload, external_id: None }
}

fn withdraw(amount: u64) -> Withdraw {
    Withdraw { account: "a".into(), amount }
}

pub(super) async fn speculative_commands_store_nothing(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 10).await;
    let before = log(&app).await;
    for _ in 0..3 {
        let would = app.speculate(withdraw(10)).await.unwrap();
        assert_eq!(would.first_sequence, 2);
        assert_eq!(would.events, [Payload::event(&Withdrawn { account: "a".into(), amount: 10 })]);
    }
    assert_eq!(code(app.speculate(withdraw(11)).await), "ACCOUNT_REJECTION_INSUFFICIENT");
    let nothing = app.speculate(AdjustBalance { account: "a".into(), balance: 10 }).await.unwrap();
    assert_eq!((nothing.events.len(), nothing.first_sequence), (0, 2));
    assert_eq!(code(app.speculate(Withdraw::default()).await), "ROOT_EMPTY");
    assert_eq!(log(&app).await, before);
    // The state that is warm has not changed, and what would have happened does.
    let stored = app.send(withdraw(10)).expecting(2).await.unwrap();
    assert_eq!(decode::<Withdrawn>(&stored.events[0]).amount, 10);
    assert_eq!(code(app.speculate(withdraw(10)).await), "ACCOUNT_REJECTION_INSUFFICIENT");
    assert_eq!(app.events("accounts", "b").await.unwrap(), []);
}

pub(super) async fn speculative_commands_may_be_of_then(backend: impl Backend) {
    let store = StoreFaults::default();
    let (app, other) = (start_accounts_over(&backend, &store).await, start_accounts_over(&backend, &store).await);
    open(&app, "a", 10).await;
    other.send(withdraw(10)).await.unwrap();
    other.send(CloseAccount { account: "a".into() }).await.unwrap();
    let at = |sequence| app.speculate(withdraw(10)).as_of(AsOf::Sequence(sequence)).into_future();
    assert_eq!(code(at(0).await), "ACCOUNT_REJECTION_INSUFFICIENT");
    assert_eq!(at(1).await.unwrap().first_sequence, 2);
    assert_eq!(code(at(2).await), "ACCOUNT_REJECTION_INSUFFICIENT");
    assert_eq!(code(at(3).await), "ACCOUNT_REJECTION_NOT_OPEN");
    assert_eq!(code(app.speculate(withdraw(1)).await), "ACCOUNT_REJECTION_NOT_OPEN", "what others wrote counts");
}

pub(super) async fn speculative_reactions_send_nothing(backend: impl Backend) {
    let app: App = start(&backend, &Faults::default()).await;
    open(&app, "a", 100).await;
    let sent = app.send(Transfer { account: "a".into(), to: "b".into(), amount: 30 }).await.unwrap().events.remove(0);
    let first = app.send(withdraw(1)).await.unwrap().events.remove(0);
    let deposited = app.send(Deposit { account: "b/other".into(), amount: 1 }).await;
    assert_eq!(code(deposited), "ACCOUNT_REJECTION_NOT_OPEN");
    app.drained().await.unwrap();
    let before = log(&app).await;

    let receive = Receive { account: "b".into(), sender: "a".into(), amount: 30 };
    assert_eq!(app.speculate_saga(TRANSFERS, &sent).await.unwrap(), [outgoing(&receive)]);

    // The watch has seen one withdrawal by now; a second one would freeze the account.
    let would = app.speculate_process(WATCH, &first, AsOf::Now).await.unwrap();
    let freeze = |account: &str| outgoing(&FreezeAccount { account: account.into() });
    assert_eq!((would.key.as_str(), would.events.len()), ("a", 1));
    assert_eq!(would.commands, [freeze("a/card"), freeze("a")]);
    let paid = &app.events("accounts", "a").await.unwrap()[1];
    assert_eq!(decode::<Deposited>(paid).amount, 100);
    let ignored = app.speculate_process(WATCH, paid, AsOf::Time(paid.created_at)).await.unwrap();
    assert!(ignored.events.is_empty() && ignored.commands.is_empty(), "there was no instance then");

    assert_eq!(code(app.speculate_saga("nobody", &sent).await), "SETUP");
    assert_eq!(code(app.speculate_saga(TRANSFERS, &first).await), "TYPE_UNKNOWN");
    assert_eq!(code(app.speculate_process(TRANSFERS, &first, AsOf::Now).await), "SETUP");
    assert_eq!(log(&app).await, before);
    app.shutdown().await.unwrap();
}

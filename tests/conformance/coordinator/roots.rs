//! One root has one natural id.

use angzarr_tests::Faults;
use angzarr_tests::bank::v1::{BalanceRow, Deposit, Deposited, Withdraw};

use super::{balance, log, names, of, open, start};
use crate::backend::Backend;

const UPPER: &str = "ABCDEF01-2345-6789-ABCD-EF0123456789";
const LOWER: &str = "abcdef01-2345-6789-abcd-ef0123456789";

pub(super) async fn roots_in_both_cases_are_one(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, UPPER, 1).await;
    for account in [LOWER, UPPER] {
        app.send(Deposit { account: account.into(), amount: 10 }).await.unwrap();
        let imported = Deposited { account: account.into(), amount: 100, ..Deposited::default() };
        app.import("accounts", account).event(&imported, None).await.unwrap();
        app.send(Withdraw { account: account.into(), amount: 1 }).await.unwrap();
    }
    app.drained().await.unwrap();
    let all = log(&app).await;
    let account = of(&all, "accounts", LOWER);
    let stored = ["AccountOpenedV2", "Deposited", "Deposited", "Deposited", "Withdrawn", "Deposited", "Deposited"];
    assert_eq!(names(account.iter().copied())[..7], stored);
    assert!(account.iter().all(|record| &*record.key == LOWER));
    // A process manager's own stream, too.
    let watch = of(&all, "watches", UPPER);
    assert!(watch.iter().all(|step| &*step.key == LOWER));
    assert_eq!(
        names(watch),
        ["WithdrawalCounted", "DepositCounted", "DepositCounted", "WithdrawalCounted", "CommandsIssued"]
    );

    let rows = app.view::<BalanceRow>().unwrap().all().await.unwrap();
    let keys: Vec<_> = rows.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(keys, [LOWER], "one row");
    assert_eq!(balance(&app, LOWER).await, Some(219));
}

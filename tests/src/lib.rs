//! The model domain of the suites: accounts that hold and send money, a watch over withdrawals, and three views.
//!
//! Its components are real ones; what is special is that [`Faults`] can make each of them fail, and [`StoreFaults`] the
//! storage below. Besides, [`ShelfView`], [`Impatience`] and [`Till`] join the shop of `examples`; [`full_shop`] has all of it.

angzarr_runtime::include_protos!();

mod accounts;
mod enquiring;
mod faults;
mod faulty;
mod ledger;
mod placed;
mod reminding;
mod shelf_view;
mod till;
mod views;
mod watching;

pub use accounts::{AccountRules, LostAndFound, OldAccounts, TransferSaga};
pub use enquiring::Impatience;
pub use faults::{Fault, Faults};
pub use faulty::{Call, StoreFault, StoreFaults};
pub use ledger::{LEDGER_TABLES, LedgerBook, query_tables};
pub use placed::placed;
pub use reminding::ReminderClerk;
pub use shelf_view::ShelfView;
pub use till::{Luck, Till};
pub use views::{BalanceView, BranchView, NoticeBoard};
pub use watching::WithdrawalCounter;

use std::path::Path;

use angzarr_runtime::app::AppBuilder;
use angzarr_runtime::store::Storage;

/// Adds all components.
pub fn register(app: AppBuilder, faults: &Faults) -> AppBuilder {
    app.register(placed(AccountRules { faults: faults.clone() }))
        .register(placed(OldAccounts))
        .register(placed(TransferSaga { faults: faults.clone() }))
        .register(placed(WithdrawalCounter { faults: faults.clone() }))
        .register(placed(BalanceView { faults: faults.clone() }))
        .register(placed(BranchView))
        .register(placed(NoticeBoard { faults: faults.clone() }))
}

/// The shop of `examples`, with a view, a process and a till of the tests' own. `mended` is the till's folder.
pub fn full_shop(storage: Storage, mended: &Path) -> AppBuilder {
    shop::components::shop(storage)
        .register(ShelfView)
        .register(Impatience)
        .register(Till { mended: mended.to_owned() })
        .delivery(Till::NAME, Till::DELIVERY)
        .tables(Till::TABLES)
}

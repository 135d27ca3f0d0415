//! The model domain of the suites: accounts that hold and send money, a watch over withdrawals, and three views.
//!
//! Its components are real ones; what is special is that [`Faults`] can make each of them fail, and [`StoreFaults`] the
//! storage below. Besides, [`ShelfView`] is a view of the shop of `examples`.

angzarr_runtime::include_protos!();

mod accounts;
mod faults;
mod faulty;
mod reminding;
mod shelf_view;
mod views;
mod watching;

pub use accounts::{AccountRules, LostAndFound, OldAccounts, TransferSaga};
pub use faults::{Fault, Faults};
pub use faulty::{Call, StoreFault, StoreFaults};
pub use reminding::ReminderClerk;
pub use shelf_view::ShelfView;
pub use views::{BalanceView, BranchView, NoticeBoard};
pub use watching::WithdrawalCounter;

use angzarr_runtime::app::AppBuilder;

/// Adds all components.
pub fn register(app: AppBuilder, faults: &Faults) -> AppBuilder {
    app.register(AccountRules { faults: faults.clone() })
        .register(OldAccounts)
        .register(TransferSaga { faults: faults.clone() })
        .register(WithdrawalCounter { faults: faults.clone() })
        .register(BalanceView { faults: faults.clone() })
        .register(BranchView)
        .register(NoticeBoard { faults: faults.clone() })
}

//! Applications that cannot work are told so before anything runs.

use angzarr_runtime::{App, Error};
use angzarr_tests::placed;
use angzarr_tests::{Call, Faults, StoreFault, StoreFaults, TransferSaga, WithdrawalCounter, register};

use super::{BALANCES, BRANCHES, NOTICES, TRANSFERS, WATCH, code, faulty};
use crate::backend::Backend;
use crate::store::lease;

pub(super) async fn targets_without_an_aggregate_are_told(backend: impl Backend) {
    let faults = Faults::default();
    let app = App::builder(backend.storage())
        .register(placed(TransferSaga { faults: faults.clone() }))
        .register(placed(WithdrawalCounter { faults }));
    let error = app.start().await.unwrap_err();
    assert_eq!(error.code(), "SETUP");
    assert!(matches!(error, Error::Setup(_)));
    for component in ["bank.v1.app.Transfers", "watch.v1.app.WithdrawalWatch"] {
        let told =
            format!("`{component}` sends commands to the domain \"accounts\", whose aggregate is not registered");
        assert!(error.to_string().contains(&told), "{error}");
    }
}

pub(super) async fn a_start_that_fails_gives_leases_back(backend: impl Backend) {
    let store = StoreFaults::default();
    // Some consumers run already when the view cannot be taken.
    store.next(Call::TakeView, [StoreFault::FailsBefore]);
    let app = register(App::builder(faulty(&backend, &store).await), &Faults::default());
    assert_eq!(code(app.start().await), "STORE_UNAVAILABLE");
    let opened = backend.open().await;
    for consumer in [TRANSFERS, WATCH, BALANCES, BRANCHES, NOTICES] {
        lease(&opened.store, consumer).await;
    }
}

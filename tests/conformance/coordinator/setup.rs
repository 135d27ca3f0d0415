//! Applications that cannot work are told so before anything runs.

use angzarr_runtime::{App, Error};
use angzarr_tests::{Faults, TransferSaga, WithdrawalCounter};

use crate::backend::Backend;

pub(super) async fn targets_without_an_aggregate_are_told(backend: impl Backend) {
    let faults = Faults::default();
    let app = App::builder(backend.storage())
        .register(TransferSaga { faults: faults.clone() })
        .register(WithdrawalCounter { faults });
    let error = app.start().await.unwrap_err();
    assert_eq!(error.code(), "SETUP");
    assert!(matches!(error, Error::Setup(_)));
    for component in ["bank.v1.app.Transfers", "watch.v1.app.WithdrawalWatch"] {
        let told =
            format!("`{component}` sends commands to the domain \"accounts\", whose aggregate is not registered");
        assert!(error.to_string().contains(&told), "{error}");
    }
}

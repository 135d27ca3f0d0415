//! Checkpoints that cannot be.

use angzarr_runtime::App;
use angzarr_tests::{Faults, StoreFaults, register};

use super::{BALANCES, NOTICES, TRANSFERS, WATCH, code, faulty, open, start_beside, status, stopped};
use crate::backend::Backend;
use crate::store::lease;

/// Each kind of consumer whose checkpoint lies in the log's store.
const KEPT: [&str; 3] = [TRANSFERS, WATCH, NOTICES];

/// Moves the checkpoint of one that nobody runs; gives where it was, and the end of the log.
async fn move_beyond_the_end(backend: &impl Backend, consumer: &str) -> (u64, u64) {
    let opened = backend.open().await;
    let (before, head) = (opened.store.checkpoint(consumer).await.unwrap(), opened.store.head().await.unwrap());
    save(&opened.store, consumer, head + 1).await;
    backend.reopen(opened).await;
    (before, head)
}

async fn save(store: &std::sync::Arc<dyn angzarr_runtime::store::Store>, consumer: &str, position: u64) {
    let lease = lease(store, consumer).await;
    store.save_checkpoint(&lease, position).await.unwrap();
    store.release(&lease).await.unwrap();
}

pub(super) async fn checkpoints_beyond_the_log_are_told_at_the_start(backend: impl Backend) {
    let app = start_beside(&backend, &Faults::default()).await;
    open(&app, "a", 100).await;
    app.drained().await.unwrap();
    app.shutdown().await.unwrap();
    for consumer in KEPT {
        let (before, head) = move_beyond_the_end(&backend, consumer).await;
        let app = register(App::builder(faulty(&backend, &StoreFaults::default()).await), &Faults::default());
        let error = app.start().await.unwrap_err();
        assert_eq!(error.code(), "STORE_DAMAGED");
        let told = format!("the checkpoint of {consumer} is {}, but the log ends at {head}", head + 1);
        assert!(error.to_string().contains(&told), "{error}");
        let opened = backend.open().await;
        assert_eq!(opened.store.checkpoint(consumer).await.unwrap(), head + 1, "it is left as it is");
        save(&opened.store, consumer, before).await;
        backend.reopen(opened).await;
    }
    let app = start_beside(&backend, &Faults::default()).await;
    app.drained().await.unwrap();
    app.shutdown().await.unwrap();
}

/// Whoever stands by finds out when it is his turn; the others go on.
pub(super) async fn checkpoints_beyond_the_log_stop_who_takes_over(backend: impl Backend) {
    let opened = backend.open().await;
    let held = lease(&opened.store, TRANSFERS).await;
    let app = start_beside(&backend, &Faults::default()).await;
    open(&app, "a", 100).await;
    let head = opened.store.head().await.unwrap();
    opened.store.save_checkpoint(&held, head + 7).await.unwrap();
    opened.store.release(&held).await.unwrap();
    let reason = stopped(&app, TRANSFERS).await.stopped.unwrap();
    assert!(reason.contains("STORE_DAMAGED") && reason.contains(TRANSFERS), "{reason}");
    open(&app, "b", 1).await;
    assert_eq!(code(app.drained().await), "CONSUMER_STOPPED");
    for consumer in [WATCH, NOTICES, BALANCES] {
        assert_eq!(status(&app, consumer).stopped, None, "{consumer}");
    }
}

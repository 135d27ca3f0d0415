//! Stored events that cannot be used: what comes before them counts, and only those who want them stop.

use angzarr_runtime::{App, Error};
use angzarr_tests::Faults;
use angzarr_tests::bank::v1::BranchRow;

use super::bad_books::smuggle;
use super::{BALANCES, BRANCHES, NOTICES, TRANSFERS, WATCH, balance, code, open, start, status, stopped};
use crate::backend::Backend;

async fn branch(app: &App) -> u32 {
    let branches = app.view::<BranchRow>().unwrap();
    branches.get(["NL", "Delft"]).await.unwrap().map_or(0, |row| row.accounts)
}

/// Expects the consumer to have stopped before position 3, with everything before it passed.
async fn stops_at_three(app: &App, consumer: &str) {
    let stopped = stopped(app, consumer).await;
    assert_eq!(stopped.position, 2, "{stopped:?}");
    assert!(stopped.stopped.unwrap().contains("PAYLOAD_MALFORMED"));
}

/// The stopped ones are told, with the position of what they stopped at, after all others have passed the end.
async fn drains_but_for(app: &App, consumers: &[&str]) {
    let head = app.read_log(3, usize::MAX).await.unwrap().next.unwrap();
    match app.drained().await.unwrap_err() {
        Error::ConsumerStopped { consumer, position, .. } => {
            assert!(consumers.contains(&&*consumer), "{consumer}");
            assert_eq!(position, 3);
        }
        other => panic!("{other}"),
    }
    for other in [TRANSFERS, WATCH, BALANCES, BRANCHES, NOTICES].into_iter().filter(|name| !consumers.contains(name)) {
        assert_eq!(status(app, other).stopped, None, "{other}");
        assert_eq!(status(app, other).position, head, "{other}");
    }
}

pub(super) async fn an_old_event_that_cannot_be_upcast_stops_who_wants_it(backend: impl Backend) {
    smuggle(&backend, "bank.v1.AccountOpened", b"\xff\xff").await;
    // The second round begins right before the event.
    for (round, account) in ["b", "c"].into_iter().enumerate() {
        let app = start(&backend, &Faults::default()).await;
        open(&app, account, 5).await;
        drains_but_for(&app, &[BALANCES, BRANCHES]).await;
        for consumer in [BALANCES, BRANCHES] {
            stops_at_three(&app, consumer).await;
        }
        assert_eq!((balance(&app, "a").await, branch(&app).await), (Some(1), 1), "what came before is in the views");
        assert_eq!(balance(&app, account).await, None, "round {round}: nothing is skipped");
        let before = app.read_log(0, usize::MAX).await.unwrap();
        assert_eq!((before.records.len(), before.next), (2, Some(2)));
        assert_eq!(code(app.read_log(2, usize::MAX).await), "PAYLOAD_MALFORMED");
        assert_eq!(code(app.shutdown().await), "CONSUMER_STOPPED");
    }
}

pub(super) async fn an_event_whose_key_does_not_decode_stops_right_there(backend: impl Backend) {
    smuggle(&backend, "bank.v1.AccountOpenedV2", b"\xff\xff").await;
    for account in ["b", "c"] {
        let app = start(&backend, &Faults::default()).await;
        open(&app, account, 5).await;
        drains_but_for(&app, &[BALANCES, BRANCHES]).await;
        stops_at_three(&app, BRANCHES).await;
        assert_eq!(branch(&app).await, 1, "what came before is handled, once");
        assert_eq!(code(app.shutdown().await), "CONSUMER_STOPPED");
    }
}

//! Stored events that cannot be used: those who want them park them, and go on.

use angzarr_runtime::App;
use angzarr_tests::Faults;
use angzarr_tests::bank::v1::BranchRow;

use super::bad_books::smuggle;
use super::{BALANCES, BRANCHES, NOTICES, TRANSFERS, WATCH, balance, code, open, start, status, stream};
use crate::backend::Backend;

async fn branch(app: &App) -> u32 {
    let branches = app.view::<BranchRow>().unwrap();
    branches.get(["NL", "Delft"]).await.unwrap().map_or(0, |row| row.accounts)
}

/// Expects just these consumers to have parked what is at position 3, and all to have passed the end.
async fn parked_at_three(app: &App, consumers: &[&str]) {
    app.drained().await.unwrap();
    for name in [TRANSFERS, WATCH, BALANCES, BRANCHES, NOTICES] {
        let consumer = app.consumer(name).unwrap();
        let letters = consumer.dead_letters(None, 10).await.unwrap();
        let parks = consumer.parks().await.unwrap();
        let expected = usize::from(consumers.contains(&name));
        assert_eq!((letters.len(), parks.len(), status(app, name).parks), (expected, expected, expected), "{name}");
        for letter in letters {
            assert_eq!(letter.event.position, 3);
            assert!(letter.attempts.iter().all(|attempt| attempt.code == "PAYLOAD_MALFORMED"));
        }
    }
}

pub(super) async fn parks_take_old_events_that_cannot_be_upcast(backend: impl Backend) {
    smuggle(&backend, "bank.v1.AccountOpened", b"\xff\xff").await;
    for (opened, account) in (2..).zip(["b", "c"]) {
        let app = start(&backend, &Faults::default()).await;
        open(&app, account, 5).await;
        parked_at_three(&app, &[BALANCES, BRANCHES]).await;
        assert_eq!((balance(&app, "a").await, balance(&app, account).await), (Some(1), Some(5)));
        assert_eq!(branch(&app).await, opened);
        let before = app.read_log(0, usize::MAX).await.unwrap();
        assert_eq!((before.records.len(), before.next), (2, Some(2)));
        assert_eq!(code(app.read_log(2, usize::MAX).await), "PAYLOAD_MALFORMED");
        let lane = stream("accounts", "a").root.to_string();
        let again = app.consumer(BALANCES).unwrap().replay(&lane).await.unwrap();
        assert_eq!((again.events, again.failed.unwrap().1.code), (0, "PAYLOAD_MALFORMED".to_owned()));
        app.consumer(BALANCES).unwrap().dead_letters(None, 10).await.unwrap();
        app.shutdown().await.unwrap();
    }
}

pub(super) async fn parks_take_events_whose_key_does_not_decode(backend: impl Backend) {
    smuggle(&backend, "bank.v1.AccountOpenedV2", b"\xff\xff").await;
    let app = start(&backend, &Faults::default()).await;
    open(&app, "b", 5).await;
    app.drained().await.unwrap();
    // One finds out when it asks for the key, the other one in its handler.
    for name in [BALANCES, BRANCHES] {
        let letters = app.consumer(name).unwrap().dead_letters(None, 10).await.unwrap();
        assert_eq!((letters.len(), letters[0].event.position), (1, 3), "{name}");
        assert_eq!(letters[0].attempts[0].code, "PAYLOAD_MALFORMED");
    }
    assert_eq!((branch(&app).await, balance(&app, "b").await), (2, Some(5)));
    app.shutdown().await.unwrap();
}

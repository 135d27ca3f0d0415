//! Readers that follow a log, as consumers do.

use std::sync::Arc;
use std::time::Duration;

use angzarr_runtime::store::{Record, Store};

/// Far longer than anything here takes; only what never comes is waited for that long.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Follows a log from behind `after` until `count` records have come.
pub(super) async fn follow(store: Arc<dyn Store>, after: u64, page: usize, count: usize) -> Vec<Record> {
    let mut head = store.watch();
    let mut seen: Vec<Record> = Vec::new();
    let all = async {
        while seen.len() < count {
            let last = seen.last().map_or(after, |record| record.position);
            let found = store.read(last, page).await.unwrap();
            if found.is_empty() {
                head.wait_for(|head| *head > last).await.unwrap();
            }
            seen.extend(found);
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, all).await.is_ok();
    assert!(in_time, "{} of {count} records came", seen.len());
    seen
}

/// Expects what a reader saw to be all that there is behind `after`, once and in order.
pub(super) async fn saw_all(store: &Arc<dyn Store>, after: u64, seen: &[Record]) {
    assert!(seen.is_sorted_by(|a, b| a.position < b.position), "positions grow");
    // What a reader passed by while it was being written would be missing.
    assert_eq!(seen, store.read(after, usize::MAX).await.unwrap());
}

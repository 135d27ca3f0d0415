//! The roots of a domain.

use angzarr_runtime::store::{NewBook, Root, StreamId};
use uuid::Uuid;

use super::{book, keyed};
use crate::backend::Backend;

/// Domains whose names are near each other.
const DOMAINS: [&str; 4] = ["things", "thing", "things2", "Things"];

pub(super) async fn roots_of_a_domain_come_in_order(backend: impl Backend) {
    let opened = backend.open().await;
    let mut expected = Vec::new();
    for number in 0..7_u8 {
        // The order of appending is not that of the roots.
        let root = Uuid::from_bytes([number.wrapping_mul(111); 16]);
        for domain in DOMAINS {
            let said = ["a", "b", "c"];
            let said = &said[..usize::from(number % 3) + 1];
            let key = format!("{domain} {number}");
            let book = NewBook { key: key.clone().into(), ..book(&StreamId::new(domain, root), said) };
            opened.store.append(book).await.unwrap();
            if domain == "things" {
                expected.push(Root { root, key: key.into(), next_sequence: u32::from(number % 3) + 1 });
            }
        }
    }
    expected.sort_by_key(|root| root.root);
    let store = backend.reopen(opened).await.store;
    assert_eq!(store.roots("things", None, 100).await.unwrap(), expected);
    assert_eq!(store.roots("nothing", None, 100).await.unwrap(), []);
    for limit in 1..=expected.len() {
        let mut paged: Vec<Root> = Vec::new();
        loop {
            let page = store.roots("things", paged.last().map(|root| root.root), limit).await.unwrap();
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, expected, "{limit} at a time");
    }
}

/// What only has a key, or a deadline less, is there to be found again, but holds nothing.
pub(super) async fn roots_without_records_are_none(backend: impl Backend) {
    let store = backend.open().await.store;
    let (empty, full) = (super::stream(), super::stream());
    store.append(keyed("a", book(&empty, &[]))).await.unwrap();
    assert_eq!(store.roots("things", None, 10).await.unwrap(), []);
    store.append(book(&full, &["a"])).await.unwrap();
    let roots = store.roots("things", None, 10).await.unwrap();
    assert_eq!(roots, [Root { root: full.root, key: "thing".into(), next_sequence: 1 }]);
}

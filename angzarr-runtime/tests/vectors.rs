//! The recipes for ids and keys, against the vectors that every language shares.

#![expect(clippy::unwrap_used, reason = "in a test's helper, a panic is how the test fails")]

use angzarr_runtime::id::{ANGZARR, Purpose, Trigger, consumer_key, root_id};
use serde::Deserialize;
use uuid::Uuid;

#[derive(Deserialize)]
struct Vectors {
    angzarr_namespace: Uuid,
    root_ids: Vec<RootId>,
    root_errors: Vec<RootError>,
    consumer_keys: Vec<ConsumerKey>,
}

#[derive(Deserialize)]
struct RootId {
    domain: String,
    key: String,
    root: Uuid,
}

#[derive(Deserialize)]
struct RootError {
    domain: String,
    key: String,
}

#[derive(Deserialize)]
struct ConsumerKey {
    purpose: String,
    consumer: String,
    domain: String,
    root: Uuid,
    sequence: u32,
    part: u32,
    index: u32,
    consumer_key: Uuid,
}

fn vectors() -> Vectors {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/semantics/vectors.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn root_ids_follow_the_recipe() {
    let vectors = vectors();
    assert_eq!(ANGZARR, vectors.angzarr_namespace);
    assert!(vectors.root_ids.len() >= 10);
    for vector in vectors.root_ids {
        assert_eq!(root_id(&vector.domain, &vector.key), Some(vector.root), "{} in {}", vector.key, vector.domain);
    }
    for vector in vectors.root_errors {
        assert_eq!(root_id(&vector.domain, &vector.key), None);
    }
}

#[test]
fn consumer_keys_follow_the_recipe() {
    let vectors = vectors();
    assert!(vectors.consumer_keys.len() >= 6);
    for vector in vectors.consumer_keys {
        let purpose = match vector.purpose.as_str() {
            "command" => Purpose::Command,
            "step" => Purpose::Step,
            "compensation" => Purpose::Compensation,
            other => panic!("unknown purpose {other}"),
        };
        let ConsumerKey { consumer, domain, root, sequence, part, .. } = &vector;
        let trigger = Trigger { consumer, domain, root: *root, sequence: *sequence, part: *part };
        assert_eq!(consumer_key(purpose, trigger, vector.index), vector.consumer_key);
    }
}

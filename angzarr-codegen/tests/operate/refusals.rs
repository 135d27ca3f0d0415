//! What cannot be done, and how that is told.

use crate::place::{Said, angzarr, place, said};

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_that_is_not_there_is_told_with_what_helps() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = format!("unix:{}", folder.path().join("api").display());
    let Said { code, out, err } = said(angzarr().args(["consumers", "--address", &nowhere]));
    assert_eq!((code, &*out), (Some(3), ""));
    let expected = format!(
        "error[SIDECAR_UNREACHABLE]: there is no sidecar to be reached at {nowhere}: No such file or directory \
         (os error 2)\n  = help: start it, or say where it listens with `--address` or ANGZARR_ADDRESS\n"
    );
    assert_eq!(err, expected);
    let Said { err, .. } = said(angzarr().args(["consumers", "--format", "json", "--address", &nowhere]));
    let err: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert_eq!(err["code"], "SIDECAR_UNREACHABLE");
    assert!(err["help"].as_str().unwrap().starts_with("start it"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sidecar_refuses_has_its_code_and_help() {
    let place = place().await;
    for (words, code) in [
        (&["consumers", "pause", "nobody"][..], "CONSUMER_UNKNOWN"),
        (&["dlq", "list", "--consumer", "nobody"], "CONSUMER_UNKNOWN"),
        (&["state", "orrders", "1"], "DOMAIN_UNKNOWN"),
        (&["events", "orders", ""], "ROOT_EMPTY"),
        (&["views", "rebuild", "nobody"], "CONSUMER_UNKNOWN"),
    ] {
        let said = place.run(words);
        assert_eq!((said.code, &*said.out), (Some(1), ""), "{words:?}: {}", said.err);
        assert!(said.err.starts_with(&format!("error[{code}]: ")), "{words:?}: {}", said.err);
        assert!(said.err.contains("\n  = help: "), "{words:?}: {}", said.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told() {
    let place = place().await;
    for (words, what) in [
        (&["state", "orders", "9"][..], "nothing was recorded for `9` in the domain `orders`"),
        (
            &["state", "orders", "1", "--at", "2029-12-31T00:00:00Z"],
            "nothing was recorded for `1` in the domain `orders` by then",
        ),
        (&["trace", "web-9"], "nothing was recorded in a conversation `web-9`"),
        (
            &["dlq", "show", "shop.orders.v1.app.Fulfilment:1"],
            "there is no dead letter shop.orders.v1.app.Fulfilment:1; `angzarr dlq` lists all",
        ),
    ] {
        let said = place.run(words);
        assert_eq!((said.code, said.err), (Some(1), format!("error: {what}\n")), "{words:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_without_being_asked_for() {
    let place = place().await;
    let before = place.run(&["dlq"]);
    let id = before.out.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    for word in ["skip", "discard", "discard-and-compensate"] {
        let said = place.run(&["dlq", word, &id]);
        assert_eq!(said.code, Some(2), "{word}: {said:?}");
        assert!(said.err.contains("say it with `--yes`"), "{word}: {}", said.err);
    }
    assert_eq!(place.run(&["dlq"]), before);
}

#[test]
fn wrong_usage_is_told_before_anybody_is_asked() {
    for words in [
        &["events"][..],
        &["events", "orders"],
        &["events", "orders", "1", "--domain", "orders"],
        &["events", "orders", "1", "--to", "1", "--follow"],
        &["events", "orders", "1", "--as-of", "yesterday"],
        &["events", "--domain", "orders", "--from", "1"],
        &["state", "orders"],
        &["dlq", "show", "17"],
        &["consumers", "--address", "nowhere"],
    ] {
        let output = angzarr().args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
    }
}

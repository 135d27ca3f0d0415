//! What programs get: one JSON object a line.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use angzarr_runtime::component::OnFailure;
use serde_json::{Value, json};

use crate::place::{Chalk, Place, place, place_where};

fn lines(place: &Place, words: &[&str]) -> Vec<Value> {
    let said = place.run(&[words, &["--json"]].concat());
    assert_eq!((said.code, &*said.err), (Some(0), ""), "{words:?}");
    said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_states() {
    let place = place().await;
    let events = lines(&place, &["events", "orders", "1"]);
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected = ["OrderPlacedV2", "OrderConfirmed", "VoucherEarned"].map(|name| format!("shop.orders.v1.{name}"));
    assert_eq!(types, expected);
    assert_eq!(
        events[0]["data"],
        json!({"currency": "USD", "orderId": "1", "quantity": 3, "sku": "kettle", "totalCents": "13500"})
    );
    assert_eq!(events[0]["cause"], Value::Null);
    assert_eq!(events[1]["cause"]["component"], "shop.checkout.v1.app.Checkout");
    let root = events[0]["root"].as_str().unwrap();
    assert_eq!(lines(&place, &["events", "orders", root]), events, "by its root");
    assert_eq!(lines(&place, &["events", "orders", "1", "--from", "1", "--to", "1"]), events[1..2]);
    assert_eq!(lines(&place, &["events", "orders", "1", "--as-of", "0"]), events[..1]);
    assert_eq!(lines(&place, &["events", "orders", "1", "--as-of", "2029-12-31T00:00:00Z"]), [] as [Value; 0]);
    assert_eq!(lines(&place, &["events", "orders", "nobody"]), [] as [Value; 0]);
    let talk = lines(&place, &["events", "--correlation", "web-1"]);
    assert!(talk.iter().all(|event| event["correlation_id"] == "web-1" && event["kind"] != "commands"), "{talk:?}");
    assert!(talk.iter().any(|event| event["kind"] == "fact"), "{talk:?}");

    let roots = lines(&place, &["events", "--domain", "orders"]);
    let mut keys: Vec<_> = roots.iter().map(|root| (root["key"].as_str().unwrap(), &root["next_sequence"])).collect();
    keys.sort_by_key(|(key, _)| *key);
    assert_eq!(keys, [("1", &json!(3)), ("2", &json!(1))]);
    let cut = place.run(&["events", "--domain", "orders", "--limit", "1", "--json"]);
    assert_eq!(cut.out.lines().count(), 1);
    assert!(cut.err.starts_with("there are more"), "{}", cut.err);

    let state = |words: &[&str]| lines(&place, &[&["state", "stock", "kettle"], words].concat()).remove(0);
    assert_eq!(state(&[])["data"], json!({"available": "7", "reserved": "3"}));
    assert_eq!(state(&["--at", "0"])["data"], json!({"available": "10"}));
    assert_eq!(state(&["--at", "2030-01-01T00:00:00Z"]), state(&[]));
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_views_deadlines_and_traces() {
    let place = place().await;
    let consumers = lines(&place, &["consumers"]);
    let clerk = consumers.iter().find(|one| one["name"] == "shop.orders.v1.app.Fulfilment").unwrap();
    assert_eq!((&clerk["state"], &clerk["parks"], &clerk["lag"]), (&json!("running"), &json!(1), &json!(0)));
    assert_eq!(clerk["failures"], json!({"CLERK_AWAY": 2}));
    let views = lines(&place, &["views"]);
    assert_eq!((&views[0]["name"], &views[0]["state"]), (&json!("shop.orders.v1.app.OrderBoard"), &json!("read")));
    assert_eq!(lines(&place, &["deadlines"]), [] as [Value; 0], "what was set is cancelled");

    let trace = lines(&place, &["trace", "web-2"]).remove(0);
    let placed = &trace["books"][0]["records"][0];
    assert_eq!((&placed["type"], &placed["domain"]), (&json!("shop.orders.v1.OrderPlacedV2"), &json!("orders")));
    assert_eq!(placed["dead_letters"][0]["code"], "CLERK_AWAY");
    assert_eq!(placed["caused"][0]["component"], "shop.checkout.v1.app.Checkout");
    let trace = lines(&place, &["trace", "web-1"]).remove(0).to_string();
    for expected in [r#""completed":true"#, r#""to":"payments/1""#, r#""name":"payment""#, r#""pending":false"#] {
        assert!(trace.contains(expected), "{expected}: {trace}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_replayed_skipped_and_removed() {
    let place = place().await;
    place.order("3", 1).await;
    let letters = lines(&place, &["dlq"]);
    assert_eq!(lines(&place, &["dlq", "list", "--consumer", "shop.orders.v1.app.Fulfilment"]), letters);
    let [two, three] = &*letters else { panic!("{letters:?}") };
    assert_eq!((&two["parked"], two["attempts"].as_array().unwrap().len()), (&json!(1), 2));
    assert_eq!(two["event"]["data"]["orderId"], "2");
    let id = |letter: &Value| letter["id"].as_str().unwrap().to_owned();
    assert_eq!(&lines(&place, &["dlq", "show", &id(two)])[0], two);

    let again = place.run(&["dlq", "replay", &id(two)]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.out.starts_with("0 events left the park of lane "), "{}", again.out);
    assert!(again.err.starts_with("error[CLERK_AWAY]: "), "{}", again.err);
    place.clerk_comes_back();
    assert_eq!(lines(&place, &["dlq", "replay", &id(two)])[0]["left"], 1);
    assert_eq!(lines(&place, &["dlq", "skip", "--yes", &id(three)])[0]["left"], 1);
    assert_eq!(lines(&place, &["dlq"]), [] as [Value; 0]);
    place.app.drained().await.unwrap();
    let due = lines(&place, &["deadlines", "--domain", "checkout"]);
    assert_eq!((&due[0]["key"], &due[0]["due_at"]), (&json!("2"), &json!("2030-01-04T00:00:00Z")));
    assert_eq!(lines(&place, &["deadlines", "--domain", "orders"]), [] as [Value; 0]);
    assert_eq!(lines(&place, &["deadlines", "--until", "2030-01-03T00:00:00Z"]), [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_in_a_park_is_listed() {
    let place = place().await;
    place.chalk(Chalk::UsedUp);
    place.order("3", 1).await;
    place.cancel("3").await;
    place.chalk(Chalk::There);
    let board = ["dlq", "list", "--consumer", "shop.orders.v1.app.OrderBoard"];
    let [letter] = &*lines(&place, &board) else { panic!("one park") };
    assert_eq!((&letter["parked"], &letter["event"]["type"]), (&json!(2), &json!("shop.orders.v1.OrderPlacedV2")));
    let id = letter["id"].as_str().unwrap();
    let kept = place.run(&["dlq", "remove", "--yes", id]);
    assert_eq!((kept.code, &*kept.out), (Some(1), ""), "{kept:?}");
    assert!(kept.err.contains("stands at the head of a park"), "{}", kept.err);

    assert_eq!(lines(&place, &["dlq", "skip", "--yes", id])[0]["left"], 1);
    let [left] = &*lines(&place, &board) else { panic!("one park") };
    assert_eq!((&left["parked"], &left["attempts"]), (&json!(1), &json!([])));
    let id = left["id"].as_str().unwrap();
    let shown = place.run(&["dlq", "show", id]);
    assert_eq!(shown.out, "consumer     shop.orders.v1.app.OrderBoard\nlane         3 (1 event parked)\n");
    assert_eq!(lines(&place, &["dlq", "replay", id])[0]["left"], 1);
    assert_eq!(lines(&place, &board), [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_without_a_park_are_removed() {
    let place = place_where(OnFailure::Skip).await;
    place.chalk(Chalk::UsedUp);
    place.order("3", 1).await;
    let board = ["dlq", "list", "--consumer", "shop.orders.v1.app.OrderBoard"];
    let [letter] = &*lines(&place, &board) else { panic!("one letter") };
    assert_eq!(letter["parked"], 0);
    let id = letter["id"].as_str().unwrap();
    let nowhere = place.run(&["dlq", "replay", id]);
    assert!(nowhere.err.starts_with("error[LANE_NOT_PARKED]: "), "{}", nowhere.err);
    let unasked = place.run(&["dlq", "remove", id]);
    assert_eq!(unasked.code, Some(2), "{unasked:?}");
    assert_eq!(lines(&place, &["dlq", "remove", "--yes", id]), [json!({"id": id, "done": "removed"})]);
    assert_eq!(lines(&place, &board), [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_pause_and_views_are_built_anew() {
    let place = place().await;
    let board = "shop.orders.v1.app.OrderBoard";
    let state = |place: &Place| {
        lines(place, &["consumers"]).into_iter().find(|one| one["name"] == board).unwrap()["state"].clone()
    };
    assert_eq!(lines(&place, &["consumers", "pause", board]), [json!({"consumer": board, "done": "paused"})]);
    while state(&place) != "paused" {}
    lines(&place, &["consumers", "resume", board]);
    while state(&place) != "running" {}
    let told = lines(&place, &["views", "rebuild", board, "--follow"]);
    let last = told.last().unwrap();
    assert_eq!((&last["version"], &last["state"]), (&json!(2), &json!("read")));
}

/// `angzarr events --follow` with some words, which ends with the test.
struct Following {
    process: Child,
    /// None once nobody reads any more.
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Following {
    fn start(place: &Place, words: &[&str]) -> Self {
        let mut command = place.angzarr();
        let mut process =
            command.arg("events").args(words).args(["--follow", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines: Some(lines) }
    }

    /// Domain, key and type of the next event.
    fn next(&mut self) -> String {
        let line = tokio::task::block_in_place(|| self.lines.as_mut().unwrap().next()).unwrap().unwrap();
        let event: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        format!("{}/{} {}", text("domain"), text("key"), text("type").rsplit('.').next().unwrap())
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_catches_up_and_sees_what_comes() {
    let place = place().await;
    let mut domain = Following::start(&place, &["--domain", "orders"]);
    for expected in ["1 OrderPlacedV2", "1 OrderConfirmed", "1 VoucherEarned", "2 OrderPlacedV2"] {
        assert_eq!(domain.next(), format!("orders/{expected}"));
    }
    let mut stream = Following::start(&place, &["stock", "kettle", "--from", "1"]);
    assert_eq!(stream.next(), "stock/kettle StockReserved");
    let mut talk = Following::start(&place, &["--correlation", "web-2"]);
    assert_eq!(talk.next(), "orders/2 OrderPlacedV2");
    assert_eq!(talk.next(), "checkout/2 CheckoutStarted");
    let mut empty = Following::start(&place, &["orders", "3"]);

    place.clerk_comes_back();
    place.order("3", 1).await;
    assert_eq!(domain.next(), "orders/3 OrderPlacedV2");
    assert_eq!(stream.next(), "stock/kettle StockReserved");
    assert_eq!(empty.next(), "orders/3 OrderPlacedV2");
    let id = "shop.orders.v1.app.Fulfilment:15";
    assert_eq!(lines(&place, &["dlq", "replay", id])[0]["left"], 1);
    assert_eq!(talk.next(), "stock/kettle StockReserved");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_ends_when_nobody_reads() {
    let place = place().await;
    let mut following = Following::start(&place, &["--domain", "orders"]);
    assert_eq!(following.next(), "orders/1 OrderPlacedV2");
    following.lines = None;
    place.order("3", 1).await;
    let status = tokio::task::block_in_place(|| following.process.wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

//! States that a service keeps between calls, and what it says of them.

use angzarr_runtime::id::root_id;
use angzarr_runtime::prost::Message;
use angzarr_runtime::proto::history::Base;
use angzarr_runtime::proto::{self, DescribeRequest, History, fold_response::Outcome};
use angzarr_runtime::transport::services::business_logic_client::BusinessLogicClient;
use angzarr_runtime::transport::services::describe_client::DescribeClient;
use angzarr_runtime::{Event, Payload};
use angzarr_tests::tck::v1::{Noted, Run, Script};

use crate::calls::{note, run};
use crate::place::Place;

pub(super) async fn only_new_history_travels(place: &mut Place) {
    let id = "warm/travels";
    place.done(&Run { times: 1_000, ..run(id, vec![note("a text that would be seen to travel")]) }).await;
    place.done(&run(id, vec![note("first")])).await;
    let before = place.wire.sent();
    place.done(&run(id, vec![note("second")])).await;
    let sent = place.wire.sent() - before;
    assert!(sent < 4_000, "{sent} bytes were sent for one command");
}

/// A service, asked as a runtime of this epoch asks it.
struct Asked<'a> {
    place: &'a Place,
    runtime_epoch: [u8; 16],
}

impl Asked<'_> {
    /// Folds for a root; what the service answers.
    async fn fold(&self, id: &str, history: History) -> proto::FoldResponse {
        let request = proto::FoldRequest {
            component: "tck.v1.app.Scripts".into(),
            runtime_epoch: self.runtime_epoch.to_vec().into(),
            root: Some(root_id("scripts", id).unwrap().into()),
            history: Some(history),
        };
        BusinessLogicClient::new(self.place.service()).fold(request).await.unwrap().into_inner()
    }
}

fn noted(texts: &[&str]) -> Vec<angzarr_runtime::prost_types::Any> {
    let noted = |text: &&str| Payload { type_name: Noted::TYPE_NAME.into(), value: noted_bytes(text).into() }.to_any();
    texts.iter().map(noted).collect()
}

fn noted_bytes(text: &str) -> Vec<u8> {
    Noted { text: text.into() }.encode_to_vec()
}

fn texts(answer: &proto::FoldResponse) -> Vec<String> {
    match &answer.outcome {
        Some(Outcome::State(state)) => Script::decode(&*state.value).unwrap().texts,
        other => panic!("{other:?}"),
    }
}

async fn epoch(place: &Place) -> bytes::Bytes {
    DescribeClient::new(place.service()).describe(DescribeRequest {}).await.unwrap().into_inner().service_epoch
}

async fn held(place: &Place, held: u32, next: u32) -> History {
    History { base: Some(Base::Held(held)), next, service_epoch: epoch(place).await, ..History::default() }
}

pub(super) async fn a_service_says_that_it_lacks_history(place: &mut Place) {
    let asked = Asked { place, runtime_epoch: [1; 16] };
    let answer = asked.fold("warm/lacks", held(place, 2, 2).await).await;
    let Some(Outcome::NeedsHistory(needs)) = answer.outcome else { panic!("{answer:?}") };
    assert_eq!((needs.holds, answer.holds), (0, 0));
}

pub(super) async fn a_service_keeps_what_it_folded(place: &mut Place) {
    let (id, asked) = ("warm/kept", Asked { place, runtime_epoch: [2; 16] });
    let answer = asked.fold(id, History { events: noted(&["a", "b"]), next: 2, ..History::default() }).await;
    assert_eq!(texts(&answer), ["a", "b"]);
    assert_eq!(answer.service_epoch, epoch(place).await);
    // A service may keep nothing; then it has to say so.
    if answer.holds == 0 {
        return;
    }
    assert_eq!(answer.holds, 2);
    let more = History { events: noted(&["c"]), ..held(place, 2, 3).await };
    let answer = asked.fold(id, more).await;
    assert_eq!((texts(&answer), answer.holds), (["a", "b", "c"].map(String::from).into(), 3));
    // What it holds by now is not what that builds upon.
    let answer = asked.fold(id, held(place, 2, 2).await).await;
    let Some(Outcome::NeedsHistory(needs)) = answer.outcome else { panic!("{answer:?}") };
    assert_eq!(needs.holds, 3);
}

pub(super) async fn states_of_another_runtime_are_not_taken(place: &mut Place) {
    let id = "warm/others";
    let asked = Asked { place, runtime_epoch: [3; 16] };
    asked.fold(id, History { events: noted(&["a"]), next: 1, ..History::default() }).await;
    let another = Asked { place, runtime_epoch: [4; 16] };
    let answer = another.fold(id, held(place, 1, 1).await).await;
    assert!(matches!(answer.outcome, Some(Outcome::NeedsHistory(_))), "{answer:?}");
}

pub(super) async fn states_of_an_earlier_start_are_not_taken(place: &mut Place) {
    let (id, asked) = ("warm/earlier", Asked { place, runtime_epoch: [5; 16] });
    asked.fold(id, History { events: noted(&["a"]), next: 1, ..History::default() }).await;
    let earlier = History { service_epoch: vec![9; 16].into(), ..held(place, 1, 1).await };
    let answer = asked.fold(id, earlier).await;
    assert!(matches!(answer.outcome, Some(Outcome::NeedsHistory(_))), "{answer:?}");
}

pub(super) async fn what_is_pending_is_forgotten(place: &mut Place) {
    let (id, asked) = ("warm/pending", Asked { place, runtime_epoch: [6; 16] });
    let pending = History { events: noted(&["a"]), pending: noted(&["pending"]), next: 1, ..History::default() };
    let answer = asked.fold(id, pending).await;
    assert_eq!(texts(&answer), ["a", "pending"]);
    if answer.holds > 0 {
        let answer = asked.fold(id, held(place, 1, 1).await).await;
        assert_eq!(texts(&answer), ["a"]);
    }
}

//! Many decisions by one call.

use std::time::Duration;

use angzarr_runtime::id::root_id;
use angzarr_runtime::proto::{self, handle_request::Input, handle_response::Outcome};
use angzarr_runtime::transport::services::business_logic_client::BusinessLogicClient;
use angzarr_runtime::{Command, Payload};
use angzarr_tests::tck::v1::RunLater;
use futures_util::stream::unfold;
use tokio::sync::mpsc;
use tonic::Streaming;

use crate::calls::{note, run};
use crate::place::Place;

/// A call that is open at a service.
struct Open {
    requests: mpsc::UnboundedSender<proto::HandleManyRequest>,
    answers: Streaming<proto::HandleManyResponse>,
}

impl Open {
    async fn at(place: &Place) -> Self {
        let (requests, asked) = mpsc::unbounded_channel();
        let asked = unfold(asked, |mut asked| async { asked.recv().await.map(|request| (request, asked)) });
        let answers = BusinessLogicClient::new(place.service()).handle_many(asked).await.unwrap();
        Self { requests, answers: answers.into_inner() }
    }

    fn ask(&self, call: u64, request: Option<proto::HandleRequest>) {
        self.requests.send(proto::HandleManyRequest { call, request }).unwrap();
    }

    /// What is answered next: its number, and how many events there are, or none if it has not begun.
    async fn answered(&mut self) -> (u64, Option<usize>) {
        let proto::HandleManyResponse { call, response } = self.answers.message().await.unwrap().unwrap();
        let events = response.map(|response| match response.outcome {
            Some(Outcome::Events(events)) => events.messages.len(),
            other => panic!("{other:?}"),
        });
        (call, events)
    }

    /// Nothing more is asked for; what comes after that.
    async fn end(mut self) -> Option<proto::HandleManyResponse> {
        drop(self.requests);
        self.answers.message().await.unwrap()
    }
}

/// A command for a new root.
fn request<C: Command>(command: &C) -> proto::HandleRequest {
    let root = root_id(C::DOMAIN, &command.root_key()).unwrap();
    let cover = proto::Cover {
        domain: C::DOMAIN.into(),
        root: Some(root.into()),
        key: command.root_key(),
        ..proto::Cover::default()
    };
    proto::HandleRequest {
        component: "tck.v1.app.Scripts".into(),
        runtime_epoch: vec![7; 16].into(),
        context: Some(proto::Context {
            cover: Some(cover),
            now: Some(std::time::SystemTime::now().into()),
            id_seed: vec![1; 16].into(),
            ..proto::Context::default()
        }),
        history: Some(proto::History::default()),
        input: Some(Input::Command(Payload::command(command).to_any())),
    }
}

fn after_an_hour() -> RunLater {
    RunLater { script: "many/slow".into(), emit: vec![note("late")], after: 3_600_000 }
}

pub(super) async fn each_is_answered_when_it_is_decided(place: &mut Place) {
    let mut open = Open::at(place).await;
    open.ask(1, Some(request(&after_an_hour())));
    open.ask(2, Some(request(&run("many/a", vec![note("a")]))));
    assert_eq!(open.answered().await, (2, Some(1)));
    open.ask(3, Some(request(&run("many/b", vec![note("b"), note("c")]))));
    assert_eq!(open.answered().await, (3, Some(2)));
    // Nobody waits for the first one any more; it would be answered before the end otherwise.
    open.ask(1, None);
    assert_eq!(open.end().await, None);
}

pub(super) async fn what_makes_no_sense_has_no_answer(place: &mut Place) {
    let mut open = Open::at(place).await;
    open.ask(u64::MAX, Some(proto::HandleRequest::default()));
    assert_eq!(open.answered().await, (u64::MAX, None));
    // What it has never heard of is given up as well.
    open.ask(9, None);
    open.ask(1, Some(request(&run("many/sense", vec![note("a")]))));
    assert_eq!(open.answered().await, (1, Some(1)));
    assert_eq!(open.end().await, None);
}

pub(super) async fn what_has_begun_is_answered_before_the_service_ends(place: &mut Place) {
    let mut open = Open::at(place).await;
    open.ask(1, Some(request(&after_an_hour())));
    open.ask(2, Some(request(&RunLater { after: 100, ..after_an_hour() })));
    open.ask(3, Some(request(&run("many/ends", vec![note("a")]))));
    assert_eq!(open.answered().await, (3, Some(1)));
    place.service_process().terminate();
    let (mut begun, mut asked) = (vec![1, 2], 3);
    loop {
        asked += 1;
        open.ask(asked, Some(request(&run("many/ends", vec![note("a")]))));
        let (mut call, mut events) = open.answered().await;
        if call == 2 {
            assert_eq!((events, begun.pop()), (Some(1), Some(2)));
            (call, events) = open.answered().await;
        }
        assert_eq!(call, asked);
        if events.is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    if begun.contains(&2) {
        assert_eq!(open.answered().await, (2, Some(1)));
    }
    // As long as somebody waits for the first one, the call is open.
    open.ask(1, None);
    assert_eq!(open.end().await, None);
    assert!(place.service_process().ends().await);
}

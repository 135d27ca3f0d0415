//! Many decisions by one call.

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

    /// What is decided next: its number, and how many events there are.
    async fn decided(&mut self) -> (u64, usize) {
        let answer = self.answers.message().await.unwrap().unwrap();
        match answer.response.unwrap().outcome {
            Some(Outcome::Events(events)) => (answer.call, events.messages.len()),
            other => panic!("{other:?}"),
        }
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

pub(super) async fn each_is_answered_when_it_is_decided(place: &mut Place) {
    let mut open = Open::at(place).await;
    let hour = RunLater { script: "many/slow".into(), emit: vec![note("late")], after: 3_600_000 };
    open.ask(1, Some(request(&hour)));
    open.ask(2, Some(request(&run("many/a", vec![note("a")]))));
    assert_eq!(open.decided().await, (2, 1));
    open.ask(3, Some(request(&run("many/b", vec![note("b"), note("c")]))));
    assert_eq!(open.decided().await, (3, 2));
    // Nobody waits for the first one any more; it would be answered before the end otherwise.
    open.ask(1, None);
    assert_eq!(open.end().await, None);
}

pub(super) async fn what_makes_no_sense_has_no_answer(place: &mut Place) {
    let mut open = Open::at(place).await;
    open.ask(u64::MAX, Some(proto::HandleRequest::default()));
    let answer = open.answers.message().await.unwrap();
    assert_eq!(answer, Some(proto::HandleManyResponse { call: u64::MAX, response: None }));
    // What it has never heard of is given up as well.
    open.ask(9, None);
    open.ask(1, Some(request(&run("many/sense", vec![note("a")]))));
    assert_eq!(open.decided().await, (1, 1));
    assert_eq!(open.end().await, None);
}

//! Law 10.

use angzarr_runtime::store::{Cause, Record, RecordKind};
use angzarr_runtime::telemetry::Traceparent;
use angzarr_tests::Faults;
use angzarr_tests::bank::v1::{Deposit, Transfer, Withdraw};

use super::{TRANSFERS, WATCH, log, names, of, open, start, start_accounts};
use crate::backend::Backend;

fn caused_by(event: &Record, component: &str) -> Cause {
    let (domain, root) = (event.stream.domain.clone(), event.stream.root);
    let depth = event.trace.cause.as_ref().map_or(1, |cause| cause.depth + 1);
    Cause { domain, root, sequence: event.sequence, part: event.part, component: component.to_owned().into(), depth }
}

fn cause(record: &Record) -> &Cause {
    record.trace.cause.as_deref().unwrap()
}

fn traceparent() -> Traceparent {
    Traceparent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap()
}

pub(super) async fn trace_starts_with_the_client(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 1).await;
    let deposit = || app.send(Deposit { account: "a".into(), amount: 1 });
    let given = deposit().correlation_id("talk-1").await.unwrap().events.remove(0);
    assert_eq!((&*given.trace.correlation_id, given.trace.cause), ("talk-1", None));
    let (one, other) = (deposit().await.unwrap(), deposit().await.unwrap());
    let ids = [&one, &other].map(|outcome| outcome.events[0].trace.correlation_id.clone());
    assert!(ids.iter().all(|id| uuid::Uuid::try_parse(id).is_ok()));
    assert_ne!(ids[0], ids[1], "each starts a conversation of its own");
}

pub(super) async fn trace_follows_a_saga(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 100).await;
    open(&app, "b", 0).await;
    let transfer = |to: &str| app.send(Transfer { account: "a".into(), to: to.into(), amount: 10 });
    let traced = transfer("b").traceparent(traceparent()).correlation_id("talk-1");
    let sent = traced.await.unwrap().events.remove(0);
    let lost = transfer("nobody").correlation_id("talk-2").await.unwrap().events.remove(0);
    app.drained().await.unwrap();
    let all = log(&app).await;

    let received = *of(&all, "accounts", "b").last().unwrap();
    assert_eq!(names([received]), ["TransferReceived"]);
    assert_eq!((&*received.trace.correlation_id, cause(received)), ("talk-1", &caused_by(&sent, TRANSFERS)));
    // Nobody collects spans, so it is handed on as it came.
    assert_eq!([&sent, received].map(|record| record.trace.traceparent), [Some(traceparent()); 2]);

    let refusal = of(&all, "accounts", "nobody")[0];
    assert_eq!(refusal.kind, RecordKind::Refusal);
    assert_eq!((&*refusal.trace.correlation_id, cause(refusal)), ("talk-2", &caused_by(&lost, TRANSFERS)));
    let returned = *of(&all, "accounts", "a").last().unwrap();
    assert_eq!(names([returned]), ["TransferReturned"]);
    assert_eq!((&*returned.trace.correlation_id, cause(returned)), ("talk-2", &caused_by(&lost, TRANSFERS)));
}

pub(super) async fn trace_follows_a_process(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 100).await;
    let withdraw = || app.send(Withdraw { account: "a".into(), amount: 1 });
    let first = withdraw().correlation_id("talk-1").await.unwrap().events.remove(0);
    app.drained().await.unwrap();
    let second = withdraw().traceparent(traceparent()).correlation_id("talk-2").await.unwrap().events.remove(0);
    app.drained().await.unwrap();
    let all = log(&app).await;
    let steps = of(&all, "watches", "a");
    let expected = [("talk-1", &first), ("talk-2", &second), ("talk-2", &second)];
    assert_eq!(steps.len(), expected.len());
    for (step, (talk, event)) in steps.into_iter().zip(expected) {
        assert_eq!((&*step.trace.correlation_id, cause(step)), (talk, &caused_by(event, WATCH)));
        assert_eq!(step.trace.traceparent, event.trace.traceparent);
    }
    for key in ["a", "a/card"] {
        let last = *of(&all, "accounts", key).last().unwrap();
        assert_eq!((&*last.trace.correlation_id, cause(last)), ("talk-2", &caused_by(&second, WATCH)), "{key}");
        assert_eq!(last.trace.traceparent, Some(traceparent()), "{key}");
    }
}

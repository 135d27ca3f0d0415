//! What a collector gets of a program that links the runtime.
#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test's helper, a panic is how the test fails")]

#[path = "sidecar/collector.rs"]
mod collector;

// What is not used of it here is used by the examples of the crate.
#[allow(dead_code, reason = "shared with others, who use the rest of it")]
mod example {
    include!("../src/app/example.rs");

    /// All components.
    pub(crate) async fn all() -> App {
        let app = App::builder(Storage::Memory).register(AccountRules {}).register(Reopen {}).register(Keep {});
        app.register(Show {}).metrics().start().await.unwrap()
    }

    pub(crate) fn deposit(account: &str) -> impl Command + use<> {
        Deposit { account: account.to_owned(), amount: 1 }
    }

    pub(crate) fn close(account: &str) -> impl Command + use<> {
        Close { account: account.to_owned() }
    }
}

use angzarr_runtime::telemetry::{Otlp, Traceparent};
use collector::{Collector, attribute};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use tracing::Instrument;
use tracing_subscriber::layer::SubscriberExt;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The one span of this name whose parent is that one.
fn child<'a>(spans: &'a [Span], parent: &str, name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.name == name && hex(&span.parent_span_id) == parent);
    let (one, other) = (found.next(), found.next());
    let all: Vec<_> = spans.iter().map(|span| (&span.name, hex(&span.span_id), hex(&span.parent_span_id))).collect();
    one.filter(|_| other.is_none()).unwrap_or_else(|| panic!("one `{name}` below {parent} in {all:?}"))
}

fn id(span: &Span) -> String {
    hex(&span.span_id)
}

/// Runs what `work` does with the application, and gives what has come of that.
async fn collected(work: impl AsyncFnOnce(&angzarr_runtime::App)) -> Collector {
    let collector = Collector::default();
    let otlp = Otlp::begin(&collector.listen().await, "test").unwrap();
    let subscriber = tracing_subscriber::registry().with(otlp.spans()).with(otlp.lines());
    let _collecting = tracing::subscriber::set_default(subscriber);
    let recorder = otlp.recorder();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let app = example::all().await;
    work(&app).await;
    app.drained().await.unwrap();
    app.shutdown().await.unwrap();
    tokio::task::spawn_blocking(move || otlp.end()).await.unwrap();
    collector
}

#[tokio::test]
async fn a_trace_goes_through_everything_that_follows() {
    let given = Traceparent::parse(&format!("00-{TRACE}-{CALLER}-01")).unwrap();
    let collector = collected(async |app| {
        let closed = app.send(example::close("a")).traceparent(given).correlation_id("talk").await.unwrap();
        let stored = closed.events[0].trace.traceparent.unwrap();
        assert_eq!(stored.trace_id().to_string(), TRACE);
        assert_ne!(stored, given, "what follows comes from the span, and not from the caller");
    })
    .await;
    let spans = collector.spans.lock().unwrap();
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE));
    let handled = child(&spans, CALLER, "aggregate.handle");
    child(&spans, &id(handled), "aggregate.execute");
    let saga = child(&spans, &id(handled), "saga.orchestrate");
    let sent = child(&spans, &id(saga), "orchestration.execute");
    let opened = child(&spans, &id(sent), "aggregate.handle");
    child(&spans, &id(opened), "aggregate.execute");
    child(&spans, &id(handled), "pm.orchestrate");
    for (span, component, domain) in [
        (handled, "example.v1.app.Accounts", "accounts"),
        (saga, "example.v1.app.Reopening", "accounts"),
        (sent, "example.v1.app.Reopening", "accounts"),
    ] {
        let told = |name| attribute(&span.attributes, name);
        assert_eq!((told("component"), told("domain"), told("correlation_id")), (component, domain, "talk"));
        assert_eq!((told("root").len(), told("code")), (36, ""));
    }
}

#[tokio::test]
async fn without_a_caller_it_goes_on_from_the_present_span() {
    let collector = collected(async |app| {
        let work = async {
            app.send(example::deposit("a")).await.unwrap();
            tracing::warn!("said within it");
            let conflict = app.send(example::deposit("a")).expecting(9).await.unwrap_err();
            assert_eq!(conflict.code(), "SEQUENCE_CONFLICT");
        };
        work.instrument(tracing::info_span!("request")).await;
    })
    .await;
    let spans = collector.spans.lock().unwrap();
    let request = child(&spans, "", "request");
    let handled: Vec<_> = spans.iter().filter(|span| span.name == "aggregate.handle").collect();
    assert_eq!(handled.iter().map(|span| hex(&span.parent_span_id)).collect::<Vec<_>>(), [id(request), id(request)]);
    let [stored, refused] = handled[..] else { panic!("two commands, {handled:?}") };
    child(&spans, &id(stored), "projector.handle");
    assert_eq!(attribute(&refused.attributes, "code"), "SEQUENCE_CONFLICT");
    assert_eq!(refused.status.as_ref().map(|status| status.code), Some(2), "an error");

    let line = collector.line("said within it").unwrap();
    assert_eq!((&line.trace_id, &line.span_id), (&request.trace_id, &request.span_id));
}

#[tokio::test]
async fn metrics_have_their_units_and_labels() {
    let collector = collected(async |app| {
        app.send(example::deposit("a")).await.unwrap();
        app.send(example::close("a")).await.unwrap();
        app.send(example::deposit("a")).expecting(9).await.unwrap_err();
    })
    .await;
    let counted = |name: &str| {
        let metric = collector.metric(name).unwrap_or_else(|| panic!("no `{name}`"));
        assert_eq!(metric.unit, "s");
        let Some(Data::Histogram(histogram)) = metric.data else { panic!("{name} is no histogram") };
        let mut points: Vec<_> = histogram
            .data_points
            .iter()
            .map(|point| {
                let label = |name| attribute(&point.attributes, name).to_owned();
                (label("component"), label("code"), point.count)
            })
            .collect();
        points.sort_unstable();
        points
    };
    let one = |component: &str| vec![(component.to_owned(), "OK".to_owned(), 1)];
    let accounts = "example.v1.app.Accounts".to_owned();
    let commands = [(accounts.clone(), "OK".to_owned(), 3), (accounts, "SEQUENCE_CONFLICT".to_owned(), 1)];
    assert_eq!(counted("angzarr.command.duration"), commands, "two of ours, and one of the saga's");
    assert_eq!(counted("angzarr.saga.duration"), one("example.v1.app.Reopening"));
    assert_eq!(counted("angzarr.pm.duration"), one("example.v1.app.Archive"));
    assert_eq!(counted("angzarr.projector.duration"), one("example.v1.app.Balances"));
    let Some(Data::Gauge(lag)) = collector.metric("angzarr.consumer.lag").unwrap().data else { panic!("no gauge") };
    assert_eq!(lag.data_points.len(), 3, "one a consumer");
}

//! What a program that links the runtime tells of itself: lines of its log, and metrics.
#![expect(clippy::unwrap_used, reason = "in a test's helper, a panic is how the test fails")]

#[allow(dead_code, reason = "what is not used here is used by the examples of the crate")]
mod example {
    include!("../src/app/example.rs");

    /// Says something, and fails if there is much.
    #[derive(Projector)]
    #[projector(define = Telling, name = "example.v1.app.Telling", on(on_deposited: Deposited => ()))]
    struct Tell {}

    impl Telling for Tell {
        async fn on_deposited(&self, event: Deposited, _: &Context) -> Result<(), Failure> {
            tracing::warn!("told");
            if event.amount > 9 { Err(Failure::new("TOO_MUCH", "it is too much")) } else { Ok(()) }
        }
    }

    pub(crate) async fn start() -> App {
        let once = angzarr_runtime::component::DeliveryOverride { attempts: Some(1), ..Default::default() };
        let app = App::builder(Storage::Memory).register(AccountRules {}).register(Tell {}).metrics();
        app.delivery("example.v1.app.Telling", once).start().await.unwrap()
    }

    pub(crate) fn deposit(amount: u64) -> impl Command + use<> {
        Deposit { account: "a".to_owned(), amount }
    }
}

use std::io::Write;
use std::sync::{Arc, Mutex};

use angzarr_runtime::telemetry::{Prometheus, Traceparent};
use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;

/// What is logged; clones share it.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn lines_within_spans_say_conversation_and_trace() {
    let log = Log::default();
    let writer = log.clone();
    let lines = tracing_subscriber::fmt::layer().with_writer(move || writer.clone()).json().flatten_event(true);
    let _logging = tracing::subscriber::set_default(tracing_subscriber::registry().with(lines));
    let app = example::start().await;
    let given = Traceparent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
    app.send(example::deposit(1)).traceparent(given).correlation_id("talk").await.unwrap();
    app.drained().await.unwrap();
    app.shutdown().await.unwrap();
    let log = log.0.lock().unwrap();
    let lines: Vec<Value> =
        log.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let told: Vec<_> = lines.iter().filter(|line| line["message"] == "told").collect();
    let [line] = told[..] else { panic!("one line: {lines:?}") };
    let span = &line["span"];
    assert_eq!((&span["name"], &span["correlation_id"]), (&"projector.handle".into(), &"talk".into()), "{line}");
    assert_eq!(span["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736", "{line}");
    assert_eq!((&span["component"], &span["domain"]), (&"example.v1.app.Telling".into(), &"accounts".into()), "{line}");
}

#[tokio::test]
async fn what_consumers_could_not_handle_is_counted() {
    let (recorder, metrics) = Prometheus::new().unwrap();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let app = example::start().await;
    for amount in [1, 10, 1] {
        app.send(example::deposit(amount)).await.unwrap();
    }
    app.drained().await.unwrap();
    app.shutdown().await.unwrap();
    let shown = metrics.render();
    for line in [
        r#"angzarr_command_duration_seconds_count{component="example.v1.app.Accounts",domain="accounts",code="OK"} 3"#,
        r#"angzarr_projector_duration_seconds_count{component="example.v1.app.Telling",code="TOO_MUCH"} 1"#,
        r#"angzarr_consumer_failures_total{component="example.v1.app.Telling",code="TOO_MUCH"} 1"#,
        r#"angzarr_consumer_dead_letters_total{component="example.v1.app.Telling"} 1"#,
        r#"angzarr_consumer_parks{component="example.v1.app.Telling"} 1"#,
        r#"angzarr_consumer_position{component="example.v1.app.Telling"} 3"#,
        r#"angzarr_consumer_lag{component="example.v1.app.Telling"} 0"#,
        "angzarr_log_position 3",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "no `{line}`:\n{shown}");
    }
}

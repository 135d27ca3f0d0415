//! What a collector gets of the sidecar, and what becomes of that if there is none.

use crate::collector::{Collector, attribute};
use crate::process::Place;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_is_exported_at_the_end() {
    let place = Place::new();
    let (_service, collector) = (place.serve(), Collector::default());
    let url = collector.listen().await;
    let mut sidecar = place.start(&format!(
        "listen: {{ address: \"{}\" }}\ntelemetry: {{ otlp: {{ endpoint: \"{url}\" }} }}",
        place.socket("api")
    ));
    sidecar.logs("serving").await;
    sidecar.signal("TERM");
    assert_eq!(sidecar.ends().await, Some(0), "{}", sidecar.log());
    assert!(collector.metric("angzarr.log.position").is_some());
    let line = collector.line("serving").unwrap();
    let address = attribute(&line.attributes, "address");
    assert_eq!((&*line.severity_text, address), ("INFO", &*place.socket("api").to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_it_works_and_says_so_once() {
    let place = Place::new();
    let _service = place.serve();
    // Nobody listens there.
    let mut sidecar = place.start_with(
        "",
        &format!(
            "listen: {{ address: \"{}\" }}\ntelemetry: {{ otlp: {{ endpoint: \"http://127.0.0.1:1\" }} }}",
            place.socket("api")
        ),
        &[("OTEL_BLRP_SCHEDULE_DELAY", "10"), ("OTEL_METRIC_EXPORT_INTERVAL", "10")],
    );
    sidecar.logs("the collector does not take them").await;
    sidecar.accepts(&place.path("api")).await;
    sidecar.signal("TERM");
    assert_eq!(sidecar.ends().await, Some(0), "{}", sidecar.log());
    let log = sidecar.log();
    for what in ["metrics", "log lines"] {
        let told = log.lines().filter(|line| line.contains("does not take them") && line.contains(what)).count();
        assert_eq!(told, 1, "{what}: {log}");
    }
}

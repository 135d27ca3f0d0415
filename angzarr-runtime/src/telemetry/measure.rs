//! Metrics, for whatever collects those of the `metrics` crate.
//!
//! What coordinators measure goes to the recorder that is installed when the application starts, and only if that is
//! wanted ([`AppBuilder::metrics`](crate::app::AppBuilder::metrics)): otherwise nobody even looks at a clock.

use std::time::Instant;

use metrics::{Histogram, Label, Unit, describe_counter, describe_gauge, describe_histogram, histogram};
use tracing::{Instrument, Span};

use super::span;
use crate::error::Error;

pub(crate) const COMMAND: &str = "angzarr.command.duration";
pub(crate) const SAGA: &str = "angzarr.saga.duration";
pub(crate) const PROCESS_MANAGER: &str = "angzarr.pm.duration";
pub(crate) const PROJECTOR: &str = "angzarr.projector.duration";
pub(crate) const LOG_POSITION: &str = "angzarr.log.position";
pub(crate) const CONSUMER_POSITION: &str = "angzarr.consumer.position";
pub(crate) const CONSUMER_LAG: &str = "angzarr.consumer.lag";
pub(crate) const CONSUMER_PARKS: &str = "angzarr.consumer.parks";
pub(crate) const CONSUMER_STOPPED: &str = "angzarr.consumer.stopped";
pub(crate) const CONSUMER_FAILURES: &str = "angzarr.consumer.failures";
pub(crate) const CONSUMER_DEAD_LETTERS: &str = "angzarr.consumer.dead_letters";
pub(crate) const CONSUMER_IGNORED: &str = "angzarr.consumer.ignored";
pub(crate) const WARM_STATES: &str = "angzarr.state.warm";
pub(crate) const WARM_BYTES: &str = "angzarr.state.bytes";
#[cfg(feature = "grpc")]
pub(crate) const OPEN_CALLS: &str = "angzarr.call.open";
#[cfg(feature = "grpc")]
pub(crate) const OPEN_STREAMS: &str = "angzarr.stream.open";
#[cfg(feature = "grpc")]
pub(crate) const CALL_FAILURES: &str = "angzarr.call.failures";

/// Between which durations are counted together, in seconds: from a commit in memory up to the longest wait.
#[cfg(any(feature = "otel", feature = "sidecar"))]
pub(super) const BOUNDARIES: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Whether an application measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Measuring {
    #[default]
    Off,
    On,
}

/// Tells the recorder what the metrics mean.
pub(crate) fn describe() {
    describe_histogram!(COMMAND, Unit::Seconds, "From when a command, fact or import arrived until it was answered");
    describe_histogram!(SAGA, Unit::Seconds, "How long a saga took for an event, sending its commands included");
    describe_histogram!(PROCESS_MANAGER, Unit::Seconds, "How long a process manager took for an event or deadline");
    describe_histogram!(PROJECTOR, Unit::Seconds, "How long a projector took for an event");
    describe_gauge!(LOG_POSITION, Unit::Count, "Position of the last event in the log");
    describe_gauge!(CONSUMER_POSITION, Unit::Count, "Position up to which a consumer is done with everything");
    describe_gauge!(CONSUMER_LAG, Unit::Count, "How many positions a consumer is behind the end of the log");
    describe_gauge!(CONSUMER_PARKS, Unit::Count, "How many lanes of a consumer are parked");
    describe_gauge!(CONSUMER_STOPPED, Unit::Count, "1 if a consumer has stopped or is paused, else 0");
    describe_counter!(CONSUMER_FAILURES, Unit::Count, "Attempts of a consumer that failed, by code");
    describe_counter!(CONSUMER_DEAD_LETTERS, Unit::Count, "Events of a consumer that became dead letters");
    describe_counter!(CONSUMER_IGNORED, Unit::Count, "Events that a process manager had no instance for");
    describe_gauge!(WARM_STATES, Unit::Count, "States of aggregates that are kept in memory");
    describe_gauge!(WARM_BYTES, Unit::Bytes, "How large these are, encoded");
    #[cfg(feature = "grpc")]
    {
        describe_gauge!(OPEN_CALLS, Unit::Count, "Calls at work; a stream counts until it begins");
        describe_gauge!(OPEN_STREAMS, Unit::Count, "Subscriptions and conversations that are open");
        describe_counter!(CALL_FAILURES, Unit::Count, "Calls that were answered by an error, by code");
    }
}

/// How long one kind of work of a component takes, by what comes of it.
#[derive(Clone, Default)]
pub(crate) struct Durations(Option<Recorded>);

#[derive(Clone)]
struct Recorded {
    name: &'static str,
    labels: Vec<Label>,
    /// Of what went well, which is most of it.
    done: Histogram,
}

impl std::fmt::Debug for Durations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Durations").field(&self.0.as_ref().map(|recorded| recorded.name)).finish()
    }
}

impl Durations {
    /// With these labels, if it is to be measured.
    pub(crate) fn new(measuring: Measuring, name: &'static str, labels: &[(&'static str, &'static str)]) -> Self {
        if measuring == Measuring::Off {
            return Self(None);
        }
        let labels: Vec<Label> = labels.iter().map(|(label, value)| Label::from_static_parts(label, value)).collect();
        let done = histogram!(name, coded(&labels, "OK"));
        Self(Some(Recorded { name, labels, done }))
    }

    /// Does something within a span, tells the span what came of it, and measures it.
    pub(crate) async fn measure<T>(
        &self,
        span: Span,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let began = self.0.as_ref().map(|recorded| (recorded, Instant::now()));
        let result = work.instrument(span.clone()).await;
        span::end(&span, &result);
        if let Some((recorded, began)) = began {
            match &result {
                Ok(_) => recorded.done.record(began.elapsed()),
                Err(error) => histogram!(recorded.name, coded(&recorded.labels, error.code())).record(began.elapsed()),
            }
        }
        result
    }
}

/// The labels of what ended with this code.
fn coded(labels: &[Label], code: &str) -> Vec<Label> {
    let code = Label::new("code", code.to_owned());
    labels.iter().cloned().chain([code]).collect()
}

#[cfg(test)]
#[cfg(feature = "grpc")]
mod tests {
    use std::sync::Mutex;

    use metrics::{Counter, Gauge, Key, KeyName, Metadata, Recorder, SharedString};

    use super::*;

    /// Keeps which metrics were described.
    #[derive(Default)]
    struct Names(Mutex<Vec<String>>);

    impl Recorder for Names {
        fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
            self.0.lock().unwrap().push(name.as_str().to_owned());
        }

        fn describe_gauge(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
            self.0.lock().unwrap().push(name.as_str().to_owned());
        }

        fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
            self.0.lock().unwrap().push(name.as_str().to_owned());
        }

        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::noop()
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn every_metric_is_documented() {
        let names = Names::default();
        metrics::with_local_recorder(&names, describe);
        let page = include_str!("../../../docs/sidecar.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `angzarr."));
        let documented: Vec<_> = rows.map(|row| format!("angzarr.{}", row.split('`').next().unwrap())).collect();
        assert_eq!(documented, names.0.into_inner().unwrap());
    }
}

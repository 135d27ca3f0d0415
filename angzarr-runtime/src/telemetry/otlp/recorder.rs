//! The metrics of the `metrics` crate as instruments of OpenTelemetry.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;

use crate::telemetry::measure::BOUNDARIES;

/// Makes one instrument a name, and one handle a name and its labels.
pub(super) struct MeterRecorder {
    meter: Meter,
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    described: HashMap<KeyName, Described>,
    counters: HashMap<Key, Arc<Counted>>,
    gauges: HashMap<Key, Arc<Gauged>>,
}

#[derive(Clone)]
struct Described {
    unit: &'static str,
    meaning: SharedString,
}

impl MeterRecorder {
    pub(super) fn new(provider: &SdkMeterProvider, scope: &'static str) -> Self {
        Self { meter: provider.meter(scope), made: Mutex::default() }
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn describe(&self, name: KeyName, unit: Option<Unit>, meaning: SharedString) {
        self.made().described.insert(name, Described { unit: unit.map_or("", ucum), meaning });
    }
}

impl Made {
    fn described(&self, key: &Key) -> Described {
        let found = self.described.get(key.name()).cloned();
        found.unwrap_or_else(|| Described { unit: "", meaning: SharedString::const_str("") })
    }
}

/// Units as OpenTelemetry spells them.
fn ucum(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "s",
        Unit::Bytes => "By",
        Unit::Count => "1",
        other => other.as_canonical_label(),
    }
}

fn attributes(key: &Key) -> Vec<KeyValue> {
    key.labels().map(|label| KeyValue::new(label.key().to_owned(), label.value().to_owned())).collect()
}

impl Recorder for MeterRecorder {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, meaning: SharedString) {
        self.describe(name, unit, meaning);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, meaning: SharedString) {
        self.describe(name, unit, meaning);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, meaning: SharedString) {
        self.describe(name, unit, meaning);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let mut made = self.made();
        let Described { unit, meaning } = made.described(key);
        let counter = made.counters.entry(key.clone()).or_insert_with(|| {
            let counter = self.meter.u64_counter(key.name().to_owned()).with_unit(unit);
            let counter = counter.with_description(meaning.into_owned()).build();
            Arc::new(Counted { counter, attributes: attributes(key), total: Mutex::new(0) })
        });
        Counter::from_arc(counter.clone())
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let mut made = self.made();
        let Described { unit, meaning } = made.described(key);
        let gauge = made.gauges.entry(key.clone()).or_insert_with(|| {
            let gauge = self.meter.f64_gauge(key.name().to_owned()).with_unit(unit);
            let gauge = gauge.with_description(meaning.into_owned()).build();
            Arc::new(Gauged { gauge, attributes: attributes(key), value: Mutex::new(0.0) })
        });
        Gauge::from_arc(gauge.clone())
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let Described { unit, meaning } = self.made().described(key);
        let histogram = self.meter.f64_histogram(key.name().to_owned()).with_unit(unit);
        let histogram = histogram.with_description(meaning.into_owned()).with_boundaries(BOUNDARIES.to_vec()).build();
        Histogram::from_arc(Arc::new(Distributed { histogram, attributes: attributes(key) }))
    }
}

struct Counted {
    counter: opentelemetry::metrics::Counter<u64>,
    attributes: Vec<KeyValue>,
    total: Mutex<u64>,
}

impl CounterFn for Counted {
    fn increment(&self, value: u64) {
        *self.total.lock().unwrap_or_else(PoisonError::into_inner) += value;
        self.counter.add(value, &self.attributes);
    }

    fn absolute(&self, value: u64) {
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        self.counter.add(value.saturating_sub(*total), &self.attributes);
        *total = value.max(*total);
    }
}

struct Gauged {
    gauge: opentelemetry::metrics::Gauge<f64>,
    attributes: Vec<KeyValue>,
    value: Mutex<f64>,
}

impl Gauged {
    fn change(&self, change: impl FnOnce(f64) -> f64) {
        let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        *value = change(*value);
        self.gauge.record(*value, &self.attributes);
    }
}

impl GaugeFn for Gauged {
    fn increment(&self, by: f64) {
        self.change(|value| value + by);
    }

    fn decrement(&self, by: f64) {
        self.change(|value| value - by);
    }

    fn set(&self, value: f64) {
        self.change(|_| value);
    }
}

struct Distributed {
    histogram: opentelemetry::metrics::Histogram<f64>,
    attributes: Vec<KeyValue>,
}

impl HistogramFn for Distributed {
    fn record(&self, value: f64) {
        self.histogram.record(value, &self.attributes);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use metrics::{counter, gauge, histogram, with_local_recorder};
    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::metrics::Temporality;
    use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData, ResourceMetrics};
    use opentelemetry_sdk::metrics::exporter::PushMetricExporter;

    use super::*;

    /// Hands over what was recorded, one line a metric.
    struct Lines(Sender<Vec<String>>);

    impl PushMetricExporter for Lines {
        async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
            let mut lines: Vec<_> = metrics.scope_metrics().flat_map(|scope| scope.metrics()).map(line).collect();
            lines.sort_unstable();
            // Whoever does not wait for them does not need them.
            let _ = self.0.send(lines);
            Ok(())
        }

        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }

        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }

        fn temporality(&self) -> Temporality {
            Temporality::Cumulative
        }
    }

    fn line(metric: &Metric) -> String {
        let values: Vec<_> = match metric.data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                sum.data_points().map(|point| point.value().to_string()).collect()
            }
            AggregatedMetrics::F64(MetricData::Gauge(gauge)) => {
                gauge.data_points().map(|point| point.value().to_string()).collect()
            }
            AggregatedMetrics::F64(MetricData::Histogram(found)) => {
                found.data_points().map(|point| format!("{} of {}", point.count(), point.sum())).collect()
            }
            other => panic!("{other:?}"),
        };
        format!("{} [{}] {}: {}", metric.name(), metric.unit(), metric.description(), values.join(", "))
    }

    #[test]
    fn whatever_is_recorded_adds_up() {
        let (lines, exported) = channel();
        let provider = SdkMeterProvider::builder().with_periodic_exporter(Lines(lines)).build();
        with_local_recorder(&MeterRecorder::new(&provider, "test"), || {
            metrics::describe_histogram!("time", Unit::Seconds, "how long it takes");
            for _ in 0..2 {
                counter!("added", "of" => "a").increment(2);
                counter!("told").absolute(5);
                gauge!("open").increment(2.0);
                gauge!("open").decrement(1.0);
                histogram!("time").record(0.5);
            }
            counter!("told").absolute(7);
        });
        provider.force_flush().unwrap();
        let expected = ["added [] : 4", "open [] : 2", "time [s] how long it takes: 2 of 1", "told [] : 7"];
        assert_eq!(exported.recv().unwrap(), expected);
    }
}

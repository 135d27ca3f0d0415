//! What is measured by looking at it now and then.

use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use metrics::{counter, gauge};

use super::{App, Inner};
use crate::coordinator::consumer::Stop;
use crate::telemetry::measure;

/// How often.
const INTERVAL: Duration = Duration::from_secs(1);

impl App {
    /// Shows how far consumers are and what is kept in memory, again and again, until the application ends.
    pub(super) fn sample_until(&self, stop: Stop) {
        let inner = Arc::downgrade(&self.inner);
        let task = tokio::spawn(async move {
            while sample(&inner).is_some() {
                tokio::select! {
                    () = tokio::time::sleep(INTERVAL) => {}
                    () = stop.wait() => break,
                }
            }
            // How it ends is seen, too.
            sample(&inner);
        });
        self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }
}

/// None once the application is gone.
fn sample(inner: &Weak<Inner>) -> Option<()> {
    let app = App { inner: inner.upgrade()? };
    let head = *app.inner.log.store.watch().borrow();
    gauge!(measure::LOG_POSITION).set(number(head));
    for consumer in app.consumers() {
        let component = consumer.name;
        let halted = consumer.stopped.is_some() || consumer.paused.is_some();
        gauge!(measure::CONSUMER_POSITION, "component" => component).set(number(consumer.position));
        gauge!(measure::CONSUMER_LAG, "component" => component).set(number(head.saturating_sub(consumer.position)));
        gauge!(measure::CONSUMER_PARKS, "component" => component).set(number(consumer.parks as u64));
        gauge!(measure::CONSUMER_STOPPED, "component" => component).set(f64::from(u8::from(halted)));
        for (code, count) in consumer.failures {
            counter!(measure::CONSUMER_FAILURES, "component" => component, "code" => code).absolute(count);
        }
        counter!(measure::CONSUMER_DEAD_LETTERS, "component" => component).absolute(consumer.dead_letters);
        counter!(measure::CONSUMER_IGNORED, "component" => component).absolute(consumer.ignored);
    }
    for (domain, states, bytes) in app.warm() {
        gauge!(measure::WARM_STATES, "domain" => domain).set(number(states as u64));
        gauge!(measure::WARM_BYTES, "domain" => domain).set(number(bytes as u64));
    }
    Some(())
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating, and nobody looks at the sixteenth digit")]
fn number(count: u64) -> f64 {
    count as f64
}

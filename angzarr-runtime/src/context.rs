//! What a handler may know beyond its input.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost_types::Timestamp;
use uuid::Uuid;

use crate::failure::Failure;
use crate::id::{Purpose, Trigger, consumer_key};
use crate::message::{Deadline, Payload};
use crate::store::{Cause, StreamId};
use crate::tables::{Slot, Tx};
use crate::telemetry::Traceparent;
use crate::time;

/// The circumstances of one decision or reaction.
///
/// Time and ids come from here: they are the same when the decision is made again.
#[derive(Debug)]
pub struct Context {
    stream: StreamId,
    key: Arc<str>,
    correlation_id: Arc<str>,
    cause: Option<Cause>,
    now: Timestamp,
    decision: Decision,
    /// What a fact is recorded under; none for all others.
    recorded_under: Option<Arc<str>>,
    traceparent: Option<Traceparent>,
    /// The next sequence of the stream when the decision began.
    #[cfg_attr(not(feature = "grpc"), expect(dead_code, reason = "only services have to be told"))]
    next_sequence: u32,
    ids: AtomicU32,
    /// What a process manager does beside what it returns; none for all others.
    process: Option<Mutex<Planned>>,
    /// The transaction of a projector without a view; none for all others.
    slot: Option<Slot>,
}

/// What the ids of a decision are made from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Decision {
    Known(Uuid),
    /// The key of a consumer's step. Most handlers need no id, so it is made when one does.
    Step,
}

/// What a step does to the deadlines of its instance, and whether it is the last one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Planned {
    /// In order; the last one of a name counts.
    pub(crate) deadlines: Vec<PlannedDeadline>,
    pub(crate) completed: bool,
}

/// A deadline to be set, or cancelled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlannedDeadline {
    pub(crate) name: String,
    /// None cancels.
    pub(crate) due: Option<(Timestamp, Payload)>,
}

/// When a deadline is due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// So long after [`Context::now`].
    After(Duration),
    /// Then.
    At(Timestamp),
}

impl From<Duration> for When {
    fn from(after: Duration) -> Self {
        When::After(after)
    }
}

impl From<Timestamp> for When {
    fn from(at: Timestamp) -> Self {
        When::At(at)
    }
}

impl Context {
    pub(crate) fn new(
        stream: StreamId,
        key: Arc<str>,
        correlation_id: Arc<str>,
        cause: Option<Cause>,
        now: Timestamp,
        decision: Decision,
    ) -> Self {
        let ids = AtomicU32::new(0);
        let (next_sequence, recorded_under, traceparent, process, slot) = (0, None, None, None, None);
        Self {
            stream,
            key,
            correlation_id,
            cause,
            now,
            decision,
            recorded_under,
            traceparent,
            next_sequence,
            ids,
            process,
            slot,
        }
    }

    /// Domain of the stream: the component's own one if it has one, else that of the event.
    pub fn domain(&self) -> &str {
        &self.stream.domain
    }

    /// Root of that stream.
    pub fn root(&self) -> Uuid {
        self.stream.root
    }

    /// Natural id of that root.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The conversation that this belongs to.
    pub fn correlation_id(&self) -> &str {
        &self.correlation_id
    }

    /// The event that led to this; none for a client's command.
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// The instant of the decision: when the cause was recorded, when the client's command arrived, or when the deadline was
    /// due.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Where this is in a distributed trace, if it is in one: its text is the header `traceparent` for what the handler calls.
    pub fn traceparent(&self) -> Option<Traceparent> {
        self.traceparent
    }

    /// What its ids are made from.
    pub(crate) fn seed(&self) -> Uuid {
        match (self.decision, &self.cause) {
            (Decision::Known(seed), _) => seed,
            (Decision::Step, Some(Cause { domain, root, sequence, part, component, .. })) => {
                let trigger = Trigger { consumer: component, domain, root: *root, sequence: *sequence, part: *part };
                consumer_key(Purpose::Step, trigger, 0)
            }
            (Decision::Step, None) => Uuid::nil(),
        }
    }

    /// A new id; the n-th one of a decision that is keyed is always the same.
    pub fn new_id(&self) -> Uuid {
        let n = self.ids.fetch_add(1, Ordering::Relaxed);
        Uuid::new_v5(&self.seed(), format!("id/{n}").as_bytes())
    }

    /// The same for a fact that is recorded under this key.
    pub(crate) fn recording(self, key: Option<&str>) -> Self {
        Self { recorded_under: key.map(Arc::from), ..self }
    }

    /// What the fact that is taken note of is recorded under.
    pub(crate) fn recorded_under(&self) -> Option<&str> {
        self.recorded_under.as_deref()
    }

    /// The same there in a distributed trace.
    pub(crate) fn traced(self, traceparent: Option<Traceparent>) -> Self {
        Self { traceparent, ..self }
    }

    /// The same for another decision.
    pub(crate) fn deciding(self, decision: Decision) -> Self {
        Self { decision, ..self }
    }

    /// The same at another instant.
    pub(crate) fn at(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }

    /// The same, on what is stored before this sequence of the stream.
    pub(crate) fn before(self, next_sequence: u32) -> Self {
        Self { next_sequence, ..self }
    }

    /// The sequence that everything which is stored in the stream, and decided upon, comes before.
    #[cfg(feature = "grpc")]
    pub(crate) fn next_sequence(&self) -> u32 {
        self.next_sequence
    }

    /// The context of a process manager.
    pub(crate) fn of_process(self) -> Self {
        Self { process: Some(Mutex::default()), ..self }
    }

    /// The context of a projector without a view.
    pub(crate) fn with_slot(self, slot: Slot) -> Self {
        Self { slot: Some(slot), ..self }
    }

    pub(crate) fn slot(&self) -> Option<&Slot> {
        self.slot.as_ref()
    }

    pub(crate) fn into_slot(self) -> Option<Slot> {
        self.slot
    }

    /// The transaction in which the event is handled, for a projector without a view that keeps tables of its own. What is
    /// changed in it is committed once, together with the mark that the event is handled.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
    /// #[derive(Projector)]
    /// #[projector(define = Totals, name = "example.v1.app.Totals", on(on_deposited: Deposited => ()))]
    /// struct KeepTotals {}
    ///
    /// impl Totals for KeepTotals {
    ///     async fn on_deposited(&self, event: Deposited, cx: &Context) -> Result<(), Failure> {
    ///         let account = [cx.key().into()];
    ///         let known = cx.tx().query("SELECT total FROM totals WHERE account = $1", &account).await?;
    ///         let total = match known.first() {
    ///             Some(row) => row.get::<u64>("total")?,
    ///             None => 0,
    ///         };
    ///         let sql = "INSERT INTO totals (account, total) VALUES ($1, $2)
    ///                    ON CONFLICT (account) DO UPDATE SET total = excluded.total";
    ///         cx.tx().execute(sql, &[cx.key().into(), (total + event.amount).into()]).await?;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), angzarr_runtime::Error> {
    /// let app = App::builder(Storage::Memory)
    ///     .tables("CREATE TABLE IF NOT EXISTS totals (account text PRIMARY KEY, total bigint NOT NULL)")
    ///     .register(AccountRules {})
    ///     .register(KeepTotals {})
    ///     .start()
    ///     .await?;
    /// app.send(Deposit { account: "a".into(), amount: 70 }).await?;
    /// # app.drained().await?;
    /// # let totals = app.consumer("example.v1.app.Totals")?;
    /// # assert!(totals.status().failures.is_empty(), "{:?}", totals.dead_letters(None, 1).await?);
    /// # app.shutdown().await
    /// # }
    /// ```
    ///
    /// Elsewhere every statement of it fails with `NO_TRANSACTION`.
    pub fn tx(&self) -> Tx<'_> {
        Tx::new(self.slot())
    }

    /// Sets a deadline of this instance: when it is due, the process manager's handler for `deadline` is called, once. One
    /// of the same name that is pending is moved. What is due already fires at once.
    ///
    /// Deadlines are stored with the events and commands of the step, or not at all.
    ///
    /// # Errors
    /// `NOT_A_PROCESS` outside of a process manager, `DEADLINE_FOREIGN` if `deadline` belongs to another one,
    /// `DEADLINE_UNNAMED` without a name.
    pub fn schedule<D: Deadline>(
        &self,
        name: impl Into<String>,
        when: impl Into<When>,
        deadline: &D,
    ) -> Result<(), Failure> {
        if D::DOMAIN != self.domain() {
            let message =
                format!("`{}` is a deadline of \"{}\", not of \"{}\"", D::TYPE_NAME, D::DOMAIN, self.domain());
            return Err(Failure::new("DEADLINE_FOREIGN", message));
        }
        let at = match when.into() {
            When::After(after) => time::after(&self.now, after),
            When::At(at) => time::from_micros(time::to_micros(&at)),
        };
        self.plan(name.into(), Some((at, Payload::deadline(deadline))))
    }

    /// Takes back a deadline of this instance. No-op if there is none of that name.
    ///
    /// # Errors
    /// `NOT_A_PROCESS`, `DEADLINE_UNNAMED`.
    pub fn cancel(&self, name: impl Into<String>) -> Result<(), Failure> {
        self.plan(name.into(), None)
    }

    /// Makes this step the last one of its instance: later events and deadlines for it are ignored. If a command that it sent
    /// is refused, that still reaches its handler.
    ///
    /// # Errors
    /// `NOT_A_PROCESS`.
    pub fn complete(&self) -> Result<(), Failure> {
        self.planned()?.completed = true;
        Ok(())
    }

    /// Sets a deadline of this instance, or takes it back.
    pub(crate) fn plan(&self, name: String, due: Option<(Timestamp, Payload)>) -> Result<(), Failure> {
        if name.is_empty() {
            return Err(Failure::new(
                "DEADLINE_UNNAMED",
                "a deadline needs a name, by which it is moved and cancelled",
            ));
        }
        self.planned()?.deadlines.push(PlannedDeadline { name, due });
        Ok(())
    }

    fn planned(&self) -> Result<MutexGuard<'_, Planned>, Failure> {
        let process = self.process.as_ref();
        let process =
            process.ok_or_else(|| Failure::new("NOT_A_PROCESS", "only process managers have deadlines and an end"))?;
        Ok(process.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was planned.
    pub(crate) fn into_planned(self) -> Planned {
        let process = self.process.map(|process| process.into_inner().unwrap_or_else(PoisonError::into_inner));
        process.unwrap_or_default()
    }
}

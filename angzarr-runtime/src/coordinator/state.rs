//! Loading a folded state, and writing it down when that is due.

use prost::Message;
use uuid::Uuid;

use super::guarded;
use super::log::Log;
use super::upcast::Answers;
use crate::component::{State, Stateful};
use crate::error::Error;
use crate::failure::Failure;
use crate::id::ANGZARR;
use crate::message::Payload;
use crate::proto;
use crate::store::{AsOf, Load, Loaded, Record, RecordKind, Snapshot, StreamId};

/// A stream's state, and where the stream stands.
pub(crate) struct Folded {
    pub(crate) state: State,
    pub(crate) next_sequence: u32,
    /// First sequence that the last usable snapshot does not cover.
    pub(super) snapshot_next: u32,
    /// Whether it is that of a process that has come to its end. No snapshot is written then, so the record that says so
    /// is always among those that are loaded.
    pub(super) completed: bool,
}

/// What was found under a key or, if nothing was, the state to decide on.
pub(super) enum Found {
    /// The book that is recorded under the key, as stored.
    Recorded(Vec<Record>),
    /// The state.
    State(Folded),
}

/// Loads and folds.
pub(super) async fn load(
    log: &Log,
    logic: &dyn Stateful,
    component: &str,
    stream: &StreamId,
    idempotency_key: Option<&str>,
) -> Result<Found, Error> {
    let key = idempotency_key.map(ToOwned::to_owned);
    find(log, logic, component, Load { idempotency_key: key, ..Load::of(stream.clone()) }).await
}

/// The state that decisions would have rested on then, with where the stream stood.
pub(crate) async fn folded_as_of(
    log: &Log,
    logic: &dyn Stateful,
    component: &str,
    stream: StreamId,
    as_of: AsOf,
) -> Result<Folded, Error> {
    match find(log, logic, component, Load { as_of, ..Load::of(stream) }).await? {
        Found::State(folded) => Ok(folded),
        // Nothing is recorded under a key that was not asked for.
        Found::Recorded(_) => {
            Ok(Folded { state: logic.new_state(), next_sequence: 0, snapshot_next: 0, completed: false })
        }
    }
}

async fn find(log: &Log, logic: &dyn Stateful, component: &str, mut load: Load) -> Result<Found, Error> {
    load.fingerprint = Some(fingerprint(log, logic, &load.stream.domain));
    loop {
        let loaded = log.store.load(load.clone()).await?;
        if let Some(recorded) = loaded.recorded {
            return Ok(Found::Recorded(recorded));
        }
        // A snapshot that does not decode is worth as much as none: read again, from the start.
        let (state, snapshot_next) = match &loaded.snapshot {
            None => (logic.new_state(), 0),
            Some(snapshot) => match logic.decode_state(&snapshot.state) {
                Some(state) => (state, snapshot.sequence + 1),
                None => {
                    tracing::warn!(component, root = %load.stream.root, "a snapshot does not decode and is ignored");
                    load.fingerprint = None;
                    continue;
                }
            },
        };
        let completed = loaded.records.iter().any(completes);
        let mut folded = Folded { state, next_sequence: loaded.next_sequence, snapshot_next, completed };
        let answers = log.upcasts.ask(&loaded.records).await;
        fold_stored(log, logic, component, (loaded, &answers), &mut folded)?;
        return Ok(Found::State(folded));
    }
}

/// Whether a record ends a process.
fn completes(record: &Record) -> bool {
    record.kind == RecordKind::Commands
        && proto::CommandsIssued::decode(record.payload.value.clone()).is_ok_and(|issued| issued.completed)
}

fn fold_stored(
    log: &Log,
    logic: &dyn Stateful,
    component: &str,
    (loaded, answers): (Loaded, &Answers),
    folded: &mut Folded,
) -> Result<(), Failure> {
    let mut current = Vec::new();
    for record in loaded.records.into_iter().filter(|record| record.kind.is_event()) {
        log.upcasts.current(record, answers, &mut current)?;
        for record in current.drain(..) {
            fold(logic, component, &mut folded.state, &record.payload).map_err(|failure| at(&record, &failure))?;
        }
    }
    Ok(())
}

/// Applies one event in its current version.
pub(super) fn fold(logic: &dyn Stateful, component: &str, state: &mut State, event: &Payload) -> Result<(), Failure> {
    guarded(component, || logic.fold(state, event))
}

fn at(record: &Record, failure: &Failure) -> Failure {
    let place = format!("sequence {} of \"{}\" in \"{}\"", record.sequence, record.key, record.stream.domain);
    failure.reworded(format!("{} (folding {place}, position {})", failure.message(), record.position))
}

/// Keeps the state if enough records have come since the last snapshot. Failing to is not an error.
pub(super) async fn snapshot_if_due(
    log: &Log,
    logic: &dyn Stateful,
    component: &str,
    stream: &StreamId,
    folded: &mut Folded,
) {
    let every = logic.snapshots().every;
    if folded.completed || every == 0 || folded.next_sequence.saturating_sub(folded.snapshot_next) < every {
        return;
    }
    let state = match logic.encode_state(&folded.state, folded.next_sequence).done().await {
        Ok(Some(state)) => state,
        Ok(None) => return,
        Err(failure) => {
            tracing::warn!(component, root = %stream.root, code = failure.code(), %failure, "a snapshot was not written");
            return;
        }
    };
    let fingerprint = fingerprint(log, logic, &stream.domain);
    let snapshot = Snapshot { sequence: folded.next_sequence - 1, fingerprint, state };
    folded.snapshot_next = folded.next_sequence;
    if let Err(error) = log.store.save_snapshot(stream.clone(), snapshot).await {
        tracing::warn!(component, root = %stream.root, code = error.code(), %error, "a snapshot was not written");
    }
}

/// Changes whenever a kept state could mean something else: shape, upcast chain, or version.
fn fingerprint(log: &Log, logic: &dyn Stateful, domain: &str) -> Vec<u8> {
    let spec = logic.snapshots();
    let mut text = format!("{}\n{}", spec.shape, spec.version);
    for step in log.upcasts.chain(domain) {
        text.push('\n');
        text.push_str(step);
    }
    Uuid::new_v5(&ANGZARR, text.as_bytes()).as_bytes().to_vec()
}

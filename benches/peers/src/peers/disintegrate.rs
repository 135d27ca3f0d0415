//! `disintegrate`, on `disintegrate-postgres`.

use std::convert::Infallible;

use async_trait::async_trait;
use disintegrate::serde::json::Json;
use disintegrate::{
    Decision, DecisionError, Event, EventSourcedStateStore, EventStore, LoadState, NoSnapshot, StateMutate, StateQuery,
};
use disintegrate_postgres::{
    Error, PgDecisionMaker, PgEventId, PgEventStore, PgSnapshotter, WithPgSnapshot, decision_maker,
};
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgPool, PgPoolOptions};
use uuid::Uuid;

use crate::peer::{Answer, Peer, Result, SNAPSHOT_EVERY, text};

/// Rows of one insert; each takes three of the 65,535 parameters that a statement may have.
const INSERT: usize = 1_000;

#[derive(Clone, Debug, Deserialize, Event, PartialEq, Serialize)]
enum NoteEvent {
    Written {
        #[id]
        note: Uuid,
        text: String,
    },
}

#[derive(Clone, Debug, Default, Deserialize, Serialize, StateQuery)]
#[state_query(NoteEvent)]
struct Note {
    #[id]
    note: Uuid,
    written: usize,
}

impl Note {
    fn new(note: Uuid) -> Self {
        Self { note, written: 0 }
    }
}

impl StateMutate for Note {
    fn mutate(&mut self, NoteEvent::Written { .. }: NoteEvent) {
        self.written += 1;
    }
}

#[derive(Debug)]
struct Write {
    note: Uuid,
    text: String,
}

impl Decision for Write {
    type Event = NoteEvent;
    type StateQuery = Note;
    type Error = Infallible;

    fn state_query(&self) -> Note {
        Note::new(self.note)
    }

    fn process(&self, _: &Note) -> std::result::Result<Vec<NoteEvent>, Infallible> {
        Ok(vec![NoteEvent::Written { note: self.note, text: self.text.clone() }])
    }
}

type Store = PgEventStore<NoteEvent, Json<NoteEvent>>;

pub(crate) struct Disintegrate {
    store: Store,
    decisions: PgDecisionMaker<NoteEvent, Json<NoteEvent>, WithPgSnapshot>,
    history: EventSourcedStateStore<PgEventId, NoteEvent, Store, NoSnapshot>,
    text: String,
}

#[async_trait]
impl Peer for Disintegrate {
    async fn prepare(pool: PgPool) -> Result<Self> {
        make_tables(&pool).await?;
        let store = Store::new_uninitialized(pool.clone(), Json::default());
        let snapshots = PgSnapshotter::try_new(pool, u64::try_from(SNAPSHOT_EVERY)?).await?;
        Ok(Self {
            decisions: decision_maker(store.clone(), WithPgSnapshot::new(snapshots)),
            history: EventSourcedStateStore::new(store.clone(), NoSnapshot),
            store,
            text: text(|text| NoteEvent::Written { note: Uuid::nil(), text })?,
        })
    }

    async fn command(&self, note: Uuid) -> Result<Answer> {
        match self.decisions.make(Write { note, text: self.text.clone() }).await {
            Ok(_) => Ok(Answer::Stored),
            Err(error) if is_conflict(&error) => Ok(Answer::Conflict),
            Err(error) => Err(error.into()),
        }
    }

    async fn fill(&self, note: Uuid, events: usize) -> Result<()> {
        let events = vec![NoteEvent::Written { note, text: self.text.clone() }; events];
        for events in events.chunks(INSERT) {
            self.store.append_without_validation(events.to_vec()).await?;
        }
        Ok(())
    }

    async fn load(&self, note: Uuid) -> Result<usize> {
        let state = self.history.load(Note::new(note)).await.map_err(|error| error.to_string())?;
        Ok(state.state().written)
    }
}

/// The crate's own tables and functions. One of its functions has a hexadecimal number, which PostgreSQL reads from 16 on;
/// for older servers the same number is put in decimal.
async fn make_tables(pool: &PgPool) -> Result<()> {
    let unchecked = pool.connect_options().as_ref().clone().options([("check_function_bodies", "off")]);
    let unchecked = PgPoolOptions::new().max_connections(1).connect_with(unchecked).await?;
    Store::try_new(unchecked.clone(), Json::default()).await?;
    let function: String = sqlx::query_scalar("SELECT pg_get_functiondef('event_store_begin_epoch'::regproc)")
        .fetch_one(&unchecked)
        .await?;
    sqlx::query(&function.replace("0xFFFFFFFF", "4294967295")).execute(&unchecked).await?;
    unchecked.close().await;
    Ok(())
}

/// PostgreSQL may find at any statement that a transaction cannot be serialized; the crate calls it a conflict only
/// when the commit finds it.
fn is_conflict(error: &DecisionError<Infallible>) -> bool {
    let (DecisionError::StateStore(error) | DecisionError::EventStore(error)) = error else { return false };
    match error.downcast_ref() {
        Some(Error::Concurrency) => true,
        Some(Error::Database(sqlx::Error::Database(error))) => error.code().as_deref() == Some("40001"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_as_large_as_everybody_elses() {
        crate::peer::assert_stored_size(|text| NoteEvent::Written { note: Uuid::new_v4(), text });
    }
}

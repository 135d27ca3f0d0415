//! `cqrs-es`, on `postgres-es`.

use std::collections::HashMap;
use std::convert::Infallible;

use async_trait::async_trait;
use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::PersistedEventStore;
use cqrs_es::{Aggregate, AggregateError, DomainEvent, EventStore};
use postgres_es::{PostgresCqrs, PostgresEventRepository, postgres_snapshot_cqrs};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;

use crate::peer::{Answer, Peer, Result, SNAPSHOT_EVERY, text};

/// The tables as the crate's documentation has them; it makes none itself.
const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS events (
         aggregate_type text NOT NULL,
         aggregate_id text NOT NULL,
         sequence bigint CHECK (sequence >= 0) NOT NULL,
         event_type text NOT NULL,
         event_version text NOT NULL,
         payload json NOT NULL,
         metadata json NOT NULL,
         PRIMARY KEY (aggregate_type, aggregate_id, sequence))",
    "CREATE TABLE IF NOT EXISTS snapshots (
         aggregate_type text NOT NULL,
         aggregate_id text NOT NULL,
         last_sequence bigint CHECK (last_sequence >= 0) NOT NULL,
         current_snapshot bigint CHECK (current_snapshot >= 0) NOT NULL,
         payload json NOT NULL,
         PRIMARY KEY (aggregate_type, aggregate_id, last_sequence))",
];

#[derive(Debug, Default, Deserialize, Serialize)]
struct Note {
    written: usize,
}

#[derive(Debug)]
struct Write {
    text: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
enum NoteEvent {
    Written { text: String },
}

impl DomainEvent for NoteEvent {
    fn event_type(&self) -> String {
        "Written".into()
    }

    fn event_version(&self) -> String {
        "1.0".into()
    }
}

impl Aggregate for Note {
    const TYPE: &'static str = "note";
    type Command = Write;
    type Event = NoteEvent;
    type Error = Infallible;
    type Services = ();

    async fn handle(&mut self, command: Write, (): &(), sink: &EventSink<Self>) -> std::result::Result<(), Infallible> {
        // The sink folds the event into the state it is given, and a snapshot folds it into this one once more; a state of
        // its own for the sink keeps the count right.
        sink.write(NoteEvent::Written { text: command.text }, &mut Self::default()).await;
        Ok(())
    }

    fn apply(&mut self, NoteEvent::Written { .. }: NoteEvent) {
        self.written += 1;
    }
}

pub(crate) struct CqrsEs {
    framework: PostgresCqrs<Note>,
    history: PersistedEventStore<PostgresEventRepository, Note>,
    text: String,
}

#[async_trait]
impl Peer for CqrsEs {
    async fn prepare(pool: PgPool) -> Result<Self> {
        for table in TABLES {
            sqlx::query(table).execute(&pool).await?;
        }
        Ok(Self {
            framework: postgres_snapshot_cqrs(pool.clone(), Vec::new(), SNAPSHOT_EVERY, ()),
            history: PersistedEventStore::new_event_store(PostgresEventRepository::new(pool)),
            text: text(|text| NoteEvent::Written { text })?,
        })
    }

    async fn command(&self, note: Uuid) -> Result<Answer> {
        match self.framework.execute(&note.to_string(), Write { text: self.text.clone() }).await {
            Ok(()) => Ok(Answer::Stored),
            Err(AggregateError::AggregateConflict) => Ok(Answer::Conflict),
            Err(error) => Err(error.into()),
        }
    }

    async fn fill(&self, note: Uuid, events: usize) -> Result<()> {
        let context = self.history.load_aggregate(&note.to_string()).await?;
        let events = vec![NoteEvent::Written { text: self.text.clone() }; events];
        self.history.commit(events, context, HashMap::new()).await?;
        Ok(())
    }

    async fn load(&self, note: Uuid) -> Result<usize> {
        Ok(self.history.load_aggregate(&note.to_string()).await?.aggregate.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_as_large_as_everybody_elses() {
        crate::peer::assert_stored_size(|text| NoteEvent::Written { text });
    }
}

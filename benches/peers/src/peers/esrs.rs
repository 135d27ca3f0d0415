//! `esrs`, with its PostgreSQL store.

use std::convert::Infallible;

use async_trait::async_trait;
use esrs::manager::AggregateManager;
use esrs::store::EventStore;
use esrs::store::postgres::{PgStore, PgStoreBuilder, PgStoreError};
use esrs::{Aggregate, AggregateState};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;

use crate::peer::{Answer, Peer, Result, text};

#[derive(Debug, Default)]
struct Note {
    written: usize,
}

#[derive(Debug)]
struct Write {
    text: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
enum NoteEvent {
    Written { text: String },
}

struct Notes;

impl Aggregate for Notes {
    const NAME: &'static str = "note";
    type State = Note;
    type Command = Write;
    type Event = NoteEvent;
    type Error = Infallible;

    fn handle_command(_: &Note, command: Write) -> std::result::Result<Vec<NoteEvent>, Infallible> {
        Ok(vec![NoteEvent::Written { text: command.text }])
    }

    fn apply_event(state: Note, NoteEvent::Written { .. }: NoteEvent) -> Note {
        Note { written: state.written + 1 }
    }
}

pub(crate) struct Esrs {
    store: PgStore<Notes>,
    manager: AggregateManager<PgStore<Notes>>,
    text: String,
}

impl Esrs {
    async fn state(&self, note: Uuid) -> std::result::Result<AggregateState<Note>, PgStoreError> {
        Ok(self.manager.load(note).await?.unwrap_or_else(|| AggregateState::with_id(note)))
    }

    async fn write(&self, state: AggregateState<Note>) -> Result<Answer> {
        match self.manager.handle_command(state, Write { text: self.text.clone() }).await {
            Ok(Ok(_)) => Ok(Answer::Stored),
            Err(PgStoreError::Sqlx(sqlx::Error::Database(error))) if error.is_unique_violation() => {
                Ok(Answer::Conflict)
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[async_trait]
impl Peer for Esrs {
    async fn prepare(pool: PgPool) -> Result<Self> {
        let store = PgStoreBuilder::new(pool).try_build().await?;
        let manager = AggregateManager::new(store.clone());
        Ok(Self { store, manager, text: text(|text| NoteEvent::Written { text })? })
    }

    async fn command(&self, note: Uuid) -> Result<Answer> {
        self.write(self.state(note).await?).await
    }

    async fn contended_command(&self, note: Uuid) -> Result<Answer> {
        self.write(self.manager.lock_and_load(note).await?.unwrap_or_default()).await
    }

    async fn fill(&self, note: Uuid, events: usize) -> Result<()> {
        let events = vec![NoteEvent::Written { text: self.text.clone() }; events];
        self.store.persist(&mut AggregateState::with_id(note), events).await?;
        Ok(())
    }

    async fn load(&self, note: Uuid) -> Result<usize> {
        Ok(self.state(note).await?.into_inner().written)
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

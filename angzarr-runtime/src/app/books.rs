//! Books of the log, for those who ask what consumers made of them.

use std::collections::BTreeMap;

use super::App;
use crate::coordinator::consumer::{ConsumerKind, Running};
use crate::error::{BadBook, Error};
use crate::message::Payload;
use crate::store::{AsOf, Load, Record, StreamId};
use crate::view::Key;

/// A row that belongs to events.
pub(crate) struct Projected {
    /// Full name of the projector.
    pub(crate) projector: &'static str,
    /// Of the last of the events.
    pub(crate) position: u64,
    /// As it is now.
    pub(crate) row: Option<Payload>,
}

impl App {
    /// The records of a stream from a sequence on, or none but the last, up to the one at a position; with events in current
    /// versions.
    ///
    /// # Errors
    /// `BOOK_UNKNOWN` if there is no such record, and what the store and upcasters can yield.
    pub(crate) async fn book(
        &self,
        stream: StreamId,
        sequences: Option<std::ops::Range<u32>>,
        position: u64,
    ) -> Result<Vec<Record>, Error> {
        let log = &self.inner.log;
        let unknown = || BadBook::UnknownBook { domain: stream.domain.to_string(), position };
        let before = position.checked_sub(1).ok_or_else(unknown)?;
        let found = log.store.read(before, 1).await?.into_iter().next();
        let last = found.filter(|last| last.position == position && last.stream == stream).ok_or_else(unknown)?;
        let from = match sequences {
            None => last.sequence,
            Some(sequences) if sequences.contains(&last.sequence) && sequences.end - 1 == last.sequence => {
                sequences.start
            }
            Some(_) => return Err(unknown().into()),
        };
        let load = Load { from, as_of: AsOf::Sequence(last.sequence), ..Load::of(stream) };
        Ok(log.upcasts.all_current(log.store.load(load).await?.records).await?)
    }

    /// The consumers of a kind, or the one of them that is named.
    ///
    /// # Errors
    /// `CONSUMER_UNKNOWN`.
    pub(crate) fn consumers_of(&self, kind: ConsumerKind, name: Option<&str>) -> Result<Vec<&Running>, Error> {
        let all = self.inner.consumers.iter().filter(|consumer| consumer.kind == kind);
        let found: Vec<_> = all.filter(|consumer| name.is_none_or(|name| consumer.name == name)).collect();
        match name {
            Some(name) if found.is_empty() => Err(Error::ConsumerUnknown { consumer: name.to_owned() }),
            _ => Ok(found),
        }
    }

    /// The rows of views that records belong to, as these projectors have them.
    ///
    /// # Errors
    /// What the store can yield.
    pub(crate) async fn projected(&self, records: &[Record], projectors: &[String]) -> Result<Vec<Projected>, Error> {
        let mut found = Vec::new();
        for (name, row_type) in
            self.inner.view_names.iter().filter(|(name, _)| projectors.iter().any(|wanted| wanted == name))
        {
            let Some(running) = self.inner.consumers.iter().find(|running| running.name == *name) else { continue };
            let mut rows = BTreeMap::new();
            for record in records.iter().filter(|record| running.listens_to(record)) {
                // One without a key belongs to no row; it failed.
                if let Ok(key) = running.lane(record) {
                    rows.insert(key, record.position);
                }
            }
            for (key, position) in rows {
                let row = self.inner.views.row(name, &Key::of_text(key)).await?;
                let row = row.map(|value| Payload { type_name: row_type.as_str().into(), value });
                found.push(Projected { projector: name, position, row });
            }
        }
        Ok(found)
    }
}

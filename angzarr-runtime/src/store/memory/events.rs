//! Streams in maps.

use std::collections::HashMap;

use async_trait::async_trait;
use prost_types::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Inner, MemoryStore, Stream};
use crate::store::{
    Appended, AsOf, Deadline, Due, EventStore, Load, Loaded, NewBook, Record, Root, Snapshot, StoreError, StreamId,
};
use crate::time;

impl Inner {
    fn recorded(&self, stream: &StreamId, key: Option<&str>) -> Option<Vec<Record>> {
        let stream = self.streams.get(stream)?;
        let (first, count) = *stream.keys.get(key?)?;
        Some(stream.records[first..first + count].iter().map(|index| self.log[*index].clone()).collect())
    }

    fn append(&mut self, book: NewBook) -> Result<Appended, StoreError> {
        book.check_size()?;
        if let Some(records) = self.recorded(&book.stream, book.idempotency_key.as_deref()) {
            return Ok(Appended { records, duplicate: true });
        }
        let next = self.streams.get(&book.stream).map_or(0, |stream| stream.records.len());
        let actual = sequence(next)?;
        if let Some(expected) = book.expected
            && expected != actual
        {
            return Err(StoreError::Conflict { expected, actual });
        }
        if book.records.is_empty() && book.idempotency_key.is_none() && book.cleared.is_empty() {
            return Ok(Appended { records: Vec::new(), duplicate: false });
        }
        sequence(next + book.records.len())?;
        let stream = self.streams.entry(book.stream.clone()).or_insert_with(|| Stream {
            key: book.key,
            records: Vec::new(),
            keys: HashMap::new(),
            snapshot: None,
            deadlines: HashMap::new(),
        });
        if let Some(key) = book.idempotency_key {
            stream.keys.insert(key, (next, book.records.len()));
        }
        for name in &book.cleared {
            stream.deadlines.remove(name);
        }
        let first = self.log.len();
        for (index, new) in book.records.into_iter().enumerate() {
            stream.records.push(first + index);
            if let Some(Due { name, at }) = new.due {
                stream.deadlines.insert(name, (time::to_micros(&at), first + index));
            }
            self.log.push(Record {
                stream: book.stream.clone(),
                key: stream.key.clone(),
                sequence: sequence(next + index)?,
                position: (first + index) as u64 + 1,
                kind: new.kind,
                part: 0,
                parts: 0,
                payload: new.payload,
                created_at: book.created_at,
                occurred_at: new.occurred_at,
                trace: book.trace.clone(),
            });
        }
        Ok(Appended { records: self.log[first..].to_vec(), duplicate: false })
    }

    fn load(&self, load: &Load) -> Result<Loaded, StoreError> {
        if let Some(recorded) = self.recorded(&load.stream, load.idempotency_key.as_deref()) {
            return Ok(Loaded { recorded: Some(recorded), ..Loaded::default() });
        }
        let Some(stream) = self.streams.get(&load.stream) else { return Ok(Loaded::default()) };
        let end = match load.as_of {
            AsOf::Now => stream.records.len(),
            AsOf::Sequence(last) => stream.records.len().min(last as usize + 1),
            AsOf::Time(time) => {
                let time = time::to_micros(&time);
                let later = |index: &usize| time::to_micros(&self.log[*index].created_at) > time;
                stream.records.iter().position(later).unwrap_or(stream.records.len())
            }
        };
        let next_sequence = sequence(end)?;
        let snapshot = stream.snapshot.clone().filter(|snapshot| {
            load.fingerprint.as_ref() == Some(&snapshot.fingerprint) && snapshot.sequence < next_sequence
        });
        let from = snapshot.as_ref().map_or(0, |snapshot| snapshot.sequence + 1).max(load.from).min(next_sequence);
        let records = stream.records[from as usize..end].iter().map(|index| self.log[*index].clone()).collect();
        Ok(Loaded { recorded: None, snapshot, records, next_sequence })
    }

    fn deadlines(&self, domain: &str, until: i64, limit: usize) -> Vec<Deadline> {
        let streams = self.streams.iter().filter(|(stream, _)| &*stream.domain == domain);
        let mut due: Vec<(i64, usize, &String)> = streams
            .flat_map(|(_, stream)| &stream.deadlines)
            .filter(|(_, (at, _))| *at <= until)
            .map(|(name, (at, index))| (*at, *index, name))
            .collect();
        due.sort_unstable();
        let deadline = |(at, index, name): (i64, usize, &String)| Deadline {
            due: Due { name: name.clone(), at: time::from_micros(at) },
            record: self.log[index].clone(),
        };
        due.into_iter().take(limit).map(deadline).collect()
    }

    fn roots(&self, domain: &str, after: Option<Uuid>, limit: usize) -> Result<Vec<Root>, StoreError> {
        let wanted = |id: &StreamId| &*id.domain == domain && after.is_none_or(|after| id.root > after);
        let mut found = Vec::new();
        for (id, stream) in self.streams.iter().filter(|(id, stream)| wanted(id) && !stream.records.is_empty()) {
            let next_sequence = sequence(stream.records.len())?;
            found.push(Root { root: id.root, key: stream.key.clone(), next_sequence });
        }
        found.sort_unstable_by_key(|root| root.root);
        found.truncate(limit);
        Ok(found)
    }
}

fn sequence(number: usize) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| StoreError::StreamFull)
}

#[async_trait]
impl EventStore for MemoryStore {
    async fn append_in_order(&self, books: Vec<NewBook>) -> Vec<Result<Appended, StoreError>> {
        let mut inner = match self.open() {
            Ok(inner) => inner,
            Err(error) => return vec![Err(error)],
        };
        let mut results = Vec::with_capacity(books.len());
        for book in books {
            results.push(inner.append(book));
            if !results.last().is_some_and(Appended::is_stored) {
                break;
            }
        }
        let grown = inner.log.len() as u64;
        self.head.send_if_modified(|head| std::mem::replace(head, grown) != grown);
        results
    }

    async fn load(&self, load: Load) -> Result<Loaded, StoreError> {
        self.open()?.load(&load)
    }

    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        let inner = self.open()?;
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        Ok(inner.log.iter().skip(after).take(limit).cloned().collect())
    }

    async fn read_correlated(&self, correlation_id: &str, after: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        let inner = self.open()?;
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        let correlated = |record: &&Record| &*record.trace.correlation_id == correlation_id;
        Ok(inner.log.iter().skip(after).filter(correlated).take(limit).cloned().collect())
    }

    async fn roots(&self, domain: &str, after: Option<Uuid>, limit: usize) -> Result<Vec<Root>, StoreError> {
        self.open()?.roots(domain, after, limit)
    }

    async fn head(&self) -> Result<u64, StoreError> {
        Ok(self.open()?.log.len() as u64)
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    async fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        if let Some(stream) = self.open()?.streams.get_mut(&stream) {
            stream.snapshot = Some(snapshot);
        }
        Ok(())
    }

    async fn deadlines(&self, domain: &str, until: Timestamp, limit: usize) -> Result<Vec<Deadline>, StoreError> {
        Ok(self.open()?.deadlines(domain, time::to_micros(&until), limit))
    }
}

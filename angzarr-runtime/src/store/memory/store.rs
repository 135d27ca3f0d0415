//! Streams in maps under one lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use crate::store::{Appended, Load, Loaded, NewBook, Record, Snapshot, Store, StoreError, StreamId};

/// Streams in memory.
#[derive(Debug)]
pub struct MemoryStore {
    log_id: Uuid,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Index + 1 is the position.
    log: Vec<Record>,
    streams: HashMap<StreamId, Stream>,
    checkpoints: HashMap<String, u64>,
    closed: bool,
}

#[derive(Debug)]
struct Stream {
    /// As its first book named it.
    key: Arc<str>,
    /// Indices into the log; their own index is the sequence.
    records: Vec<usize>,
    /// First sequence and count of the book under each key.
    keys: HashMap<String, (usize, usize)>,
    snapshot: Option<Snapshot>,
}

impl MemoryStore {
    /// An empty log.
    pub fn new() -> Self {
        Self { log_id: Uuid::new_v4(), inner: Mutex::default() }
    }

    fn open(&self) -> Result<MutexGuard<'_, Inner>, StoreError> {
        // Nothing below panics between two changes that belong together, so a poisoned lock guards sound data.
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.closed { Err(StoreError::Closed) } else { Ok(inner) }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    fn recorded(&self, stream: &StreamId, key: Option<&str>) -> Option<Vec<Record>> {
        let stream = self.streams.get(stream)?;
        let (first, count) = *stream.keys.get(key?)?;
        Some(stream.records[first..first + count].iter().map(|index| self.log[*index].clone()).collect())
    }

    fn append(&mut self, book: NewBook) -> Result<Appended, StoreError> {
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
        if book.records.is_empty() && book.idempotency_key.is_none() {
            return Ok(Appended { records: Vec::new(), duplicate: false });
        }
        sequence(next + book.records.len())?;
        let stream = self.streams.entry(book.stream.clone()).or_insert_with(|| Stream {
            key: book.key,
            records: Vec::new(),
            keys: HashMap::new(),
            snapshot: None,
        });
        if let Some(key) = book.idempotency_key {
            stream.keys.insert(key, (next, book.records.len()));
        }
        let first = self.log.len();
        for (index, new) in book.records.into_iter().enumerate() {
            stream.records.push(first + index);
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
        let next_sequence = sequence(stream.records.len())?;
        let snapshot = stream.snapshot.clone().filter(|snapshot| {
            load.fingerprint.as_ref() == Some(&snapshot.fingerprint) && snapshot.sequence < next_sequence
        });
        let from = snapshot.as_ref().map_or(0, |snapshot| snapshot.sequence + 1).max(load.from).min(next_sequence);
        let records = stream.records[from as usize..].iter().map(|index| self.log[*index].clone()).collect();
        Ok(Loaded { recorded: None, snapshot, records, next_sequence })
    }
}

fn sequence(number: usize) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| StoreError::StreamFull)
}

#[async_trait]
impl Store for MemoryStore {
    fn log_id(&self) -> Uuid {
        self.log_id
    }

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

    async fn head(&self) -> Result<u64, StoreError> {
        Ok(self.open()?.log.len() as u64)
    }

    async fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        if let Some(stream) = self.open()?.streams.get_mut(&stream) {
            stream.snapshot = Some(snapshot);
        }
        Ok(())
    }

    async fn checkpoint(&self, consumer: &str) -> Result<u64, StoreError> {
        Ok(self.open()?.checkpoints.get(consumer).copied().unwrap_or(0))
    }

    async fn save_checkpoint(&self, consumer: &str, position: u64) -> Result<(), StoreError> {
        self.open()?.checkpoints.insert(consumer.to_owned(), position);
        Ok(())
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        Ok(())
    }
}

//! A group of books as the server's function takes it, and what it says of them.

use std::sync::Arc;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Row, query, query_scalar};
use uuid::Uuid;

use super::error::Failed;
use super::rows::{encode_cause, sequence};
use super::text;
use crate::store::{Due, NewBook, Record, StoreError};
use crate::time;

/// Books of one stream, each to be stored only behind those before it.
pub(super) type List<'a> = &'a [NewBook];

/// What became of a book.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// It is stored.
    Stored {
        /// Its first sequence.
        first: u32,
        /// Its first position.
        position: u64,
        /// The stream's number; none if the book said nothing.
        stream: Option<i64>,
        /// The stream's natural id; none if there is no such stream.
        key: Option<Arc<str>>,
    },
    /// Its key is recorded: with that many records, from there on.
    Duplicate { stream: i64, first: u32, count: u32 },
    /// Another sequence is next.
    Conflict { actual: u32 },
    /// There are no more sequences.
    Full,
    /// One before it in its list was not stored.
    NotTried,
}

/// The arguments of `angzarr.write` that have one value a book.
#[derive(Default)]
struct Books {
    lists: Vec<i32>,
    domains: Vec<String>,
    roots: Vec<Uuid>,
    natural_ids: Vec<String>,
    expectations: Vec<Option<i64>>,
    keys: Vec<Option<String>>,
    sizes: Vec<i32>,
    effective: Vec<bool>,
    recorded_at: Vec<i64>,
}

/// Those that have one a record.
#[derive(Default)]
struct Records<'a> {
    books: Vec<i32>,
    indexes: Vec<i32>,
    kinds: Vec<i16>,
    types: Vec<String>,
    payloads: Vec<&'a [u8]>,
    occurrences: Vec<Option<i64>>,
    correlation_ids: Vec<String>,
    causes: Vec<Option<Vec<u8>>>,
    traceparents: Vec<Option<String>>,
}

/// Those that have one a deadline; no time clears.
#[derive(Default)]
struct Deadlines {
    books: Vec<i32>,
    indexes: Vec<i32>,
    names: Vec<String>,
    times: Vec<Option<i64>>,
}

fn index(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Asks the server to append a group; asked again with the same `batch`, it gives the same answer. The verdicts of all
/// books follow each other.
pub(super) async fn call(
    connection: &mut PgConnection,
    writer: Uuid,
    batch: i64,
    lists: &[List<'_>],
) -> Result<Vec<Verdict>, Failed> {
    let (mut books, mut records, mut deadlines) = (Books::default(), Records::default(), Deadlines::default());
    for (list, book) in lists.iter().enumerate().flat_map(|(list, books)| books.iter().map(move |book| (list, book))) {
        books.push(list, book);
        let number = index(books.lists.len());
        records.push(number, book);
        deadlines.push(number, book);
    }
    let row = query("CALL angzarr.write($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, NULL, NULL, NULL, NULL, NULL, NULL)")
        .bind(writer)
        .bind(batch)
        .bind(books.lists)
        .bind(books.domains)
        .bind(books.roots)
        .bind(books.natural_ids)
        .bind(books.expectations)
        .bind(books.keys)
        .bind(books.sizes)
        .bind(books.effective)
        .bind(books.recorded_at)
        .bind(records.books)
        .bind(records.indexes)
        .bind(records.kinds)
        .bind(records.types)
        .bind(records.payloads)
        .bind(records.occurrences)
        .bind(records.correlation_ids)
        .bind(records.causes)
        .bind(records.traceparents)
        .bind(deadlines.books)
        .bind(deadlines.indexes)
        .bind(deadlines.names)
        .bind(deadlines.times)
        .fetch_one(connection)
        .await?;
    verdicts(&row)
}

impl Books {
    fn push(&mut self, list: usize, book: &NewBook) {
        self.lists.push(index(list));
        self.domains.push(text::encode(&book.stream.domain).into_owned());
        self.roots.push(book.stream.root);
        self.natural_ids.push(text::encode(&book.key).into_owned());
        self.expectations.push(book.expected.map(i64::from));
        self.keys.push(book.idempotency_key.as_deref().map(|key| text::encode(key).into_owned()));
        self.sizes.push(index(book.records.len()));
        let silent = book.records.is_empty() && book.idempotency_key.is_none() && book.cleared.is_empty();
        self.effective.push(!silent);
        self.recorded_at.push(time::to_micros(&book.created_at));
    }
}

impl<'a> Records<'a> {
    fn push(&mut self, number: i32, book: &'a NewBook) {
        let cause = book.trace.cause.as_deref().map(encode_cause);
        let traceparent = book.trace.traceparent.map(|traceparent| traceparent.to_string());
        for (place, record) in book.records.iter().enumerate() {
            self.books.push(number);
            self.indexes.push(index(place));
            self.kinds.push(record.kind as i16);
            self.types.push(text::encode(&record.payload.type_name).into_owned());
            self.payloads.push(&record.payload.value);
            self.occurrences.push(record.occurred_at.as_ref().map(time::to_micros));
            self.correlation_ids.push(text::encode(&book.trace.correlation_id).into_owned());
            self.causes.push(cause.clone());
            self.traceparents.push(traceparent.clone());
        }
    }
}

impl Deadlines {
    fn push(&mut self, number: i32, book: &NewBook) {
        for name in &book.cleared {
            self.add(number, 0, name, None);
        }
        for (place, record) in book.records.iter().enumerate() {
            if let Some(Due { name, at }) = &record.due {
                self.add(number, place, name, Some(time::to_micros(at)));
            }
        }
    }

    fn add(&mut self, book: i32, place: usize, name: &str, time: Option<i64>) {
        self.books.push(book);
        self.indexes.push(index(place));
        self.names.push(text::encode(name).into_owned());
        self.times.push(time);
    }
}

/// Whether a batch is committed. One that was refused may be: then the server failed at publishing it.
pub(super) async fn is_committed(connection: &mut PgConnection, writer: Uuid, batch: i64) -> Result<bool, Failed> {
    let committed = "SELECT EXISTS (SELECT FROM angzarr.writers w WHERE w.id = $1 AND w.last_batch >= $2)";
    Ok(query_scalar(committed).bind(writer).bind(batch).fetch_one(connection).await?)
}

fn verdicts(row: &PgRow) -> Result<Vec<Verdict>, Failed> {
    let verdicts: Vec<i16> = row.try_get("verdicts")?;
    let sequences: Vec<i64> = row.try_get("sequences")?;
    let positions: Vec<i64> = row.try_get("positions")?;
    let streams: Vec<Option<i64>> = row.try_get("streams")?;
    let counts: Vec<Option<i32>> = row.try_get("counts")?;
    let keys: Vec<Option<String>> = row.try_get("keys")?;
    let damaged = || StoreError::Damaged { reason: "the answer to an append makes no sense".into() };
    let mut told = Vec::with_capacity(verdicts.len());
    for (book, verdict) in verdicts.into_iter().enumerate() {
        let first = || sequence(*sequences.get(book).ok_or_else(damaged)?);
        let stream = streams.get(book).copied().flatten();
        told.push(match verdict {
            0 => Verdict::Stored {
                first: first()?,
                position: positions.get(book).ok_or_else(damaged)?.unsigned_abs(),
                stream,
                key: keys.get(book).and_then(Option::as_deref).map(|key| text::decode(key).as_ref().into()),
            },
            1 => {
                let count = counts.get(book).copied().flatten().and_then(|count| u32::try_from(count).ok());
                let (stream, count) = stream.zip(count).ok_or_else(damaged)?;
                Verdict::Duplicate { stream, first: first()?, count }
            }
            2 => Verdict::Conflict { actual: first()? },
            3 => Verdict::Full,
            4 => Verdict::NotTried,
            _ => return Err(damaged().into()),
        });
    }
    Ok(told)
}

/// The records of a book that is stored.
pub(super) fn stored(book: &NewBook, key: Option<Arc<str>>, first: u32, position: u64) -> Vec<Record> {
    let key = key.unwrap_or_else(|| book.key.clone());
    let record = |((sequence, position), new): ((u32, u64), &crate::store::NewRecord)| Record {
        stream: book.stream.clone(),
        key: key.clone(),
        sequence,
        position,
        kind: new.kind,
        part: 0,
        parts: 0,
        payload: new.payload.clone(),
        created_at: book.created_at,
        occurred_at: new.occurred_at,
        trace: book.trace.clone(),
    };
    (first..).zip(position..).zip(&book.records).map(record).collect()
}

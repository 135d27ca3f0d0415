//! Appending, inside the transaction of a group.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::group::{Transaction, is_own};
use super::{events, rows};
use crate::store::{Appended, Due, NewBook, Record, StoreError};
use crate::time;

/// Appends books of one stream, up to the first that is not stored as it was given.
///
/// An error of the store is everybody's, since the transaction may be half-done; if it is one book's own fault, that
/// comes to light in the second, careful attempt, which keeps what was stored before it.
pub(super) fn append_in_order(
    transaction: &mut Transaction<'_>,
    books: &[NewBook],
) -> Result<Vec<Result<Appended, StoreError>>, StoreError> {
    let mut results = Vec::with_capacity(books.len());
    for book in books {
        let result = if transaction.careful { save_point(transaction, book)? } else { attempt(transaction, book)? };
        results.push(result);
        if !results.last().is_some_and(Appended::is_stored) {
            break;
        }
    }
    Ok(results)
}

/// The inner error is the book's own.
fn attempt(transaction: &mut Transaction<'_>, book: &NewBook) -> Result<Result<Appended, StoreError>, StoreError> {
    let connection = transaction.connection;
    match append(connection, book, transaction.position()?) {
        Err(error) if !is_own(&error) => Err(error),
        result => Ok(result),
    }
}

/// The same, but whatever goes wrong is undone and the book's own.
fn save_point(transaction: &mut Transaction<'_>, book: &NewBook) -> Result<Result<Appended, StoreError>, StoreError> {
    let connection = transaction.connection;
    let before = *transaction.position()?;
    connection.execute_batch("SAVEPOINT book")?;
    let result = append(connection, book, transaction.position()?);
    if result.is_err() {
        connection.execute_batch("ROLLBACK TO book")?;
        *transaction.position()? = before;
    }
    connection.execute_batch("RELEASE book")?;
    Ok(result)
}

/// Appends one book inside the group's transaction. A conflict is found before anything is written.
fn append(connection: &Connection, book: &NewBook, position: &mut i64) -> Result<Appended, StoreError> {
    book.check_size()?;
    let found = connection
        .prepare_cached("SELECT id, next_sequence, key FROM streams WHERE domain = ?1 AND root = ?2")?
        .query_row(params![book.stream.domain, book.stream.root.as_bytes().as_slice()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?, row.get::<_, Arc<str>>(2)?))
        })
        .optional()?;
    if let (Some((stream, ..)), Some(key)) = (&found, &book.idempotency_key)
        && let Some(records) = events::recorded(connection, *stream, key)?
    {
        return Ok(Appended { records, duplicate: true });
    }
    let actual = found.as_ref().map_or(0, |(_, next, _)| *next);
    if let Some(expected) = book.expected
        && expected != actual
    {
        return Err(StoreError::Conflict { expected, actual });
    }
    let nothing = Appended { records: Vec::new(), duplicate: false };
    if book.records.is_empty() && book.idempotency_key.is_none() && book.cleared.is_empty() {
        return Ok(nothing);
    }
    let next = u32::try_from(book.records.len()).ok().and_then(|count| actual.checked_add(count));
    let next = next.ok_or(StoreError::StreamFull)?;
    let (stream, key) = match found {
        Some((stream, _, key)) => {
            connection
                .prepare_cached("UPDATE streams SET next_sequence = ?2 WHERE id = ?1")?
                .execute(params![stream, next])?;
            (stream, key)
        }
        None => {
            connection
                .prepare_cached("INSERT INTO streams (domain, root, key, next_sequence) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![book.stream.domain, book.stream.root.as_bytes().as_slice(), book.key, next])?;
            (connection.last_insert_rowid(), book.key.clone())
        }
    };
    if let Some(idempotency_key) = &book.idempotency_key {
        connection
            .prepare_cached("INSERT INTO keys (stream, key, first_sequence, count) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![stream, idempotency_key, actual, next - actual])?;
    }
    for name in &book.cleared {
        connection
            .prepare_cached("DELETE FROM deadlines WHERE stream = ?1 AND name = ?2")?
            .execute(params![stream, name])?;
    }
    insert(connection, book, Stream { id: stream, key, next: actual }, position)
}

/// A stream as it is before the append.
struct Stream {
    id: i64,
    key: Arc<str>,
    next: u32,
}

fn insert(connection: &Connection, book: &NewBook, stream: Stream, position: &mut i64) -> Result<Appended, StoreError> {
    let cause = book.trace.cause.as_deref().map(rows::encode_cause);
    let traceparent = book.trace.traceparent.map(|traceparent| traceparent.to_string());
    let mut statement = connection.prepare_cached(
        "INSERT INTO records (position, stream, sequence, kind, type, payload, created_at, occurred_at, correlation_id, cause,
             traceparent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    let mut records = Vec::with_capacity(book.records.len());
    for (sequence, new) in (stream.next..).zip(&book.records) {
        *position += 1;
        statement.execute(params![
            *position,
            stream.id,
            sequence,
            new.kind as i64,
            new.payload.type_name,
            new.payload.value.as_ref(),
            time::to_micros(&book.created_at),
            new.occurred_at.as_ref().map(time::to_micros),
            book.trace.correlation_id,
            cause,
            traceparent,
        ])?;
        if let Some(due) = &new.due {
            set_deadline(connection, stream.id, &book.stream.domain, due, *position)?;
        }
        records.push(Record {
            stream: book.stream.clone(),
            key: stream.key.clone(),
            sequence,
            position: position.unsigned_abs(),
            kind: new.kind,
            part: 0,
            parts: 0,
            payload: new.payload.clone(),
            created_at: book.created_at,
            occurred_at: new.occurred_at,
            trace: book.trace.clone(),
        });
    }
    Ok(Appended { records, duplicate: false })
}

fn set_deadline(
    connection: &Connection,
    stream: i64,
    domain: &str,
    due: &Due,
    position: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO deadlines (stream, name, domain, at, position) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (stream, name) DO UPDATE SET at = excluded.at, position = excluded.position",
        )?
        .execute(params![stream, due.name, domain, time::to_micros(&due.at), position])?;
    Ok(())
}

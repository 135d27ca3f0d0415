//! Orders in a table.

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::events::{count, position};
use crate::store::order::{ANSWERS, AnswerRow, OrderRow};
use crate::store::{Answer, EventRef, OrderState, Refusal, StoreError, TakenOrder};

/// Changes with every order and answer.
pub(super) fn changes(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT order_changes FROM log")?.query_row([], |row| row.get(0))
}

fn count_change(connection: &Connection) -> Result<(), StoreError> {
    connection.prepare_cached("UPDATE log SET order_changes = order_changes + 1")?.execute([])?;
    Ok(())
}

pub(super) fn give(connection: &Connection, consumer: &str, id: Uuid, order: &OrderRow) -> Result<(), StoreError> {
    let (at, part) = (order.event.map(|event| position(event.position)), order.event.map(|event| event.part));
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO orders (id, consumer, kind, lane, position, part) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![id.as_bytes().as_slice(), consumer, order.kind, order.lane, at, part])?;
    count_change(connection)
}

pub(super) fn take(connection: &Connection, consumer: &str) -> Result<Vec<TakenOrder>, StoreError> {
    connection
        .prepare_cached("UPDATE orders SET taken = 1 WHERE consumer = ?1 AND answer IS NULL AND taken = 0")?
        .execute([consumer])?;
    let mut statement = connection.prepare_cached(
        "SELECT id, events, kind, lane, position, part FROM orders WHERE consumer = ?1 AND answer IS NULL
         ORDER BY number",
    )?;
    let taken = statement.query_map([consumer], |row| {
        let order = OrderRow { kind: row.get(2)?, lane: row.get(3)?, event: event(row, 4, 5)? };
        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?.unsigned_abs(), order))
    })?;
    let mut known = Vec::new();
    for (id, events, order) in taken.collect::<Result<Vec<_>, _>>()? {
        let damaged = |_| StoreError::Damaged { reason: "the id of an order is not 16 bytes long".into() };
        let id = Uuid::from_slice(&id).map_err(damaged)?;
        match order.known() {
            Some(order) => known.push(TakenOrder { id, order, events }),
            None => go_on(connection, consumer, id, events, Some(Answer::Refused(Refusal::Unknown)))?,
        }
    }
    Ok(known)
}

/// Keeps how far an order is. Answers of older orders make room for this one.
pub(super) fn go_on(
    connection: &Connection,
    consumer: &str,
    id: Uuid,
    events: u64,
    answer: Option<Answer>,
) -> Result<(), StoreError> {
    let id = id.as_bytes().as_slice();
    connection.prepare_cached("UPDATE orders SET events = ?2 WHERE id = ?1")?.execute(params![id, position(events)])?;
    let Some(answer) = answer.map(AnswerRow::from) else { return Ok(()) };
    let (at, part) = (answer.event.map(|event| position(event.position)), answer.event.map(|event| event.part));
    connection
        .prepare_cached(
            "UPDATE orders SET answer = ?2, answer_position = ?3, answer_part = ?4, answer_at = ?5, answer_code = ?6,
                 answer_reason = ?7
             WHERE id = ?1",
        )?
        .execute(params![id, answer.answer, at, part, answer.at, answer.code, answer.reason])?;
    connection
        .prepare_cached(
            "DELETE FROM orders WHERE number IN (
                 SELECT number FROM orders WHERE consumer = ?1 AND answer IS NOT NULL AND id <> ?3
                 ORDER BY number DESC LIMIT -1 OFFSET ?2
             )",
        )?
        .execute(params![consumer, count(ANSWERS - 1), id])?;
    count_change(connection)
}

pub(super) fn state(connection: &Connection, id: Uuid) -> Result<Option<OrderState>, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT taken, events, answer, answer_position, answer_part, answer_at, answer_code, answer_reason
             FROM orders WHERE id = ?1",
        )?
        .query_row([id.as_bytes().as_slice()], |row| {
            let (taken, events) = (row.get::<_, bool>(0)?, row.get::<_, i64>(1)?.unsigned_abs());
            let Some(answer) = row.get(2)? else { return Ok((taken, events, None)) };
            let (at, code, reason) = (row.get(5)?, row.get(6)?, row.get(7)?);
            Ok((taken, events, Some(AnswerRow { answer, event: event(row, 3, 4)?, at, code, reason })))
        })
        .optional()?;
    Ok(match found {
        None => None,
        Some((_, events, Some(answer))) => Some(OrderState::Answered { events, answer: answer.try_into()? }),
        Some((true, ..)) => Some(OrderState::Taken),
        Some((false, ..)) => Some(OrderState::Given),
    })
}

pub(super) fn withdraw(connection: &Connection, id: Uuid) -> Result<Option<OrderState>, StoreError> {
    connection
        .prepare_cached("DELETE FROM orders WHERE id = ?1 AND taken = 0 AND answer IS NULL")?
        .execute([id.as_bytes().as_slice()])?;
    state(connection, id)
}

fn event(row: &Row<'_>, at: usize, part: usize) -> rusqlite::Result<Option<EventRef>> {
    let (at, part): (Option<i64>, Option<u32>) = (row.get(at)?, row.get(part)?);
    Ok(at.zip(part).map(|(position, part)| EventRef { position: position.unsigned_abs(), part }))
}

//! Orders in a table.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection, Row, query, query_scalar};
use uuid::Uuid;

use super::consumers::LetterRow;
use super::error::Failed;
use super::listener::{CHANNEL, ORDERS};
use super::session::Sessions;
use super::{count, number, text};
use crate::store::order::{ANSWERS, AnswerRow, OrderRow};
use crate::store::{Answer, EventRef, Lease, NewDeadLetter, OrderState, OrderStep, Refusal, StoreError, TakenOrder};

/// Whoever listens looks at the orders again, once this is committed.
async fn notify(connection: &mut PgConnection) -> Result<(), Failed> {
    query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(ORDERS).execute(connection).await?;
    Ok(())
}

fn columns(event: Option<EventRef>) -> (Option<i64>, Option<i64>) {
    (event.map(|event| number(event.position)), event.map(|event| event.part.into()))
}

fn event(row: &PgRow, at: usize, part: usize) -> Result<Option<EventRef>, Failed> {
    let (at, part): (Option<i64>, Option<i64>) = (row.try_get(at)?, row.try_get(part)?);
    let Some((at, part)) = at.zip(part) else { return Ok(None) };
    let part = u32::try_from(part).map_err(|_| StoreError::Damaged { reason: format!("{part} is no part") })?;
    Ok(Some(EventRef { position: at.unsigned_abs(), part }))
}

fn decoded(row: &PgRow, column: usize) -> Result<Option<String>, Failed> {
    Ok(row.try_get::<Option<&str>, _>(column)?.map(|text| text::decode(text).into_owned()))
}

pub(super) async fn give(sessions: &Sessions, consumer: &str, id: Uuid, order: &OrderRow) -> Result<(), StoreError> {
    let (name, (at, part)) = (&text::encode(consumer), columns(order.event));
    let lane = &order.lane.as_deref().map(text::encode);
    sessions
        .run(|mut session| async move {
            let mut transaction = session.connection().begin().await?;
            query(
                "INSERT INTO angzarr.orders (id, consumer, kind, lane, position, part) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT DO NOTHING",
            )
            .bind(id)
            .bind(&**name)
            .bind(&order.kind)
            .bind(lane.as_deref())
            .bind(at)
            .bind(part)
            .execute(&mut *transaction)
            .await?;
            notify(&mut transaction).await?;
            transaction.commit().await?;
            session.done(())
        })
        .await
}

/// None if the lease is lost.
pub(super) async fn take(sessions: &Sessions, lease: &Lease) -> Result<Option<Vec<TakenOrder>>, StoreError> {
    let name = &text::encode(&lease.consumer);
    sessions
        .run(|mut session| async move {
            let mut transaction = session.connection().begin().await?;
            // Orders that are withdrawn at the same time are in what was updated, or they are not.
            let rows = query(
                "WITH lease AS (
                     SELECT name FROM angzarr.consumers WHERE name = $1 AND token = $2 FOR UPDATE
                 ), taken AS (
                     UPDATE angzarr.orders o SET taken = true FROM lease
                     WHERE o.consumer = lease.name AND o.answer IS NULL
                     RETURNING o.number, o.id, o.events, o.kind, o.lane, o.position, o.part
                 )
                 SELECT t.id, t.events, t.kind, t.lane, t.position, t.part FROM lease LEFT JOIN taken t ON true
                 ORDER BY t.number",
            )
            .bind(&**name)
            .bind(number(lease.token))
            .fetch_all(&mut *transaction)
            .await?;
            let taken = |row: &PgRow| {
                let Some(id) = row.try_get(0)? else { return Ok(None) };
                let order = OrderRow { kind: row.try_get(2)?, lane: decoded(row, 3)?, event: event(row, 4, 5)? };
                let events = row.try_get::<i64, _>(1)?.unsigned_abs();
                Ok::<_, Failed>(Some((id, events, order.known())))
            };
            let mut orders = Vec::new();
            for row in &rows {
                match taken(row)? {
                    Some((id, events, Some(order))) => orders.push(TakenOrder { id, order, events }),
                    Some((id, _, None)) => {
                        let answer = Answer::Refused(Refusal::Unknown).into();
                        end(&mut transaction, name, id, answer).await?;
                    }
                    None => {}
                }
            }
            transaction.commit().await?;
            session.done((!rows.is_empty()).then_some(orders))
        })
        .await
}

/// False if the lease is lost.
pub(super) async fn carry_out(sessions: &Sessions, lease: &Lease, step: &OrderStep) -> Result<bool, StoreError> {
    let name = &text::encode(&lease.consumer);
    sessions
        .run(|mut session| async move {
            let mut transaction = session.connection().begin().await?;
            let held: Option<i32> =
                query_scalar("SELECT 1 FROM angzarr.consumers WHERE name = $1 AND token = $2 FOR UPDATE")
                    .bind(&**name)
                    .bind(number(lease.token))
                    .fetch_optional(&mut *transaction)
                    .await?;
            if held.is_none() {
                transaction.rollback().await?;
                return session.done(false);
            }
            unpark(&mut transaction, name, step).await?;
            if let Some(letter) = &step.letter {
                save_letter(&mut transaction, name, letter).await?;
            }
            if step.resumed {
                query("UPDATE angzarr.consumers SET paused_before = NULL, pause_reason = NULL WHERE name = $1")
                    .bind(&**name)
                    .execute(&mut *transaction)
                    .await?;
            }
            query("UPDATE angzarr.orders SET events = $2 WHERE id = $1")
                .bind(step.id)
                .bind(number(step.events))
                .execute(&mut *transaction)
                .await?;
            if let Some(answer) = &step.answer {
                end(&mut transaction, name, step.id, answer.clone().into()).await?;
                notify(&mut transaction).await?;
            }
            transaction.commit().await?;
            session.done(true)
        })
        .await
}

/// Takes events out of parks, and removes dead letters.
async fn unpark(connection: &mut PgConnection, name: &str, step: &OrderStep) -> Result<(), Failed> {
    let lanes: Vec<String> = step.unparked.iter().map(|parked| text::encode(&parked.lane).into_owned()).collect();
    let positions: Vec<i64> = step.unparked.iter().map(|parked| number(parked.event.position)).collect();
    let parts: Vec<i64> = step.unparked.iter().map(|parked| parked.event.part.into()).collect();
    query(
        "DELETE FROM angzarr.parked p USING unnest($2::text[], $3::bigint[], $4::bigint[]) AS u (lane, position, part)
         WHERE p.consumer = $1 AND hashtextextended(p.lane, 0) = hashtextextended(u.lane, 0) AND p.lane = u.lane
             AND p.position = u.position AND p.part = u.part",
    )
    .bind(name)
    .bind(lanes)
    .bind(positions)
    .bind(parts)
    .execute(&mut *connection)
    .await?;
    let positions: Vec<i64> = step.removed.iter().map(|event| number(event.position)).collect();
    let parts: Vec<i64> = step.removed.iter().map(|event| event.part.into()).collect();
    query(
        "DELETE FROM angzarr.dead_letters d USING unnest($2::bigint[], $3::bigint[]) AS u (position, part)
         WHERE d.consumer = $1 AND d.position = u.position AND d.part = u.part",
    )
    .bind(name)
    .bind(positions)
    .bind(parts)
    .execute(connection)
    .await?;
    Ok(())
}

async fn save_letter(connection: &mut PgConnection, name: &str, letter: &NewDeadLetter) -> Result<(), Failed> {
    let LetterRow { lane, times, codes, reasons } = letter.into();
    query(
        "INSERT INTO angzarr.dead_letters (position, part, consumer, lane, attempted_at, codes, reasons)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (consumer, position, part) DO UPDATE SET
             lane = excluded.lane, attempted_at = excluded.attempted_at,
             codes = excluded.codes, reasons = excluded.reasons",
    )
    .bind(number(letter.event.position))
    .bind(i64::from(letter.event.part))
    .bind(name)
    .bind(lane)
    .bind(times)
    .bind(codes)
    .bind(reasons)
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps an answer; those of older orders make room for it.
async fn end(connection: &mut PgConnection, name: &str, id: Uuid, answer: AnswerRow) -> Result<(), Failed> {
    let (at, part) = columns(answer.event);
    query(
        "UPDATE angzarr.orders SET answer = $2, answer_position = $3, answer_part = $4, answer_at = $5,
             answer_code = $6, answer_reason = $7
         WHERE id = $1",
    )
    .bind(id)
    .bind(answer.answer)
    .bind(at)
    .bind(part)
    .bind(answer.at)
    .bind(answer.code.as_deref().map(text::encode).as_deref())
    .bind(answer.reason.as_deref().map(text::encode).as_deref())
    .execute(&mut *connection)
    .await?;
    query(
        "DELETE FROM angzarr.orders WHERE number IN (
             SELECT o.number FROM angzarr.orders o WHERE o.consumer = $1 AND o.answer IS NOT NULL AND o.id <> $3
             ORDER BY o.number DESC OFFSET $2
         )",
    )
    .bind(name)
    .bind(count(ANSWERS - 1))
    .bind(id)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn state(sessions: &Sessions, id: Uuid) -> Result<Option<OrderState>, StoreError> {
    sessions
        .run(|mut session| async move {
            let row = query(
                "SELECT taken, events, answer, answer_position, answer_part, answer_at, answer_code, answer_reason
                 FROM angzarr.orders WHERE id = $1",
            )
            .bind(id)
            .fetch_optional(session.connection())
            .await?;
            let state = |row: PgRow| {
                let Some(answer) = row.try_get(2)? else {
                    return Ok(if row.try_get(0)? { OrderState::Taken } else { OrderState::Given });
                };
                let (code, reason) = (decoded(&row, 6)?, decoded(&row, 7)?);
                let answer = AnswerRow { answer, event: event(&row, 3, 4)?, at: row.try_get(5)?, code, reason };
                let events = row.try_get::<i64, _>(1)?.unsigned_abs();
                Ok::<_, Failed>(OrderState::Answered { events, answer: Answer::try_from(answer)? })
            };
            let state = row.map(state).transpose()?;
            session.done(state)
        })
        .await
}

pub(super) async fn withdraw(sessions: &Sessions, id: Uuid) -> Result<(), StoreError> {
    sessions
        .run(|mut session| async move {
            query("DELETE FROM angzarr.orders WHERE id = $1 AND NOT taken AND answer IS NULL")
                .bind(id)
                .execute(session.connection())
                .await?;
            session.done(())
        })
        .await
}

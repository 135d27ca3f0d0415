//! Consumers in tables.

use async_trait::async_trait;
use prost_types::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::watch;
use uuid::Uuid;

use super::events::{count, position, record_at};
use super::group::Transaction;
use super::{SqliteStore, orders};
use crate::store::order::OrderRow;
use crate::store::{
    Acquired, Attempt, Beat, ConsumerStore, DeadLetter, EventRef, Lease, NewDeadLetter, NewParked, Order, OrderState,
    OrderStep, Park, Parked, Pause, StoreError, TakenOrder,
};
use crate::time;

impl SqliteStore {
    /// Writes under a lease, unless that is somebody else's now.
    async fn write_fenced<T: Send + 'static>(
        &self,
        lease: &Lease,
        work: impl Fn(&Connection, &str) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let lease = lease.clone();
        let fenced = move |transaction: &mut Transaction<'_>| {
            let current: Option<i64> = transaction
                .connection
                .prepare_cached("SELECT token FROM consumers WHERE name = ?1")?
                .query_row([&lease.consumer], |row| row.get(0))
                .optional()?;
            if current != Some(position(lease.token)) {
                return Err(StoreError::LeaseLost { consumer: lease.consumer.to_string() });
            }
            work(transaction.connection, &lease.consumer)
        };
        self.writer.write(fenced).await
    }

    /// Tells this process at once; others see it in the file.
    fn tell_orders(&self) {
        self.orders.send_modify(|changes| *changes += 1);
    }
}

#[async_trait]
impl ConsumerStore for SqliteStore {
    async fn acquire(&self, consumer: &str, silent: Option<Beat>) -> Result<Acquired, StoreError> {
        let (consumer, holder) = (consumer.to_owned(), self.holder);
        let work = move |transaction: &mut Transaction<'_>| {
            let connection = transaction.connection;
            let found: Option<(i64, i64, bool)> = connection
                .prepare_cached("SELECT token, beats, holder IS NOT NULL FROM consumers WHERE name = ?1")?
                .query_row([&consumer], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let (token, beats, held) = found.unwrap_or_default();
            let beat = Beat { token: token.unsigned_abs(), count: beats.unsigned_abs() };
            if held && silent != Some(beat) {
                return Ok(Acquired::Held(beat));
            }
            connection
                .prepare_cached(
                    "INSERT INTO consumers (name, position, token, beats, holder) VALUES (?1, 0, ?2, 0, ?3)
                     ON CONFLICT (name) DO UPDATE SET token = ?2, beats = 0, holder = ?3",
                )?
                .execute(params![consumer, token + 1, holder.as_bytes().as_slice()])?;
            Ok(Acquired::Taken(Lease { consumer: consumer.as_str().into(), token: beat.token + 1 }))
        };
        self.writer.write(work).await
    }

    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        let work = |connection: &Connection, consumer: &str| {
            connection.prepare_cached("UPDATE consumers SET beats = beats + 1 WHERE name = ?1")?.execute([consumer])?;
            Ok(())
        };
        self.write_fenced(lease, work).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let work = |connection: &Connection, consumer: &str| {
            connection.prepare_cached("UPDATE consumers SET holder = NULL WHERE name = ?1")?.execute([consumer])?;
            Ok(())
        };
        match self.write_fenced(lease, work).await {
            Err(StoreError::LeaseLost { .. }) => Ok(()),
            other => other,
        }
    }

    async fn checkpoint(&self, consumer: &str) -> Result<u64, StoreError> {
        let consumer = consumer.to_owned();
        let query = move |connection: &mut Connection| {
            let position: Option<i64> = connection
                .prepare_cached("SELECT position FROM consumers WHERE name = ?1")?
                .query_row([&consumer], |row| row.get(0))
                .optional()?;
            let damaged = |_| StoreError::Damaged { reason: format!("the checkpoint of {consumer} is negative") };
            u64::try_from(position.unwrap_or(0)).map_err(damaged)
        };
        self.readers.run(query).await
    }

    async fn save_checkpoint(&self, lease: &Lease, reached: u64) -> Result<(), StoreError> {
        let work = move |connection: &Connection, consumer: &str| {
            connection
                .prepare_cached("UPDATE consumers SET position = ?2 WHERE name = ?1")?
                .execute(params![consumer, position(reached)])?;
            Ok(())
        };
        self.write_fenced(lease, work).await
    }

    async fn park(&self, lease: &Lease, events: Vec<NewParked>) -> Result<(), StoreError> {
        let work = move |connection: &Connection, consumer: &str| {
            let mut statement = connection.prepare_cached(
                "INSERT OR IGNORE INTO parked (consumer, lane, position, part) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for NewParked { lane, event } in &events {
                statement.execute(params![consumer, lane, position(event.position), event.part])?;
            }
            Ok(())
        };
        self.write_fenced(lease, work).await
    }

    async fn parks(&self, consumer: &str) -> Result<Vec<Park>, StoreError> {
        let consumer = consumer.to_owned();
        self.readers.run(move |connection| parks(connection, &consumer)).await
    }

    async fn parked(&self, consumer: &str, lane: &str, limit: usize) -> Result<Vec<Parked>, StoreError> {
        let (consumer, lane) = (consumer.to_owned(), lane.to_owned());
        self.readers.run(move |connection| parked(connection, &consumer, &lane, limit)).await
    }

    async fn parked_behind(&self, consumer: &str, after: u64) -> Result<Vec<EventRef>, StoreError> {
        let consumer = consumer.to_owned();
        let query = move |connection: &mut Connection| {
            let mut statement = connection.prepare_cached(
                "SELECT position, part FROM parked WHERE consumer = ?1 AND position > ?2 ORDER BY position, part",
            )?;
            let events =
                statement.query_map(params![consumer, position(after)], |row| Ok(event(row.get(0)?, row.get(1)?)))?;
            Ok(events.collect::<Result<_, _>>()?)
        };
        self.readers.run(query).await
    }

    async fn save_dead_letter(&self, lease: &Lease, letter: NewDeadLetter) -> Result<(), StoreError> {
        self.write_fenced(lease, move |connection, consumer| save_letter(connection, consumer, &letter)).await
    }

    async fn dead_letters(
        &self,
        consumer: &str,
        after: Option<EventRef>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let consumer = consumer.to_owned();
        self.readers.run(move |connection| dead_letters(connection, &consumer, after, limit)).await
    }

    async fn pause(&self, lease: &Lease, pause: Pause) -> Result<(), StoreError> {
        let work = move |connection: &Connection, consumer: &str| {
            connection
                .prepare_cached("UPDATE consumers SET paused_before = ?2, pause_reason = ?3 WHERE name = ?1")?
                .execute(params![consumer, position(pause.position), pause.reason])?;
            Ok(())
        };
        self.write_fenced(lease, work).await
    }

    async fn paused(&self, consumer: &str) -> Result<Option<Pause>, StoreError> {
        let consumer = consumer.to_owned();
        let query = move |connection: &mut Connection| {
            let paused = connection
                .prepare_cached(
                    "SELECT paused_before, pause_reason FROM consumers WHERE name = ?1 AND pause_reason IS NOT NULL",
                )?
                .query_row([&consumer], |row| {
                    Ok(Pause { position: row.get::<_, i64>(0)?.unsigned_abs(), reason: row.get(1)? })
                })
                .optional()?;
            Ok(paused)
        };
        self.readers.run(query).await
    }

    async fn give_order(&self, consumer: &str, id: Uuid, order: Order) -> Result<(), StoreError> {
        let (consumer, order) = (consumer.to_owned(), OrderRow::from(order));
        let work = move |transaction: &mut Transaction<'_>| orders::give(transaction.connection, &consumer, id, &order);
        self.writer.write(work).await?;
        self.tell_orders();
        Ok(())
    }

    async fn take_orders(&self, lease: &Lease) -> Result<Vec<TakenOrder>, StoreError> {
        self.write_fenced(lease, orders::take).await
    }

    async fn carry_out(&self, lease: &Lease, step: OrderStep) -> Result<(), StoreError> {
        let work = move |connection: &Connection, consumer: &str| {
            for NewParked { lane, event } in &step.unparked {
                connection
                    .prepare_cached(
                        "DELETE FROM parked WHERE consumer = ?1 AND lane = ?2 AND position = ?3 AND part = ?4",
                    )?
                    .execute(params![consumer, lane, position(event.position), event.part])?;
            }
            step.removed.iter().try_for_each(|event| remove_letter(connection, consumer, *event))?;
            if let Some(letter) = &step.letter {
                save_letter(connection, consumer, letter)?;
            }
            if step.resumed {
                connection
                    .prepare_cached("UPDATE consumers SET paused_before = NULL, pause_reason = NULL WHERE name = ?1")?
                    .execute([consumer])?;
            }
            orders::go_on(connection, consumer, step.id, step.events, step.answer.clone())
        };
        self.write_fenced(lease, work).await?;
        self.tell_orders();
        Ok(())
    }

    async fn order(&self, id: Uuid) -> Result<Option<OrderState>, StoreError> {
        self.readers.run(move |connection| orders::state(connection, id)).await
    }

    async fn withdraw_order(&self, id: Uuid) -> Result<Option<OrderState>, StoreError> {
        self.writer.write(move |transaction: &mut Transaction<'_>| orders::withdraw(transaction.connection, id)).await
    }

    fn watch_orders(&self) -> watch::Receiver<u64> {
        self.orders.subscribe()
    }
}

fn event(position: i64, part: u32) -> EventRef {
    EventRef { position: position.unsigned_abs(), part }
}

fn parks(connection: &Connection, consumer: &str) -> Result<Vec<Park>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT lane, events, position, part FROM (
             SELECT lane, position, part, count(*) OVER (PARTITION BY lane) AS events,
                    row_number() OVER (PARTITION BY lane ORDER BY position, part) AS place
             FROM parked WHERE consumer = ?1
         )
         WHERE place = 1 ORDER BY position, part, lane",
    )?;
    let parks = statement.query_map([consumer], |row| {
        let events = row.get::<_, i64>(1)?.unsigned_abs();
        Ok(Park { lane: row.get(0)?, events, first: event(row.get(2)?, row.get(3)?) })
    })?;
    Ok(parks.collect::<Result<_, _>>()?)
}

fn parked(connection: &Connection, consumer: &str, lane: &str, limit: usize) -> Result<Vec<Parked>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT position, part FROM parked WHERE consumer = ?1 AND lane = ?2 ORDER BY position, part LIMIT ?3",
    )?;
    let events =
        statement.query_map(params![consumer, lane, count(limit)], |row| Ok((row.get(0)?, row.get::<_, u32>(1)?)))?;
    let events = events.collect::<Result<Vec<(i64, u32)>, _>>()?;
    let parked = events
        .into_iter()
        .map(|(position, part)| Ok(Parked { event: event(position, part), record: record_at(connection, position)? }));
    parked.collect()
}

fn save_letter(connection: &Connection, consumer: &str, letter: &NewDeadLetter) -> Result<(), StoreError> {
    remove_letter(connection, consumer, letter.event)?;
    let NewDeadLetter { event, lane, attempts } = letter;
    connection
        .prepare_cached("INSERT INTO dead_letters (consumer, position, part, lane) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![consumer, position(event.position), event.part, lane])?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO attempts (consumer, position, part, number, at, code, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (number, Attempt { at, code, reason }) in (1_i64..).zip(attempts) {
        let at = time::to_micros(at);
        statement.execute(params![consumer, position(event.position), event.part, number, at, code, reason])?;
    }
    Ok(())
}

/// Removes a dead letter, if it is there.
fn remove_letter(connection: &Connection, consumer: &str, event: EventRef) -> Result<(), StoreError> {
    let key = params![consumer, position(event.position), event.part];
    for table in ["attempts", "dead_letters"] {
        let delete = format!("DELETE FROM {table} WHERE consumer = ?1 AND position = ?2 AND part = ?3");
        connection.prepare_cached(&delete)?.execute(key)?;
    }
    Ok(())
}

fn dead_letters(
    connection: &Connection,
    consumer: &str,
    after: Option<EventRef>,
    limit: usize,
) -> Result<Vec<DeadLetter>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT position, part, lane FROM dead_letters WHERE consumer = ?1 AND (position, part) > (?2, ?3)
         ORDER BY position, part LIMIT ?4",
    )?;
    let (behind, part) = after.map_or((-1, 0), |after| (position(after.position), after.part));
    let letters = statement.query_map(params![consumer, behind, part, count(limit)], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?, row.get::<_, String>(2)?))
    })?;
    let letters = letters.collect::<Result<Vec<_>, _>>()?;
    let letter = |(position, part, lane)| {
        let attempts = attempts(connection, consumer, position, part)?;
        Ok(DeadLetter { event: event(position, part), lane, attempts, record: record_at(connection, position)? })
    };
    letters.into_iter().map(letter).collect()
}

fn attempts(connection: &Connection, consumer: &str, position: i64, part: u32) -> Result<Vec<Attempt>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT at, code, reason FROM attempts WHERE consumer = ?1 AND position = ?2 AND part = ?3 ORDER BY number",
    )?;
    let attempts = statement.query_map(params![consumer, position, part], |row| {
        let at: Timestamp = time::from_micros(row.get(0)?);
        Ok(Attempt { at, code: row.get(1)?, reason: row.get(2)? })
    })?;
    Ok(attempts.collect::<Result<_, _>>()?)
}

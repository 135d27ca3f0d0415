//! Consumers in tables.

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{Row, query, query_scalar};
use tokio::sync::watch;
use uuid::Uuid;

use super::error::Failed;
use super::events::at_positions;
use super::{PostgresStore, count, number, orders, text};
use crate::store::{
    Acquired, Attempt, Beat, ConsumerStore, DeadLetter, EventRef, Lease, NewDeadLetter, NewParked, Order, OrderState,
    OrderStep, Park, Parked, Pause, StoreError, TakenOrder,
};
use crate::time;

fn lost(lease: &Lease) -> StoreError {
    StoreError::LeaseLost { consumer: lease.consumer.to_string() }
}

fn event(row: &PgRow, position: usize, part: usize) -> Result<EventRef, Failed> {
    let part: i64 = row.try_get(part)?;
    let part = u32::try_from(part).map_err(|_| StoreError::Damaged { reason: format!("{part} is no part") })?;
    Ok(EventRef { position: row.try_get::<i64, _>(position)?.unsigned_abs(), part })
}

/// A dead letter as its table keeps it.
pub(super) struct LetterRow {
    pub(super) lane: String,
    pub(super) times: Vec<i64>,
    pub(super) codes: Vec<String>,
    pub(super) reasons: Vec<String>,
}

impl From<&NewDeadLetter> for LetterRow {
    fn from(letter: &NewDeadLetter) -> Self {
        let attempts = || letter.attempts.iter();
        Self {
            lane: text::encode(&letter.lane).into_owned(),
            times: attempts().map(|attempt| time::to_micros(&attempt.at)).collect(),
            codes: attempts().map(|attempt| text::encode(&attempt.code).into_owned()).collect(),
            reasons: attempts().map(|attempt| text::encode(&attempt.reason).into_owned()).collect(),
        }
    }
}

/// Runs a statement under a lease: it must begin with a row `lease` of `angzarr.consumers`, locked, that has the token.
/// `$1` is the consumer, `$2` the token; the statement gives the number of such rows.
macro_rules! fenced {
    ($sessions:expr, $lease:ident, $statement:expr $(, $value:expr)*) => {{
        let consumer = text::encode(&$lease.consumer);
        let statement = concat!(
            "WITH lease AS (SELECT name FROM angzarr.consumers WHERE name = $1 AND token = $2 FOR UPDATE), done AS (",
            $statement,
            ") SELECT count(*) FROM lease"
        );
        let held: i64 = $sessions
            .run(|mut session| {
                let held = query_scalar(statement).bind(consumer.to_string()).bind(number($lease.token));
                $(let held = held.bind($value);)*
                async move {
                    let held = held.fetch_one(session.connection()).await?;
                    session.done(held)
                }
            })
            .await?;
        if held == 0 { Err(lost($lease)) } else { Ok(()) }
    }};
}

#[async_trait]
impl ConsumerStore for PostgresStore {
    async fn acquire(&self, consumer: &str, silent: Option<Beat>) -> Result<Acquired, StoreError> {
        // The same for all attempts of this call: a lease that was taken by one whose answer was lost is ours.
        let (name, holder, request) = (text::encode(consumer), self.holder, Uuid::new_v4());
        let name = &name;
        self.leases
            .run(|mut session| async move {
                let row = query("SELECT taken, token, beats FROM angzarr.acquire($1, $2, $3, $4, $5)")
                    .bind(&**name)
                    .bind(holder)
                    .bind(request)
                    .bind(silent.map(|beat| number(beat.token)))
                    .bind(silent.map(|beat| number(beat.count)))
                    .fetch_one(session.connection())
                    .await?;
                let (taken, token, beats): (bool, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                let token = token.unsigned_abs();
                session.done(if taken {
                    Acquired::Taken(Lease { consumer: consumer.into(), token })
                } else {
                    Acquired::Held(Beat { token, count: beats.unsigned_abs() })
                })
            })
            .await
    }

    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        fenced!(
            self.leases,
            lease,
            "UPDATE angzarr.consumers c SET beats = c.beats + 1 FROM lease WHERE c.name = lease.name"
        )
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let released: Result<(), StoreError> = fenced!(
            self.leases,
            lease,
            "UPDATE angzarr.consumers c SET holder = NULL FROM lease WHERE c.name = lease.name"
        );
        match released {
            Err(StoreError::LeaseLost { .. }) => Ok(()),
            other => other,
        }
    }

    async fn checkpoint(&self, consumer: &str) -> Result<u64, StoreError> {
        let name = &text::encode(consumer);
        self.sessions
            .run(|mut session| async move {
                let position: Option<i64> = query_scalar("SELECT position FROM angzarr.consumers WHERE name = $1")
                    .bind(&**name)
                    .fetch_optional(session.connection())
                    .await?;
                let damaged = |_| StoreError::Damaged { reason: format!("the checkpoint of {consumer} is negative") };
                let position = u64::try_from(position.unwrap_or(0)).map_err(damaged)?;
                session.done(position)
            })
            .await
    }

    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), StoreError> {
        fenced!(
            self.sessions,
            lease,
            "UPDATE angzarr.consumers c SET position = $3 FROM lease WHERE c.name = lease.name",
            number(position)
        )
    }

    async fn park(&self, lease: &Lease, events: Vec<NewParked>) -> Result<(), StoreError> {
        let lanes: Vec<String> = events.iter().map(|parked| text::encode(&parked.lane).into_owned()).collect();
        let positions: Vec<i64> = events.iter().map(|parked| number(parked.event.position)).collect();
        let parts: Vec<i64> = events.iter().map(|parked| parked.event.part.into()).collect();
        // The lock on the lease keeps others from adding the same event at the same time.
        fenced!(
            self.sessions,
            lease,
            "INSERT INTO angzarr.parked (position, part, consumer, lane)
             SELECT DISTINCT u.position, u.part, lease.name, u.lane
             FROM lease, unnest($3::text[], $4::bigint[], $5::bigint[]) AS u (lane, position, part)
             ON CONFLICT DO NOTHING",
            lanes.clone(),
            positions.clone(),
            parts.clone()
        )
    }

    async fn parks(&self, consumer: &str) -> Result<Vec<Park>, StoreError> {
        let name = &text::encode(consumer);
        self.sessions
            .run(|mut session| async move {
                let rows = query(
                    "SELECT lane, events, position, part FROM (
                         SELECT lane, position, part, count(*) OVER (PARTITION BY lane) AS events,
                             row_number() OVER (PARTITION BY lane ORDER BY position, part) AS place
                         FROM angzarr.parked WHERE consumer = $1
                     ) AS ordered
                     WHERE place = 1 ORDER BY position, part, lane",
                )
                .bind(&**name)
                .fetch_all(session.connection())
                .await?;
                let park = |row: &PgRow| {
                    let lane = text::decode(row.try_get(0)?).into_owned();
                    let events = row.try_get::<i64, _>(1)?.unsigned_abs();
                    Ok::<_, Failed>(Park { lane, events, first: event(row, 2, 3)? })
                };
                let parks = rows.iter().map(park).collect::<Result<_, _>>()?;
                session.done(parks)
            })
            .await
    }

    async fn parked(&self, consumer: &str, lane: &str, limit: usize) -> Result<Vec<Parked>, StoreError> {
        let (name, lane, names) = (&text::encode(consumer), &text::encode(lane), &*self.names);
        self.sessions
            .run(|mut session| async move {
                let rows = query(
                    "SELECT position, part FROM angzarr.parked
                     WHERE consumer = $1 AND hashtextextended(lane, 0) = hashtextextended($2, 0) AND lane = $2
                     ORDER BY position, part LIMIT $3",
                )
                .bind(&**name)
                .bind(&**lane)
                .bind(count(limit))
                .fetch_all(session.connection())
                .await?;
                let events = rows.iter().map(|row| event(row, 0, 1)).collect::<Result<Vec<_>, _>>()?;
                let positions = events.iter().map(|event| number(event.position)).collect();
                let records = at_positions(session.connection(), names, positions).await?;
                let parked = events.into_iter().zip(records).map(|(event, record)| Parked { event, record }).collect();
                session.done(parked)
            })
            .await
    }

    async fn parked_behind(&self, consumer: &str, position: u64) -> Result<Vec<EventRef>, StoreError> {
        let name = &text::encode(consumer);
        self.sessions
            .run(|mut session| async move {
                let rows = query(
                    "SELECT position, part FROM angzarr.parked WHERE consumer = $1 AND position > $2
                     ORDER BY position, part",
                )
                .bind(&**name)
                .bind(number(position))
                .fetch_all(session.connection())
                .await?;
                let events = rows.iter().map(|row| event(row, 0, 1)).collect::<Result<Vec<_>, _>>()?;
                session.done(events)
            })
            .await
    }

    async fn save_dead_letter(&self, lease: &Lease, letter: NewDeadLetter) -> Result<(), StoreError> {
        let LetterRow { lane, times, codes, reasons } = (&letter).into();
        fenced!(
            self.sessions,
            lease,
            "INSERT INTO angzarr.dead_letters (position, part, consumer, lane, attempted_at, codes, reasons)
             SELECT $3, $4, lease.name, $5, $6, $7, $8 FROM lease
             ON CONFLICT (consumer, position, part) DO UPDATE SET
                 lane = excluded.lane, attempted_at = excluded.attempted_at,
                 codes = excluded.codes, reasons = excluded.reasons",
            number(letter.event.position),
            i64::from(letter.event.part),
            lane.clone(),
            times.clone(),
            codes.clone(),
            reasons.clone()
        )
    }

    async fn dead_letters(
        &self,
        consumer: &str,
        after: Option<EventRef>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let (name, names) = (&text::encode(consumer), &*self.names);
        let (behind, part) = after.map_or((-1, 0), |after| (number(after.position), i64::from(after.part)));
        self.sessions
            .run(|mut session| async move {
                let rows = query(
                    "SELECT position, part, lane, attempted_at, codes, reasons FROM angzarr.dead_letters
                     WHERE consumer = $1 AND (position, part) > ($2, $3) ORDER BY position, part LIMIT $4",
                )
                .bind(&**name)
                .bind(behind)
                .bind(part)
                .bind(count(limit))
                .fetch_all(session.connection())
                .await?;
                let positions = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
                let records = at_positions(session.connection(), names, positions).await?;
                let letter = |(row, record): (&PgRow, _)| {
                    let lane = text::decode(row.try_get(2)?).into_owned();
                    Ok::<_, Failed>(DeadLetter { event: event(row, 0, 1)?, lane, attempts: attempts(row)?, record })
                };
                let letters = rows.iter().zip(records).map(letter).collect::<Result<_, _>>()?;
                session.done(letters)
            })
            .await
    }

    async fn pause(&self, lease: &Lease, pause: Pause) -> Result<(), StoreError> {
        fenced!(
            self.sessions,
            lease,
            "UPDATE angzarr.consumers c SET paused_before = $3, pause_reason = $4 FROM lease WHERE c.name = lease.name",
            number(pause.position),
            text::encode(&pause.reason).into_owned()
        )
    }

    async fn paused(&self, consumer: &str) -> Result<Option<Pause>, StoreError> {
        let name = &text::encode(consumer);
        self.sessions
            .run(|mut session| async move {
                let paused = "SELECT paused_before, pause_reason FROM angzarr.consumers
                              WHERE name = $1 AND pause_reason IS NOT NULL";
                let row = query(paused).bind(&**name).fetch_optional(session.connection()).await?;
                let pause = |row: PgRow| {
                    let (position, reason) = (row.try_get::<i64, _>(0)?.unsigned_abs(), row.try_get(1)?);
                    Ok::<_, Failed>(Pause { position, reason: text::decode(reason).into_owned() })
                };
                let pause = row.map(pause).transpose()?;
                session.done(pause)
            })
            .await
    }

    async fn give_order(&self, consumer: &str, id: Uuid, order: Order) -> Result<(), StoreError> {
        orders::give(&self.sessions, consumer, id, &order.into()).await?;
        self.listener.tell_orders();
        Ok(())
    }

    async fn take_orders(&self, lease: &Lease) -> Result<Vec<TakenOrder>, StoreError> {
        orders::take(&self.sessions, lease).await?.ok_or_else(|| lost(lease))
    }

    async fn carry_out(&self, lease: &Lease, step: OrderStep) -> Result<(), StoreError> {
        if !orders::carry_out(&self.sessions, lease, &step).await? {
            return Err(lost(lease));
        }
        self.listener.tell_orders();
        Ok(())
    }

    async fn order(&self, id: Uuid) -> Result<Option<OrderState>, StoreError> {
        orders::state(&self.sessions, id).await
    }

    async fn withdraw_order(&self, id: Uuid) -> Result<Option<OrderState>, StoreError> {
        orders::withdraw(&self.sessions, id).await?;
        orders::state(&self.sessions, id).await
    }

    fn watch_orders(&self) -> watch::Receiver<u64> {
        self.listener.watch_orders()
    }
}

fn attempts(row: &PgRow) -> Result<Vec<Attempt>, Failed> {
    let (times, codes): (Vec<i64>, Vec<String>) = (row.try_get(3)?, row.try_get(4)?);
    let reasons: Vec<String> = row.try_get(5)?;
    let attempt = |((at, code), reason): ((i64, String), String)| Attempt {
        at: time::from_micros(at),
        code: text::decode(&code).into_owned(),
        reason: text::decode(&reason).into_owned(),
    };
    Ok(times.into_iter().zip(codes).zip(reasons).map(attempt).collect())
}

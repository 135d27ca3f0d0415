//! Hands a month to the aggregates and reads the report from the views and the log.
//!
//! Every command carries an idempotency key, so a run that was killed is simply run again: what is stored already
//! answers as it did then.

use angzarr_runtime::prost_types::{Duration, Timestamp};
use angzarr_runtime::store::{Record, RecordKind};
use angzarr_runtime::{App, Error, Event};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::aircraft::v1::AircraftTookOff;
use crate::calendar::MINUTE;
use crate::departures::Departure;
use crate::feed::{Action, Feed, Step};
use crate::flights::v1::{
    ArriveFlight, CancelFlight, CancellationRow, CarrierRow, DepartFlight, DivertFlight, FlightConflicted,
    FlightDeparted, ScheduleFlight,
};
use crate::report::{Carrier, Disruption, Report};

/// How many commands, or lanes, are under way at once.
const CONCURRENCY: usize = 256;

/// How many records of the log are read at a time.
const PAGE: usize = 4096;

/// Feeds everything; `progress` is told of each step that is done.
///
/// # Errors
/// The first command that was refused or could not be stored.
pub async fn feed(app: &App, feed: &Feed, progress: impl Fn()) -> Result<(), Error> {
    let progress = &progress;
    let single = |steps| stream::iter(steps).map(|step| in_order(app, std::slice::from_ref(step), progress));
    single(&feed.schedules).buffer_unordered(CONCURRENCY).try_collect::<()>().await?;
    single(&feed.cancellations).buffer_unordered(CONCURRENCY).try_collect::<()>().await?;
    let lanes = stream::iter(&feed.lanes).map(|lane| in_order(app, &lane.steps, progress));
    lanes.buffer_unordered(CONCURRENCY).try_collect().await
}

async fn in_order(app: &App, steps: &[Step], progress: &impl Fn()) -> Result<(), Error> {
    for step in steps {
        send(app, step).await?;
        progress();
    }
    Ok(())
}

async fn send(app: &App, step: &Step) -> Result<(), Error> {
    let departure = &*step.departure;
    let flight = departure.root.clone();
    let at = Some(instant(step.at));
    // Keys hold per flight, and no flight does the same thing twice.
    let sent = match step.action {
        Action::Schedule => app.send(schedule(departure)).idempotency_key("schedule").await,
        Action::Cancel => app.send(CancelFlight { flight }).idempotency_key("cancel").await,
        Action::Depart { delay } if departure.is_old_release() => {
            let departed = old_departure(departure, at, delay);
            app.import(FlightDeparted::DOMAIN, flight).event(&departed, at).expecting(1).idempotency_key("depart").await
        }
        Action::Depart { .. } => app.send(DepartFlight { flight, departed_at: at }).idempotency_key("depart").await,
        Action::Arrive { delay } => {
            let delay = Some(Duration { seconds: i64::from(delay) * MINUTE, nanos: 0 });
            app.send(ArriveFlight { flight, landed_at: at, delay }).idempotency_key("land").await
        }
        Action::Divert => app.send(DivertFlight { flight, landed_at: at }).idempotency_key("land").await,
    };
    sent.map(drop)
}

fn schedule(departure: &Departure) -> ScheduleFlight {
    ScheduleFlight {
        flight: departure.root.clone(),
        carrier: departure.carrier.clone(),
        number: departure.number,
        date: departure.date.to_string(),
        origin: departure.origin.clone(),
        destination: departure.destination.clone(),
        tail_number: departure.tail_number.clone().unwrap_or_default(),
        scheduled_at: Some(instant(departure.scheduled)),
    }
}

/// What the older release stored.
fn old_departure(departure: &Departure, departed_at: Option<Timestamp>, delay_minutes: i32) -> FlightDeparted {
    FlightDeparted {
        flight: departure.root.clone(),
        carrier: departure.carrier.clone(),
        tail_number: departure.tail_number.clone().unwrap_or_default(),
        departed_at,
        delay_minutes,
    }
}

fn instant(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

/// The report of everything that is stored, once all consumers have passed it. `seconds` is left at 0.
///
/// # Errors
/// A consumer that stopped, or what the store can yield.
pub async fn report(app: &App) -> Result<Report, Error> {
    app.drained().await?;
    let mut report = Report::default();
    for (_, row) in app.view::<CarrierRow>()?.all().await? {
        report.flights += row.scheduled;
        let CarrierRow { carrier, scheduled, cancelled, departed, arrived, diverted, .. } = row;
        let (departed_late, arrival_delay_minutes) = (row.departed_late, row.arrival_delay_minutes);
        let counts =
            Carrier { scheduled, cancelled, departed, arrived, diverted, departed_late, arrival_delay_minutes };
        report.carriers.insert(carrier, counts);
    }
    for (_, row) in app.view::<CancellationRow>()?.all().await? {
        if row.declared {
            report.disruptions.push(Disruption { origin: row.origin, date: row.date, cancelled: row.cancelled });
        }
    }
    report.disruptions.sort();
    let mut after = 0;
    loop {
        let slice = app.read_log(after, PAGE).await?;
        slice.records.iter().for_each(|record| count(&mut report, record));
        match slice.next {
            Some(next) => after = next,
            None => return Ok(report),
        }
    }
}

fn count(report: &mut Report, record: &Record) {
    let (flights, aircraft) = (FlightDeparted::DOMAIN, AircraftTookOff::DOMAIN);
    let domain = &*record.stream.domain;
    if record.kind == RecordKind::Refusal && domain == aircraft {
        report.aircraft.takeoffs_rejected += 1;
    }
    if !record.kind.is_event() || (domain != flights && domain != aircraft) {
        return;
    }
    report.events += 1;
    let type_name = &*record.payload.type_name;
    report.aircraft.takeoffs_accepted += u64::from(type_name == AircraftTookOff::TYPE_NAME);
    // An aircraft refuses a flight's take-off once: each conflict is another flight.
    report.flights_with_conflict += u64::from(type_name == FlightConflicted::TYPE_NAME);
}

//! The rounds, the same for every peer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use sqlx::postgres::PgConnectOptions;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::database::{self, Databases};
use crate::figure::Figure;
use crate::peer::{Answer, Peer, Result};
use crate::peers::{Entry, PEERS};

/// How long each round is measured.
const ROUND: Duration = Duration::from_millis(1_500);
const ROUNDS: usize = 3;

/// How long callers run before a round counts: connections open, statements are prepared.
const WARM_UP: Duration = Duration::from_millis(300);

/// How long a caller waits after each conflict of a command; without a pause, those that lose take the server's time
/// from the one that wins.
const RETRIES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(1))
    .with_max_delay(Duration::from_millis(50))
    .without_max_times()
    .with_jitter();

/// Events of the note that is loaded.
const HISTORY: usize = 10_000;

/// What a round does.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// So many callers, each waiting for its answer before it sends again.
    Commands(u32, Notes),
    /// One caller reads a note of 10,000 events again and again.
    Load,
}

/// Which notes the callers write to.
#[derive(Clone, Copy, Debug)]
enum Notes {
    /// Each caller to one of its own, which grows as long as the round lasts.
    Own,
    /// Every command to a new one: nothing to load.
    New,
    /// All callers to the same one.
    Hot,
}

const WORK: &[(&str, Work)] = &[
    ("commands.1", Work::Commands(1, Notes::Own)),
    ("commands.32", Work::Commands(32, Notes::Own)),
    ("new_roots.1", Work::Commands(1, Notes::New)),
    ("new_roots.32", Work::Commands(32, Notes::New)),
    ("hot_root.32", Work::Commands(32, Notes::Hot)),
    ("load", Work::Load),
];

/// A peer that is ready to be measured.
struct Prepared {
    entry: &'static Entry,
    database: PgConnectOptions,
    /// The note of 10,000 events.
    long: Uuid,
}

/// The figures whose names start with `only`, the peers in turns.
pub(crate) async fn measure(databases: &mut Databases, only: &str) -> Result<Vec<Figure>> {
    let wanted = |peer: &str, work: &str| name(peer, work).starts_with(only);
    let mut prepared = Vec::new();
    for entry in PEERS.iter().filter(|entry| WORK.iter().any(|(work, _)| wanted(entry.name, work))) {
        prepared.push(prepare(databases, entry).await.map_err(|error| format!("{}: {error}", entry.name))?);
    }
    let mut figures = Vec::new();
    for (work_name, work) in WORK {
        let peers: Vec<&Prepared> = prepared.iter().filter(|peer| wanted(peer.entry.name, work_name)).collect();
        let mut rates = vec![Vec::new(); peers.len()];
        for _ in 0..ROUNDS {
            for (peer, rates) in peers.iter().zip(&mut rates) {
                let name = name(peer.entry.name, work_name);
                rates.push(round(peer, *work).await.map_err(|error| format!("{name}: {error}"))?);
            }
        }
        let unit = match work {
            Work::Commands(..) => "commands/s",
            Work::Load => "events/s",
        };
        figures.extend(
            peers
                .iter()
                .zip(rates)
                .map(|(peer, rates)| Figure::reported(name(peer.entry.name, work_name), rates, unit)),
        );
    }
    Ok(figures)
}

fn name(peer: &str, work: &str) -> String {
    format!("peers.{peer}.{work}")
}

/// A database with the peer's tables and the long note, so that the planner never sees empty tables.
async fn prepare(databases: &mut Databases, entry: &'static Entry) -> Result<Prepared> {
    let database = databases.create(entry.name).await?;
    let pool = database::connect(&database, 1).await?;
    let long = Uuid::new_v4();
    (entry.prepare)(pool.clone()).await?.fill(long, HISTORY).await?;
    pool.close().await;
    Ok(Prepared { entry, database, long })
}

/// What one round reaches, per second. Its connections are its own, and closed when it is over.
async fn round(prepared: &Prepared, work: Work) -> Result<f64> {
    let callers = match work {
        Work::Commands(callers, _) => callers,
        Work::Load => 1,
    };
    let pool = database::connect(&prepared.database, callers).await?;
    // With statistics of what is there, a plan is not left to when the server happens to gather them.
    sqlx::query("VACUUM ANALYZE").execute(&pool).await?;
    let peer = (prepared.entry.prepare)(pool.clone()).await?;
    let rate = match work {
        Work::Commands(callers, notes) => commands(&peer, callers, notes).await?,
        Work::Load => load(peer.as_ref(), prepared.long).await?,
    };
    pool.close().await;
    Ok(rate)
}

/// When commands count.
#[derive(Clone, Copy, Debug)]
struct Window {
    opens: Instant,
    closes: Instant,
}

/// What one caller did.
#[derive(Clone, Copy, Debug)]
struct Sent {
    /// The last note it wrote to.
    note: Uuid,
    /// Commands whose event is stored in that note by this caller.
    stored: usize,
    /// Commands that were answered within the window.
    counted: u32,
}

async fn commands(peer: &Arc<dyn Peer>, callers: u32, notes: Notes) -> Result<f64> {
    let opens = Instant::now() + WARM_UP;
    let window = Window { opens, closes: opens + ROUND };
    let hot = Uuid::new_v4();
    let mut running = JoinSet::new();
    for _ in 0..callers {
        let peer = Arc::clone(peer);
        running.spawn(async move { caller(peer.as_ref(), notes, hot, window).await });
    }
    let mut sent = Vec::new();
    while let Some(caller) = running.join_next().await {
        sent.push(caller??);
    }
    check(peer.as_ref(), notes, &sent).await?;
    Ok(f64::from(sent.iter().map(|sent| sent.counted).sum::<u32>()) / ROUND.as_secs_f64())
}

async fn caller(peer: &dyn Peer, notes: Notes, hot: Uuid, window: Window) -> Result<Sent> {
    let note = match notes {
        Notes::Own | Notes::New => Uuid::new_v4(),
        Notes::Hot => hot,
    };
    let mut sent = Sent { note, stored: 0, counted: 0 };
    while Instant::now() < window.closes && store(peer, notes, sent.note, window.closes).await? == Answer::Stored {
        sent.stored += 1;
        let now = Instant::now();
        if now >= window.opens && now < window.closes {
            sent.counted += 1;
        }
        if matches!(notes, Notes::New) && now < window.closes {
            sent = Sent { note: Uuid::new_v4(), stored: 0, counted: sent.counted };
        }
    }
    Ok(sent)
}

/// One command, with all its attempts; a conflict is only the last word when the time is over.
async fn store(peer: &dyn Peer, notes: Notes, note: Uuid, closes: Instant) -> Result<Answer> {
    let mut waits = RETRIES.build();
    loop {
        let answer = match notes {
            Notes::Own | Notes::New => peer.command(note).await?,
            Notes::Hot => peer.contended_command(note).await?,
        };
        if answer == Answer::Stored || Instant::now() >= closes {
            return Ok(answer);
        }
        tokio::time::sleep(waits.next().unwrap_or_default()).await;
    }
}

/// What was acknowledged is there, each command once.
async fn check(peer: &dyn Peer, notes: Notes, sent: &[Sent]) -> Result<()> {
    let Some(first) = sent.first() else { return Ok(()) };
    let stored = match notes {
        Notes::Own | Notes::New => first.stored,
        Notes::Hot => sent.iter().map(|sent| sent.stored).sum(),
    };
    expect(stored, peer.load(first.note).await?)
}

fn expect(stored: usize, loaded: usize) -> Result<()> {
    if stored == loaded { Ok(()) } else { Err(format!("{stored} events stored, but {loaded} loaded").into()) }
}

async fn load(peer: &dyn Peer, note: Uuid) -> Result<f64> {
    expect(HISTORY, peer.load(note).await?)?;
    let (began, mut read) = (Instant::now(), 0_u32);
    while began.elapsed() < ROUND {
        read += u32::try_from(peer.load(note).await?)?;
    }
    Ok(f64::from(read) / began.elapsed().as_secs_f64())
}

//! `consumer.*`: catching up, latency, chains, deadlines, and memory.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use angzarr_runtime::{App, Storage, SyncMode};
use angzarr_servers::Postgres;
use rusqlite::{Connection, params};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::bench::v1::{AddItem, Hop};
use crate::common::{ROUNDS, Result};
use crate::figure::{Figure, median};
use crate::items::{Adder, Frog, Ground, ItemView, Keeper, Ringer, item};
use crate::postgres::storage;

/// Events that are caught up with, and the keys they are spread over.
const EVENTS: u64 = 500_000;
const KEYS: u64 = 10_000;

/// Keys of the consumer whose memory is measured.
const MANY_KEYS: u64 = 1_000_000;

/// Commands a second while latency is measured, and for how long.
const PACE: u32 = 1_000;
const PACED: Duration = Duration::from_secs(5);

/// Chains that are waited for.
const CHAINS: usize = 200;

/// Deadlines in a round, one after the other.
const DEADLINES: usize = 200;

pub(crate) async fn measure(folder: &Path, only: &str) -> Result<Vec<Figure>> {
    let wanted = |name: &str| name.starts_with(only);
    let mut figures = Vec::new();
    if wanted("consumer.catch_up") || only.starts_with("consumer.catch_up") {
        figures.extend(catch_up(folder).await?.into_iter().filter(|figure| wanted(&figure.name)));
    }
    if wanted("consumer.cascade.3") {
        figures.push(cascade(folder).await?);
    }
    if wanted("consumer.deadline.idle") {
        let mut tails = Vec::new();
        for _ in 0..ROUNDS {
            tails.push(deadlines(folder).await?);
        }
        let name = "consumer.deadline.idle";
        figures.push(Figure::absolute(name, median(tails), "ms", "within 100 at p99"));
    }
    if wanted("consumer.keys.1000000") {
        let name = "consumer.keys.1000000";
        figures.push(Figure::absolute(name, memory(folder).await?, "MiB", "under 256"));
    }
    Ok(figures)
}

pub(crate) async fn measure_postgres(server: &Postgres, only: &str) -> Result<Vec<Figure>> {
    let name = "consumer.latency.postgres";
    if !name.starts_with(only) {
        return Ok(Vec::new());
    }
    let mut tails = Vec::new();
    for _ in 0..ROUNDS {
        tails.push(latency(server).await?);
    }
    let target = "under 10 at p99, at 1,000 commands/s";
    Ok(vec![Figure::absolute(name, median(tails), "ms", target)])
}

/// A log of items.
async fn fill(storage: &Storage, events: u64, keys: u64) -> Result<()> {
    let app = App::builder(storage.clone()).register(Keeper).start().await?;
    let mut number = 0;
    while number < events {
        // A list of its own each time: what is imported is not folded, so a longer one would be loaded again and again.
        let mut import = app.import("lists", (number / 1_000).to_string());
        for _ in 0..1_000 {
            import = import.event(&item((number % keys).to_string(), number), None);
            number += 1;
        }
        import.await?;
    }
    Ok(app.shutdown().await?)
}

async fn catch_up(folder: &Path) -> Result<Vec<Figure>> {
    let place = TempDir::new_in(folder)?;
    let path = place.path().join("log.db");
    let storage = Storage::Sqlite(path.clone());
    fill(&storage, EVENTS, KEYS).await?;
    let (mut folds, mut views, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        folds.push(fold(&path, place.path(), round).await?);
        let (rate, table) = view(&path, place.path(), round).await?;
        views.push(rate);
        bare.push(tokio::task::spawn_blocking(move || upserts(&table)).await??);
    }
    let target = "at least 0.4 of bare batch upserts";
    Ok(vec![
        Figure::absolute("consumer.catch_up.fold", median(folds), "events/s", "at least 500,000"),
        Figure::relative("consumer.catch_up.view.sqlite", median(views), "events/s", median(bare), target),
    ])
}

/// A copy of the log, so that its consumers begin at the beginning.
fn copy(log: &Path, folder: &Path, name: &str) -> Result<Storage> {
    let path = folder.join(name);
    std::fs::copy(log, &path)?;
    Ok(Storage::Sqlite(path))
}

#[expect(clippy::cast_precision_loss, reason = "half a million is exact")]
fn per_second(count: u64, began: Instant) -> f64 {
    count as f64 / began.elapsed().as_secs_f64()
}

async fn fold(log: &Path, folder: &Path, round: usize) -> Result<f64> {
    let storage = copy(log, folder, &format!("fold{round}.db"))?;
    let adder = Adder::default();
    let sum = adder.sum.clone();
    let began = Instant::now();
    let app = App::builder(storage).register(Keeper).register(adder).start().await?;
    app.drained().await?;
    let rate = per_second(EVENTS, began);
    app.shutdown().await?;
    let expected = EVENTS * (EVENTS - 1) / 2;
    if sum.load(std::sync::atomic::Ordering::Relaxed) == expected { Ok(rate) } else { Err("the sum is wrong".into()) }
}

async fn view(log: &Path, folder: &Path, round: usize) -> Result<(f64, std::path::PathBuf)> {
    let name = format!("view{round}.db");
    let storage = copy(log, folder, &name)?;
    let began = Instant::now();
    let app = App::builder(storage).register(Keeper).register(ItemView).start().await?;
    app.drained().await?;
    let rate = per_second(EVENTS, began);
    app.shutdown().await?;
    Ok((rate, folder.join(format!("{name}.views"))))
}

/// Upserts a second into the view's own table: a row for each event, 1,024 a transaction.
fn upserts(views: &Path) -> rusqlite::Result<f64> {
    let connection = Connection::open(views)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let table: String = connection.query_row(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%_row%' AND name LIKE '%Items%'",
        [],
        |row| row.get(0),
    )?;
    let columns: Vec<String> = connection
        .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    // A row as the view has it, under the key of each event.
    let marks: Vec<String> = (1..=columns.len()).map(|mark| format!("?{mark}")).collect();
    let quoted: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let (names, marks) = (quoted.join(", "), marks.join(", "));
    let upsert = format!("INSERT OR REPLACE INTO \"{table}\" ({names}) VALUES ({marks})");
    let rows: Vec<Vec<rusqlite::types::Value>> = connection
        .prepare(&format!("SELECT {names} FROM \"{table}\""))?
        .query_map([], |row| (0..columns.len()).map(|column| row.get(column)).collect())?
        .collect::<rusqlite::Result<_>>()?;
    connection.execute(&format!("DELETE FROM \"{table}\""), params![])?;
    let mut statement = connection.prepare(&upsert)?;
    let (began, mut written, mut rows) = (Instant::now(), 0_u64, rows.iter().cycle());
    while written < EVENTS {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for row in rows.by_ref().take(1024) {
            statement.execute(rusqlite::params_from_iter(row))?;
            written += 1;
        }
        connection.execute_batch("COMMIT")?;
    }
    Ok(per_second(written, began))
}

/// From the acknowledgement of a command to the commit of the row, 99 of 100 are faster.
async fn latency(server: &Postgres) -> Result<f64> {
    let app = App::builder(storage(server)?).register(Keeper).register(ItemView).start().await?;
    let name = "bench.v1.app.Items";
    let sent: Arc<Mutex<VecDeque<(u64, Instant)>>> = Arc::default();
    let watch = {
        let (app, sent) = (app.clone(), sent.clone());
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let position = app.consumer(name)?.status().position;
                let now = Instant::now();
                {
                    let mut waiting = sent.lock().map_err(|_| "a sender panicked")?;
                    while let Some((at, since)) = waiting.front().copied()
                        && at <= position
                    {
                        waiting.pop_front();
                        latencies.push(now.duration_since(since).as_secs_f64() * 1_000.0);
                    }
                }
                if latencies.len() >= (PACE * u32::try_from(PACED.as_secs())?) as usize {
                    return Result::Ok(latencies);
                }
                // What is measured does not poll; this only looks.
                sleep(Duration::from_micros(200)).await;
            }
        })
    };
    let mut ticks = interval(Duration::from_secs(1) / PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0..PACE * u32::try_from(PACED.as_secs())? {
        ticks.tick().await;
        let (app, sent) = (app.clone(), sent.clone());
        tokio::spawn(async move {
            let list = (number % 256).to_string();
            let outcome = app.send(AddItem { list, key: (number % 1_000).to_string() }).await?;
            if let Ok(mut sent) = sent.lock() {
                // Answers do not come in the order of their positions.
                let at = sent.partition_point(|(position, _)| *position < outcome.position);
                sent.insert(at, (outcome.position, Instant::now()));
            }
            Ok::<_, angzarr_runtime::Error>(())
        });
    }
    let latencies = watch.await??;
    app.shutdown().await?;
    Ok(tail(latencies))
}

/// 99 of 100 are lower.
fn tail(mut latencies: Vec<f64>) -> f64 {
    latencies.sort_by(f64::total_cmp);
    latencies.get(latencies.len() * 99 / 100).copied().unwrap_or(f64::NAN)
}

/// A command that is waited for with all that follows from it, beside commands that are not.
async fn cascade(folder: &Path) -> Result<Figure> {
    let place = TempDir::new_in(folder)?;
    let storage = Storage::Sqlite(place.path().join("log.db"));
    let app = App::builder(storage).register(Ground).register(Frog).start().await?;
    let (mut chains, mut single) = (Vec::new(), Vec::new());
    for chain in 0..CHAINS {
        let hop = |left| Hop { place: format!("{chain} {left}"), left };
        let began = Instant::now();
        app.send(hop(0)).await?;
        single.push(began.elapsed().as_secs_f64() * 1_000.0);
        app.drained().await?;
        let began = Instant::now();
        let outcome = app.send(hop(3)).sync(SyncMode::Cascade).await?;
        chains.push(began.elapsed().as_secs_f64() * 1_000.0);
        if outcome.caused.len() != 3 {
            return Err("a chain ended early".into());
        }
        app.drained().await?;
    }
    app.shutdown().await?;
    let target = "at most 4 × one command, plus commits";
    Ok(Figure::relative("consumer.cascade.3", median(chains), "ms", median(single), target))
}

/// How late deadlines fire of which nothing else is due or under way: from the instant at which one was due to the call of
/// its handler, 99 of 100 are faster.
async fn deadlines(folder: &Path) -> Result<f64> {
    let place = TempDir::new_in(folder)?;
    let storage = Storage::Sqlite(place.path().join("log.db"));
    let (late, mut fired) = unbounded_channel();
    let app = App::builder(storage).register(Keeper).register(Ringer { late }).start().await?;
    let mut latencies = Vec::new();
    for number in 0..DEADLINES {
        let list = (number % 8).to_string();
        app.send(AddItem { list, key: number.to_string() }).await?;
        let late = fired.recv().await.ok_or("nobody rings any more")?;
        latencies.push(late.as_secs_f64() * 1_000.0);
        app.drained().await?;
    }
    app.shutdown().await?;
    Ok(tail(latencies))
}

/// The most memory that a process with so many keys takes.
async fn memory(folder: &Path) -> Result<f64> {
    let place = TempDir::new_in(folder)?;
    let path = place.path().join("log.db");
    fill(&Storage::Sqlite(path.clone()), MANY_KEYS, MANY_KEYS).await?;
    let output = Command::new(std::env::current_exe()?)
        .args(["keys", "--log"])
        .arg(&path)
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await?;
    let said = String::from_utf8(output.stdout)?;
    said.trim().parse().map_err(|_| format!("the process with many keys said {said:?}").into())
}

/// What that process does: catches up, and says how much memory it took, in MiB.
#[expect(clippy::print_stdout, reason = "that is how it talks to the one that started it")]
pub(crate) async fn keys(log: &Path) -> Result<()> {
    let app = App::builder(Storage::Sqlite(log.to_owned())).register(Keeper).register(ItemView).start().await?;
    app.drained().await?;
    app.shutdown().await?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    let peak: f64 = peak.ok_or("the system does not say how much memory a process took")?;
    println!("{}", peak / 1024.0);
    Ok(())
}

//! `store.sqlite.*`: commands, histories and the tail, on a SQLite log.

use std::path::Path;
use std::time::Instant;

use angzarr_runtime::Storage;
use rusqlite::{Connection, params};
use tempfile::TempDir;
use uuid::Uuid;

use crate::bench::v1::Refuse;
use crate::common::{HISTORY, Notes, ROUND, ROUNDS, Result, commands, fill, start, tail, timed, write};
use crate::figure::{Figure, median};

pub(crate) async fn measure(folder: &Path, only: &str) -> Result<Vec<Figure>> {
    let wanted = |name: &str| name.starts_with(only);
    let mut figures = Vec::new();
    for (name, callers, notes, rows, target) in [
        ("store.sqlite.commands.1", 1, Notes::Own, 1, "at least 0.85 of one-row commits"),
        ("store.sqlite.commands.64", 64, Notes::Own, 64, "at least 0.6 of 64-row commits"),
        ("store.sqlite.hot_root.64", 64, Notes::Hot, 1, "at least 5 × one-row commits"),
    ] {
        if wanted(name) {
            let (mut ours, mut bare) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                bare.push(bare_rows(folder, rows).await?);
                ours.push(rate(folder, callers, notes).await?);
            }
            figures.push(Figure::relative(name, median(ours), "commands/s", median(bare), target));
        }
    }
    if wanted("store.sqlite.rejections.1") {
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            rates.push(rejections(folder).await?);
        }
        figures.push(Figure::absolute("store.sqlite.rejections.1", median(rates), "rejections/s", "reported"));
    }
    if wanted("store.sqlite.history") || wanted("store.sqlite.tail") {
        figures.extend(histories(folder).await?.into_iter().filter(|figure| wanted(&figure.name)));
    }
    Ok(figures)
}

fn place(folder: &Path) -> Result<(TempDir, Storage)> {
    let place = TempDir::new_in(folder)?;
    let storage = Storage::Sqlite(place.path().join("log.db"));
    Ok((place, storage))
}

/// Commands a second on a new log.
async fn rate(folder: &Path, callers: usize, notes: Notes) -> Result<f64> {
    let (_place, storage) = place(folder)?;
    let app = start(storage).await?;
    let rate = commands(&app, callers, notes).await?;
    app.shutdown().await?;
    Ok(rate)
}

async fn rejections(folder: &Path) -> Result<f64> {
    let (_place, storage) = place(folder)?;
    let app = start(storage).await?;
    app.send(write(0)).await?;
    let began = Instant::now();
    let mut refused = 0_u32;
    while began.elapsed() < ROUND {
        let answer = app.send(Refuse { note: "0".into() }).await;
        if answer.is_ok() {
            return Err("a rejection was no rejection".into());
        }
        refused += 1;
    }
    let rate = f64::from(refused) / began.elapsed().as_secs_f64();
    app.shutdown().await?;
    Ok(rate)
}

/// Rows a second of a bare loop: the statements of an append, so many rows a commit, each row for its own stream.
pub(crate) async fn bare_rows(folder: &Path, rows: usize) -> Result<f64> {
    let (place, storage) = place(folder)?;
    // The runtime makes the tables, and a first event of each stream.
    let app = start(storage).await?;
    for root in 0..rows {
        app.send(write(root)).await?;
    }
    app.shutdown().await?;
    let path = place.path().join("log.db");
    tokio::task::spawn_blocking(move || bare_loop(&path, rows)).await?.map_err(Into::into)
}

fn bare_loop(path: &Path, rows: usize) -> rusqlite::Result<f64> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let payload = vec![7_u8; 256];
    let streams: Vec<i64> = connection
        .prepare("SELECT id FROM streams ORDER BY id LIMIT ?1")?
        .query_map([i64::try_from(rows).unwrap_or(1)], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut position: i64 = connection.query_row("SELECT max(position) FROM records", [], |row| row.get(0))?;
    let mut update = connection.prepare("UPDATE streams SET next_sequence = ?2 WHERE id = ?1")?;
    let mut insert = connection.prepare(
        "INSERT INTO records (position, stream, sequence, kind, type, payload, created_at, occurred_at, correlation_id, cause)
         VALUES (?1, ?2, ?3, 0, 'bench.v1.Written', ?4, 1769212800000000, NULL, ?5, NULL)",
    )?;
    let (began, mut written, mut sequence) = (Instant::now(), 0_u32, 1_u32);
    while began.elapsed() < ROUND {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for stream in &streams {
            position += 1;
            update.execute(params![stream, sequence + 1])?;
            insert.execute(params![position, stream, sequence, payload, Uuid::now_v7().to_string()])?;
            written += 1;
        }
        connection.execute_batch("COMMIT")?;
        sequence += 1;
    }
    Ok(f64::from(written) / began.elapsed().as_secs_f64())
}

/// A root with a long history beside a short one: warm, cold, and read from the log.
async fn histories(folder: &Path) -> Result<Vec<Figure>> {
    let (_place, storage) = place(folder)?;
    let app = start(storage.clone()).await?;
    fill(&app, "long", HISTORY).await?;
    for _ in 0..10 {
        app.send(write("short")).await?;
    }
    let (mut long, mut short) = (Vec::new(), Vec::new());
    for _ in 0..300 {
        long.push(timed(&app, "long").await?);
        short.push(timed(&app, "short").await?);
    }
    app.shutdown().await?;
    // The first command after a start finds nothing warm; it takes the snapshot that the commands above made due.
    let mut cold = Vec::new();
    for _ in 0..ROUNDS {
        let app = start(storage.clone()).await?;
        cold.push(timed(&app, "long").await?);
        app.shutdown().await?;
    }
    let app = start(storage).await?;
    let mut tails = Vec::new();
    for _ in 0..ROUNDS {
        tails.push(tail(&app).await?);
    }
    app.shutdown().await?;
    let short = median(short);
    Ok(vec![
        Figure::relative("store.sqlite.history.warm", median(long), "ms", short, "at most 1.2 × a root of 10 events"),
        Figure::relative("store.sqlite.history.cold", median(cold), "ms", short, "at most 2 ms + one commit"),
        Figure::absolute("store.sqlite.tail", median(tails), "events/s", "at least 1,000,000"),
    ])
}

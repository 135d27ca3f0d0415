//! `store.postgres.*`: commands, processes, loads and the tail, on a server that is started for the run.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use angzarr_runtime::Storage;
use angzarr_runtime::id::root_id;
use angzarr_runtime::store::{Load, StreamId};
use angzarr_servers::Postgres;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::common::{HISTORY, Notes, ROUND, ROUNDS, Result, commands, fill, sent, start, tail};
use crate::figure::{Figure, median};

/// Processes that write at the same time, and the callers in each.
const PROCESSES: usize = 8;
const CALLERS: usize = 4;

pub(crate) async fn measure(server: &Postgres, folder: &Path, only: &str) -> Result<Vec<Figure>> {
    let wanted = |name: &str| name.starts_with(only);
    let mut figures = Vec::new();
    for (name, callers, target) in [
        ("store.postgres.commands.32", 32, "at least 0.6 of pgbench with 32 clients"),
        ("store.postgres.commands.256", 256, "at least 1.0 of pgbench with 32 clients"),
    ] {
        if wanted(name) {
            let (mut ours, mut bare) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                bare.push(pgbench(server, folder).await?);
                let app = start(storage(server)?).await?;
                ours.push(commands(&app, callers, Notes::Own).await?);
                app.shutdown().await?;
            }
            figures.push(Figure::relative(name, median(ours), "commands/s", median(bare), target));
        }
    }
    let name = "store.postgres.processes.8x4";
    if wanted(name) {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bare.push(pgbench(server, folder).await?);
            ours.push(processes(&server.create_database()?).await?);
        }
        let target = "at least 0.4 of pgbench with 32 clients";
        figures.push(Figure::relative(name, median(ours), "commands/s", median(bare), target));
    }
    if wanted("store.postgres.load") || wanted("store.postgres.tail") {
        figures.extend(histories(server).await?.into_iter().filter(|figure| wanted(&figure.name)));
    }
    Ok(figures)
}

/// A database of its own.
pub(crate) fn storage(server: &Postgres) -> Result<Storage> {
    Ok(server.create_database()?.parse()?)
}

/// Transactions a second of 32 clients, each inserting one row into the table of records; the tables are the runtime's.
pub(crate) async fn pgbench(server: &Postgres, folder: &Path) -> Result<f64> {
    let url = server.create_database()?;
    let opened = url.parse::<Storage>()?.open().await?;
    opened.views.close().await?;
    opened.store.close().await?;
    server.admin().sql_in(&url, "CREATE SEQUENCE public.positions CACHE 100")?;
    let script = folder.join("insert.sql");
    let payload = "07".repeat(256);
    let insert = format!(
        "INSERT INTO angzarr.records (position, stream, sequence, created_at, kind, type, correlation_id, payload)
         VALUES (nextval('public.positions'), :client_id, currval('public.positions'), 1769212800000000, 0,
             'bench.v1.Written', gen_random_uuid()::text, '\\x{payload}'::bytea);"
    );
    std::fs::write(&script, insert.replace('\n', " "))?;
    let seconds = ROUND.as_secs().max(1) + 1;
    let output = Command::new(server.binary("pgbench"))
        .args(["--no-vacuum", "--protocol=prepared", "--client=32", "--jobs=2"])
        .arg(format!("--time={seconds}"))
        .arg(format!("--file={}", script.display()))
        .arg(&url)
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.ok_or_else(|| format!("pgbench said no rate: {said}{}", String::from_utf8_lossy(&output.stderr)).into())
}

/// Commands a second of several processes on one log, which all begin at the same time.
async fn processes(url: &str) -> Result<f64> {
    let opened = url.parse::<Storage>()?.open().await?;
    let mut workers = Vec::new();
    for process in 0..PROCESSES {
        let mut worker = Command::new(std::env::current_exe()?)
            .args(["worker", "--process", &process.to_string()])
            .env(WORKER_URL, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let lines = BufReader::new(worker.stdout.take().ok_or("a worker has no output")?).lines();
        workers.push((worker, lines));
    }
    for (_, lines) in &mut workers {
        lines.next_line().await?.ok_or("a worker did not start")?;
    }
    let began = Instant::now();
    for (worker, _) in &mut workers {
        go(worker).await?;
    }
    let mut total = 0_u32;
    for (_, lines) in &mut workers {
        total += lines.next_line().await?.ok_or("a worker did not end well")?.parse::<u32>()?;
    }
    let rate = f64::from(total) / began.elapsed().as_secs_f64();
    opened.views.close().await?;
    opened.store.close().await?;
    Ok(rate)
}

/// Where a worker finds the log; not among its arguments, since it holds a password.
const WORKER_URL: &str = "ANGZARR_BENCH_URL";

async fn go(worker: &mut Child) -> Result<()> {
    let input = worker.stdin.as_mut().ok_or("a worker has no input")?;
    Ok(input.write_all(b"go\n").await?)
}

/// What each of the processes does: says that it is ready, waits for a line, and says how many commands it sent.
#[expect(clippy::print_stdout, reason = "that is how it talks to the one that started it")]
pub(crate) async fn worker(process: usize) -> Result<()> {
    let app = start(std::env::var(WORKER_URL)?.parse()?).await?;
    println!("ready");
    BufReader::new(tokio::io::stdin()).lines().next_line().await?;
    println!("{}", sent(&app, CALLERS, Notes::Own, &format!("process {process}")).await?);
    Ok(app.shutdown().await?)
}

/// A root with a long history: loaded at once, and read from the log.
async fn histories(server: &Postgres) -> Result<Vec<Figure>> {
    let storage = storage(server)?;
    let app = start(storage.clone()).await?;
    fill(&app, "long", HISTORY).await?;
    let (mut loads, mut tails) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        loads.push(load(&storage, HISTORY).await?);
        tails.push(tail(&app).await?);
    }
    app.shutdown().await?;
    Ok(vec![
        Figure::absolute("store.postgres.load", median(loads), "events/s", "at least 300,000"),
        Figure::absolute("store.postgres.tail", median(tails), "events/s", "at least 150,000"),
    ])
}

/// Events a second of a note that is loaded whole.
pub(crate) async fn load(storage: &Storage, events: usize) -> Result<f64> {
    let opened = storage.open().await?;
    let stream = StreamId::new("notes", root_id("notes", "long").ok_or("no root")?);
    let began = Instant::now();
    let loaded = opened.store.load(Load::of(stream)).await?;
    let rate = f64::from(u32::try_from(loaded.records.len())?) / began.elapsed().as_secs_f64();
    opened.views.close().await?;
    opened.store.close().await?;
    if loaded.records.len() == events { Ok(rate) } else { Err("the history is not whole".into()) }
}

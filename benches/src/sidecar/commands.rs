//! `sidecar.*`: commands to a runtime that has the aggregate in a service, both over Unix sockets.
//!
//! Caller, runtime and a service in Rust are in one process here: what is measured is the way between them. A service in
//! Python has a process of its own.

mod calls;
mod python;

use std::path::Path;
use std::time::{Duration, Instant};

use angzarr_runtime::transport::{Address, Api, Limits, Remote, Service};
use angzarr_runtime::{App, Storage};
use angzarr_servers::Postgres;
use tempfile::TempDir;

use crate::common::{HISTORY, ROUND, ROUNDS, Result, fill};
use crate::figure::{Figure, median};
use crate::notes::Notebook;
use crate::postgres::{pgbench, storage};
use crate::sqlite::bare_rows;
pub(crate) use calls::{Call, rate};
use calls::{serve_echo, typical};

pub(crate) async fn measure(folder: &Path, only: &str) -> Result<Vec<Figure>> {
    let wanted = |name: &str| name.starts_with(only);
    let mut figures = Vec::new();
    if ["sidecar.uds.commands.1", "sidecar.uds.commands.32", "sidecar.history.warm"].into_iter().any(wanted) {
        figures.extend(on_sqlite(folder).await?);
    }
    if wanted("sidecar.python.commands.1") {
        figures.push(in_python(folder).await?);
    }
    Ok(figures.into_iter().filter(|figure| wanted(&figure.name)).collect())
}

/// A runtime beside a service, and where it serves callers.
struct Served {
    app: App,
    front: Address,
}

impl Served {
    async fn start(place: &Path, storage: Storage, service: &Address) -> Result<Self> {
        let app = App::builder(storage).remote(connected(service).await?).start().await?;
        let (api, front) = (Api::new(app.clone(), Limits::default()), Address::Unix(place.join("api.sock")));
        let listening = front.clone();
        tokio::spawn(async move { api.serve(&listening, std::future::pending()).await });
        Ok(Self { app, front })
    }
}

/// The aggregate in a service of this process.
fn serve(place: &Path) -> Address {
    let address = Address::Unix(place.join("service.sock"));
    let (service, listening) = (Service::new(crate::DESCRIPTION).register(Notebook), address.clone());
    tokio::spawn(async move { service.serve(&listening, std::future::pending()).await });
    address
}

/// What answers with nothing, in this process.
fn echo(place: &Path) -> Call {
    let socket = place.join("echo.sock");
    tokio::spawn(serve_echo(socket.clone()));
    Call::Echo(Address::Unix(socket))
}

async fn connected(address: &Address) -> Result<Remote> {
    loop {
        match Remote::connect(address).await {
            Ok(remote) => return Ok(remote),
            Err(error) if error.retryable() => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => return Err(error.into()),
        }
    }
}

async fn on_sqlite(folder: &Path) -> Result<Vec<Figure>> {
    let place = TempDir::new_in(folder)?;
    let (service, echo) = (serve(place.path()), echo(place.path()));
    let Served { app, front } = Served::start(place.path(), sqlite(place.path()), &service).await?;
    let commands = |note| Call::Command(front.clone(), note);
    let (mut alone, mut bounds) = (Vec::new(), Vec::new());
    let (mut many, mut halves) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let commit = 1_000.0 / bare_rows(folder, 1).await?;
        bounds.push(2.0 * typical(&echo).await? + commit);
        alone.push(typical(&commands("alone")).await?);
        halves.push(rate(&echo, Instant::now() + ROUND).await? / 2.0);
        many.push(rate(&commands("many"), Instant::now() + ROUND).await?);
    }
    fill(&app, "long", HISTORY).await?;
    let (mut long, mut short) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let times = [typical(&commands("long")).await?, typical(&commands("short")).await?];
        // The first one loads what is not warm yet.
        if round > 0 {
            long.push(times[0]);
            short.push(times[1]);
        }
    }
    app.shutdown().await?;
    let figure =
        |name, value, unit, ceiling, target| Figure::relative(name, median(value), unit, median(ceiling), target);
    Ok(vec![
        figure("sidecar.uds.commands.1", alone, "ms", bounds, "at most 1.5 × two echoes and a commit"),
        figure("sidecar.uds.commands.32", many, "commands/s", halves, "at least 0.35 × half the echoes of 32 callers"),
        figure("sidecar.history.warm", long, "ms", short, "at most 1.2 × a fresh root"),
    ])
}

async fn in_python(folder: &Path) -> Result<Figure> {
    let place = TempDir::new_in(folder)?;
    let (notebook, echo) = (python::Notebook::start(place.path())?, echo(place.path()));
    let Served { app, front } = Served::start(place.path(), sqlite(place.path()), &notebook.service).await?;
    let (python_echo, command) = (Call::Echo(notebook.echo.clone()), Call::Command(front, "alone"));
    let (mut times, mut bounds) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let commit = 1_000.0 / bare_rows(folder, 1).await?;
        bounds.push(typical(&echo).await? + typical(&python_echo).await? + commit);
        times.push(typical(&command).await?);
    }
    app.shutdown().await?;
    let target = "at most 1.3 × an echo in Rust, one in Python, and a commit";
    Ok(Figure::relative("sidecar.python.commands.1", median(times), "ms", median(bounds), target))
}

pub(crate) async fn measure_postgres(server: &Postgres, folder: &Path, only: &str) -> Result<Vec<Figure>> {
    let name = "sidecar.postgres.commands.32";
    if !name.starts_with(only) {
        return Ok(Vec::new());
    }
    let place = TempDir::new_in(folder)?;
    let service = serve(place.path());
    let (mut rates, mut bare) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        bare.push(pgbench(server, folder).await?);
        let of_it = place.path().join(round.to_string());
        std::fs::create_dir(&of_it)?;
        let Served { app, front } = Served::start(&of_it, storage(server)?, &service).await?;
        rates.push(rate(&Call::Command(front, "many"), Instant::now() + ROUND).await?);
        app.shutdown().await?;
    }
    let target = "at least 0.4 of pgbench with 32 clients";
    Ok(vec![Figure::relative(name, median(rates), "commands/s", median(bare), target)])
}

fn sqlite(place: &Path) -> Storage {
    Storage::Sqlite(place.join("log.db"))
}

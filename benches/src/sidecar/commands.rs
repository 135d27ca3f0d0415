//! Commands to the program that has their aggregate in a service, all over Unix sockets.

use std::path::Path;
use std::time::Instant;

use angzarr_runtime::{App, Storage};
use angzarr_servers::Postgres;
use tempfile::TempDir;

use super::calls::{Call, rate, typical};
use super::notebook::NotebookProcess;
use super::program::{Sidecar, log};
use crate::common::{HISTORY, ROUND, ROUNDS, Result, fill};
use crate::figure::{Figure, median};
use crate::notes;
use crate::postgres::pgbench;
use crate::sqlite::bare_rows;

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

async fn on_sqlite(folder: &Path) -> Result<Vec<Figure>> {
    let place = TempDir::new_in(folder)?;
    let app = App::builder(Storage::Sqlite(log(place.path(), "log"))).register(notes::Notebook).start().await?;
    fill(&app, "long", HISTORY).await?;
    app.shutdown().await?;
    let notebook = NotebookProcess::in_rust(place.path())?;
    let sidecar = Sidecar::on_file(place.path(), "log", &notebook.service)?;
    let echo = Call::Echo(notebook.echo.clone());
    echo.ready().await?;
    let commands = |note| Call::Command(sidecar.front.clone(), note);
    let (mut alone, mut bounds) = (Vec::new(), Vec::new());
    let (mut many, mut halves) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let commit = 1_000.0 / bare_rows(folder, 1).await?;
        bounds.push(2.0 * typical(&echo).await? + commit);
        alone.push(typical(&commands("alone")).await?);
        halves.push(rate(&echo, Instant::now() + ROUND).await? / 2.0);
        many.push(rate(&commands("many"), Instant::now() + ROUND).await?);
    }
    let (mut long, mut short) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let times = [typical(&commands("long")).await?, typical(&commands("short")).await?];
        // The first one loads what is not warm yet.
        if round > 0 {
            long.push(times[0]);
            short.push(times[1]);
        }
    }
    sidecar.end()?;
    let figure =
        |name, value, unit, ceiling, target| Figure::relative(name, median(value), unit, median(ceiling), target);
    Ok(vec![
        figure("sidecar.uds.commands.1", alone, "ms", bounds, "at most 1.5 × two echoes and a commit"),
        figure("sidecar.uds.commands.32", many, "commands/s", halves, "at least 0.35 × half the echoes of 32 callers"),
        figure("sidecar.history.warm", long, "ms", short, "at most 1.2 × a fresh root"),
    ])
}

async fn in_python(folder: &Path) -> Result<Figure> {
    let (place, beside) = (TempDir::new_in(folder)?, TempDir::new_in(folder)?);
    let (in_rust, in_python) = (NotebookProcess::in_rust(beside.path())?, NotebookProcess::in_python(place.path())?);
    let sidecar = Sidecar::on_file(place.path(), "log", &in_python.service)?;
    let echoes = [Call::Echo(in_rust.echo.clone()), Call::Echo(in_python.echo.clone())];
    let command = Call::Command(sidecar.front.clone(), "alone");
    let (mut times, mut bounds) = (Vec::new(), Vec::new());
    for echo in &echoes {
        echo.ready().await?;
    }
    for _ in 0..ROUNDS {
        let mut bound = 1_000.0 / bare_rows(folder, 1).await?;
        for echo in &echoes {
            bound += typical(echo).await?;
        }
        bounds.push(bound);
        times.push(typical(&command).await?);
    }
    sidecar.end()?;
    let target = "at most 1.3 × an echo in Rust, one in Python, and a commit";
    Ok(Figure::relative("sidecar.python.commands.1", median(times), "ms", median(bounds), target))
}

pub(crate) async fn measure_postgres(server: &Postgres, folder: &Path, only: &str) -> Result<Vec<Figure>> {
    let name = "sidecar.postgres.commands.32";
    if !name.starts_with(only) {
        return Ok(Vec::new());
    }
    let place = TempDir::new_in(folder)?;
    let notebook = NotebookProcess::in_rust(place.path())?;
    let (mut rates, mut bare) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        bare.push(pgbench(server, folder).await?);
        let url = server.create_database()?;
        let sidecar = Sidecar::on_server(place.path(), &round.to_string(), &url, &notebook.service)?;
        rates.push(rate(&Call::Command(sidecar.front.clone(), "many"), Instant::now() + ROUND).await?);
        sidecar.end()?;
    }
    let target = "at least 0.4 of pgbench with 32 clients";
    Ok(vec![Figure::relative(name, median(rates), "commands/s", median(bare), target)])
}

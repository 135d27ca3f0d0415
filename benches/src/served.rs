//! `sidecar.uds.*`: commands to a runtime that has the aggregate in a service, both over Unix sockets.
//!
//! Caller, runtime and service are in one process here: what is measured is the way between them.

use std::path::Path;
use std::time::{Duration, Instant};

use angzarr_runtime::proto;
use angzarr_runtime::transport::services::business_coordinator_client::BusinessCoordinatorClient;
use angzarr_runtime::transport::services::saga_client::SagaClient;
use angzarr_runtime::transport::services::saga_server::{Saga, SagaServer};
use angzarr_runtime::transport::{Address, Api, Limits, Remote, Service};
use angzarr_runtime::{App, Payload, Storage};
use futures_util::future::join_all;
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::common::{HISTORY, ROUND, ROUNDS, Result, fill, write};
use crate::figure::{Figure, median};
use crate::notes::Notebook;
use crate::sqlite::bare_rows;

/// Callers, and the connections that they share.
const CALLERS: usize = 32;
const CONNECTIONS: usize = 4;

pub(crate) async fn measure(folder: &Path, only: &str) -> Result<Vec<Figure>> {
    let names = ["sidecar.uds.commands.1", "sidecar.uds.commands.32", "sidecar.history.warm"];
    if !names.into_iter().any(|name| name.starts_with(only)) {
        return Ok(Vec::new());
    }
    let place = TempDir::new_in(folder)?;
    let at = |name: &str| Address::Unix(place.path().join(name));
    let (service, front, echo) = (at("service.sock"), at("api.sock"), at("echo.sock"));
    let served = Service::new(crate::DESCRIPTION).register(Notebook);
    let listening = service.clone();
    tokio::spawn(async move { served.serve(&listening, std::future::pending()).await });
    tokio::spawn(serve_echo(place.path().join("echo.sock")));
    let remote = connected(&service).await?;
    let app = App::builder(Storage::Sqlite(place.path().join("log.db"))).remote(remote).start().await?;
    let (api, listening) = (Api::new(app.clone(), Limits::default()), front.clone());
    tokio::spawn(async move { api.serve(&listening, std::future::pending()).await });

    let mut figures = Vec::new();
    let (mut alone, mut bounds) = (Vec::new(), Vec::new());
    let (mut many, mut halves) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let commit = 1_000.0 / bare_rows(folder, 1).await?;
        let echoed = median(timed(&front, &echo, Call::Echo).await?);
        bounds.push(2.0 * echoed + commit);
        alone.push(median(timed(&front, &echo, Call::Command("alone")).await?));
        halves.push(rate(&echo, Call::Echo).await? / 2.0);
        many.push(rate(&front, Call::Command("many")).await?);
    }
    let target = "at most 1.5 × two echoes and a commit";
    figures.push(Figure::relative("sidecar.uds.commands.1", median(alone), "ms", median(bounds), target));
    let target = "at least 0.35 × half the echoes of 32 callers";
    figures.push(Figure::relative("sidecar.uds.commands.32", median(many), "commands/s", median(halves), target));

    fill(&app, "long", HISTORY).await?;
    let (mut long, mut short) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let times = [
            median(timed(&front, &echo, Call::Command("long")).await?),
            median(timed(&front, &echo, Call::Command("short")).await?),
        ];
        // The first one loads what is not warm yet.
        if round > 0 {
            long.push(times[0]);
            short.push(times[1]);
        }
    }
    let target = "at most 1.2 × a fresh root";
    figures.push(Figure::relative("sidecar.history.warm", median(long), "ms", median(short), target));
    app.shutdown().await?;
    Ok(figures.into_iter().filter(|figure| figure.name.starts_with(only)).collect())
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

/// What a caller calls.
#[derive(Clone, Copy)]
enum Call {
    Echo,
    /// A command for the note of this name; of many callers, each has one of its own.
    Command(&'static str),
}

/// Milliseconds that each call of a round took, of one caller.
async fn timed(front: &Address, echo: &Address, call: Call) -> Result<Vec<f64>> {
    let channel = match call {
        Call::Echo => echo.channel()?,
        Call::Command(_) => front.channel()?,
    };
    let (end, mut times) = (Instant::now() + ROUND, Vec::new());
    while Instant::now() < end {
        let began = Instant::now();
        once(&channel, call, "").await?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(times)
}

/// Calls a second of 32 callers.
async fn rate(address: &Address, call: Call) -> Result<f64> {
    let channels: Vec<Channel> = (0..CONNECTIONS).map(|_| address.channel()).collect::<std::result::Result<_, _>>()?;
    let (began, end) = (Instant::now(), Instant::now() + ROUND);
    let caller = |caller: usize| {
        let channel = channels[caller % CONNECTIONS].clone();
        tokio::spawn(async move {
            let (name, mut calls) = (caller.to_string(), 0_u32);
            while Instant::now() < end {
                once(&channel, call, &name).await?;
                calls += 1;
            }
            Result::Ok(calls)
        })
    };
    let mut calls = 0;
    for count in join_all((0..CALLERS).map(caller)).await {
        calls += count??;
    }
    Ok(f64::from(calls) / began.elapsed().as_secs_f64())
}

async fn once(channel: &Channel, call: Call, caller: &str) -> Result<()> {
    match call {
        Call::Echo => {
            SagaClient::new(channel.clone()).handle(proto::SagaHandleRequest::default()).await?;
        }
        Call::Command(note) => {
            let key = format!("{note}{caller}");
            let command = Some(Payload::command(&write(&key)).to_any());
            let cover = proto::Cover { domain: "notes".into(), key, ..proto::Cover::default() };
            let pages = vec![proto::CommandPage { command, ..proto::CommandPage::default() }];
            let book = proto::CommandBook { cover: Some(cover), pages, ..proto::CommandBook::default() };
            BusinessCoordinatorClient::new(channel.clone()).handle(book).await?;
        }
    }
    Ok(())
}

/// Answers with nothing.
struct Echo;

#[tonic::async_trait]
impl Saga for Echo {
    async fn handle(
        &self,
        _: Request<proto::SagaHandleRequest>,
    ) -> std::result::Result<Response<proto::SagaHandleResponse>, Status> {
        Ok(Response::new(proto::SagaHandleResponse::default()))
    }
}

async fn serve_echo(socket: std::path::PathBuf) -> Result<()> {
    let listener = tokio::net::UnixListener::bind(socket)?;
    let incoming = tokio_stream::wrappers::UnixListenerStream::new(listener);
    Ok(tonic::transport::Server::builder().add_service(SagaServer::new(Echo)).serve_with_incoming(incoming).await?)
}

//! From start to end.

use std::time::Duration;

use angzarr_runtime::config::{Aggregates, Config};
use angzarr_runtime::store::{Opened, Storage};
use angzarr_runtime::transport::{Api, Hold, Remote, Target};
use angzarr_runtime::{App, Error};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use crate::signals::Signals;
use crate::telemetry::Telemetry;

/// Between attempts at what is not there yet; each pause is twice the one before, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Everything that had begun is done.
    Done,
    /// Some of it was cut off.
    CutOff,
}

/// Runs until a signal comes.
pub(crate) async fn run(config: Config, telemetry: &Telemetry, mut signals: Signals) -> Result<Ended, Error> {
    telemetry.show().await?;
    let Some((app, api, holds)) = start(&config, telemetry, &mut signals).await? else {
        info!("asked to end before it could start");
        return Ok(Ended::Done);
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let address = config.listen.clone();
    // It ends as well if nobody can ask it to any more.
    let serving = async move { api.serve(&address, async { drop(stopped.await) }).await };
    let mut serving = tokio::spawn(serving);
    tokio::select! {
        ended = &mut serving => {
            let why = ended.unwrap_or_else(|panic| Err(Error::Setup(format!("serving panicked: {panic}"))));
            close(app).await;
            return why.map(|()| Ended::CutOff);
        }
        () = signals.next() => info!("asked to end"),
    }
    // They may have been asked at the same moment, and are needed until everything is done.
    holds.iter().for_each(Hold::take);
    tokio::spawn(end_at_next(signals));
    let mut ended = Ended::Done;
    drop(stop);
    if timeout(config.drain.notice.saturating_add(config.drain.calls), &mut serving).await.is_err() {
        warn!(waited = ?config.drain.calls, "calls are cut off");
        serving.abort();
        ended = Ended::CutOff;
    }
    Ok(if close(app).await { ended } else { Ended::CutOff })
}

/// Opens the storage, finds the services, starts their consumers; unless a signal comes first.
async fn start(
    config: &Config,
    telemetry: &Telemetry,
    signals: &mut Signals,
) -> Result<Option<(App, Api, Vec<Hold>)>, Error> {
    let opened = tokio::select! {
        opened = open(&config.storage) => opened?,
        () = signals.next() => return Ok(None),
    };
    let started = tokio::select! {
        started = start_on(config, telemetry, opened.clone()) => started.map(Some),
        () = signals.next() => Ok(None),
    };
    if !matches!(started, Ok(Some(_))) {
        // Leases and locks are given back; what is told is why it did not start.
        let _ = opened.views.close().await;
        let _ = opened.store.close().await;
    }
    started
}

async fn start_on(config: &Config, telemetry: &Telemetry, opened: Opened) -> Result<(App, Api, Vec<Hold>), Error> {
    config.routes.check()?;
    let mut services = Vec::with_capacity(config.services.len());
    for service in &config.services {
        services.push(connect(service).await?);
    }
    let described: Vec<_> = services.iter().map(|service| service.described().clone()).collect();
    let connections: Vec<_> = services.iter().map(Remote::connection).collect();
    let holds = services.iter().map(Remote::hold).collect();
    let mut builder =
        App::builder(Storage::Opened(opened)).drain_within(config.drain.consumers).routes(config.routes.clone());
    builder = builder.keep(config.limits.half());
    if telemetry.measures() {
        builder = builder.metrics();
    }
    for (consumer, delivery) in &config.delivery {
        builder = builder.delivery(consumer, *delivery);
    }
    for service in services {
        builder = builder.remote(service);
    }
    let app = builder.start().await?;
    let mut api = Api::new(app.clone(), config.limits);
    api = api.access(config.access.clone()).needs(connections).notice(config.drain.notice);
    if let Some(tls) = &config.tls {
        api = api.tls(tls.clone());
    }
    if let Aggregates::Served(token) = &config.aggregates {
        for described in &described {
            api = api.aggregates(described, token.as_ref())?;
        }
    }
    Ok((app, api, holds))
}

/// Waits until the storage can be opened, unless waiting does not help.
async fn open(storage: &Storage) -> Result<Opened, Error> {
    let mut pause = FIRST_PAUSE;
    loop {
        match storage.open().await {
            Ok(opened) => return Ok(opened),
            Err(error) if error.retryable() => warn!(code = error.code(), %error, "waiting for the storage"),
            Err(error) => return Err(error.into()),
        }
        sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Waits until a service answers, unless waiting does not help.
async fn connect(service: &Target) -> Result<Remote, Error> {
    let address = &service.address;
    let mut pause = FIRST_PAUSE;
    loop {
        match Remote::connect(service).await {
            Ok(service) => {
                info!(%address, "found the service");
                return Ok(service);
            }
            Err(error) if error.retryable() => warn!(code = error.code(), %error, %address, "waiting for the service"),
            Err(error) => return Err(error),
        }
        sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Lets consumers reach the end of the log and closes the storage; tells whether they did.
async fn close(app: App) -> bool {
    match app.shutdown().await {
        Ok(()) => {
            info!("ended");
            true
        }
        Err(error) => {
            warn!(code = error.code(), help = error.help(), %error, "ended");
            false
        }
    }
}

/// Whoever asks twice does not want to wait.
async fn end_at_next(mut signals: Signals) {
    signals.next().await;
    error!("asked to end again: ending at once");
    std::process::exit(crate::CUT_OFF.into());
}

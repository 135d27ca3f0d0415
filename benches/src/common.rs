//! What is measured on every store: commands of many callers, and reading the log.

use std::error::Error;
use std::time::{Duration, Instant};

use angzarr_runtime::{App, Storage};
use futures_util::future::join_all;

use crate::bench::v1::{Write, Written};
use crate::notes::Notebook;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How long each round of a rate lasts.
pub(crate) const ROUND: Duration = Duration::from_millis(1_500);
pub(crate) const ROUNDS: usize = 3;

/// Bytes of an event's text; with its tag and length the event has 256.
pub(crate) const TEXT: usize = 253;

/// Events of a long history.
pub(crate) const HISTORY: usize = 100_000;

pub(crate) async fn start(storage: Storage) -> Result<App> {
    Ok(App::builder(storage).register(Notebook).start().await?)
}

pub(crate) fn write(note: impl ToString) -> Write {
    Write { note: note.to_string(), text: vec![7; TEXT] }
}

/// Which notes the callers write to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Notes {
    /// Each caller to one of its own.
    Own,
    /// Every command to a new one.
    New,
    /// All callers to the same one.
    Hot,
}

/// Commands a second of so many callers, each waiting for its answer before it sends again.
pub(crate) async fn commands(app: &App, callers: usize, notes: Notes) -> Result<f64> {
    let (began, sent) = (Instant::now(), sent(app, callers, notes, "caller").await?);
    Ok(f64::from(sent) / began.elapsed().as_secs_f64())
}

/// Commands that so many callers send in a round; `name` tells their notes from those of others.
pub(crate) async fn sent(app: &App, callers: usize, notes: Notes, name: &str) -> Result<u32> {
    let end = Instant::now() + ROUND;
    let caller = |caller: usize| {
        let (app, name) = (app.clone(), name.to_owned());
        tokio::spawn(async move {
            let mut sent = 0_u32;
            while Instant::now() < end {
                let note = match notes {
                    Notes::Own => format!("{name} {caller}"),
                    Notes::New => format!("{name} {caller} {sent}"),
                    Notes::Hot => "hot".to_owned(),
                };
                app.send(write(note)).await?;
                sent += 1;
            }
            Ok::<_, angzarr_runtime::Error>(sent)
        })
    };
    let mut sent = 0;
    for count in join_all((0..callers).map(caller)).await {
        sent += count??;
    }
    Ok(sent)
}

/// Gives a note a history.
pub(crate) async fn fill(app: &App, note: &str, events: usize) -> Result<()> {
    let mut left = events;
    while left > 0 {
        let mut import = app.import("notes", note);
        for _ in 0..left.min(1_000) {
            import = import.event(&Written { text: vec![7; TEXT] }, None);
        }
        import.await?;
        left -= left.min(1_000);
    }
    Ok(())
}

/// How long a command takes, in milliseconds.
pub(crate) async fn timed(app: &App, note: &str) -> Result<f64> {
    let began = Instant::now();
    app.send(write(note)).await?;
    Ok(began.elapsed().as_secs_f64() * 1_000.0)
}

/// Events a second, read from the log in pages, payloads left as bytes.
pub(crate) async fn tail(app: &App) -> Result<f64> {
    let (began, mut after, mut read) = (Instant::now(), 0, 0_u32);
    loop {
        let slice = app.read_log(after, 4096).await?;
        read += u32::try_from(slice.records.len())?;
        match slice.next {
            Some(next) => after = next,
            None => return Ok(f64::from(read) / began.elapsed().as_secs_f64()),
        }
    }
}

//! What the program takes while it does nothing, and after it has worked for long.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use angzarr_runtime::transport::{Address, Service};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::calls::{Call, rate};
use super::program::{Sidecar, program};
use crate::common::Result;
use crate::figure::{Figure, median};
use crate::items::{ItemView, Keeper};
use crate::notes::Notebook;

/// How often it is started.
const STARTS: usize = 21;

/// How long it rests before its memory is looked at.
const REST: Duration = Duration::from_secs(2);

/// How long it works before its memory is looked at for the first time, and in all.
const WARM: Duration = Duration::from_secs(2 * 60);
const LONG: Duration = Duration::from_secs(10 * 60);

/// What its memory may grow by between the two.
const GROWTH: f64 = 1.05;

pub(crate) async fn measure(folder: &Path, only: &str) -> Result<Vec<Figure>> {
    let names = ["sidecar.start", "sidecar.start.new", "sidecar.memory", "sidecar.size"];
    if !names.into_iter().any(|name| name.starts_with(only)) {
        return Ok(Vec::new());
    }
    let place = TempDir::new_in(folder)?;
    let (serving, address) = serve(place.path());
    let place_of_it = place.path().to_path_buf();
    let figures = tokio::task::spawn_blocking(move || starts(&place_of_it, &address)).await?;
    serving.abort();
    Ok(figures?.into_iter().filter(|figure| figure.name.starts_with(only)).collect())
}

/// The service that it is beside.
fn serve(place: &Path) -> (JoinHandle<()>, Address) {
    let address = Address::Unix(place.join("service"));
    let service = Service::new(crate::DESCRIPTION).register(Notebook).register(Keeper).register(ItemView);
    let at = address.clone();
    let serving = tokio::spawn(async move {
        // Whoever calls it notices.
        let _ = service.serve(&at, std::future::pending()).await;
    });
    (serving, address)
}

/// What the program has resident after ten minutes of full load, beside what it had after two.
///
/// # Errors
/// If it has grown.
pub(crate) async fn soak(folder: &Path) -> Result<Figure> {
    let place = TempDir::new_in(folder)?;
    let (serving, service) = serve(place.path());
    let started = place.path().to_path_buf();
    let sidecar = tokio::task::spawn_blocking(move || Sidecar::on_file(&started, "log", &service)).await??;
    let command = Call::Command(sidecar.front.clone(), "soaked");
    let began = Instant::now();
    rate(&command, began + WARM).await?;
    let warm = sidecar.memory()?;
    rate(&command, began + LONG).await?;
    let late = sidecar.memory()?;
    tokio::task::spawn_blocking(|| sidecar.end()).await??;
    serving.abort();
    if late > GROWTH * warm {
        return Err(format!("the sidecar had {warm:.1} MiB after two minutes of load, and {late:.1} after ten").into());
    }
    let target = "at most 1.05 × that after two minutes";
    Ok(Figure::relative("soak.sidecar.memory", late, "MiB after ten minutes of load", warm, target))
}

fn starts(place: &Path, service: &Address) -> Result<Vec<Figure>> {
    let timed = |log: &str| -> Result<(f64, Sidecar)> {
        let began = Instant::now();
        let sidecar = Sidecar::on_file(place, log, service)?;
        Ok((began.elapsed().as_secs_f64() * 1_000.0, sidecar))
    };
    // Waits for the service, and makes the log.
    timed("log")?.1.end()?;
    let (mut times, mut memories, mut first_times) = (Vec::new(), Vec::new(), Vec::new());
    for start in 0..STARTS {
        let (time, sidecar) = timed("log")?;
        times.push(time);
        if start % 7 == 0 {
            std::thread::sleep(REST);
            memories.push(sidecar.memory()?);
        }
        sidecar.end()?;
        let (time, sidecar) = timed(&format!("log{start}"))?;
        first_times.push(time);
        sidecar.end()?;
    }
    let bytes = u32::try_from(fs::metadata(program())?.len())?;
    Ok(vec![
        Figure::absolute("sidecar.start", median(times), "ms to the first answer", "at most 50"),
        Figure::absolute(
            "sidecar.start.new",
            median(first_times),
            "ms to the first answer",
            "none: the disk makes a log",
        ),
        Figure::absolute("sidecar.memory", median(memories), "MiB resident at rest", "under 16"),
        Figure::absolute("sidecar.size", f64::from(bytes) / 1e6, "MB with all stores", "at most 12"),
    ])
}

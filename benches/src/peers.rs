//! `peers.*`: other crates on the same server, and the same rounds of ours beside them.

use std::path::Path;
use std::time::Instant;

use angzarr_runtime::prost::Message;
use angzarr_runtime::store::{Load, StreamId};
use angzarr_runtime::{Storage, id::root_id};
use angzarr_servers::Postgres;
use tokio::process::Command;

use crate::bench::v1::Written;
use crate::common::{Notes, ROUNDS, Result, commands, fill, start};
use crate::figure::{Figure, median};
use crate::postgres::storage;

/// The workspace of the peers.
const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/Cargo.toml");

/// Events of the note that is loaded, as with the peers.
const HISTORY: usize = 10_000;

const ROUNDS_OF: [(&str, usize, Notes); 5] = [
    ("peers.angzarr.commands.1", 1, Notes::Own),
    ("peers.angzarr.commands.32", 32, Notes::Own),
    ("peers.angzarr.new_roots.1", 1, Notes::New),
    ("peers.angzarr.new_roots.32", 32, Notes::New),
    ("peers.angzarr.hot_root.32", 32, Notes::Hot),
];

pub(crate) async fn measure(server: &Postgres, folder: &Path, only: &str) -> Result<Vec<Figure>> {
    let mut figures = ours(server, only).await?;
    let out = folder.join("peers.json");
    let mut peers = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    peers.args(["run", "--release", "--quiet", "--manifest-path", MANIFEST, "--", "--postgres", server.url()]);
    let ended = peers.arg("--out").arg(&out).args(["--only", only]).status().await?;
    if !ended.success() {
        return Err("the peers could not be measured".into());
    }
    figures.extend(serde_json::from_slice::<Vec<Figure>>(&std::fs::read(&out)?)?);
    Ok(figures)
}

async fn ours(server: &Postgres, only: &str) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (name, callers, notes) in ROUNDS_OF.into_iter().filter(|(name, ..)| name.starts_with(only)) {
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            let app = start(storage(server)?).await?;
            rates.push(commands(&app, callers, notes).await?);
            app.shutdown().await?;
        }
        figures.push(Figure::absolute(name, median(rates), "commands/s", "reported"));
    }
    let name = "peers.angzarr.load";
    if name.starts_with(only) {
        let storage = storage(server)?;
        let app = start(storage.clone()).await?;
        fill(&app, "long", HISTORY).await?;
        app.shutdown().await?;
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            rates.push(load(&storage).await?);
        }
        figures.push(Figure::absolute(name, median(rates), "events/s", "reported"));
    }
    Ok(figures)
}

/// Events a second of a note that is loaded, decoded and counted again and again.
async fn load(storage: &Storage) -> Result<f64> {
    let opened = storage.open().await?;
    let stream = StreamId::new("notes", root_id("notes", "long").ok_or("no root")?);
    let (began, mut read) = (Instant::now(), 0_u32);
    while began.elapsed() < crate::common::ROUND {
        for record in opened.store.load(Load::of(stream.clone())).await?.records {
            Written::decode(record.payload.value)?;
            read += 1;
        }
    }
    let rate = f64::from(read) / began.elapsed().as_secs_f64();
    opened.views.close().await?;
    opened.store.close().await?;
    Ok(rate)
}

//! The shop of `examples` in several processes on PostgreSQL, while processes die, stand still, and lose their server.

mod check;
mod plan;
mod processes;
mod reference;

use std::time::Duration;

use angzarr_runtime::store::Storage;
use angzarr_servers::Postgres;

use plan::Amounts;
use processes::Street;

const PROCESSES: usize = 3;

/// The short form; `KILLS`, `PAUSES` and `RESTARTS` make it longer, `SEED` replays.
const SHORT: Amounts = Amounts { kills: 6, pauses: 1, restarts: 1 };

/// How long looking at everything may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// What comes in: enough teapots and samovars for all, and kettles for the first ones.
const DELIVERIES: [(&str, &str, u32); 4] = [
    ("delivery-1", "teapot", 1_000_000),
    ("delivery-2", "samovar", 1_000),
    ("delivery-3", "kettle", 20),
    ("delivery-4", "kettle", 40),
];

#[test]
fn the_shop_survives_kills_pauses_and_restarts() {
    let (seed, amounts) = (plan::seed(), SHORT.or_given());
    println!("SEED={seed} KILLS={} PAUSES={} RESTARTS={}", amounts.kills, amounts.pauses, amounts.restarts);
    // Its own, since it is stopped.
    let server = Postgres::start().unwrap();
    let url = server.create_database().unwrap();
    let mended = tempfile::tempdir().unwrap();
    let mut street = Street::open(&url, mended.path(), seed, PROCESSES, &DELIVERIES);
    for step in plan::steps(seed, amounts, PROCESSES) {
        street.take(step, &server);
    }
    let (orders, placed) = street.close();
    let storage: Storage = url.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let checks = check::all(&storage, mended.path(), &orders, &placed, &DELIVERIES);
    runtime.block_on(async { tokio::time::timeout(PATIENCE, checks).await }).unwrap();
}

//! `worker STORAGE MILLISECONDS`: runs all components on a log that others share, each event taking a consumer so long.
//!
//! It prints `started`, `handled N` whenever its handlers were called again, and `drained POSITION` whenever its consumers,
//! or those of others, have passed the end of the log. It ends in order when its input does.

use std::io::{Read, Write};
use std::time::Duration;

use angzarr_runtime::App;
use angzarr_runtime::store::Storage;
use angzarr_tests::{Fault, Faults, register};

const HANDLERS: [&str; 4] = ["Transfers", "WithdrawalWatch", "Balances", "Notices"];

/// How often it looks whether there is something to tell.
const LOOK: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(storage), Some(milliseconds)) = (arguments.next(), arguments.next()) else {
        return Err("usage: worker STORAGE MILLISECONDS".into());
    };
    let storage: Storage = storage.parse()?;
    let faults = Faults::default();
    for handler in HANDLERS {
        faults.set(handler, Fault::Takes(Duration::from_millis(milliseconds.parse()?)));
    }
    let app = register(App::builder(storage), &faults).start().await?;
    tell("started")?;
    // Never ends by itself: it is left where it is.
    let telling = tokio::spawn(tell_progress(app.clone(), faults));
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    telling.abort();
    Ok(app.shutdown().await?)
}

async fn tell_progress(app: App, faults: Faults) -> std::io::Result<()> {
    let (mut handled, mut drained) = (0, 0);
    loop {
        let calls = HANDLERS.iter().map(|handler| faults.calls(handler)).sum();
        if calls > handled {
            handled = calls;
            tell(&format!("handled {handled}"))?;
        }
        if let Ok(Ok(())) = tokio::time::timeout(LOOK, app.drained()).await {
            let position = app.consumers().iter().map(|consumer| consumer.position).min().unwrap_or(0);
            if position > drained {
                drained = position;
                tell(&format!("drained {drained}"))?;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn tell(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

//! `angzarr deadlines`.

use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::proto;
use clap::Args;
use serde_json::json;

use super::messages::Messages;
use super::table::print_table;
use super::values::{root, short, shown, stream, time, type_name};
use super::{Connection, Failed};
use crate::console::{Exit, print, tell};

#[derive(Args, Debug)]
pub(crate) struct Deadlines {
    #[command(flatten)]
    connection: Connection,
    /// Only those of this process manager's domain.
    #[arg(long)]
    domain: Option<String>,
    /// Only those that are due by then, like 2030-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// List so many at most, the earliest first; at most 1000.
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

pub(super) async fn run(Deadlines { connection, domain, until, limit }: &Deadlines) -> Result<Exit, Failed> {
    let mut sidecar = connection.sidecar()?;
    let (until, domain, limit) = (*until, domain.clone().unwrap_or_default(), *limit);
    let answer = sidecar.admin.list_deadlines(proto::ListDeadlinesRequest { until, limit, domain }).await;
    let deadlines = sidecar.answer(answer)?.deadlines;
    let is_cut = deadlines.len() == limit as usize;
    let messages = Messages::of(&mut sidecar).await?;
    if connection.is_for_programs() {
        for one in &deadlines {
            let cover = one.cover.clone().unwrap_or_default();
            print(&json!({
                "process_manager": one.process_manager, "domain": cover.domain, "key": cover.key,
                "root": root(cover.root.as_ref()), "correlation_id": cover.correlation_id,
                "name": one.name, "due_at": one.at.map(|at| at.to_string()),
                "type": one.event.as_ref().map(type_name), "data": one.event.as_ref().map(|event| messages.json(event)),
            }));
        }
    } else {
        let rows = deadlines.iter().map(|one| {
            let data = one.event.as_ref().map(|event| messages.json(event)).unwrap_or_default().to_string();
            let instance = stream(one.cover.as_ref());
            [shown(one.at), instance, one.name.clone(), short(one.event.as_ref()), data]
        });
        print_table(["DUE", "INSTANCE", "NAME", "DEADLINE", "DATA"], rows.collect());
    }
    if is_cut {
        tell(&"there may be more; `--limit` says how many are listed");
    }
    Ok(Exit::Done)
}

//! `angzarr consumers`.

use angzarr_runtime::proto;
use clap::{Args, Subcommand};
use serde_json::json;

use super::table::print_table;
use super::{Connection, Failed, Sidecar, views};
use crate::console::{Exit, print};

#[derive(Args, Debug)]
pub(crate) struct Consumers {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all. The same as no word at all.
    List,
    /// Stop one behind what it is at, whichever process runs it.
    Pause {
        /// Full name of its component.
        consumer: String,
    },
    /// Let one go on after a pause.
    Resume {
        /// Full name of its component.
        consumer: String,
    },
    /// Build the view of a projector anew. The same as `angzarr views rebuild`.
    Rebuild(views::Rebuild),
}

pub(super) async fn run(Consumers { connection, action }: &Consumers) -> Result<Exit, Failed> {
    let mut sidecar = connection.sidecar()?;
    let done = match action {
        None | Some(Action::List) => return list(connection, &mut sidecar).await,
        Some(Action::Pause { consumer }) => {
            let answer = sidecar.admin.pause_consumer(proto::PauseConsumerRequest { consumer: consumer.clone() }).await;
            sidecar.answer(answer)?;
            (consumer, "paused")
        }
        Some(Action::Resume { consumer }) => {
            let request = proto::ResumeConsumerRequest { consumer: consumer.clone() };
            let answer = sidecar.admin.resume_consumer(request).await;
            sidecar.answer(answer)?;
            (consumer, "resumed")
        }
        Some(Action::Rebuild(rebuild)) => return views::rebuild(connection, &mut sidecar, rebuild).await,
    };
    let (consumer, done) = done;
    if connection.is_for_programs() {
        print(&json!({ "consumer": consumer, "done": done }));
    } else {
        print(&format!("{consumer} is {done}"));
    }
    Ok(Exit::Done)
}

async fn list(connection: &Connection, sidecar: &mut Sidecar) -> Result<Exit, Failed> {
    let answer = sidecar.admin.list_consumers(proto::ListConsumersRequest {}).await;
    let proto::ListConsumersResponse { consumers, head } = sidecar.answer(answer)?;
    if connection.is_for_programs() {
        for one in consumers {
            print(&json!({
                "name": one.name, "position": one.position, "lag": one.lag, "head": head, "state": state(&one),
                "reason": reason(&one), "parks": one.parks, "failures": one.failures, "ignored": one.ignored,
            }));
        }
        return Ok(Exit::Done);
    }
    let rows = consumers.into_iter().map(|one| {
        let failures = one.failures.iter().map(|(code, times)| format!("{times} {code}"));
        let failures = failures.collect::<Vec<_>>().join(", ");
        let state = match reason(&one) {
            "" => state(&one).to_owned(),
            reason => format!("{}: {reason}", state(&one)),
        };
        [one.name, one.position.to_string(), one.lag.to_string(), one.parks.to_string(), failures, state]
    });
    print_table(["CONSUMER", "POSITION", "LAG", "PARKS", "FAILURES", "STATE"], rows.collect());
    Ok(Exit::Done)
}

fn state(consumer: &proto::ConsumerStatus) -> &'static str {
    match (consumer.stopped.is_empty(), consumer.paused.is_empty()) {
        (false, _) => "stopped",
        (true, false) => "paused",
        (true, true) => "running",
    }
}

/// Why it does not run, if it does not.
fn reason(consumer: &proto::ConsumerStatus) -> &str {
    if consumer.stopped.is_empty() { &consumer.paused } else { &consumer.stopped }
}

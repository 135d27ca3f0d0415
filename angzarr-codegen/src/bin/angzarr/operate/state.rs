//! `angzarr state`.

use angzarr_runtime::proto;
use clap::Args;
use serde_json::json;

use super::messages::Messages;
use super::table::plain;
use super::values::{Then, type_name};
use super::{Connection, Failed};
use crate::console::{Exit, print};

#[derive(Args, Debug)]
pub(crate) struct State {
    #[command(flatten)]
    connection: Connection,
    /// Domain of the stream.
    domain: String,
    /// Natural id of the stream, or its root.
    key: String,
    /// As it was then: at a time like 2030-01-31T12:00:00Z, or when this sequence was its last one.
    #[arg(long, value_name = "TIME|SEQUENCE")]
    at: Option<Then>,
}

pub(super) async fn run(State { connection, domain, key, at }: &State) -> Result<Exit, Failed> {
    let mut sidecar = connection.sidecar()?;
    let cover = proto::Cover { domain: domain.clone(), key: key.clone(), ..proto::Cover::default() };
    let as_of = at.map(Into::into);
    let query = proto::StreamQuery { cover: Some(cover), as_of, ..proto::StreamQuery::default() };
    let answer = sidecar.query.get_state(query).await;
    let Some(state) = sidecar.answer(answer)?.state else {
        let when = if at.is_some() { " by then" } else { "" };
        return Err(Failed::refused(format!("nothing was recorded for `{key}` in the domain `{domain}`{when}")));
    };
    let messages = Messages::of(&mut sidecar).await?;
    let data = messages.json(&state);
    if connection.is_for_programs() {
        print(&json!({ "domain": domain, "key": key, "type": type_name(&state), "data": data }));
    } else {
        print(&format!("{}\n{data:#}", plain(type_name(&state))));
    }
    Ok(Exit::Done)
}

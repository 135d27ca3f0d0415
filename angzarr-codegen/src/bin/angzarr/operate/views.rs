//! `angzarr views`.

use std::time::Duration;

use angzarr_runtime::proto;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::table::print_table;
use super::{Connection, Failed, Sidecar};
use crate::console::{Exit, is_lost, print, tell};

/// Between two looks at a version that is being built.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Args, Debug)]
pub(crate) struct Views {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all. The same as no word at all.
    List,
    /// Build a view anew from the whole log; the present one is read until the new one has caught up.
    Rebuild(Rebuild),
}

#[derive(Args, Debug)]
pub(super) struct Rebuild {
    /// Full name of its projector.
    projector: String,
    /// Wait until the new version is read, and tell meanwhile how far it is.
    #[arg(long)]
    follow: bool,
}

pub(super) async fn run(Views { connection, action }: &Views) -> Result<Exit, Failed> {
    let mut sidecar = connection.sidecar()?;
    match action {
        None | Some(Action::List) => list(connection, &mut sidecar).await,
        Some(Action::Rebuild(wanted)) => rebuild(connection, &mut sidecar, wanted).await,
    }
}

async fn all(sidecar: &mut Sidecar) -> Result<proto::ListViewsResponse, Failed> {
    let answer = sidecar.admin.list_views(proto::ListViewsRequest {}).await;
    sidecar.answer(answer)
}

async fn list(connection: &Connection, sidecar: &mut Sidecar) -> Result<Exit, Failed> {
    let proto::ListViewsResponse { views, head } = all(sidecar).await?;
    if connection.is_for_programs() {
        views.iter().for_each(|view| print(&view_json(view, head)));
        return Ok(Exit::Done);
    }
    let rows = views.into_iter().map(|view| {
        let state = if view.stopped.is_empty() {
            state(&view).to_owned()
        } else {
            format!("{}, stopped {}", state(&view), view.stopped)
        };
        let progress = progress(&view, head);
        [view.name, view.version.to_string(), progress, view.table, state]
    });
    print_table(["VIEW", "VERSION", "PROGRESS", "TABLE", "STATE"], rows.collect());
    Ok(Exit::Done)
}

fn state(view: &proto::ViewStatus) -> &'static str {
    if view.building { "building" } else { "read" }
}

fn progress(view: &proto::ViewStatus, head: u64) -> String {
    format!("{} of {head}", view.checkpoint)
}

fn view_json(view: &proto::ViewStatus, head: u64) -> Value {
    json!({
        "name": view.name, "version": view.version, "state": state(view), "checkpoint": view.checkpoint, "head": head,
        "table": view.table, "stopped": view.stopped,
    })
}

pub(super) async fn rebuild(
    connection: &Connection,
    sidecar: &mut Sidecar,
    Rebuild { projector, follow }: &Rebuild,
) -> Result<Exit, Failed> {
    let versions = all(sidecar).await?.views.into_iter().filter(|view| view.name == *projector);
    let before = versions.map(|view| view.version).max().unwrap_or_default();
    let request = proto::RebuildViewRequest { view: projector.clone() };
    let answer = sidecar.admin.rebuild_view(request).await;
    sidecar.answer(answer)?;
    if *follow {
        return until_read(connection, sidecar, projector, before).await;
    }
    if connection.is_for_programs() {
        print(&json!({ "name": projector, "done": "begun" }));
    } else {
        print(&format!("a new version of {projector} is begun"));
    }
    Ok(Exit::Done)
}

/// Tells how far the versions behind one are, until one of them is read.
async fn until_read(
    connection: &Connection,
    sidecar: &mut Sidecar,
    projector: &str,
    before: u32,
) -> Result<Exit, Failed> {
    let mut told = None;
    loop {
        let proto::ListViewsResponse { views, head } = all(sidecar).await?;
        let newest = views.into_iter().filter(|view| view.name == projector && view.version > before);
        if let Some(view) = newest.max_by_key(|view| view.version) {
            if !view.stopped.is_empty() {
                return Err(Failed::refused(format!("version {} stopped {}", view.version, view.stopped)));
            }
            if told.as_ref() != Some(&view) {
                if connection.is_for_programs() {
                    print(&view_json(&view, head));
                } else if view.building {
                    tell(&format!("version {}: {}", view.version, progress(&view, head)));
                } else {
                    print(&format!("version {} of {projector} is read", view.version));
                }
            }
            if !view.building || is_lost() {
                return Ok(Exit::Done);
            }
            told = Some(view);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

//! Processes, which do what they are told.

use std::time::Duration;

use angzarr_runtime::{Context, Failure, ProcessManager, Refused as RefusedCommand};
use angzarr_tests::tck::v1::app::Processes;
use angzarr_tests::tck::v1::r#move::Move as Kind;
use angzarr_tests::tck::v1::{Began, Due, Happened, Move, Process, ProcessStep, Refused, Schedule, Serve, Told};

use crate::consumers::troubles;
use crate::scripts::received;

/// Does as it is told.
#[derive(ProcessManager, Debug)]
#[process_manager(Processes)]
pub(crate) struct Actor;

impl Processes for Actor {
    async fn on_began(&self, _: &Process, event: Began, cx: &Context) -> Result<Vec<ProcessStep>, Failure> {
        moves(event.moves, cx)
    }

    async fn on_told(&self, _: &Process, event: Told, cx: &Context) -> Result<Vec<ProcessStep>, Failure> {
        troubles(event.trouble)?;
        moves(event.moves, cx)
    }

    async fn on_due(&self, _: &Process, deadline: Due, _: &Context) -> Result<Happened, Failure> {
        Ok(Happened { text: deadline.text })
    }

    async fn on_serve_refused(
        &self,
        _: &Process,
        refused: RefusedCommand<Serve>,
        _: &Context,
    ) -> Result<Refused, Failure> {
        Ok(Refused { target: refused.command.target, rejection: Some(received(refused.rejection)) })
    }

    fn apply_happened(process: &mut Process, event: Happened) {
        process.texts.push(event.text);
    }

    fn apply_refused(process: &mut Process, event: Refused) {
        process.texts.push(event.target);
    }
}

fn moves(moves: Vec<Move>, cx: &Context) -> Result<Vec<ProcessStep>, Failure> {
    let mut steps = Vec::new();
    for kind in moves.into_iter().filter_map(|one| one.r#move) {
        match kind {
            Kind::Record(text) => steps.push(Happened { text }.into()),
            Kind::Serve(serve) => steps.push(serve.into()),
            Kind::Schedule(Schedule { name, after, text }) => {
                cx.schedule(name, Duration::from_millis(after), &Due { text })?;
            }
            Kind::Cancel(name) => cx.cancel(name)?,
            Kind::Complete(_) => cx.complete()?,
        }
    }
    Ok(steps)
}

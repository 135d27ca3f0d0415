//! The aggregate that is measured.

use angzarr_runtime::{Aggregate, Context, Rejection};

use crate::bench::v1::app::Notes;
use crate::bench::v1::{Note, NoteRejection, Refuse, Write, Written};

/// Writes whatever it is told to.
#[derive(Aggregate, Debug)]
#[aggregate(Notes)]
pub(crate) struct Notebook;

impl Notes for Notebook {
    fn add(&self, _: &Note, command: Write, _: &Context) -> Result<Written, Rejection> {
        Ok(Written { text: command.text })
    }

    fn deny(&self, _: &Note, command: Refuse, _: &Context) -> Result<Written, Rejection> {
        Err(Rejection::new(NoteRejection::Always, format!("{} is never written to", command.note)))
    }

    fn apply_written(note: &mut Note, _: Written) {
        note.written += 1;
    }
}

//! Events of several releases.

use angzarr_runtime::{Aggregate, Context, Rejection, Upcaster};
use angzarr_tests::tck::v1::app::{VersionBook, VersionHistory};
use angzarr_tests::tck::v1::{Closed, OpenedV3, Version, Versions, WriteVersions};

/// Remembers what it folded.
#[derive(Aggregate, Debug)]
#[aggregate(VersionBook)]
pub(crate) struct Book;

impl VersionBook for Book {
    fn write(&self, _: &Versions, command: WriteVersions, _: &Context) -> Result<Vec<Version>, Rejection> {
        Ok(command.emit)
    }

    fn apply_opened_v3(versions: &mut Versions, event: OpenedV3) {
        versions.folded.push(event.into());
    }

    fn apply_closed(versions: &mut Versions, event: Closed) {
        versions.folded.push(event.into());
    }
}

/// Events as earlier releases stored them.
#[derive(Upcaster, Debug)]
#[upcaster(VersionHistory)]
pub(crate) struct Past;

// What becomes of each field stands at the messages.
impl VersionHistory for Past {}

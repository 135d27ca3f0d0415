//! Events of several releases.

use angzarr_runtime::{Aggregate, Context, Failure, Projector, Rejection, Upcaster};
use angzarr_tests::tck::v1::app::{VersionBook, VersionHistory, VersionShelf};
use angzarr_tests::tck::v1::{
    Closed, Garbled, Labelled, Moved, OpenedV2, OpenedV3, Remarked, Version, VersionRow, Versions, WriteVersions,
};

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

// What becomes of `Opened` and `OpenedV2` stands at their fields.
impl VersionHistory for Past {
    fn open_labelled(&self, old: Labelled) -> Result<OpenedV2, Failure> {
        Ok(OpenedV2 { name: old.label, amount: 1, currency: "old".into() })
    }

    fn split_moved(&self, old: Moved) -> Result<Vec<Version>, Failure> {
        let opened = OpenedV3 { name: old.target, ..OpenedV3::default() };
        Ok(vec![Closed { why: old.source }.into(), opened.into()])
    }

    fn split_remarked(&self, old: Remarked) -> Result<Vec<Closed>, Failure> {
        Ok(old.lines.into_iter().map(|why| Closed { why }).collect())
    }

    fn read_garbled(&self, old: Garbled) -> Result<Closed, Failure> {
        Err(Failure::new("HANDLER_FAILED", old.text))
    }
}

/// Shows what became of each version.
#[derive(Projector, Debug)]
#[projector(VersionShelf)]
pub(crate) struct Shelf;

type Row = Option<VersionRow>;

impl VersionShelf for Shelf {
    async fn on_opened(&self, row: Row, _: OpenedV3, _: &Context) -> Result<Row, Failure> {
        let mut row = row.unwrap_or_default();
        row.opened += 1;
        Ok(Some(row))
    }

    async fn on_closed(&self, row: Row, event: Closed, _: &Context) -> Result<Row, Failure> {
        let mut row = row.unwrap_or_default();
        row.closed.push(event.why);
        Ok(Some(row))
    }
}

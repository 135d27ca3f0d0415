//! Sagas and views.

use angzarr_runtime::{Context, Failure, Projector, Saga};
use angzarr_tests::tck::v1::app::{Errands, Pairs, Shelf, Sleeper};
use angzarr_tests::tck::v1::trouble::Trouble as Kind;
use angzarr_tests::tck::v1::{
    Asked, AskedMany, Changed, Dropped, Errand, Kept, Pair, Paired, Serve, Slept, Trouble, Values,
};

use crate::scripts::panics;

/// Sends what it is asked to.
#[derive(Saga, Debug)]
#[saga(Errands)]
pub(crate) struct Messenger;

impl Errands for Messenger {
    async fn on_asked(&self, event: Asked, _: &Context) -> Result<Serve, Failure> {
        troubles(event.trouble)?;
        Ok(event.serve.unwrap_or_default())
    }

    async fn on_asked_many(&self, event: AskedMany, _: &Context) -> Result<Vec<Errand>, Failure> {
        Ok(event.errands)
    }
}

/// Never comes back.
#[derive(Saga, Debug)]
#[saga(Sleeper)]
pub(crate) struct Dreamer;

impl Sleeper for Dreamer {
    async fn on_slept(&self, _: Slept, _: &Context) -> Result<Vec<Serve>, Failure> {
        std::future::pending().await
    }
}

/// Keeps a row for each key.
#[derive(Projector, Debug)]
#[projector(Shelf)]
pub(crate) struct Clerk;

type Row = Option<Values>;

impl Shelf for Clerk {
    async fn on_kept(&self, _: Row, event: Kept, _: &Context) -> Result<Row, Failure> {
        Ok(event.values)
    }

    async fn on_changed(&self, row: Row, event: Changed, _: &Context) -> Result<Row, Failure> {
        troubles(event.trouble)?;
        Ok(row.map(|row| Values { string_value: event.text, ..row }))
    }

    async fn on_dropped(&self, _: Row, _: Dropped, _: &Context) -> Result<Row, Failure> {
        Ok(None)
    }
}

/// Counts who came together.
#[derive(Projector, Debug)]
#[projector(Pairs)]
pub(crate) struct Counter;

impl Pairs for Counter {
    async fn on_paired(&self, row: Option<Pair>, event: Paired, _: &Context) -> Result<Option<Pair>, Failure> {
        let Paired { left, right } = event;
        let times = row.map_or(1, |row| row.times + 1);
        Ok(Some(Pair { left, right, times }))
    }
}

/// Fails or panics if it is told to.
pub(crate) fn troubles(trouble: Option<Trouble>) -> Result<(), Failure> {
    match trouble.and_then(|trouble| trouble.trouble) {
        Some(Kind::Fail(text)) => Err(Failure::new("HANDLER_FAILED", text)),
        Some(Kind::Panic(text)) => {
            panics(&text);
            Ok(())
        }
        None => Ok(()),
    }
}

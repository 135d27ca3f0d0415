//! Building what is to take the place of what a consumer feeds: the log from its beginning, beside the loop that feeds.
//!
//! Nothing is parked here. A lane that fails is left alone from that event on, and so is one that is parked already; the
//! checkpoint stays before the first such event. Once what was built has taken its place, whoever feeds it goes on from
//! there: what is in its rows is not handled again, and what failed is, and is parked if it fails as often.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::{sleep, timeout};

use super::attempts::{Attempts, Tried, is_of_the_store};
use super::parking::PARKS;
use super::tail::{BATCH, LANES};
use super::turn::Turn;
use super::{Build, Lane, of_root, of_stream};
use crate::component::OnFailure;
use crate::coordinator::check_chain;
use crate::error::Error;
use crate::store::{EventRef, Lease, Record};

/// How long feeding waits for the switch at most.
const HELD_UP: Duration = Duration::from_secs(2);

/// How long until the switch is tried again, after a database did not give a table away, say.
const AGAIN: Duration = Duration::from_secs(5);

/// Why it does not go on.
pub(super) enum Ended {
    /// It has taken the place of what was fed.
    Switched,
    /// The lease is somebody else's.
    Lost,
    /// It was told to stop.
    Stopped,
    /// It gives up before this position.
    Failed(u64, String),
}

impl Ended {
    fn failed(position: u64, error: &Error) -> Self {
        Self::Failed(position, format!("{}: {error}", error.code()))
    }
}

/// The events of one lane that were read together.
type Events = Vec<(Record, Lane)>;

struct Builder<'a> {
    turn: &'a Turn,
    lease: &'a Lease,
    attempts: &'a Attempts,
    build: Build,
    /// Everything up to here was read.
    read: u64,
    /// Lanes that are left alone.
    held: HashSet<Arc<str>>,
    /// Position of the first event that was.
    first_held: Option<u64>,
}

/// Builds until that has taken its place.
pub(super) async fn run(turn: &Turn, lease: &Lease, attempts: &Attempts, build: Build) -> Ended {
    let read = build.position;
    let mut builder = Builder { turn, lease, attempts, build, read, held: HashSet::new(), first_held: None };
    match builder.until_switched().await {
        Ok(()) => Ended::Switched,
        Err(ended) => ended,
    }
}

impl Builder<'_> {
    async fn until_switched(&mut self) -> Result<(), Ended> {
        loop {
            while self.page().await? {}
            let feeding = self.build.feeding.clone();
            let held = feeding.lock().await;
            // A page that is not finished is read again.
            if let Ok(switched) = timeout(HELD_UP, self.finish()).await
                && switched?
            {
                return Ok(());
            }
            drop(held);
            sleep(AGAIN).await;
        }
    }

    /// Reads what is left while nothing is fed: the last event of what is read is among that. False if the switch cannot
    /// be made now.
    async fn finish(&mut self) -> Result<bool, Ended> {
        let store = &self.turn.log.store;
        let head = self.made(|| async { Ok(store.head().await?) }).await?;
        while self.read < head && self.page().await? {}
        let (consumer, known) = (self.build.consumer.clone(), self.read);
        self.made(|| async { Ok(consumer.switch(known).await?) }).await
    }

    /// Everything up to here is done for good.
    fn checkpoint(&self) -> u64 {
        self.first_held.map_or(self.read, |first| first - 1)
    }

    /// Does something that only fails if the store does.
    async fn made<T, F>(&self, call: impl FnMut() -> F) -> Result<T, Ended>
    where
        F: Future<Output = Result<T, Error>>,
    {
        match self.attempts.make(self.read + 1, call).await {
            Tried::Done(done) => Ok(done),
            Tried::Lost => Err(Ended::Lost),
            Tried::Stopped => Err(Ended::Stopped),
            Tried::Failed(_, error) => Err(Ended::failed(self.read + 1, &error)),
        }
    }

    /// Handles what comes next in the log, and commits it; false at the end of the log.
    async fn page(&mut self) -> Result<bool, Ended> {
        let (turn, after) = (self.turn, self.read);
        let records = self.made(|| async { Ok(turn.log.store.read(after, BATCH).await?) }).await?;
        let Some(reached) = records.last().map(|record| record.position) else { return Ok(false) };
        let lanes = self.sort(records).await?;
        let (builder, mut failed) = (&*self, Vec::new());
        let mut handling =
            stream::iter(lanes).map(|(lane, events)| builder.handle(lane, events)).buffer_unordered(LANES);
        while let Some(handled) = handling.next().await {
            failed.extend(handled?);
        }
        drop(handling);
        for (lane, position) in failed {
            self.hold(lane, position)?;
        }
        self.read = reached;
        let (consumer, lease, checkpoint) = (self.build.consumer.clone(), self.lease, self.checkpoint());
        self.made(|| async { Ok(consumer.commit(lease, checkpoint).await?) }).await?;
        Ok(true)
    }

    /// The events that are to be handled, by lane and in their order.
    async fn sort(&mut self, records: Vec<Record>) -> Result<HashMap<Arc<str>, Events>, Ended> {
        let turn = self.turn;
        let parks = self.made(|| async { Ok(turn.log.store.parks(turn.consumer.name()).await?) }).await?;
        let parks: HashMap<String, EventRef> = parks.into_iter().map(|park| (park.lane, park.first)).collect();
        let answers = self.made(|| turn.ask_services(&records)).await?;
        let (mut lanes, mut current) = (HashMap::<Arc<str>, Events>::new(), Vec::new());
        for record in records.into_iter().filter(|record| turn.concerns(record)) {
            let (root, position) = (record.stream.root, record.position);
            if turn.current(record, &answers, &mut current).is_err() {
                self.hold(of_root(root), position)?;
            }
            for event in current.drain(..) {
                let Ok(lane) = self.build.consumer.lane(&event) else {
                    self.hold(of_stream(&event), position)?;
                    continue;
                };
                let at = EventRef { position, part: event.part };
                if self.held.contains(&lane.name) || parks.get(&*lane.name).is_some_and(|first| *first <= at) {
                    self.hold(lane.name, position)?;
                } else {
                    lanes.entry(lane.name.clone()).or_default().push((event, lane));
                }
            }
        }
        Ok(lanes)
    }

    /// Handles events of one lane; gives the lane and where it has failed, if it has.
    async fn handle(&self, lane: Arc<str>, events: Events) -> Result<Option<(Arc<str>, u64)>, Ended> {
        for (event, first_lane) in events {
            let first = self.react(&event, first_lane).await;
            match self.attempts.go_on(event.position, first, || self.react(&event, lane.clone().into())).await {
                Tried::Done(()) => {}
                Tried::Lost => return Err(Ended::Lost),
                Tried::Stopped => return Err(Ended::Stopped),
                Tried::Failed(_, error) if self.stops(&error) => return Err(Ended::failed(event.position, &error)),
                Tried::Failed(_, error) => {
                    let (consumer, position, code) = (self.build.consumer.name(), event.position, error.code());
                    tracing::warn!(
                        consumer, lane = &*lane, position, code, %error,
                        "the new version of the view is built without this lane; it is tried again once that is read"
                    );
                    return Ok(Some((lane, position)));
                }
            }
        }
        Ok(None)
    }

    async fn react(&self, event: &Record, lane: Lane) -> Result<(), Error> {
        check_chain(event)?;
        self.build.consumer.react(event, lane).await
    }

    fn stops(&self, error: &Error) -> bool {
        is_of_the_store(error) || self.attempts.delivery.on_failure == OnFailure::Stop
    }

    /// Leaves a lane alone from here on.
    fn hold(&mut self, lane: Arc<str>, position: u64) -> Result<(), Ended> {
        self.first_held = Some(self.first_held.map_or(position, |first| first.min(position)));
        self.held.insert(lane);
        if self.held.len() > PARKS {
            return Err(Ended::Failed(position, format!("more than {PARKS} lanes fail or are parked")));
        }
        Ok(())
    }
}

//! Whose turn it is: taking the lease, keeping it, and standing by while another process has it.

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::attempts::{Attempts, Failures, Signals};
use super::parking::Parks;
use super::tail::{BATCH, Halt, Tail};
use super::{Consumer, Inbox, Progress, Stop, build};
use crate::coordinator::log::Log;
use crate::coordinator::upcast::{Answers, Upcasts};
use crate::error::Error;
use crate::failure::Failure;
use crate::store::{Acquired, Answer, Beat, Lease, Order, OrderStep, Pause, Record, Refusal, StoreError, TakenOrder};

/// A holder that is silent for this long has lost its lease to whoever asks for it.
const LEASE: Duration = Duration::from_secs(6);

/// How often a holder gives a sign of life.
const RENEWAL: Duration = Duration::from_secs(2);

/// How often those who stand by ask for the lease.
const ATTEMPT: Duration = Duration::from_secs(1);

/// How often they look how far the holder is, while somebody waits for that.
const LOOK: Duration = Duration::from_millis(50);

/// A consumer in this process, with or without the lease.
pub(super) struct Turn {
    pub(super) consumer: Arc<dyn Consumer>,
    pub(super) log: Arc<Log>,
    types: Types,
    pub(super) progress: watch::Sender<Progress>,
    failures: Failures,
    pub(super) stop: Stop,
    /// The highest position that somebody waits for.
    wanted: watch::Receiver<u64>,
    standing: Standing,
}

/// Domains and types of the events that are handled.
struct Types {
    /// In current versions.
    wanted: HashSet<(&'static str, &'static str)>,
    /// The same, and the old versions that lead to them.
    stored: HashSet<(&'static str, &'static str)>,
}

impl Types {
    fn of(consumer: &dyn Consumer, upcasts: &Upcasts) -> Self {
        let subscribed = consumer.subscriptions().iter().map(|wanted| (wanted.domain, wanted.type_name));
        let wanted: HashSet<_> = subscribed.collect();
        let stored_as = |(domain, type_name)| {
            upcasts.stored_as(domain, type_name).into_iter().map(move |type_name| (domain, type_name))
        };
        let stored = wanted.iter().copied().flat_map(stored_as).collect();
        Self { wanted, stored }
    }

    /// Whether a stored record may be for the consumer.
    fn concern(&self, record: &Record) -> bool {
        record.kind.is_event() && holds(&self.stored, record)
    }
}

enum Standing {
    /// To go on from this position, perhaps after it was resumed.
    Holds {
        lease: Lease,
        position: u64,
        resumed: bool,
    },
    /// Keeps the lease, so that nobody else fails at the same.
    Paused(Lease),
    StandsBy(StandBy),
}

/// What is known of a holder elsewhere.
struct StandBy {
    beat: Beat,
    /// Since when the beat has been the same.
    since: Instant,
    /// The holder's checkpoint when it was last looked at.
    checkpoint: u64,
    /// From there up to here nothing concerns the consumer.
    free: u64,
}

impl StandBy {
    fn new(beat: Beat) -> Self {
        Self { beat, since: Instant::now(), checkpoint: 0, free: 0 }
    }
}

impl Turn {
    pub(super) async fn new(
        consumer: Arc<dyn Consumer>,
        log: Arc<Log>,
        progress: watch::Sender<Progress>,
        failures: Failures,
        wanted: watch::Receiver<u64>,
        stop: Stop,
    ) -> Result<Self, StoreError> {
        let types = Types::of(&*consumer, &log.upcasts);
        let standing = match log.store.acquire(consumer.name(), None).await? {
            Acquired::Taken(lease) => match begin(&*consumer, &log, lease.clone(), &progress).await {
                // Its session was lost, and somebody else was faster.
                Err(StoreError::LeaseLost { .. }) => lost(&lease),
                begun => begun?,
            },
            Acquired::Held(beat) => {
                let position = consumer.checkpoint().await?;
                progress.send_modify(|progress| progress.position = position);
                Standing::StandsBy(StandBy::new(beat))
            }
        };
        Ok(Self { consumer, log, types, progress, failures, stop, wanted, standing })
    }

    /// Whether a stored record may be for the consumer.
    pub(super) fn concerns(&self, record: &Record) -> bool {
        self.types.concern(record)
    }

    /// What services make of records that may be for the consumer. One that cannot be reached is an error, since it is no
    /// fault of any event.
    pub(super) async fn ask_services(&self, records: &[Record]) -> Result<Answers, Error> {
        let answers = self.log.upcasts.ask(records.iter().filter(|record| self.concerns(record))).await;
        match answers.unavailable() {
            Some(failure) => Err(failure.into()),
            None => Ok(answers),
        }
    }

    /// Puts what a record is for the consumer, in current versions, into `events`, which is empty. It stays so on failure.
    pub(super) fn current(&self, record: Record, answers: &Answers, events: &mut Vec<Record>) -> Result<(), Failure> {
        let read = self.log.upcasts.current(record, answers, events);
        match &read {
            Ok(()) => events.retain(|event| holds(&self.types.wanted, event)),
            Err(_) => events.clear(),
        }
        read
    }

    pub(super) async fn run(mut self, mut inbox: Inbox) {
        while !self.stop.is_now() {
            let next = match &self.standing {
                Standing::Holds { lease, position, resumed } => {
                    match self.hold(lease, *position, *resumed, &mut inbox).await {
                        Ok(Halt::Lost) => {
                            self.know_nothing();
                            // Nobody else has it where only a version of a view was lost.
                            release(&self.log, lease).await;
                            Ok(Some(lost(lease)))
                        }
                        Ok(Halt::Switched) => match self.consumer.take(lease).await {
                            Ok(position) => {
                                self.progress.send_modify(|progress| progress.position = position);
                                Ok(Some(Standing::Holds { lease: lease.clone(), position, resumed: *resumed }))
                            }
                            Err(error) => begin_again(&self.log, lease, error).await,
                        },
                        Ok(Halt::Stopped) => break,
                        Ok(Halt::Paused(position, reason)) => {
                            match self.pause(lease, Pause { position, reason }).await {
                                Ok(()) => Ok(Some(Standing::Paused(lease.clone()))),
                                Err(error) => begin_again(&self.log, lease, error).await,
                            }
                        }
                        Ok(Halt::Failed(position, error)) => {
                            release(&self.log, lease).await;
                            return self.give_up(position, &error);
                        }
                        Err(error) => begin_again(&self.log, lease, error).await,
                    }
                }
                Standing::Paused(lease) => match self.wait_to_resume(lease, &mut inbox).await {
                    Err(error) => begin_again(&self.log, lease, error).await,
                    next => next,
                },
                Standing::StandsBy(_) => self.stand_by(&mut inbox).await,
            };
            match next {
                Ok(Some(standing)) => self.standing = standing,
                Ok(None) => {}
                Err(error) => {
                    let position = self.progress.borrow().position;
                    return self.give_up(position, &error.into());
                }
            }
        }
        if let Standing::Holds { lease, .. } | Standing::Paused(lease) = &self.standing {
            release(&self.log, lease).await;
        }
    }

    /// Works, and gives signs of life meanwhile: in a task of their own, so that no handler can hold them up.
    async fn hold(&self, lease: &Lease, position: u64, resumed: bool, inbox: &mut Inbox) -> Result<Halt, StoreError> {
        let mut alive = JoinSet::new();
        alive.spawn(keep(self.log.clone(), lease.clone()));
        let parks = Parks::load(&*self.log.store, &*self.consumer, lease, position, resumed).await?;
        let signals = Signals { crowded: watch::Sender::new(false), halting: watch::Sender::new(false) };
        let attempts = self.attempts(&signals);
        tokio::select! {
            halt = Tail::new(self, lease, &attempts, &signals, position, parks).run(inbox) => Ok(halt),
            halt = self.build(lease) => Ok(halt),
            _ = alive.join_next() => {
                let consumer = self.consumer.name();
                tracing::warn!(consumer, "the lease was lost; whoever has it goes on from the last checkpoint");
                Ok(Halt::Lost)
            }
        }
    }

    fn attempts(&self, signals: &Signals) -> Attempts {
        Attempts {
            consumer: self.consumer.name(),
            delivery: self.consumer.delivery(),
            stop: self.stop.clone(),
            failures: self.failures.clone(),
            crowded: signals.crowded.subscribe(),
            halting: signals.halting.subscribe(),
            pausing: watch::Sender::new(0),
        }
    }

    /// Builds what is to be built beside what is fed; ends only if that makes an end of feeding.
    async fn build(&self, lease: &Lease) -> Halt {
        self.progress.send_modify(|progress| progress.unbuilt = None);
        let signals = Signals { crowded: watch::Sender::new(false), halting: watch::Sender::new(false) };
        let attempts = self.attempts(&signals);
        let Some(build) = self.consumer.build() else { return pending().await };
        let consumer = self.consumer.name();
        match build::run(self, lease, &attempts, build).await {
            build::Ended::Switched => {
                tracing::info!(consumer, "the new version of the view has taken the place of the old one");
                Halt::Switched
            }
            build::Ended::Lost => Halt::Lost,
            build::Ended::Stopped => pending().await,
            build::Ended::Failed(position, reason) => {
                tracing::error!(consumer, position, reason, "the new version of the view is not built any further");
                self.progress.send_modify(|progress| progress.unbuilt = Some((position, reason)));
                pending().await
            }
        }
    }

    /// Whoever holds the lease now may park what he cannot handle.
    fn know_nothing(&self) {
        self.progress.send_modify(|progress| {
            (progress.parks, progress.firing, progress.troubled) = (0, 0, true);
            progress.unbuilt = None;
        });
    }

    /// Keeps that it is paused before it says so.
    async fn pause(&self, lease: &Lease, pause: Pause) -> Result<(), StoreError> {
        self.log.store.pause(lease, pause.clone()).await?;
        let (consumer, Pause { position, reason }) = (self.consumer.name(), pause);
        tracing::error!(consumer, position, reason, "the consumer is paused; nothing is skipped");
        self.progress.send_modify(|progress| progress.paused = Some((position, reason)));
        Ok(())
    }

    /// Keeps the lease until somebody says that work may go on; then from the last checkpoint.
    async fn wait_to_resume(&self, lease: &Lease, inbox: &mut Inbox) -> Result<Option<Standing>, StoreError> {
        let mut alive = JoinSet::new();
        alive.spawn(keep(self.log.clone(), lease.clone()));
        let mut news = self.log.store.watch_orders();
        loop {
            for order in self.log.store.take_orders(lease).await? {
                if let Some(standing) = self.carry_out(lease, order).await? {
                    return Ok(Some(standing));
                }
            }
            tokio::select! {
                Ok(()) = news.changed() => {}
                // They hear of the pause.
                Some(_) = inbox.recv() => {}
                _ = alive.join_next() => {
                    self.progress.send_modify(|progress| progress.paused = None);
                    self.know_nothing();
                    return Ok(Some(lost(lease)));
                }
                () = self.stop.wait() => return Ok(None),
            }
        }
    }

    /// Carries out what may be ordered of a consumer that is paused.
    async fn carry_out(&self, lease: &Lease, taken: TakenOrder) -> Result<Option<Standing>, StoreError> {
        let mut step = OrderStep { id: taken.id, events: taken.events, ..OrderStep::default() };
        let mut standing = None;
        step.answer = Some(match taken.order {
            Order::Resume => {
                // First, so that an order to resume is answered only if it does.
                let position = self.consumer.take(lease).await?;
                standing = Some(Standing::Holds { lease: lease.clone(), position, resumed: true });
                step.resumed = true;
                Answer::Done { failed: None }
            }
            Order::Pause => Answer::Done { failed: None },
            _ => {
                let (position, reason) = self.progress.borrow().paused.clone().unwrap_or_default();
                Answer::Refused(Refusal::Paused(Pause { position, reason }))
            }
        });
        if standing.is_some() {
            // Before the answer: whoever gets that waits for the consumer, perhaps.
            self.progress.send_modify(|progress| progress.paused = None);
        }
        self.log.store.carry_out(lease, step).await?;
        Ok(standing)
    }

    /// Follows the holder until it is time to ask for the lease again, and asks. None if nothing has changed.
    async fn stand_by(&mut self, inbox: &mut Inbox) -> Result<Option<Standing>, StoreError> {
        let asked = Instant::now() + ATTEMPT;
        while Instant::now() < asked {
            let awaited = *self.wanted.borrow_and_update();
            let pause = if awaited > self.progress.borrow().position {
                self.look().await?;
                LOOK
            } else {
                asked - Instant::now()
            };
            tokio::select! {
                () = sleep(pause) => {}
                // They see the holder's checkpoint, and whether it is paused.
                Some(_) = inbox.recv() => self.look().await?,
                // Nobody can begin to wait any more once all that could have gone.
                Ok(()) = self.wanted.changed() => {}
                () = self.stop.wait() => return Ok(None),
            }
        }
        self.look().await?;
        self.ask().await
    }

    async fn ask(&mut self) -> Result<Option<Standing>, StoreError> {
        let Standing::StandsBy(known) = &mut self.standing else { return Ok(None) };
        let silent = (known.since.elapsed() > LEASE).then_some(known.beat);
        let taken = match self.log.store.acquire(self.consumer.name(), silent).await {
            Ok(Acquired::Taken(lease)) => {
                tracing::info!(consumer = self.consumer.name(), token = lease.token, "took the lease over");
                begin(&*self.consumer, &self.log, lease, &self.progress).await
            }
            Ok(Acquired::Held(beat)) => {
                if beat != known.beat {
                    (known.beat, known.since) = (beat, Instant::now());
                }
                return Ok(None);
            }
            Err(error) => Err(error),
        };
        match taken {
            Ok(standing) => Ok(Some(standing)),
            // What may pass is waited for; anything else ends the consumer.
            Err(error) if may_pass(&error) => {
                tracing::warn!(
                    consumer = self.consumer.name(), code = error.code(), %error,
                    "the lease could not be taken"
                );
                // While the store is away, the holder's silence says nothing.
                known.since = Instant::now();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// How far the holder is: everything up to its checkpoint, and what comes behind that and concerns nobody. And
    /// whether it is paused.
    async fn look(&mut self) -> Result<(), StoreError> {
        let Standing::StandsBy(known) = &mut self.standing else { return Ok(()) };
        let checkpoint = match self.consumer.checkpoint().await {
            Err(error) if error.retryable() => return Ok(()),
            checkpoint => checkpoint?,
        };
        if checkpoint != known.checkpoint {
            (known.checkpoint, known.free) = (checkpoint, checkpoint);
        }
        loop {
            let records = match self.log.store.read(known.free, BATCH).await {
                Err(error) if error.retryable() => break,
                records => records?,
            };
            let free = records.iter().take_while(|record| !self.types.concern(record)).last();
            known.free = free.map_or(known.free, |record| record.position);
            if records.len() < BATCH || records.iter().any(|record| self.types.concern(record)) {
                break;
            }
        }
        let position = known.free;
        let paused = match self.log.store.paused(self.consumer.name()).await {
            Err(error) if error.retryable() => return Ok(()),
            paused => paused?.map(|pause| (pause.position, pause.reason)),
        };
        self.progress.send_if_modified(|progress| {
            let changed = progress.position != position || progress.paused != paused;
            (progress.position, progress.paused) = (position, paused);
            changed
        });
        Ok(())
    }

    fn give_up(&self, position: u64, error: &Error) {
        let (consumer, code) = (self.consumer.name(), error.code());
        tracing::error!(consumer, position, code, %error, "the consumer stops before this event; nothing is skipped");
        let reason = format!("{code}: {error}");
        self.progress.send_modify(|progress| progress.stopped = Some((position, reason)));
    }
}

fn holds(types: &HashSet<(&'static str, &'static str)>, record: &Record) -> bool {
    types.contains(&(&*record.stream.domain, &*record.payload.type_name))
}

/// Gives signs of life; ends when the lease is lost.
async fn keep(log: Arc<Log>, lease: Lease) {
    let mut ticks = interval(RENEWAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match log.store.renew(&lease).await {
            Ok(()) => {}
            Err(StoreError::LeaseLost { .. }) => return,
            // Whether somebody has taken it over meanwhile is told once the store can be asked again.
            Err(error) => {
                let consumer = &*lease.consumer;
                tracing::warn!(consumer, code = error.code(), %error, "no sign of life could be given");
            }
        }
    }
}

fn lost(lease: &Lease) -> Standing {
    Standing::StandsBy(StandBy::new(Beat { token: lease.token, count: 0 }))
}

/// Whether the lease is worth asking for again.
fn may_pass(error: &StoreError) -> bool {
    error.retryable() || matches!(error, StoreError::LeaseLost { .. })
}

/// Gives the lease back, to ask for it again if that may help.
async fn begin_again(log: &Log, lease: &Lease, error: StoreError) -> Result<Option<Standing>, StoreError> {
    release(log, lease).await;
    if !may_pass(&error) {
        return Err(error);
    }
    let consumer = &*lease.consumer;
    tracing::warn!(consumer, code = error.code(), %error, "the consumer could not begin; it asks for its lease again");
    Ok(Some(lost(lease)))
}

async fn release(log: &Log, lease: &Lease) {
    if let Err(error) = log.store.release(lease).await {
        // Others take it over after a while.
        let consumer = &*lease.consumer;
        tracing::warn!(consumer, code = error.code(), %error, "the lease was not given back");
    }
}

/// Begins under a new lease, or gives it back.
async fn begin(
    consumer: &dyn Consumer,
    log: &Log,
    lease: Lease,
    progress: &watch::Sender<Progress>,
) -> Result<Standing, StoreError> {
    let begun = async {
        let position = consumer.take(&lease).await?;
        let head = log.store.head().await?;
        if position > head {
            // Whoever stood by took the holder's word for it.
            progress.send_modify(|progress| progress.position = progress.position.min(head));
            let reason = format!("the checkpoint of {} is {position}, but the log ends at {head}", consumer.name());
            return Err(StoreError::Damaged { reason });
        }
        Ok((position, log.store.paused(consumer.name()).await?))
    };
    match begun.await {
        Ok((position, paused)) => {
            let is_paused = paused.is_some();
            progress.send_modify(|progress| {
                progress.position = position;
                progress.paused = paused.map(|pause| (pause.position, pause.reason));
            });
            Ok(if is_paused { Standing::Paused(lease) } else { Standing::Holds { lease, position, resumed: false } })
        }
        Err(error) => {
            release(log, &lease).await;
            Err(error)
        }
    }
}

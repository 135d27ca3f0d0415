//! Waiting for what a command leads to: `docs/semantics.md`, law 11.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::App;
use crate::coordinator::consumer::{ConsumerKind, Running};
use crate::coordinator::elsewhere::Waited;
use crate::coordinator::outcome::{CausedBook, Outcome, WaitFailure};
use crate::coordinator::outgoing;
use crate::error::{DEFAULT_WAIT, Error};
use crate::rejection::Rejection;
use crate::store::{Record, RecordKind};

/// For whom a caller waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncMode {
    /// Until the events are durable.
    #[default]
    None,
    /// Until every projector is done with them, too.
    Simple,
    /// Until every consumer is done with them, and with all that they led to.
    Cascade,
}

/// How many books may follow from each other.
const LINKS: usize = 32;

/// How many parts of a book are waited for by themselves at most.
const PARTS: usize = 16;

/// How many records of a conversation are read at a time.
const PAGE: usize = 1024;

impl App {
    /// Waits as `sync` says; what came of it is in the outcome, or in the error.
    pub(super) async fn wait(&self, mut outcome: Outcome, sync: SyncMode, wait: Duration) -> Result<Outcome, Error> {
        if outcome.events.is_empty() || sync == SyncMode::None {
            return Ok(outcome);
        }
        let mut waiting = Waiting::new(self, self.waited_for(sync), Reach::Everything, wait);
        waiting.begin(&outcome.events);
        outcome.waited_for = waiting.names();
        let mut books = vec![outcome.events.clone()];
        while !books.is_empty() {
            if let Err(ended) = waiting.pass_everywhere(&books, sync, &mut outcome).await {
                // What came of it all the same is told, too.
                if sync == SyncMode::Cascade {
                    drop(waiting.caused(&mut outcome).await);
                }
                return Err(ended.told(outcome));
            }
            if sync != SyncMode::Cascade {
                break;
            }
            books = match waiting.caused(&mut outcome).await {
                Ok(books) => books,
                Err(ended) => return Err(ended.told(outcome)),
            };
        }
        Ok(outcome)
    }

    /// Those of this process for whom `sync` waits.
    fn waited_for(&self, sync: SyncMode) -> Vec<&Running> {
        let waited_for = |one: &&Running| one.kind == ConsumerKind::Projector || sync == SyncMode::Cascade;
        self.inner.consumers.iter().filter(waited_for).collect()
    }
}

/// How far what follows is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// With all that follows from that, whoever it is by.
    Everything,
    /// What those did who were waited for: their commands' books, and the steps and commands' books of process managers.
    #[cfg(feature = "grpc")]
    Steps,
}

#[cfg(feature = "grpc")]
impl App {
    /// Waits for the consumers of this process only, as another one on this log asks for it.
    pub(crate) async fn wait_routed(&self, books: &[Vec<Record>], sync: SyncMode, wait: Duration) -> Waited {
        let waiting = Waiting::new(self, self.waited_for(sync), Reach::Everything, wait);
        let mut outcome = Outcome { waited_for: waiting.names(), ..Outcome::default() };
        let ended = match waiting.pass(books, &mut outcome).await {
            Ok(()) => None,
            Err(Ended::NotPassed { consumer, reason }) => Some((consumer, reason)),
            Err(Ended::Failed(error)) => Some(("what follows".to_owned(), format!("{}: {error}", error.code()))),
        };
        let Outcome { waited_for, awaited, failures, .. } = outcome;
        Waited { waited_for, awaited, failures, ended }
    }

    /// Waits until consumers are done with records of one stream. What went wrong is in the outcome.
    ///
    /// # Errors
    /// What the store and upcasters can yield.
    pub(crate) async fn wait_for_consumers(
        &self,
        records: &[Record],
        consumers: Vec<&Running>,
        wait: Duration,
    ) -> Result<Outcome, Error> {
        let mut waiting = Waiting::new(self, consumers, Reach::Steps, wait);
        let (position, waited_for) = (records.last().map_or(0, |record| record.position), waiting.names());
        let mut outcome = Outcome { position, waited_for, ..Outcome::default() };
        waiting.begin(records);
        let passed = waiting.pass(&[records.to_vec()], &mut outcome).await;
        passed.or_else(|ended| ended.noted(&mut outcome))?;
        // Records of one stream may belong to several conversations.
        let mut known = HashSet::new();
        for record in records.iter().filter(|record| known.insert(&record.trace.correlation_id)) {
            waiting.turn_to(record);
            let caused = waiting.caused(&mut outcome).await.map(drop);
            caused.or_else(|ended| ended.noted(&mut outcome))?;
        }
        Ok(outcome)
    }
}

/// Why waiting ended early.
enum Ended {
    NotPassed { consumer: String, reason: String },
    Failed(Error),
}

impl Ended {
    /// Adds it to what came of waiting, unless that could not be told.
    #[cfg(feature = "grpc")]
    fn noted(self, outcome: &mut Outcome) -> Result<(), Error> {
        match self {
            Ended::NotPassed { consumer, reason } => {
                outcome.not_passed(consumer, reason);
                Ok(())
            }
            Ended::Failed(error) => Err(error),
        }
    }

    fn told(self, outcome: Outcome) -> Error {
        match self {
            Ended::NotPassed { consumer, reason } => {
                Error::NotPassed { consumer, reason, position: outcome.position, outcome: Box::new(outcome) }
            }
            // Nobody may take it for an error of the command itself, and send that again.
            Ended::Failed(error) => {
                let reason = format!("{}: {error}", error.code());
                let consumer = "what follows".to_owned();
                Error::NotPassed { consumer, reason, position: outcome.position, outcome: Box::new(outcome) }
            }
        }
    }
}

impl<E: Into<Error>> From<E> for Ended {
    fn from(error: E) -> Self {
        Ended::Failed(error.into())
    }
}

/// Where waiting ended early.
enum Apart {
    Here(Ended),
    There(Waited),
}

impl Waited {
    fn join(self, outcome: &mut Outcome) {
        for name in self.waited_for {
            if !outcome.waited_for.contains(&name) {
                outcome.waited_for.push(name);
            }
        }
        // Whoever was done with earlier books, and is not with these, is still awaited.
        outcome.waited_for.retain(|name| !self.awaited.contains(name));
        outcome.awaited.extend(self.awaited);
        outcome.failures.extend(self.failures);
    }
}

/// A record that follows from the command.
type Link = (String, Uuid, u32);

/// How it follows.
struct Cause {
    /// Of which record; none for the command's own.
    parent: Option<Link>,
    /// By which component.
    component: String,
    /// What type it has.
    type_name: String,
}

struct Waiting<'a> {
    app: &'a App,
    deadline: Instant,
    consumers: Vec<&'a Running>,
    reach: Reach,
    conversation: String,
    /// The conversation was read up to here.
    read: u64,
    links: HashMap<Link, Cause>,
    /// Those records among them whose consequences are told.
    causes: HashSet<Link>,
}

fn link(record: &Record) -> Link {
    (record.stream.domain.to_string(), record.stream.root, record.sequence)
}

impl<'a> Waiting<'a> {
    fn new(app: &'a App, consumers: Vec<&'a Running>, reach: Reach, wait: Duration) -> Self {
        Self {
            app,
            deadline: Instant::now().checked_add(wait).unwrap_or_else(|| Instant::now() + DEFAULT_WAIT),
            consumers,
            reach,
            conversation: String::new(),
            read: 0,
            links: HashMap::new(),
            causes: HashSet::new(),
        }
    }

    /// Full names of those who are waited for.
    fn names(&self) -> Vec<String> {
        self.consumers.iter().map(|consumer| consumer.name.to_owned()).collect()
    }

    /// Reads the conversation of a record, from there on.
    fn turn_to(&mut self, record: &Record) {
        (self.conversation, self.read) = (record.trace.correlation_id.to_string(), record.position.saturating_sub(1));
    }

    /// Begins with these records.
    fn begin(&mut self, records: &[Record]) {
        if let Some(first) = records.first() {
            self.turn_to(first);
        }
        self.know(records);
        self.causes.extend(records.iter().map(link));
    }

    /// Whether a record with this cause is told.
    fn tells(&self, cause: &Link, component: &str) -> bool {
        let is_waited_for = || self.consumers.iter().any(|consumer| consumer.name == component);
        self.causes.contains(cause) && (self.reach == Reach::Everything || is_waited_for())
    }

    fn know(&mut self, records: &[Record]) {
        for record in records {
            let parent =
                record.trace.cause.as_ref().map(|cause| (cause.domain.to_string(), cause.root, cause.sequence));
            let component = record.trace.cause.as_ref().map(|cause| cause.component.to_string()).unwrap_or_default();
            let type_name = record.payload.type_name.to_string();
            self.links.insert(link(record), Cause { parent, component, type_name });
        }
    }

    /// Waits for the consumers of this process and of others that are known; whoever fails first ends it.
    async fn pass_everywhere(&self, books: &[Vec<Record>], sync: SyncMode, outcome: &mut Outcome) -> Result<(), Ended> {
        let Some(routes) = &self.app.inner.router.routes else { return self.pass(books, outcome).await };
        let domains = self.domains(books);
        let left = self.deadline.saturating_duration_since(Instant::now());
        let elsewhere = async {
            let waited = routes.wait(&domains, books, sync, left).await;
            if waited.ended.is_some() { Err(Apart::There(waited)) } else { Ok(waited) }
        };
        let here = async { self.pass(books, outcome).await.map_err(Apart::Here) };
        match futures_util::future::try_join(here, elsewhere).await {
            Ok(((), waited)) => {
                waited.join(outcome);
                Ok(())
            }
            Err(Apart::Here(ended)) => Err(ended),
            Err(Apart::There(mut waited)) => {
                let (consumer, reason) = waited.ended.take().unwrap_or_default();
                waited.join(outcome);
                // Nobody knows how far those here have come meanwhile.
                let listens = |one: &&&Running| books.iter().any(|book| one.listens_to_any(book));
                let open: Vec<&str> = self.consumers.iter().filter(listens).map(|one| one.name).collect();
                outcome.waited_for.retain(|name| !open.contains(&name.as_str()));
                outcome.awaited.extend(open.into_iter().map(ToOwned::to_owned));
                Err(Ended::NotPassed { consumer, reason })
            }
        }
    }

    /// Of what happened, and of all that anybody here listens to: whoever owns these may have consumers, too.
    fn domains(&self, books: &[Vec<Record>]) -> BTreeSet<String> {
        let happened = books.iter().flatten().map(|record| record.stream.domain.to_string());
        let heard = self.app.inner.consumers.iter().flat_map(|consumer| consumer.domains()).map(ToOwned::to_owned);
        happened.chain(heard).filter(|domain| !self.app.inner.router.owned.contains(domain.as_str())).collect()
    }

    /// Waits until all consumers are done with all of these books, or until it is known that one will not be.
    async fn pass(&self, books: &[Vec<Record>], outcome: &mut Outcome) -> Result<(), Ended> {
        // One by one, so that what fails is told while other lanes of the same consumer take their time.
        let (mut waits, mut left) = (FuturesUnordered::new(), HashMap::<&str, usize>::new());
        for part in books.iter().flat_map(|book| book.chunks(book.len().div_ceil(PARTS).max(1))) {
            for consumer in self.consumers.iter().filter(|consumer| consumer.listens_to_any(part)) {
                *left.entry(consumer.name).or_default() += 1;
                waits.push(self.pass_one(consumer, part));
            }
        }
        let ended = loop {
            let Some((consumer, part, waited)) = waits.next().await else { return Ok(()) };
            let reason = match waited {
                Ok(Ok(())) => {
                    pass_part(&mut left, consumer.name);
                    let known = outcome.failures.len();
                    self.look(consumer, part, outcome).await?;
                    match outcome.failures.get(known) {
                        Some(WaitFailure { code, message, .. }) => format!("{code}: {message}"),
                        None => continue,
                    }
                }
                Ok(Err(error)) => {
                    let (position, code) = (outcome.position, error.code().to_owned());
                    let (component, message) = (consumer.name.to_owned(), error.to_string());
                    outcome.failures.push(WaitFailure { component, position, code, message });
                    error.to_string()
                }
                Err(_) => "the deadline passed".to_owned(),
            };
            break Ended::NotPassed { consumer: consumer.name.to_owned(), reason };
        };
        // Those who are done already are not waited for in vain.
        while let Some(Some((consumer, _, Ok(Ok(()))))) = waits.next().now_or_never() {
            pass_part(&mut left, consumer.name);
        }
        outcome.waited_for.retain(|name| !left.contains_key(name.as_str()));
        let awaited = self.consumers.iter().map(|consumer| consumer.name).filter(|name| left.contains_key(name));
        outcome.awaited.extend(awaited.map(ToOwned::to_owned));
        Err(ended)
    }

    /// Waits until one consumer is done with a part of a book.
    async fn pass_one<'c>(
        &self,
        consumer: &'c Running,
        part: &'c [Record],
    ) -> (&'c Running, &'c [Record], Result<Result<(), Error>, Elapsed>) {
        let waited = async {
            let (Some(first), Some(last)) = (part.first(), part.last()) else { return Ok(()) };
            consumer.clone().handled(first.position, last.position).await
        };
        (consumer, part, timeout_at(self.deadline, waited).await)
    }

    /// Adds what a consumer could not handle.
    async fn look(&self, consumer: &Running, part: &[Record], outcome: &mut Outcome) -> Result<(), Ended> {
        for (event, code, message) in consumer.failed(&*self.app.inner.log.store, part).await? {
            let component = consumer.name.to_owned();
            outcome.failures.push(WaitFailure { component, position: event.position, code, message });
        }
        Ok(())
    }

    /// The books that were caused since, of which nobody knew.
    async fn caused(&mut self, outcome: &mut Outcome) -> Result<Vec<Vec<Record>>, Ended> {
        let log = &self.app.inner.log;
        let mut books: Vec<Vec<Record>> = Vec::new();
        loop {
            let stored = log.store.read_correlated(&self.conversation, self.read, PAGE).await?;
            let (count, last) = (stored.len(), stored.last().map(|record| record.position));
            let answers = log.upcasts.ask(&stored).await;
            for record in stored {
                let Some(cause) = record.trace.cause.clone() else { continue };
                let parent = (cause.domain.to_string(), cause.root, cause.sequence);
                if self.links.contains_key(&link(&record)) || !self.tells(&parent, &cause.component) {
                    continue;
                }
                self.know(std::slice::from_ref(&record));
                // The commands of a step are a part of it.
                if self.reach == Reach::Everything || record.kind == RecordKind::Commands {
                    self.causes.insert(link(&record));
                }
                self.check(&record)?;
                let continues = books.last().and_then(|book| book.last()).is_some_and(|last| record.continues(last));
                let mut current = Vec::new();
                log.upcasts.current(record, &answers, &mut current)?;
                match books.last_mut().filter(|_| continues) {
                    Some(book) => book.extend(current),
                    None => books.push(current),
                }
            }
            self.read = last.unwrap_or(self.read);
            if count < PAGE {
                break;
            }
        }
        for records in &books {
            outcome.failures.extend(records.iter().filter_map(refusal));
            let stream = records.first().map(|record| record.stream.clone());
            outcome.caused.extend(stream.map(|stream| CausedBook { stream, records: records.clone() }));
        }
        Ok(books)
    }

    /// Follows the chain that a record ends, which may not be too long, nor go in a circle.
    fn check(&self, record: &Record) -> Result<(), Ended> {
        let mut steps: Vec<(&str, &Link, &str)> = Vec::new();
        let mut at = link(record);
        while let Some(Cause { parent: Some(parent), component, .. }) = self.links.get(&at)
            && let Some((known, cause)) = self.links.get_key_value(parent)
        {
            let stream = |link: &Link| (link.0.clone(), link.1);
            let again = steps.iter().any(|(by, to, type_name)| {
                *by == component && stream(to) == stream(known) && *type_name == cause.type_name
            });
            let ended = |code: &str, what: &str| {
                let reason = format!("{code}: {what} at position {}", record.position);
                Ended::NotPassed { consumer: component.clone(), reason }
            };
            if again {
                return Err(ended("CASCADE_CYCLE", "it handles an event of the same stream and type again"));
            }
            if steps.len() == LINKS {
                return Err(ended("CASCADE_TOO_DEEP", "more books follow from each other than are waited for"));
            }
            steps.push((component, known, &cause.type_name));
            at = known.clone();
        }
        Ok(())
    }
}

/// One part less is left for a consumer.
fn pass_part(left: &mut HashMap<&str, usize>, consumer: &str) {
    if let Some(parts) = left.get_mut(consumer) {
        *parts -= 1;
        if *parts == 0 {
            left.remove(consumer);
        }
    }
}

/// A recorded refusal, as a failure of the component that sent the command.
fn refusal(record: &Record) -> Option<WaitFailure> {
    let Rejection { code, message, .. } = outgoing::refusal(std::slice::from_ref(record)).ok()??;
    let component = record.trace.cause.as_ref()?.component.to_string();
    Some(WaitFailure { component, position: record.position, code, message })
}

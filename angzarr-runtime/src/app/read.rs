//! Reading: streams and states as they are or were, conversations, the log.

use uuid::Uuid;

use super::{App, Inner};
use crate::component::{StateMessage, Stateful};
use crate::coordinator::log::Stretch;
use crate::coordinator::state;
use crate::error::{BadBook, Error};
use crate::failure::Failure;
use crate::id::root_id;
#[cfg(feature = "grpc")]
use crate::message::Payload;
use crate::store::{AsOf, Load, Record, Root, StreamId};

/// A stretch of the log, or of a conversation, with events in their current versions.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LogSlice {
    /// Records of every kind, in the order of positions.
    pub records: Vec<Record>,
    /// The position to read on after; none at the end.
    pub next: Option<u64>,
}

impl LogSlice {
    /// What could be read. An event that cannot be upcast is an error once the slice begins with it.
    fn of(stretch: Stretch) -> Result<Self, Error> {
        match stretch.broken {
            Some((_, failure)) if stretch.records.is_empty() => Err(failure.into()),
            _ => Ok(Self { records: stretch.records, next: stretch.reaches }),
        }
    }
}

impl App {
    /// The events of one stream, in current versions.
    ///
    /// # Errors
    /// What the store and upcasters can yield; a stream that does not exist is empty.
    pub async fn events(&self, domain: &str, key: &str) -> Result<Vec<Record>, Error> {
        self.events_as_of(domain, key, AsOf::Now).await
    }

    /// The events that the stream of `key` in `domain` held then, in the versions that are current now.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
    /// use angzarr_runtime::store::AsOf;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), angzarr_runtime::Error> {
    /// # let app = example().await?;
    ///
    /// app.send(Open { account: "a".into() }).await?;
    /// app.send(Deposit { account: "a".into(), amount: 70 }).await?;
    ///
    /// assert_eq!(app.events_as_of("accounts", "a", AsOf::Sequence(0)).await?.len(), 1);
    /// assert_eq!(app.events_as_of("accounts", "a", AsOf::Now).await?.len(), 2);
    /// # app.shutdown().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// `ROOT_EMPTY` without a natural id, and what the store and upcasters can yield; a stream that did not exist is
    /// empty.
    pub async fn events_as_of(&self, domain: &str, key: &str, as_of: AsOf) -> Result<Vec<Record>, Error> {
        self.stream_events(Load { as_of, ..Load::of(stream(domain, key)?) }).await
    }

    /// The events among what a load finds.
    pub(crate) async fn stream_events(&self, load: Load) -> Result<Vec<Record>, Error> {
        let log = &self.inner.log;
        let stored = log.store.load(load).await?.records.into_iter();
        Ok(log.upcasts.all_current(stored.filter(|record| record.kind.is_event()).collect()).await?)
    }

    /// Where the stream of a load stands as of then.
    #[cfg(feature = "grpc")]
    pub(crate) async fn next_sequence(&self, load: Load) -> Result<u32, Error> {
        Ok(self.inner.log.store.load(load).await?.next_sequence)
    }

    /// The state of the stream of `key` in `domain` as it was then: what its aggregate or process manager would have
    /// decided on, folded by today's program. None if nothing had been recorded there.
    ///
    /// Only what is stored is read, so this disturbs no command, and sees every one that was answered before.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
    /// use angzarr_runtime::store::AsOf;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), angzarr_runtime::Error> {
    /// # let app = example().await?;
    ///
    /// app.send(Open { account: "a".into() }).await?;
    /// let deposited = app.send(Deposit { account: "a".into(), amount: 70 }).await?;
    /// app.send(Deposit { account: "a".into(), amount: 30 }).await?;
    ///
    /// let now: Option<Account> = app.state("accounts", "a", AsOf::Now).await?;
    /// assert_eq!(now.map(|account| account.balance), Some(100));
    /// let then: Option<Account> = app.state("accounts", "a", AsOf::Sequence(deposited.events[0].sequence)).await?;
    /// assert_eq!(then.map(|account| account.balance), Some(70));
    /// assert_eq!(app.state::<Account>("accounts", "b", AsOf::Now).await?, None);
    /// # app.shutdown().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// `DOMAIN_UNKNOWN` if no registered aggregate or process manager owns the domain, `SETUP` if its state is of
    /// another type than `S`, `ROOT_EMPTY` without a natural id, and what the store, upcasters and folds can yield.
    pub async fn state<S: StateMessage>(&self, domain: &str, key: &str, as_of: AsOf) -> Result<Option<S>, Error> {
        let owner = self.inner.owner(domain).ok_or_else(|| self.inner.unknown(domain))?;
        // Told whatever the stream holds.
        let (kept, wanted) = (owner.logic.state_type(), S::full_name());
        if kept != wanted {
            return Err(Error::Setup(format!("the state of `{}` is not `{wanted}`; it is `{kept}`", owner.name)));
        }
        let stream = stream(domain, key)?;
        let folded = state::folded_as_of(&self.inner.log, owner.logic, owner.name, stream, as_of).await?;
        if folded.next_sequence == 0 {
            return Ok(None);
        }
        match folded.state.downcast() {
            Ok(state) => Ok(Some(*state)),
            // It is kept elsewhere, or as another Rust type of that name.
            Err(state) => {
                let lost = || Failure::new("STATE_LOST", format!("`{}` gives no state", owner.name));
                let encoded = owner.logic.encode_state(&state, folded.next_sequence).done().await?;
                Ok(Some(encoded.ok_or_else(lost)?.decode()?))
            }
        }
    }

    /// The state of a stream as its owner encodes it. None if nothing had been recorded there.
    #[cfg(feature = "grpc")]
    pub(crate) async fn encoded_state(&self, stream: StreamId, as_of: AsOf) -> Result<Option<Payload>, Error> {
        let domain = &stream.domain;
        let owner = self.inner.owner(domain).ok_or_else(|| self.inner.unknown(domain))?;
        let folded = state::folded_as_of(&self.inner.log, owner.logic, owner.name, stream, as_of).await?;
        if folded.next_sequence == 0 {
            return Ok(None);
        }
        let lost = || Failure::new("STATE_LOST", format!("`{}` gives no state", owner.name));
        let state = owner.logic.encode_state(&folded.state, folded.next_sequence).done().await?;
        Ok(Some(state.ok_or_else(lost)?))
    }

    /// Up to `limit` stored records of one conversation after position `after`: what a command led to, in all streams.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), angzarr_runtime::Error> {
    /// # let app = example().await?;
    /// app.send(Open { account: "a".into() }).correlation_id("web-1").await?;
    /// app.send(Open { account: "b".into() }).correlation_id("web-2").await?;
    /// app.send(Deposit { account: "a".into(), amount: 70 }).correlation_id("web-1").await?;
    ///
    /// let slice = app.conversation("web-1", 0, 100).await?;
    /// let types: Vec<&str> = slice.records.iter().map(|record| &*record.payload.type_name).collect();
    /// assert_eq!(types, ["example.v1.Opened", "example.v1.Deposited"]);
    /// # app.shutdown().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the store and upcasters can yield; a conversation that nobody began is empty.
    pub async fn conversation(&self, correlation_id: &str, after: u64, limit: usize) -> Result<LogSlice, Error> {
        let stored = self.inner.log.store.read_correlated(correlation_id, after, limit).await?;
        LogSlice::of(self.inner.log.current(stored).await)
    }

    /// Up to `limit` roots of a domain that something was recorded under and that are behind `after`, in the order of
    /// their bytes.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), angzarr_runtime::Error> {
    /// # let app = example().await?;
    /// app.send(Open { account: "a".into() }).await?;
    /// app.send(Deposit { account: "a".into(), amount: 70 }).await?;
    ///
    /// let roots = app.roots("accounts", None, 100).await?;
    /// assert_eq!((&*roots[0].key, roots[0].next_sequence), ("a", 2));
    /// assert_eq!(app.roots("accounts", Some(roots[0].root), 100).await?, []);
    /// # app.shutdown().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the store can yield; a domain that nothing was recorded in has no roots.
    pub async fn roots(&self, domain: &str, after: Option<Uuid>, limit: usize) -> Result<Vec<Root>, Error> {
        Ok(self.inner.log.store.roots(domain, after, limit).await?)
    }

    /// Up to `limit` stored records after position `after`, of all streams.
    ///
    /// # Errors
    /// What the store and upcasters can yield.
    pub async fn read_log(&self, after: u64, limit: usize) -> Result<LogSlice, Error> {
        LogSlice::of(self.inner.log.read(after, limit).await?)
    }
}

#[cfg(feature = "grpc")]
impl App {
    /// What services have described their messages with: an encoded `google.protobuf.FileDescriptorSet` each.
    pub(crate) fn descriptors(&self) -> &[bytes::Bytes] {
        &self.inner.descriptors
    }
}

fn stream(domain: &str, key: &str) -> Result<StreamId, BadBook> {
    Ok(StreamId::new(domain, root_id(domain, key).ok_or(BadBook::NoRoot)?))
}

/// Who folds the streams of a domain.
struct Owner<'a> {
    /// Full name.
    name: &'static str,
    logic: &'a dyn Stateful,
}

impl Inner {
    fn unknown(&self, domain: &str) -> BadBook {
        let mut bad = self.router.unknown(domain);
        if let BadBook::UnknownDomain { known, .. } = &mut bad {
            known.extend(self.process_managers.iter().map(|manager| manager.logic.spec().domain.to_owned()));
            known.sort_unstable();
            known.dedup();
        }
        bad
    }

    fn owner(&self, domain: &str) -> Option<Owner<'_>> {
        if let Some(aggregate) = self.router.find(domain) {
            return Some(Owner { name: aggregate.logic.spec().name, logic: aggregate.logic.stateful() });
        }
        let found = self.process_managers.iter().find(|manager| manager.logic.spec().domain == domain)?;
        Some(Owner { name: found.logic.spec().name, logic: found.logic.stateful() })
    }
}

//! To the processes that own other domains on the same log.
//!
//! Whoever sends something on says on which log, as metadata. Whoever gets that takes it for its own domains only, so that
//! nothing is sent on twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use prost::Message;
use subtle::ConstantTimeEq;
use tokio::time::timeout;
use tonic::metadata::{AsciiMetadataValue, MetadataMap, MetadataValue};
use tonic::{Code, Request, Response, Status, async_trait};
use tonic_types::StatusExt;
use uuid::Uuid;

use super::address::{Address, BadAddress};
use super::api::{book, records};
use super::channel::DirectChannel;
use super::remote::was_sent;
use super::services::business_coordinator_client::BusinessCoordinatorClient;
use super::services::event_query_client::EventQueryClient;
use super::target::Target;
use super::tls::ClientTls;
use crate::app::SyncMode;
use crate::coordinator::elsewhere::{Routes as ToOwners, Unopened, Waited};
use crate::coordinator::outcome::{Outcome, WaitFailure};
use crate::error::{BadBook, Elsewhere, Error};
use crate::failure::{Failure, ROUTE_LOST, ROUTE_REFUSED, ROUTE_WRONG, SERVICE_UNAVAILABLE};
use crate::message::Payload;
use crate::proto;
use crate::store::Record;

/// The id of the log that a call is sent on for.
const LOG: &str = "angzarr-log-id";
/// The whole rejection, which a status does not hold.
const REJECTION: &str = "angzarr-rejection-bin";
/// Says that a handler, fold or upcaster failed technically, whatever the status.
const FAILED: &str = "angzarr-failed";

/// What stands for the domain in a pattern.
const DOMAIN: &str = "{domain}";

/// How much longer than its caller whoever is asked to wait may take.
const GRACE: Duration = Duration::from_millis(200);

/// Which processes on the same log own other domains.
#[derive(Clone, Default)]
pub struct Routes {
    addresses: BTreeMap<String, Address>,
    pattern: Option<Pattern>,
    token: Option<AsciiMetadataValue>,
    tls: Option<ClientTls>,
}

/// A pattern of addresses, like `angzarr-{domain}:50050`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl std::str::FromStr for Pattern {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        // Domains are like hosts' names, so what is an address for one is for all.
        text.replace(DOMAIN, "a").parse::<Address>()?;
        if text.contains(DOMAIN) { Ok(Self(text.to_owned())) } else { Err(BadAddress::new(text)) }
    }
}

impl Pattern {
    fn address(&self, domain: &str) -> Option<Address> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let named = !domain.is_empty() && domain.bytes().all(is_name);
        if named { self.0.replace(DOMAIN, domain).parse().ok() } else { None }
    }
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Routes")
            .field("addresses", &self.addresses)
            .field("pattern", &self.pattern)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl Routes {
    /// Routes that lead nowhere yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether anything is named.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.pattern.is_none()
    }

    /// Where the owner of a domain is served. Processes with consumers only have no domain: any name stands for them.
    #[must_use]
    pub fn address(mut self, domain: impl Into<String>, address: Address) -> Self {
        self.addresses.insert(domain.into(), address);
        self
    }

    /// Where the owners of all domains are served that are not named themselves.
    #[must_use]
    pub fn pattern(mut self, pattern: Pattern) -> Self {
        self.pattern = Some(pattern);
        self
    }

    /// Sends a token along, as `authorization: Bearer …`.
    ///
    /// # Errors
    /// If there is something in it that no header may hold.
    pub fn token(mut self, token: &str) -> Result<Self, Error> {
        let bearer = format!("Bearer {token}").parse::<AsciiMetadataValue>();
        let mut bearer = bearer.map_err(|_| Error::Setup("a token is of visible ASCII characters".to_owned()))?;
        bearer.set_sensitive(true);
        self.token = Some(bearer);
        Ok(self)
    }

    /// Encrypts connections to all of them.
    #[must_use]
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Whether what connections are to be encrypted with can be read.
    ///
    /// # Errors
    /// [`Error::Setup`] if it cannot.
    pub fn check(&self) -> Result<(), Error> {
        let some = self.pattern.as_ref().and_then(|pattern| pattern.address("a"));
        self.addresses.values().cloned().chain(some).try_for_each(|address| self.target(address).check())
    }

    fn target(&self, address: Address) -> Target {
        Target { address, tls: self.tls.clone() }
    }

    fn find(&self, domain: &str) -> Option<Address> {
        let named = self.addresses.get(domain).cloned();
        named.or_else(|| self.pattern.as_ref().and_then(|pattern| pattern.address(domain)))
    }
}

impl Unopened for Routes {
    fn lead_to(&self, domain: &str) -> bool {
        self.find(domain).is_some()
    }

    fn on(&self, log: Uuid, owned: &BTreeSet<&'static str>) -> Arc<dyn ToOwners> {
        let own = owned.iter().filter_map(|domain| self.find(domain)).map(|address| address.to_string()).collect();
        Arc::new(OnLog { routes: self.clone(), log, own, channels: Mutex::default() })
    }
}

/// Routes on a log.
#[derive(Debug)]
pub(crate) struct OnLog {
    routes: Routes,
    log: Uuid,
    /// Where this process is served itself.
    own: BTreeSet<String>,
    /// By address; each connects when it is used.
    channels: Mutex<HashMap<String, DirectChannel>>,
}

/// The way to one process.
struct Way {
    address: Address,
    channel: DirectChannel,
    metadata: MetadataMap,
}

impl OnLog {
    fn way(&self, domain: &str) -> Result<Way, Error> {
        let unknown = || BadBook::UnknownDomain { domain: domain.to_owned(), known: self.domains() };
        self.to(self.routes.find(domain).ok_or_else(unknown)?)
    }

    fn to(&self, address: Address) -> Result<Way, Error> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let name = address.to_string();
        let channel = match channels.get(&name) {
            Some(channel) => channel.clone(),
            None => {
                let channel = DirectChannel::new(self.routes.target(address.clone()))
                    .map_err(|bad| Error::Setup(bad.to_string()))?;
                channels.insert(name, channel.clone());
                channel
            }
        };
        let mut metadata = MetadataMap::new();
        let log = self.log.to_string().parse::<AsciiMetadataValue>();
        metadata.insert(LOG, log.map_err(|_| Error::Setup("the log's id is no text".to_owned()))?);
        if let Some(token) = &self.routes.token {
            metadata.insert("authorization", token.clone());
        }
        Ok(Way { address, channel, metadata })
    }

    /// Those that are named, and the owners of these domains, each once.
    fn neighbours(&self, domains: &BTreeSet<String>) -> Vec<Address> {
        let named = self.routes.addresses.values().cloned();
        let owners = domains.iter().filter_map(|domain| self.routes.find(domain));
        let all: BTreeMap<String, Address> =
            named.chain(owners).map(|address| (address.to_string(), address)).collect();
        // Whom is waited for here, nobody has to ask over the network.
        all.into_iter().filter(|(name, _)| !self.own.contains(name)).map(|(_, address)| address).collect()
    }
}

impl Way {
    fn coordinator(&self) -> BusinessCoordinatorClient<DirectChannel> {
        BusinessCoordinatorClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX)
    }

    fn query(&self) -> EventQueryClient<DirectChannel> {
        EventQueryClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX)
    }

    fn request<T>(&self, message: T) -> Request<T> {
        Request::from_parts(self.metadata.clone(), tonic::Extensions::default(), message)
    }

    /// What came of a call.
    fn answer<T>(&self, domain: &str, answer: Result<Response<T>, Status>) -> Result<T, Error> {
        answer.map(Response::into_inner).map_err(|status| self.failed(domain, &status))
    }

    fn failed(&self, domain: &str, status: &Status) -> Error {
        if let Some(rejection) = status.metadata().get_bin(REJECTION).and_then(|value| value.to_bytes().ok())
            && let Ok(rejection) = proto::Rejection::decode(rejection)
        {
            return Error::Rejected(rejection.into());
        }
        let says = format!("{} says {:?}: {}", self.address, status.code(), status.message());
        let to = format!("the route for \"{domain}\" leads to {}", self.address);
        match (status.get_details_error_info(), status.code()) {
            // The token for facts is the caller's own, and is not sent on.
            (Some(info), Code::Unauthenticated) if info.reason == "FACT_TOKEN_MISSING" => {
                let help = format!("record it at {}, with the token for facts", self.address);
                Error::Elsewhere(Box::new(Elsewhere {
                    code: info.reason,
                    message: status.message().to_owned(),
                    metadata: BTreeMap::from([("help".to_owned(), help)]),
                    status: Code::Unauthenticated.into(),
                }))
            }
            (_, Code::Unauthenticated | Code::PermissionDenied) => {
                Failure::new(ROUTE_REFUSED, format!("{to}, which says: {}", status.message())).into()
            }
            (Some(info), _) if matches!(&*info.reason, "DOMAIN_UNKNOWN" | ROUTE_WRONG) => {
                Failure::new(ROUTE_WRONG, format!("{to}, which says: {}", status.message())).into()
            }
            // Tried again as if it had failed here.
            (Some(info), _) if status.metadata().contains_key(FAILED) => {
                Failure::new(info.reason, status.message()).into()
            }
            (Some(info), code) => Error::Elsewhere(Box::new(Elsewhere {
                code: info.reason,
                message: status.message().to_owned(),
                metadata: info.metadata.into_iter().collect(),
                status: code.into(),
            })),
            (None, Code::Unimplemented) => Failure::new(ROUTE_WRONG, format!("{to}, which is no such process")).into(),
            // What the other side itself has said has no source.
            (None, _) if std::error::Error::source(status).is_some() && was_sent(status) => lost(says),
            (None, _) if std::error::Error::source(status).is_some() => Failure::new(SERVICE_UNAVAILABLE, says).into(),
            (None, Code::Unavailable) => Failure::new(SERVICE_UNAVAILABLE, says).into(),
            (None, Code::Cancelled) => lost(says),
            (None, _) => Failure::new("SERVICE_FAILED", says).into(),
        }
    }
}

/// The error of a call that may have been decided.
fn lost(says: String) -> Error {
    Failure::new(ROUTE_LOST, says).into()
}

#[async_trait]
impl ToOwners for OnLog {
    fn lead_to(&self, domain: &str) -> bool {
        self.routes.find(domain).is_some()
    }

    fn domains(&self) -> Vec<String> {
        self.routes.addresses.keys().cloned().collect()
    }

    async fn execute(&self, domain: &str, book: proto::CommandBook) -> Result<Outcome, Error> {
        let way = self.way(domain)?;
        let until = book.deadline.and_then(|deadline| SystemTime::try_from(deadline).ok());
        let mut client = way.coordinator();
        let call = client.handle(way.request(book));
        let answer = match until {
            None => call.await,
            Some(until) => {
                let left = until.duration_since(SystemTime::now()).map_err(|_| Error::DeadlineExceeded)?;
                let late = |_| lost(format!("{} did not answer in time", way.address));
                timeout(left.saturating_add(GRACE), call).await.map_err(late)?
            }
        };
        let proto::CommandResponse { events, duplicate, position, .. } = way.answer(domain, answer)?;
        let events = events.map(records).transpose()?.unwrap_or_default();
        Ok(Outcome { events, duplicate, position, ..Outcome::default() })
    }

    async fn compensate(&self, domain: &str, refused: proto::CompensateRequest) -> Result<(), Error> {
        let way = self.way(domain)?;
        let answer = way.coordinator().compensate(way.request(refused)).await;
        way.answer(domain, answer).map(drop)
    }

    async fn state(&self, query: proto::StreamQuery) -> Result<Option<Payload>, Error> {
        let domain = &asked(&query);
        let way = self.way(domain)?;
        let answer = way.query().get_state(way.request(query)).await;
        Ok(way.answer(domain, answer)?.state.map(Payload::from_any))
    }

    async fn events(&self, query: proto::StreamQuery) -> Result<proto::EventBook, Error> {
        let domain = &asked(&query);
        let way = self.way(domain)?;
        let answer = way.query().get_event_book(way.request(query)).await;
        way.answer(domain, answer)
    }

    async fn wait(&self, domains: &BTreeSet<String>, books: &[Vec<Record>], sync: SyncMode, wait: Duration) -> Waited {
        let sync = match sync {
            SyncMode::None => proto::SyncMode::None,
            SyncMode::Simple => proto::SyncMode::Simple,
            SyncMode::Cascade => proto::SyncMode::Cascade,
        };
        let books: Vec<_> = books.iter().filter_map(|records| book(records.clone())).collect();
        let timeout = prost_types::Duration::try_from(wait).ok();
        let request = proto::AwaitRequest { books, sync_mode: sync.into(), timeout };
        let ask = |address: Address| {
            let request = request.clone();
            async move { self.ask(address, request, wait).await }
        };
        let mut all = Waited::default();
        let mut asked: FuturesUnordered<_> = self.neighbours(domains).into_iter().map(ask).collect();
        while let Some(waited) = asked.next().await {
            all.waited_for.extend(waited.waited_for);
            all.awaited.extend(waited.awaited);
            all.failures.extend(waited.failures);
            if waited.ended.is_some() {
                all.ended = waited.ended;
                break;
            }
        }
        all
    }
}

impl OnLog {
    async fn ask(&self, address: Address, request: proto::AwaitRequest, wait: Duration) -> Waited {
        let name = address.to_string();
        let ended = |reason: String| Waited { ended: Some((name.clone(), reason)), ..Waited::default() };
        let way = match self.to(address) {
            Ok(way) => way,
            Err(error) => return ended(error.to_string()),
        };
        let mut client = way.coordinator();
        let answer = timeout(wait.saturating_add(GRACE), client.r#await(way.request(request))).await;
        let said = match answer.map(|answer| way.answer(&name, answer)) {
            Err(_) => return ended("the deadline passed".to_owned()),
            Ok(Err(error)) => return ended(format!("{}: {error}", error.code())),
            Ok(Ok(said)) => said,
        };
        let failure = |failure: proto::WaitFailure| WaitFailure {
            component: failure.component,
            position: 0,
            code: failure.code,
            message: failure.message,
        };
        Waited {
            waited_for: said.waited_for,
            awaited: said.awaited,
            failures: said.failures.into_iter().map(failure).collect(),
            ended: said.ended.map(|ended| (ended.component, ended.message)),
        }
    }
}

/// The domain that a query is about.
fn asked(query: &proto::StreamQuery) -> String {
    query.cover.as_ref().map(|cover| cover.domain.clone()).unwrap_or_default()
}

/// Whether a call was sent on by another process on this log; nobody else may say what is said among these.
pub(super) fn is_routed(metadata: &MetadataMap, log: Uuid) -> Result<bool, Error> {
    let Some(given) = metadata.get(LOG) else { return Ok(false) };
    if bool::from(given.as_bytes().ct_eq(log.to_string().as_bytes())) {
        return Ok(true);
    }
    let message = "what is sent on comes from another log than the one that is kept here";
    Err(Failure::new(ROUTE_WRONG, message).into())
}

/// The status of an error for whoever sent the call on: a rejection with everything that it says.
pub(super) fn routed_status(error: &Error) -> Status {
    let mut status = super::status::status(error);
    match error {
        Error::Rejected(rejection) => {
            let rejection = proto::Rejection::from(rejection.clone()).encode_to_vec();
            status.metadata_mut().insert_bin(REJECTION, MetadataValue::from_bytes(&rejection));
        }
        Error::Failed(_) => drop(status.metadata_mut().insert(FAILED, MetadataValue::from_static("true"))),
        _ => {}
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_makes_an_address_for_each_domain() {
        let pattern: Pattern = "angzarr-{domain}:50050".parse().unwrap();
        let routes = Routes::new().pattern(pattern).address("stock", "127.0.0.1:1".parse().unwrap());
        let leads = |domain: &str| routes.find(domain).map(|address| address.to_string());
        assert_eq!(leads("orders").as_deref(), Some("angzarr-orders:50050"));
        assert_eq!(leads("stock").as_deref(), Some("127.0.0.1:1"));
        // What callers send is not let into names.
        for domain in ["", "a:1/", "a b", "a@b"] {
            assert_eq!(leads(domain), None, "{domain}");
        }
        for text in ["angzarr:50050", "{domain}", "", "unix:"] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
        let sockets: Pattern = "unix:/run/{domain}.sock".parse().unwrap();
        assert_eq!(sockets.address("orders"), Some(Address::Unix("/run/orders.sock".into())));
    }

    #[tokio::test]
    async fn what_is_sent_on_says_from_which_log_and_has_the_token() {
        let routes = Routes::new().address("stock", "127.0.0.1:1".parse().unwrap());
        let way = |routes: Routes| {
            let on = OnLog { routes, log: Uuid::from_u128(7), own: BTreeSet::new(), channels: Mutex::default() };
            on.way("stock").unwrap().request(()).metadata().clone()
        };
        let plain = way(routes.clone());
        assert!(is_routed(&plain, Uuid::from_u128(7)).unwrap() && plain.get("authorization").is_none());
        assert_eq!(is_routed(&plain, Uuid::from_u128(8)).unwrap_err().code(), ROUTE_WRONG);
        let known = way(routes.token("0123456789abcdef").unwrap());
        assert_eq!(known.get("authorization").unwrap(), "Bearer 0123456789abcdef");
        assert!(!is_routed(&MetadataMap::new(), Uuid::from_u128(7)).unwrap());
    }

    #[test]
    fn tokens_are_not_shown() {
        let routes = Routes::new().token("hunter2hunter2hunter2").unwrap();
        assert!(!format!("{routes:?}").contains("hunter2"));
        assert!(Routes::new().token("a\nb").is_err());
    }
}

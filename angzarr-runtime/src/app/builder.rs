//! Putting an application together.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{RwLock, watch};

use super::{App, Inner};
use crate::component::{Component, Delivery, DeliveryOverride, Registration, Subscription};
use crate::coordinator::business::BusinessCoordinator;
use crate::coordinator::consumer::{self, Consumer, Stop};
use crate::coordinator::elsewhere::Unopened;
use crate::coordinator::log::Log;
use crate::coordinator::outgoing::Router;
use crate::coordinator::process_manager::ProcessManagerCoordinator;
use crate::coordinator::projector::ProjectorCoordinator;
use crate::coordinator::saga::SagaCoordinator;
use crate::coordinator::upcast::Upcasts;
use crate::error::{DEFAULT_WAIT, Error};
use crate::store::{Opened, Storage};
use crate::tables::no_tables;
use crate::telemetry::measure::{self, Durations, Measuring};
use crate::time::Clock;
use crate::view::ViewStore;

/// Collects components. See [`App::builder`].
#[derive(Debug)]
#[must_use = "an application runs after `start`"]
pub struct AppBuilder {
    storage: Storage,
    registrations: Vec<Registration>,
    deliveries: HashMap<String, DeliveryOverride>,
    /// Statements that make what projectors write.
    tables: Vec<String>,
    drain: Duration,
    /// How many bytes are kept between uses.
    kept: usize,
    clock: Clock,
    routes: Option<Arc<dyn Unopened>>,
    #[cfg(feature = "grpc")]
    descriptors: Vec<bytes::Bytes>,
    measuring: Measuring,
}

impl AppBuilder {
    pub(super) fn new(storage: Storage) -> Self {
        Self {
            storage,
            registrations: Vec::new(),
            deliveries: HashMap::new(),
            tables: Vec::new(),
            drain: DEFAULT_WAIT,
            kept: usize::MAX,
            clock: Clock::default(),
            routes: None,
            #[cfg(feature = "grpc")]
            descriptors: Vec::new(),
            measuring: Measuring::Off,
        }
    }

    /// How long [`App::shutdown`] lets the consumers go on to the end of the log; 30 seconds if nothing is said.
    pub fn drain_within(mut self, time: Duration) -> Self {
        self.drain = time;
        self
    }

    /// How many bytes of folded states and of rows stay in memory between uses, each component having the same part. It may
    /// be less: an aggregate keeps no more than 64 MiB, a view no more than 32 MiB.
    pub fn keep(mut self, bytes: usize) -> Self {
        self.kept = bytes;
        self
    }

    /// Sets how events reach the consumer of this full name, whatever its own definition says: all of it by a
    /// [`Delivery`], or a part of it.
    pub fn delivery(mut self, consumer: impl Into<String>, delivery: impl Into<DeliveryOverride>) -> Self {
        self.deliveries.insert(consumer.into(), delivery.into());
        self
    }

    /// Runs SQL at each start before any consumer does, where [`Context::tx`](crate::Context::tx) writes: statements
    /// divided by `;`, in one transaction, like `CREATE TABLE IF NOT EXISTS …`. Several processes that start at a time do
    /// so one after the other.
    pub fn tables(mut self, statements: impl Into<String>) -> Self {
        self.tables.push(statements.into());
        self
    }

    /// Goes by this clock instead of the system's: when commands arrive, when records are recorded, and when deadlines are
    /// due. Leases, retries and callers' deadlines go by the system's all the same.
    #[cfg(feature = "testing")]
    pub fn clock(mut self, clock: &crate::testing::Clock) -> Self {
        self.clock = clock.into();
        self
    }

    /// Measures what `docs/sidecar.md` lists, with the recorder of the `metrics` crate that is installed when the application
    /// starts. Without this, nothing is measured.
    pub fn metrics(mut self) -> Self {
        self.measuring = Measuring::On;
        self
    }

    /// Adds a component.
    pub fn register(mut self, component: impl Component) -> Self {
        self.registrations.push(component.register());
        self
    }

    /// Adds components whose handlers are in a service.
    #[cfg(feature = "grpc")]
    pub fn remote(mut self, service: crate::transport::Remote) -> Self {
        self.descriptors.push(service.described().descriptors.clone());
        self.registrations.extend(service.components());
        self
    }

    /// Says which processes on the same log own other domains: commands, refusals and questions for these go there, and
    /// callers wait for the consumers there, too.
    #[cfg(feature = "grpc")]
    pub fn routes(mut self, routes: crate::transport::Routes) -> Self {
        self.routes = (!routes.is_empty()).then(|| Arc::new(routes) as Arc<dyn Unopened>);
        self
    }

    /// Opens the storage and starts the consumers at their checkpoints.
    ///
    /// # Errors
    /// [`Error::Setup`] with everything that does not fit together; nothing was opened then. `SQL_FAILED` and
    /// `NO_TRANSACTION` of [`tables`](AppBuilder::tables). Otherwise what opening the storage can yield.
    pub async fn start(self) -> Result<App, Error> {
        check(&self.registrations, &self.deliveries, self.routes.as_deref())?;
        if self.measuring == Measuring::On {
            measure::describe();
        }
        let upcasts = upcasts(&self.registrations)?;
        let Opened { store, views } = self.storage.open().await?;
        for statements in &self.tables {
            make_tables(&*views, statements).await?;
        }
        let log = Arc::new(Log { store: store.clone(), upcasts, clock: self.clock, measuring: self.measuring });

        let keeping = self.registrations.iter().filter(|registration| keeps(registration)).count();
        let kept = self.kept / keeping.max(1);
        let owned: BTreeSet<_> =
            self.registrations.iter().filter_map(|registration| identity(registration).1).collect();
        let routes = self.routes.map(|routes| routes.on(store.log_id(), &owned));
        let mut router = Router { aggregates: HashMap::new(), owned, routes, store: store.clone() };
        for registration in &self.registrations {
            if let Registration::Aggregate(logic) = registration {
                let coordinator = BusinessCoordinator::new(logic.clone(), log.clone(), kept);
                router.aggregates.insert(logic.spec().domain, Arc::new(coordinator));
            }
        }
        let router = Arc::new(router);

        let (stop, stopped) = watch::channel(false);
        let (mut consumers, mut tasks) = (Vec::new(), Vec::new());
        let (mut sagas, mut process_managers, mut view_names) = (Vec::new(), Vec::new(), Vec::new());
        let measuring = self.measuring;
        let durations = |metric, name| Durations::new(measuring, metric, &[("component", name)]);
        let deliveries = self.deliveries;
        let delivery =
            |name: &str, declared: Delivery| deliveries.get(name).map_or(declared, |said| said.over(declared));
        for registration in self.registrations {
            let consumer: Arc<dyn Consumer> = match registration {
                Registration::Aggregate(_) | Registration::Upcaster(_) => continue,
                Registration::Saga(logic) => {
                    let (router, store) = (router.clone(), store.clone());
                    let delivery = delivery(logic.spec().name, logic.spec().delivery);
                    let durations = durations(measure::SAGA, logic.spec().name);
                    let saga = Arc::new(SagaCoordinator { logic, router, store, delivery, durations });
                    sagas.push(saga.clone());
                    saga
                }
                Registration::ProcessManager(logic) => {
                    let (router, log) = (router.clone(), log.clone());
                    let delivery = delivery(logic.spec().name, logic.spec().delivery);
                    let manager = Arc::new(ProcessManagerCoordinator::new(logic, router, log, delivery));
                    process_managers.push(manager.clone());
                    manager
                }
                Registration::Projector(logic) => {
                    view_names.extend(logic.shape().map(|shape| (logic.spec().name, shape.row_type.clone())));
                    let delivery = delivery(logic.spec().name, logic.spec().delivery);
                    let durations = durations(measure::PROJECTOR, logic.spec().name);
                    let projector = ProjectorCoordinator::new(logic, store.clone(), views.clone(), delivery);
                    Arc::new(projector.measured(durations).keep(kept))
                }
            };
            match consumer::start(consumer, log.clone(), Stop::new(stopped.clone())).await {
                Ok((running, task)) => {
                    consumers.push(running);
                    tasks.push(task);
                }
                Err(error) => {
                    // Those that run already end before the storage is let go.
                    drop(stop);
                    futures_util::future::join_all(tasks).await;
                    return Err(error.into());
                }
            }
        }
        let (tasks, open) = (Mutex::new(tasks), RwLock::new(true));
        let inner = Inner {
            log,
            router,
            sagas,
            process_managers,
            views,
            view_names,
            consumers,
            tasks,
            stop,
            open,
            drain: self.drain,
            #[cfg(feature = "grpc")]
            descriptors: self.descriptors,
        };
        let app = App { inner: Arc::new(inner) };
        if measuring == Measuring::On {
            app.sample_until(Stop::new(stopped));
        }
        Ok(app)
    }
}

fn upcasts(registrations: &[Registration]) -> Result<Upcasts, Error> {
    let mut upcasts = Upcasts::default();
    for registration in registrations {
        if let Registration::Upcaster(logic) = registration {
            upcasts.add(logic).map_err(|old| Error::Setup(format!("two upcasters take `{old}`")))?;
        }
    }
    for registration in registrations {
        let (domain, events) = match registration {
            Registration::Aggregate(logic) => (logic.spec().domain, logic.spec().stored_as),
            Registration::ProcessManager(logic) => (logic.spec().domain, logic.spec().stored_as),
            Registration::Upcaster(logic) => (logic.spec().domain, logic.spec().stored_as),
            Registration::Saga(_) | Registration::Projector(_) => continue,
        };
        upcasts.add_names(domain, events).map_err(|name| {
            Error::Setup(format!("`{name}` is a stored name, and something else is stored under it"))
        })?;
    }
    Ok(upcasts)
}

async fn make_tables(views: &dyn ViewStore, statements: &str) -> Result<(), Error> {
    let tables = views.tables().ok_or_else(no_tables)?;
    Ok(tables.run(statements).await?)
}

/// What the components demand of each other. Everything that is wrong is told at once.
fn check(
    registrations: &[Registration],
    deliveries: &HashMap<String, DeliveryOverride>,
    routes: Option<&dyn Unopened>,
) -> Result<(), Error> {
    let routed = |domain: &str| routes.is_some_and(|routes| routes.lead_to(domain));
    let mut wrong = Vec::new();
    let mut names = HashSet::new();
    let mut owners: HashMap<&str, &str> = HashMap::new();
    let mut aggregates: HashSet<&str> = HashSet::new();
    for registration in registrations {
        let (name, domain) = identity(registration);
        if !names.insert(name) {
            wrong.push(format!("`{name}` is registered twice"));
        } else if let Some(domain) = domain
            && let Some(other) = owners.insert(domain, name)
        {
            wrong.push(format!("`{other}` and `{name}` both own the domain \"{domain}\""));
        }
        if let Registration::Aggregate(logic) = registration {
            aggregates.insert(logic.spec().domain);
        }
    }
    for registration in registrations {
        let (name, _) = identity(registration);
        for subscription in subscriptions(registration) {
            if !owners.contains_key(subscription.domain) && !routed(subscription.domain) {
                let Subscription { domain, type_name } = subscription;
                wrong.push(format!(
                    "`{name}` listens to `{type_name}`, but nothing registered owns the domain \"{domain}\""
                ));
            }
        }
        let missing = |target: &&str| !aggregates.contains(target) && !routed(target);
        for target in targets(registration).into_iter().filter(missing) {
            wrong
                .push(format!("`{name}` sends commands to the domain \"{target}\", whose aggregate is not registered"));
        }
        if let Registration::Upcaster(logic) = registration {
            let domain = logic.spec().domain;
            if !owners.contains_key(domain) && !routed(domain) {
                wrong.push(format!("`{name}` upcasts the domain \"{domain}\", which nothing registered owns"));
            }
            wrong.extend(logic.spec().declared.iter().flat_map(|(method, unfilled)| unfilled(method)));
        }
    }
    for name in deliveries.keys() {
        let consumer = registrations.iter().find(|registration| identity(registration).0 == name);
        if consumer.is_none_or(|consumer| subscriptions(consumer).is_empty()) {
            wrong.push(format!("a delivery is set for `{name}`, which is no registered consumer"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::Setup(wrong.join("; "))) }
}

/// Whether it keeps something in memory between uses.
fn keeps(registration: &Registration) -> bool {
    match registration {
        Registration::Aggregate(_) => true,
        Registration::Projector(logic) => logic.shape().is_some(),
        Registration::Saga(_) | Registration::ProcessManager(_) | Registration::Upcaster(_) => false,
    }
}

/// Full name, and the domain owned.
fn identity(registration: &Registration) -> (&'static str, Option<&'static str>) {
    let domain = match registration {
        Registration::Aggregate(logic) => Some(logic.spec().domain),
        Registration::ProcessManager(logic) => Some(logic.spec().domain),
        Registration::Saga(_) | Registration::Projector(_) | Registration::Upcaster(_) => None,
    };
    (registration.name(), domain)
}

fn targets(registration: &Registration) -> BTreeSet<&'static str> {
    let targets = match registration {
        Registration::Saga(logic) => logic.spec().targets,
        Registration::ProcessManager(logic) => logic.spec().targets,
        Registration::Aggregate(_) | Registration::Projector(_) | Registration::Upcaster(_) => &[],
    };
    targets.iter().copied().collect()
}

fn subscriptions(registration: &Registration) -> &'static [Subscription] {
    match registration {
        Registration::Saga(logic) => logic.spec().subscriptions,
        Registration::Projector(logic) => logic.spec().subscriptions,
        Registration::ProcessManager(logic) => logic.spec().subscriptions,
        Registration::Aggregate(_) | Registration::Upcaster(_) => &[],
    }
}

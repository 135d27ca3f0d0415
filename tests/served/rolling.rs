//! Two pods, each a service and its sidecar, on one log: one after the other is told to end, all of its programs at the same
//! moment, and started again. Whoever calls looks who is ready, as a load balancer does, and loses no call.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use angzarr_runtime::proto;
use angzarr_runtime::transport::Address;
use angzarr_runtime::transport::services::admin_client::AdminClient;
use angzarr_runtime::transport::services::business_coordinator_client::BusinessCoordinatorClient;
use angzarr_runtime::transport::services::event_query_client::EventQueryClient;
use tokio::time::sleep;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::commands::order;
use crate::python;

/// How often both pods are replaced; `ROLLS` makes it more.
const ROLLS: usize = 1;

const CALLERS: usize = 4;

/// How many calls a pod answers before it is told to end.
const CALLS: usize = 20;

/// How far behind consumers may be before callers wait for them, so that there is as much to do as can be done, and no more.
const LAG: u64 = 100;

/// How long a pod that is told to end still takes calls: longer than anybody takes between looking and calling.
const NOTICE: &str = "5s";

/// Longer than anything takes that is not broken.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a service is started at an address, in a folder of its own.
type Serve = fn(&Path, &Address) -> Child;

#[tokio::test(flavor = "multi_thread")]
async fn rust_services_are_replaced_without_a_failed_call() {
    replaced(|_, address| Command::new(env!("CARGO_BIN_EXE_service")).arg(address.to_string()).spawn().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_services_are_replaced_without_a_failed_call() {
    replaced(|folder, address| {
        if !folder.join("shop").exists() {
            python::write_shop(folder);
        }
        python::process(folder, address)
    })
    .await;
}

async fn replaced(serve: Serve) {
    let url = angzarr_servers::postgres::shared().create_database().unwrap();
    let mut pods = [Pod::start(serve, &url), Pod::start(serve, &url)];
    for pod in &mut pods {
        pod.is_ready().await;
    }
    let street = Arc::new(Street {
        pods: [pods[0].channel(), pods[1].channel()],
        answered: [AtomicUsize::new(0), AtomicUsize::new(0)],
        closed: AtomicBool::new(false),
    });
    let callers: Vec<_> = (0..CALLERS).map(|caller| tokio::spawn(street.clone().call(caller))).collect();
    let rolls = std::env::var("ROLLS").map_or(ROLLS, |rolls| rolls.parse().unwrap());
    for _ in 0..rolls {
        for (place, pod) in pods.iter_mut().enumerate() {
            let before = street.answered[place].load(Ordering::Relaxed);
            let began = Instant::now();
            while street.answered[place].load(Ordering::Relaxed) < before + CALLS {
                assert!(began.elapsed() < PATIENCE && callers.iter().all(|caller| !caller.is_finished()));
                sleep(Duration::from_millis(5)).await;
            }
            pod.replace(serve).await;
        }
    }
    street.closed.store(true, Ordering::Relaxed);
    let mut query = EventQueryClient::new(street.pods[0].clone());
    for caller in callers {
        for id in caller.await.unwrap() {
            let cover = proto::Cover { domain: "orders".into(), key: id.clone(), ..proto::Cover::default() };
            let stream = proto::StreamQuery { cover: Some(cover), ..proto::StreamQuery::default() };
            let book = query.get_event_book(stream).await.unwrap().into_inner();
            assert!(!book.pages.is_empty(), "order {id} was acknowledged");
        }
    }
}

/// Where callers go.
struct Street {
    pods: [Channel; 2],
    answered: [AtomicUsize; 2],
    closed: AtomicBool,
}

impl Street {
    /// Places one order after the other, each at another pod if it is ready, until the street is closed. Gives those that
    /// were acknowledged, which are all that were sent.
    async fn call(self: Arc<Self>, caller: usize) -> Vec<String> {
        let mut placed = Vec::new();
        for turn in 0.. {
            let place = turn % 2;
            if self.closed.load(Ordering::Relaxed) {
                break;
            }
            if !is_serving(&self.pods[place]).await || is_behind(&self.pods[place]).await {
                sleep(Duration::from_millis(5)).await;
                continue;
            }
            let id = format!("{caller}-{turn}");
            let mut client = BusinessCoordinatorClient::new(self.pods[place].clone());
            if let Err(status) = client.handle(order(&id, 1)).await {
                panic!("order {id} at pod {place}: {status}");
            }
            self.answered[place].fetch_add(1, Ordering::Relaxed);
            placed.push(id);
        }
        placed
    }
}

async fn is_serving(pod: &Channel) -> bool {
    let answer = HealthClient::new(pod.clone()).check(HealthCheckRequest::default()).await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
}

async fn is_behind(pod: &Channel) -> bool {
    let answer = AdminClient::new(pod.clone()).list_consumers(proto::ListConsumersRequest {}).await;
    answer.is_ok_and(|answer| answer.into_inner().consumers.iter().any(|consumer| consumer.lag > LAG))
}

/// A service and its sidecar.
struct Pod {
    folder: tempfile::TempDir,
    /// The service, and the sidecar.
    programs: HashMap<&'static str, Child>,
}

impl Pod {
    fn start(serve: Serve, url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| Address::Unix(folder.path().join(name));
        let configuration = format!(
            "storage: {{ type: postgres, connection_string: \"{url}\" }}\nservices: [{{ address: \"{}\" }}]\n\
             listen: {{ address: \"{}\" }}\ndrain: {{ notice: {NOTICE}, calls: 60s, consumers: 60s }}\n",
            at("service"),
            at("api")
        );
        std::fs::write(folder.path().join("sidecar.yaml"), configuration).unwrap();
        let mut pod = Self { folder, programs: HashMap::new() };
        pod.run(serve);
        pod
    }

    fn run(&mut self, serve: Serve) {
        let folder = self.folder.path();
        let sidecar = Command::new(sidecar()).arg("--config").arg(folder.join("sidecar.yaml")).spawn().unwrap();
        let service = serve(folder, &Address::Unix(folder.join("service")));
        self.programs = HashMap::from([("sidecar", sidecar), ("service", service)]);
    }

    fn channel(&self) -> Channel {
        Address::Unix(self.folder.path().join("api")).channel().unwrap()
    }

    async fn is_ready(&mut self) {
        let (began, channel) = (Instant::now(), self.channel());
        while !is_serving(&channel).await {
            for (name, program) in &mut self.programs {
                assert_eq!(program.try_wait().unwrap(), None, "the {name} ended");
            }
            assert!(began.elapsed() < PATIENCE, "the pod is not ready");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Tells both programs to end, at the same moment, and starts both again once they have.
    async fn replace(&mut self, serve: Serve) {
        let ids = self.programs.values().map(|program| program.id().to_string());
        assert!(Command::new("kill").args(["-s", "TERM"]).args(ids).status().unwrap().success());
        for (name, program) in &mut self.programs {
            let ended = ended(program).await;
            assert_eq!(ended.code(), Some(0), "the {name}: {ended}");
        }
        self.run(serve);
        self.is_ready().await;
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        for program in self.programs.values_mut() {
            // It may have ended by itself.
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

async fn ended(program: &mut Child) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = program.try_wait().unwrap() {
            return status;
        }
        assert!(began.elapsed() < PATIENCE, "it does not end");
        sleep(Duration::from_millis(20)).await;
    }
}

/// The program, which lies beside the tests: only its own package's tests are told where it is.
fn sidecar() -> PathBuf {
    let program = std::env::current_exe().unwrap().parent().unwrap().join("../angzarr-sidecar");
    let how = "cargo build -p angzarr-runtime --features sidecar,postgres builds it";
    assert!(program.exists(), "{}: {how}", program.display());
    program
}

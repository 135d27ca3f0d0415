//! Sidecars, and services for them.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use angzarr_runtime::transport::{Address, Service};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// Longer than anything takes that is not broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with what one sidecar needs.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The address of the socket of this name.
    pub(crate) fn socket(&self, name: &str) -> Address {
        Address::Unix(self.path(name))
    }

    /// A service without components, at the socket `service`.
    pub(crate) fn serve(&self) -> JoinHandle<()> {
        self.serve_with(|service| service)
    }

    /// The same, differently.
    pub(crate) fn serve_with(&self, how: impl FnOnce(Service) -> Service) -> JoinHandle<()> {
        let (address, service) = (self.socket("service"), how(Service::new(&[])));
        tokio::spawn(async move { service.serve(&address, std::future::pending()).await.unwrap() })
    }

    /// A configuration for that service: a log in a file here, and what else is said.
    pub(crate) fn configure(&self, more: &str) -> PathBuf {
        self.configure_with("", more)
    }

    /// The same, where this is said of the service as well.
    fn configure_with(&self, of_service: &str, more: &str) -> PathBuf {
        let file = self.path("sidecar.yaml");
        let (log, service) = (self.path("log.db"), self.socket("service"));
        let text = format!(
            "storage: {{ type: sqlite, path: {} }}\nservices: [{{ address: \"{service}\", {of_service} }}]\n{more}\n",
            log.display()
        );
        fs::write(&file, text).unwrap();
        file
    }

    /// Starts a sidecar with this configuration.
    pub(crate) fn start(&self, more: &str) -> Sidecar {
        self.start_with("", more, &[])
    }

    /// The same, where this is said of the service as well, and with these variables in its environment.
    pub(crate) fn start_with(&self, of_service: &str, more: &str, variables: &[(&str, &str)]) -> Sidecar {
        let file = self.configure_with(of_service, more);
        let log = self.path("stderr");
        let mut sidecar = sidecar();
        sidecar.envs(variables.iter().copied());
        let child = sidecar.arg("--config").arg(file).stderr(File::create(&log).unwrap()).spawn().unwrap();
        Sidecar { child, log }
    }
}

/// The program, and nothing of this one's environment that would change what it says.
pub(crate) fn sidecar() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_angzarr-sidecar"));
    command.env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// What it says and how it ends, with these words.
pub(crate) fn run(words: &[&str]) -> (Option<i32>, String, String) {
    said(&sidecar().args(words).output().unwrap())
}

pub(crate) fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A sidecar that runs; it ends with the test at the latest.
pub(crate) struct Sidecar {
    child: Child,
    log: PathBuf,
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sidecar {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it has logged this.
    pub(crate) async fn logs(&mut self, text: &str) {
        let began = Instant::now();
        while !self.log().contains(text) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "no `{text}`, {ended:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until somebody accepts connections at the socket of this name.
    pub(crate) async fn accepts(&mut self, socket: &Path) {
        let began = Instant::now();
        while std::os::unix::net::UnixStream::connect(socket).is_err() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "nobody listens, {ended:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends a signal, like `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits until it ends; its exit code.
    pub(crate) async fn ends(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A loopback address that nobody else listens at, or comes from: no two processes have the same, and no two calls.
pub(crate) fn own_address() -> SocketAddrV4 {
    static LAST: AtomicU8 = AtomicU8::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    SocketAddrV4::new(Ipv4Addr::new(127, high, low, 2 + LAST.fetch_add(1, Ordering::Relaxed)), 50_050)
}

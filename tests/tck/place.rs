//! A service of some language, and a sidecar on a fresh log beside it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use angzarr_runtime::transport::Address;
use tempfile::TempDir;
use tonic::transport::Channel;

use crate::model::{here, sidecar};
use crate::processes::Process;
use crate::wire::Wire;

/// Who sends it may record facts.
pub(crate) const FACT_TOKEN: &str = "a token for the kit";

/// What the `run` of a language is given.
pub(crate) struct Generated {
    language: &'static str,
    folder: TempDir,
}

impl Generated {
    pub(crate) fn new(language: &'static str, generate: fn(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        generate(folder.path());
        Self { language, folder }
    }

    fn run(&self, address: &Path) -> Command {
        let mut command = Command::new(here().join(self.language).join("run"));
        command.arg(self.folder.path()).arg(format!("unix:{}", address.display())).stdin(Stdio::null());
        command
    }
}

/// Both, and how to call the sidecar.
pub(crate) struct Place {
    pub(crate) channel: Channel,
    /// What the sidecar sends to the service.
    pub(crate) wire: Wire,
    sidecar: Process,
    service: Process,
    folder: TempDir,
}

impl Place {
    pub(crate) async fn start(generated: &Generated) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut service = Process::start(generated.run(&path("service")), path("service"));
        service.accepts().await;
        let wire = Wire::lay(path("wire"), path("service"));
        fs::write(path("sidecar.yaml"), configuration(folder.path())).unwrap();
        let mut command = Command::new(sidecar());
        command.arg("--config").arg(path("sidecar.yaml")).env_remove("RUST_LOG").stdin(Stdio::null());
        command.stderr(File::options().create(true).append(true).open(path("log")).unwrap());
        let sidecar = Process::start(command, path("api"));
        let channel = channel(sidecar.socket());
        let mut place = Self { channel, wire, sidecar, service, folder };
        place.accepts().await;
        place
    }

    /// Waits until the sidecar accepts calls.
    async fn accepts(&mut self) {
        self.sidecar.accepts().await;
        // Not the connection that was lost.
        self.channel = channel(self.sidecar.socket());
    }

    pub(crate) async fn kill_service(&mut self) {
        // Calls that it was at are cut off; later ones find nobody.
        self.wire.close().await;
        self.service.kill();
    }

    /// The process of the service.
    pub(crate) fn service_process(&mut self) -> &mut Process {
        &mut self.service
    }

    pub(crate) fn kill_sidecar(&mut self) {
        self.sidecar.kill();
    }

    /// Starts the one that was killed.
    pub(crate) async fn start_service(&mut self) {
        self.service.again();
        self.service.accepts().await;
        self.wire.open();
    }

    /// Starts the one that was killed.
    pub(crate) async fn start_sidecar(&mut self) {
        self.sidecar.again();
        self.accepts().await;
    }

    /// Starts both, after both were killed.
    pub(crate) async fn start_both(&mut self) {
        self.start_service().await;
        self.start_sidecar().await;
    }

    /// A channel to the service itself.
    pub(crate) fn service(&self) -> Channel {
        channel(self.service.socket())
    }

    /// Where the log lies; its views lie beside it.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("log.db")
    }

    pub(crate) fn api(&self) -> &Path {
        self.sidecar.socket()
    }

    /// What the sidecar said.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "storage: {{ type: sqlite, path: {folder}/log.db }}\n\
         services: [{{ address: \"unix:{folder}/wire\" }}]\n\
         listen: {{ address: \"unix:{folder}/api\" }}\n\
         aggregates: {{ serve: true, fact_token: {FACT_TOKEN} }}\n\
         limits: {{ message_size: 64MiB }}\n"
    )
}

fn channel(socket: &Path) -> Channel {
    Address::Unix(socket.to_owned()).channel().unwrap()
}

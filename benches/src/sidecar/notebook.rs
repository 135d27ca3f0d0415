//! The measured aggregate as a service, and beside it what answers with nothing: in a process of their own.

use std::future::pending;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use angzarr_runtime::proto;
use angzarr_runtime::transport::services::saga_server::{Saga, SagaServer};
use angzarr_runtime::transport::{Address, Service};
use tokio::io::{copy, sink, stdin};
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Request, Response, Status};

use crate::common::Result;
use crate::generate::angzarr;
use crate::notes::Notebook;

/// The process, as long as this is kept.
pub(super) struct NotebookProcess {
    process: Child,
    pub(super) service: Address,
    pub(super) echo: Address,
}

impl NotebookProcess {
    /// One in Rust.
    pub(super) fn in_rust(place: &Path) -> Result<Self> {
        Self::start(Command::new(std::env::current_exe()?).arg("notebook"), place)
    }

    /// One in Python, whose code is generated into `place`.
    pub(super) fn in_python(place: &Path) -> Result<Self> {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let protos = here.join("proto").display().to_string();
        let files = ["bench/v1/notes.proto", "bench/v1/app/notes.proto"];
        angzarr(place, &[&["gen", "python", "--out", "served", "-I", &protos], files.as_slice()].concat())?;
        std::fs::copy(here.join("python/notebook.py"), place.join("notebook.py"))?;
        let python = here.join("../target/tools/python/bin/python");
        let started = Self::start(Command::new(&python).current_dir(place).arg("notebook.py"), place);
        started.map_err(|error| format!("{}: {error}; tests/python/install makes it", python.display()).into())
    }

    fn start(command: &mut Command, place: &Path) -> Result<Self> {
        let at = |name: &str| Address::Unix(place.join(name));
        let (service, echo) = (at("service.sock"), at("echo.sock"));
        command.args([service.to_string(), echo.to_string()]);
        // It ends when nobody holds the other end any more, whatever becomes of this process.
        let process = command.stdin(Stdio::piped()).spawn()?;
        Ok(Self { process, service, echo })
    }
}

impl Drop for NotebookProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves the aggregate and what answers with nothing, until the standard input ends.
pub(crate) async fn serve(service: &Address, echo: &Address) -> Result<()> {
    let Address::Unix(echo) = echo else { return Err("the echo is at a socket".into()) };
    let echoes = UnixListenerStream::new(UnixListener::bind(echo)?);
    let (mut input, mut nowhere) = (stdin(), sink());
    tokio::select! {
        served = Service::new(crate::DESCRIPTION).register(Notebook).serve(service, pending()) => Ok(served?),
        served = tonic::transport::Server::builder().add_service(SagaServer::new(Echo)).serve_with_incoming(echoes) => {
            Ok(served?)
        }
        ended = copy(&mut input, &mut nowhere) => Ok(ended.map(drop)?),
    }
}

/// Answers with nothing.
struct Echo;

#[tonic::async_trait]
impl Saga for Echo {
    async fn handle(
        &self,
        _: Request<proto::SagaHandleRequest>,
    ) -> std::result::Result<Response<proto::SagaHandleResponse>, Status> {
        Ok(Response::new(proto::SagaHandleResponse::default()))
    }
}

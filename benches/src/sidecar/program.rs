//! The program, in a process.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use angzarr_runtime::transport::Address;

use crate::common::Result;

/// Longer than any start takes.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn program() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../target/dist/angzarr-sidecar").into()
}

/// Where it finds the URL of a database; not in its file, since that holds a password.
const URL: &str = "ANGZARR_BENCH_URL";

/// The log of this name.
pub(super) fn log(place: &Path, name: &str) -> PathBuf {
    place.join(format!("{name}.db"))
}

/// One that has answered.
pub(super) struct Sidecar {
    process: Child,
    /// Where it serves callers.
    pub(super) front: Address,
}

impl Sidecar {
    /// Starts one on the file of this name, and waits for its first answer.
    pub(super) fn on_file(place: &Path, name: &str, service: &Address) -> Result<Self> {
        let path = log(place, name);
        Self::start(place, name, &format!("{{ type: sqlite, path: {path:?} }}"), "", service)
    }

    /// The same, on a database.
    pub(super) fn on_server(place: &Path, name: &str, url: &str, service: &Address) -> Result<Self> {
        Self::start(place, name, &format!("{{ type: postgres, connection_string: \"${{{URL}}}\" }}"), url, service)
    }

    fn start(place: &Path, name: &str, storage: &str, url: &str, service: &Address) -> Result<Self> {
        let (file, socket) = (place.join(format!("{name}.yaml")), place.join(format!("{name}.sock")));
        let front = Address::Unix(socket.clone());
        let text = format!(
            "storage: {storage}\nservices: [{{ address: \"{service}\" }}]\nlisten: {{ address: \"{front}\" }}\n"
        );
        fs::write(&file, text)?;
        let program = program();
        let mut command = Command::new(&program);
        let process = command.arg("--config").arg(&file).env("RUST_LOG", "error").env(URL, url).spawn();
        let process =
            process.map_err(|error| format!("cannot run {}: {error}; `make sidecar` builds it", program.display()))?;
        let sidecar = Self { process, front };
        let began = Instant::now();
        while let Err(error) = answered(&socket) {
            if began.elapsed() > PATIENCE {
                return Err(format!("it does not answer: {error}").into());
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(sidecar)
    }

    /// Mebibytes that it has resident.
    pub(super) fn memory(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no resident memory is told")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    }

    /// Has it end in order.
    pub(super) fn end(mut self) -> Result<()> {
        let asked = Command::new("kill").arg(self.process.id().to_string()).status()?;
        let ended = self.process.wait()?;
        if asked.success() && ended.success() { Ok(()) } else { Err(format!("it ended with {ended}").into()) }
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One call, whatever is answered to it.
fn answered(socket: &Path) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 ") { Ok(()) } else { Err(ErrorKind::InvalidData.into()) }
}

//! Processes that are killed and started again.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Longer than anything takes that is not broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One that listens at a socket while it runs; it ends with the test at the latest.
pub(crate) struct Process {
    command: Command,
    child: Child,
    socket: PathBuf,
}

impl Process {
    pub(crate) fn start(mut command: Command, socket: PathBuf) -> Self {
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { command, child, socket }
    }

    /// Waits until it accepts connections.
    pub(crate) async fn accepts(&mut self) {
        let began = Instant::now();
        while UnixStream::connect(&self.socket).is_err() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{:?} ended: {ended:?}", self.command);
            assert!(began.elapsed() < PATIENCE, "{:?} does not listen", self.command);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells it to end.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    }

    /// Waits until it has ended; whether it did so well.
    pub(crate) async fn ends(&mut self) -> bool {
        let began = Instant::now();
        loop {
            if let Some(ended) = self.child.try_wait().unwrap() {
                return ended.success();
            }
            assert!(began.elapsed() < PATIENCE, "{:?} does not end", self.command);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The same command once more, in the place of the process that was killed.
    pub(crate) fn again(&mut self) {
        self.child = self.command.spawn().unwrap();
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

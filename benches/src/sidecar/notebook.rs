//! The measured aggregate in Python, in a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use angzarr_runtime::transport::Address;

use crate::common::Result;
use crate::generate::angzarr;

/// A process that serves it, and what answers with nothing, as long as this is kept.
pub(super) struct Notebook {
    process: Child,
    pub(super) service: Address,
    pub(super) echo: Address,
}

impl Notebook {
    /// Generates its code into `place`, and starts it there.
    pub(super) fn start(place: &Path) -> Result<Self> {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let protos = here.join("proto").display().to_string();
        let files = ["bench/v1/notes.proto", "bench/v1/app/notes.proto"];
        angzarr(place, &[&["gen", "python", "--out", "served", "-I", &protos], files.as_slice()].concat())?;
        std::fs::copy(here.join("python/notebook.py"), place.join("notebook.py"))?;
        let python = here.join("../target/tools/python/bin/python");
        let at = |name: &str| Address::Unix(place.join(name));
        let (service, echo) = (at("python.sock"), at("python-echo.sock"));
        let process = Command::new(&python)
            .current_dir(place)
            .args(["notebook.py".to_owned(), service.to_string(), echo.to_string()])
            // It ends when nobody holds the other end any more, whatever becomes of this process.
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}; tests/python/install makes it", python.display()))?;
        Ok(Self { process, service, echo })
    }
}

impl Drop for Notebook {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

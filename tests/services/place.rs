//! The shop's processes, at addresses of this test's own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than anything takes that is not broken.
const PATIENCE: Duration = Duration::from_secs(120);

/// The shop, run by `make shop`'s own script; it ends with the test at the latest.
pub(crate) struct Shop {
    child: Child,
    host: String,
    folder: TempDir,
    root: PathBuf,
}

impl Shop {
    pub(crate) fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
        let target = target();
        let folder = tempfile::tempdir().unwrap();
        // A loopback address that nobody else has: no two processes have the same.
        let [.., high, low] = std::process::id().to_be_bytes();
        let host = format!("127.{high}.{low}.1");
        let services = root.join("examples/shop/services");
        let text = fs::read_to_string(services.join("angzarr.run.yaml")).unwrap();
        let text = text
            .replace("127.0.0.1", &host)
            .replace("../../../target/debug", &target.join("debug").display().to_string());
        let text = text.replace("../../..", &root.display().to_string());
        let text = text.replace("stock.py", &services.join("stock.py").display().to_string());
        let file = folder.path().join("angzarr.run.yaml");
        fs::write(&file, text).unwrap();
        let database = angzarr_servers::postgres::shared().create_database().unwrap();
        let output = File::create(folder.path().join("output")).unwrap();
        let mut command = Command::new(services.join("start"));
        command.arg(&file).current_dir(&root).env("DATABASE_URL", database).env("CARGO_TARGET_DIR", target);
        let child = command.stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap();
        let mut shop = Self { child, host, folder, root };
        shop.wait_until_ready();
        shop
    }

    fn wait_until_ready(&mut self) {
        let began = Instant::now();
        while !self.printed().contains("ready; Ctrl-C ends") {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "{ended:?}:\n{}", self.printed());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What its processes have printed.
    pub(crate) fn printed(&self) -> String {
        fs::read_to_string(self.folder.path().join("output")).unwrap()
    }

    /// What a command of the page prints, with the addresses that are meant.
    pub(crate) fn run(&self, command: &str) -> String {
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.root.join("target/tools").display());
        let command = format!("exec 2>&1\n{}", command.replace("127.0.0.1", &self.host));
        let output = Command::new("bash").args(["-c", &command]).env("PATH", path).output().unwrap();
        String::from_utf8(output.stdout).unwrap().replace(&self.host, "127.0.0.1")
    }

    /// Asks it to end; its exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        signal(self.child.id(), "TERM");
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "it does not end:\n{}", self.printed());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            // Twice is at once, with everybody.
            signal(self.child.id(), "TERM");
            signal(self.child.id(), "TERM");
            let _ = self.child.wait();
        }
    }
}

fn signal(id: u32, name: &str) {
    // It may have ended just now.
    let _ = Command::new("kill").args(["-s", name, &id.to_string()]).status();
}

/// The folder that the programs are built in, which a test run of the whole workspace does.
fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap().to_path_buf();
    for program in ["angzarr", "angzarr-sidecar", "shop-service"].map(|name| target.join("debug").join(name)) {
        assert!(program.exists(), "{}: `make test` builds it; alone, `make shop` does", program.display());
    }
    target
}

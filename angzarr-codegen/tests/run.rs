//! `angzarr run`: real processes, with programs in the place of services and of the sidecar that tell what they do.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands; helpers are not exempt by themselves")]

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

/// Longer than anything takes that is not broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// Listens at a socket, and tells when it begins and ends.
const SERVICE: &str = r#"
import os, signal, socket, sys
listener = socket.socket(socket.AF_UNIX)
if os.path.exists(sys.argv[1]):
    os.remove(sys.argv[1])
listener.bind(sys.argv[1])
listener.listen()
print("up", os.getpid(), os.environ.get("WORD", ""), flush=True)
def end(*_):
    print("down", flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, end)
while True:
    signal.pause()
"#;

/// Takes what `angzarr-sidecar` takes.
const SIDECAR: &str = r#"
import json, subprocess, sys
told = json.load(open(sys.argv[-1]))
if "storage" not in told:
    print("error[CONFIG_KEY_MISSING]: `storage` is missing", file=sys.stderr)
    sys.exit(3)
if sys.argv[1] != "--check-config":
    print("serves", told["services"][0]["address"], sorted(told["routes"]["addresses"]), flush=True)
    sys.argv[1] = told["listen"]["address"].removeprefix("unix:")
    exec(open("service.py").read())
"#;

/// A folder with those programs.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path("service.py"), SERVICE).unwrap();
        let sidecar = place.path("sidecar");
        fs::write(&sidecar, format!("#!{}\n{SIDECAR}", python().display())).unwrap();
        fs::set_permissions(&sidecar, fs::Permissions::from_mode(0o755)).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_angzarr"));
        command.current_dir(self.0.path()).arg("run").args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Two services, each with a sidecar.
    fn write(&self, storage: &str) {
        let service = |name: &str| {
            let python = python();
            format!(
                "  {name}:\n    command: [{}, service.py, {name}.service]\n    environment: {{ WORD: {name} }}\n    \
                 address: unix:{name}.service\n    listen: unix:{name}.sidecar\n",
                python.display()
            )
        };
        let text =
            format!("sidecar: ./sidecar\nsidecars: {storage}\nservices:\n{}{}", service("orders"), service("stock"));
        fs::write(self.path("angzarr.run.yaml"), text).unwrap();
    }
}

fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    root.join("target/tools/python/bin/python")
}

/// A run that is under way; it ends with the test at the latest.
struct Run {
    child: Child,
    output: PathBuf,
}

impl Run {
    fn start(place: &Place, arguments: &[&str]) -> Self {
        let output = place.path("output");
        let both = File::create(&output).unwrap();
        let mut command = place.command(arguments);
        let child = command.stdout(both.try_clone().unwrap()).stderr(both).spawn().unwrap();
        Self { child, output }
    }

    fn printed(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    /// Waits until something is printed so often.
    fn prints(&mut self, text: &str, times: usize) -> String {
        let began = Instant::now();
        loop {
            let printed = self.printed();
            if printed.matches(text).count() >= times {
                return printed;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "no `{text}`, {ended:?}:\n{printed}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(id: u32, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &id.to_string()]).status().unwrap().success());
    }

    /// Its exit code, and all that was printed.
    fn ends(mut self) -> (Option<i32>, String) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), self.printed());
            }
            assert!(began.elapsed() < PATIENCE, "it does not end:\n{}", self.printed());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            // Twice is at once, with everybody.
            Self::signal(self.child.id(), "TERM");
            Self::signal(self.child.id(), "TERM");
            let _ = self.child.wait();
        }
    }
}

#[test]
fn everybody_starts_in_order_starts_again_and_ends_in_order() {
    let place = Place::new();
    place.write("{ storage: { type: memory } }");
    let mut run = Run::start(&place, &[]);
    let printed = run.prints("ready; Ctrl-C ends", 1);
    for line in [
        "orders         | up ",
        "orders/sidecar | serves unix:orders.service ['orders', 'stock']",
        "stock/sidecar serves at unix:stock.sidecar",
    ] {
        assert!(printed.contains(line), "no `{line}` in\n{printed}");
    }
    let at = |text: &str| printed.find(text).unwrap_or_else(|| panic!("no `{text}` in\n{printed}"));
    assert!(at("stock          | up ") < at("stock/sidecar  | serves"), "{printed}");
    let line = printed.lines().find(|line| line.starts_with("orders         | up ")).unwrap();
    let mut words = line.split(' ').rev();
    assert_eq!(words.next(), Some("orders"), "its environment");
    Run::signal(words.next().unwrap().parse().unwrap(), "KILL");
    let printed = run.prints("orders         | up ", 2);
    assert!(printed.contains("orders was ended by signal 9; it is started again in 250ms"), "{printed}");

    Run::signal(run.child.id(), "TERM");
    let (code, printed) = run.ends();
    assert_eq!(code, Some(0), "{printed}");
    let last = |text: &str| printed.rfind(text).unwrap_or_else(|| panic!("no `{text}` in\n{printed}"));
    for service in ["orders         | down", "stock          | down"] {
        for sidecar in ["orders/sidecar | down", "stock/sidecar  | down"] {
            assert!(last(sidecar) < last(service), "{printed}");
        }
    }
}

#[test]
fn who_does_not_run_whatever_is_done_ends_everything() {
    let place = Place::new();
    place.write("{ storage: { type: memory } }");
    let file = place.path("angzarr.run.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace(&format!("[{}, service.py, stock.service]", python().display()), "[sh, -c, exit 7]");
    fs::write(&file, text).unwrap();
    let (code, printed) = Run::start(&place, &["--restarts", "1"]).ends();
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("stock ended with 7; it is started again in 250ms"), "{printed}");
    assert!(printed.contains("stock ended with 7, 2 times in a row: giving up"), "{printed}");
}

#[test]
fn mistakes_come_all_at_once_and_start_nothing() {
    let place = Place::new();
    place.write("{ log: { format: json } }");
    let file = place.path("angzarr.run.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let python = python().display().to_string();
    let text = text.replacen(&python, "./no-such-program", 1).replace("orders.sidecar", "taken");
    fs::write(&file, text + "    folder: nowhere\n").unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(place.path("taken")).unwrap();
    for arguments in [&["--check"][..], &[]] {
        let output = place.run(arguments);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        for expected in [
            "`orders` is to run `./no-such-program`, which is not found",
            "somebody listens at unix:taken already, where `orders/sidecar` is to",
            "`stock` is to run in nowhere, which is no folder",
            "error[CONFIG_KEY_MISSING]: `storage` is missing",
        ] {
            assert!(told.contains(expected), "no `{expected}` in\n{told}");
        }
    }
    let output = place.run(&["--file", "other.yaml"]);
    assert_eq!(output.status.code(), Some(3));
    let output = place.run(&["--check", "--sidecar", "./none"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("the sidecar's program `./none` is not found"));
}

#[test]
fn what_is_fine_is_said_to_be() {
    let place = Place::new();
    place.write("{ storage: { type: postgres, connection_string: ${DATABASE_URL} } }");
    let output = place.run(&["--check"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "angzarr.run.yaml: no mistakes\n");
    // Variables stay what they are.
    let told = fs::read_to_string(place.path(".angzarr/orders.yaml")).unwrap();
    assert!(told.contains("\"connection_string\": \"${DATABASE_URL}\""), "{told}");
}

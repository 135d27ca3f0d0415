//! What `angzarr new --lang python` writes: it passes its own tests, says what it lacks, and runs beside a sidecar.

#![expect(clippy::unwrap_used, reason = "in a test's helper, a panic is how the test fails")]

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything takes that is not broken.
const PATIENCE: Duration = Duration::from_secs(60);

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A new project, in a folder of its own.
struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_angzarr"))
            .current_dir(folder.path())
            .args(["new", "my-shop", "--lang", "python"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "next: cd my-shop && make test\n");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("my-shop").join(name)
    }

    /// A command in the project, that finds this build's programs, and everybody at sockets in there.
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let programs = Path::new(env!("CARGO_BIN_EXE_angzarr")).parent().unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(program.as_ref());
        command
            .current_dir(self.path(""))
            .env("PATH", path)
            .env("ADDRESS", "unix:service.sock")
            .env("SIDECAR", "unix:sidecar.sock")
            .env("GRPC_VERBOSITY", "NONE")
            .env_remove("RUST_LOG");
        command
    }

    /// `make`, with the interpreter of the environment that `tests/python/install` makes.
    fn make(&self, target: &str) -> Command {
        let mut command = self.command("make");
        command.args([target, &format!("PYTHON={}", interpreter().display())]);
        command
    }

    /// Runs the command line.
    fn cli(&self, words: &[&str]) -> Output {
        self.command(interpreter()).arg("cli.py").args(words).output().unwrap()
    }

    fn insert(&self, file: &str, above: &str, line: &str) {
        let before = fs::read_to_string(self.path(file)).unwrap();
        assert_eq!(before.matches(above).count(), 1, "`{above}` in {file}");
        fs::write(self.path(file), before.replace(above, &format!("{line}\n{above}"))).unwrap();
    }
}

fn interpreter() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/python/bin/python");
    assert!(path.exists(), "{}: tests/python/install makes it", path.display());
    path
}

#[test]
fn a_new_python_project_passes_its_tests_and_says_what_it_lacks() {
    let project = Project::new();
    let output = project.make("test").output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("\n3 passed in "), "{}", text(&output.stdout));

    let messages = "proto/my_shop/tasks/v1/tasks.proto";
    project.insert(
        messages,
        "// There is a task.",
        "message EndTask { string name = 1 [(angzarr.v1.field).root = true]; }",
    );
    project.insert(messages, "// There is a task.", "message TaskEnded { string name = 1; }");
    let components = "proto/my_shop/tasks/v1/app/tasks.proto";
    project.insert(components, "  rpc Add(AddTask)", "  rpc End(EndTask) returns (TaskEnded);");
    let output = project.make("test").output().unwrap();
    assert!(!output.status.success());
    // Wherever one is made, and nowhere else.
    let lacks = "Cannot instantiate abstract class \"Tasks\" with abstract attributes \"apply_task_ended\" and \"end\"";
    let told: Vec<&str> = text(&output.stdout).lines().filter(|line| line.contains(": error: ")).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().all(|line| line.contains(lacks)), "{told:?}");
    assert!(told.iter().any(|line| line.starts_with("main.py:")), "{told:?}");
    let output = project.command(interpreter()).args(["-m", "pytest", "-q"]).output().unwrap();
    assert!(text(&output.stdout).contains("\n2 failed, 1 passed in "), "{}", text(&output.stdout));

    let method = "    def end(self, state: tasks_pb2.Task, command: tasks_pb2.EndTask, cx: Context) -> tasks_pb2.TaskEnded:\n        \
                  return tasks_pb2.TaskEnded(name=command.name)\n\n    \
                  @staticmethod\n    \
                  def apply_task_ended(state: tasks_pb2.Task, event: tasks_pb2.TaskEnded) -> None:\n        \
                  state.added = False\n";
    let file = "components/tasks.py";
    let before = fs::read_to_string(project.path(file)).unwrap();
    fs::write(project.path(file), format!("{before}\n{method}")).unwrap();
    let output = project.make("test").output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// An environment takes long to make, so it is made once, and again when what it holds changes.
#[test]
fn a_new_python_project_makes_its_environment_once() {
    let project = Project::new();
    let makes_one = || {
        let output = project.command("make").args(["--dry-run", "test"]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).contains("pip install")
    };
    assert!(makes_one());
    fs::create_dir_all(project.path(".venv")).unwrap();
    fs::write(project.path(".venv/ready"), "").unwrap();
    assert!(!makes_one());
    let later = File::open(project.path(".venv/ready")).unwrap().metadata().unwrap().modified().unwrap() + PATIENCE;
    File::options().append(true).open(project.path("pyproject.toml")).unwrap().set_modified(later).unwrap();
    assert!(makes_one());
}

/// `make run`, with everything that it has started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // The group: a shell, the service and the sidecar.
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

#[test]
fn a_new_python_project_runs() {
    let sidecar = Path::new(env!("CARGO_BIN_EXE_angzarr")).with_file_name("angzarr-sidecar");
    let build = "cargo build -p angzarr-runtime --features sidecar --bin angzarr-sidecar";
    assert!(sidecar.exists(), "{} is made with the workspace, or by `{build}`", sidecar.display());
    let project = Project::new();
    assert!(project.make("generate").output().unwrap().status.success());
    let log = File::create(project.path("log")).unwrap();
    let mut command = project.make("run");
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
    let mut running = Running(command.spawn().unwrap());
    let logged = || fs::read_to_string(project.path("log")).unwrap();

    let began = Instant::now();
    loop {
        let output = project.cli(&["add", "milk", "two litres"]);
        if output.status.success() {
            break;
        }
        assert!(text(&output.stderr).starts_with("error[UNAVAILABLE]: "), "{}\n{}", text(&output.stderr), logged());
        let ended = running.0.try_wait().unwrap();
        assert!(ended.is_none() && began.elapsed() < PATIENCE, "{ended:?}\n{}", logged());
    }
    let again = project.cli(&["add", "milk", "three litres"]);
    assert_eq!(
        (again.status.code(), text(&again.stderr)),
        (Some(1), "error[TASK_REJECTION_EXISTS]: milk was added before\n")
    );
    assert_eq!(text(&project.cli(&["list"]).stdout), "milk: two litres\n");
    assert_eq!(text(&project.cli(&["history", "milk"]).stdout), "#0 my_shop.tasks.v1.TaskAdded\n");
    assert_eq!(project.cli(&["unknown"]).status.code(), Some(2));

    // As Ctrl-C does: everybody is told at the same moment.
    let group = format!("-{}", running.0.id());
    assert!(Command::new("kill").args(["-s", "INT", "--", &group]).status().unwrap().success());
    let began = Instant::now();
    while running.0.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < PATIENCE, "it does not end:\n{}", logged());
        std::thread::sleep(Duration::from_millis(5));
    }
}

//! `gen.*`: the generator, as a user runs it, and what a derive costs his compiler.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;
use wait4::Wait4;

use crate::common::{ROUNDS, Result};
use crate::figure::{Figure, median};

/// Aggregates of the protos that are generated, and commands and events of each.
const AGGREGATES: usize = 50;
const COMMANDS: usize = 20;

pub(crate) fn measure(folder: &Path, only: &str) -> Result<Vec<Figure>> {
    let wanted = |name: &str| name.starts_with(only);
    let mut figures = Vec::new();
    if ["gen.rust.time", "gen.rust.memory", "gen.rust.unchanged", "gen.check.time"].into_iter().any(wanted) {
        figures.extend(generate(folder)?.into_iter().filter(|figure| wanted(&figure.name)));
    }
    if wanted("gen.derive.time") {
        figures.push(derive(folder)?);
    }
    Ok(figures)
}

/// What a run of the command took.
pub(crate) struct Run {
    seconds: f64,
    mebibytes: f64,
    said: String,
}

/// The command is built beside this program.
pub(crate) fn angzarr(folder: &Path, arguments: &[&str]) -> Result<Run> {
    let program = std::env::current_exe()?.with_file_name("angzarr");
    let began = Instant::now();
    let mut child = Command::new(&program)
        .current_dir(folder)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run {}: {error}; `make bench` builds it", program.display()))?;
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().ok_or("nothing to read from")?, &mut said)?;
    let used = child.wait4()?;
    let seconds = began.elapsed().as_secs_f64();
    if !used.status.success() {
        return Err(format!("angzarr {} ended with {}: {said}", arguments.join(" "), used.status).into());
    }
    let mebibytes = u32::try_from(used.rusage.maxrss / 1024)?;
    Ok(Run { seconds, mebibytes: f64::from(mebibytes) / 1024.0, said })
}

fn generate(folder: &Path) -> Result<Vec<Figure>> {
    let place = TempDir::new_in(folder)?;
    write_protos(place.path())?;
    let (mut times, mut checks, mut unchanged, mut memories) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let out = place.path().join("generated");
        if out.exists() {
            fs::remove_dir_all(&out)?;
        }
        let first = angzarr(place.path(), &["gen"])?;
        times.push(first.seconds);
        memories.push(first.mebibytes);
        let again = angzarr(place.path(), &["gen"])?;
        if !again.said.starts_with("0 written, ") {
            return Err(format!("a run without changes said: {}", again.said).into());
        }
        unchanged.push(again.seconds);
        checks.push(angzarr(place.path(), &["gen", "--check"])?.seconds);
    }
    Ok(vec![
        Figure::absolute("gen.rust.time", median(times), "s", "under 2"),
        Figure::absolute("gen.rust.memory", median(memories), "MiB", "at most 300"),
        Figure::absolute("gen.rust.unchanged", median(unchanged), "s", "writes nothing"),
        Figure::absolute("gen.check.time", median(checks), "s", "under 1"),
    ])
}

/// A project with 1,000 commands and 1,000 events, each with a few fields and a comment.
fn write_protos(folder: &Path) -> Result<()> {
    fs::write(folder.join("angzarr.yaml"), "include: [proto]\nlanguages: {rust: {out: generated}}\n")?;
    for aggregate in 0..AGGREGATES {
        let package = format!("bench/d{aggregate}/v1");
        let path = folder.join("proto").join(&package);
        fs::create_dir_all(path.join("app"))?;
        fs::write(path.join("messages.proto"), messages(aggregate))?;
        fs::write(path.join("app/services.proto"), services(aggregate))?;
    }
    Ok(())
}

fn messages(aggregate: usize) -> String {
    let mut text = format!(
        "syntax = \"proto3\";\npackage bench.d{aggregate}.v1;\nimport \"angzarr/v1/options.proto\";\n\n\
         message State {{\n  uint64 count = 1;\n  map<string, Line> lines = 2;\n}}\n\n\
         message Line {{\n  string sku = 1;\n  uint32 quantity = 2;\n}}\n"
    );
    for number in 0..COMMANDS {
        let _ = write!(
            text,
            "\n// Wishes that number {number} be done.\nmessage Do{number} {{\n  \
             string id = 1 [(angzarr.v1.field).root = true];\n  // How often.\n  uint32 count = 2;\n  \
             repeated Line lines = 3;\n  optional string note = 4;\n}}\n\n\
             // Number {number} was done.\nmessage Done{number} {{\n  string id = 1;\n  uint32 count = 2;\n  \
             repeated Line lines = 3;\n  oneof reason {{\n    string note = 4;\n    uint32 code = 5;\n  }}\n}}\n"
        );
    }
    text
}

fn services(aggregate: usize) -> String {
    let mut text = format!(
        "syntax = \"proto3\";\npackage bench.d{aggregate}.v1.app;\nimport \"angzarr/v1/options.proto\";\n\
         import \"bench/d{aggregate}/v1/messages.proto\";\n\n// Does things.\nservice Doer {{\n  \
         option (angzarr.v1.component).aggregate = {{ domain: \"d{aggregate}\" state: \"State\" }};\n"
    );
    for number in 0..COMMANDS {
        let _ =
            write!(text, "\n  // Does number {number}.\n  rpc Perform{number}(Do{number}) returns (Done{number});\n");
    }
    text + "}\n"
}

/// How much more processor time `cargo check` takes for a crate whose aggregate with 20 handlers is derived than for one
/// with the same messages and methods and no derive on the aggregate, in milliseconds. Processor time, since a
/// difference of milliseconds between two programs drowns in what else the machine does.
fn derive(folder: &Path) -> Result<Figure> {
    let place = TempDir::new_in(folder)?;
    let with = package(place.path(), "with_derive", Derived::Aggregate)?;
    let without = package(place.path(), "without_derive", Derived::Nothing)?;
    // The first check builds what both depend on.
    for package in [&with, &without] {
        check(place.path(), package)?;
    }
    // The least of each: what else the machine does only adds to it.
    let (mut least_with, mut least_without) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..5 * ROUNDS {
        least_without = least_without.min(check(place.path(), &without)?);
        least_with = least_with.min(check(place.path(), &with)?);
    }
    let added = (least_with - least_without) * 1_000.0;
    Ok(Figure::absolute("gen.derive.time", added, "ms of processor", "at most 20"))
}

/// What of a package is derived.
#[derive(Clone, Copy)]
enum Derived {
    Aggregate,
    Nothing,
}

fn package(folder: &Path, name: &str, derived: Derived) -> Result<PathBuf> {
    let package = folder.join(name);
    fs::create_dir_all(package.join("src"))?;
    let runtime = concat!(env!("CARGO_MANIFEST_DIR"), "/../angzarr-runtime");
    fs::write(
        package.join("Cargo.toml"),
        format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
             angzarr-runtime = {{ path = {runtime:?}, default-features = false }}\nprost = \"0.14\"\n"
        ),
    )?;
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"), package.join("Cargo.lock"))?;
    fs::write(package.join("src/lib.rs"), crate_text(derived))?;
    Ok(package)
}

fn crate_text(derived: Derived) -> String {
    let mut text = String::from("use angzarr_runtime::{Context, Rejection};\n\n");
    let message = "#[derive(Clone, PartialEq, ::prost::Message)]\n";
    let named = |text: &mut String, name: &str| {
        let _ = writeln!(
            text,
            "impl ::prost::Name for {name} {{ const NAME: &'static str = \"{name}\"; const PACKAGE: &'static str = \"t\"; }}"
        );
    };
    let _ = write!(text, "{message}pub struct State {{\n    #[prost(uint64, tag = \"1\")]\n    pub count: u64,\n}}\n");
    named(&mut text, "State");
    let (mut handlers, mut methods) = (String::new(), String::new());
    for number in 0..COMMANDS {
        for (kind, attribute) in [("Do", "command"), ("Done", "event")] {
            let name = format!("{kind}{number}");
            let derive = if attribute == "command" { "Command" } else { "Event" };
            let root = if attribute == "command" { ", root = id" } else { "" };
            let _ = write!(
                text,
                "{message}#[derive(angzarr_runtime::{derive})]\n#[{attribute}(name = \"t.{name}\", domain = \"t\"{root})]\n\
                 pub struct {name} {{\n    #[prost(string, tag = \"1\")]\n    pub id: String,\n}}\n"
            );
            named(&mut text, &name);
        }
        let _ = write!(handlers, ", command(do{number}: Do{number} => Done{number})");
        let _ = write!(
            methods,
            "    fn do{number}(&self, _: &State, command: Do{number}, _: &Context) -> Result<Done{number}, Rejection> {{\n        \
             Ok(Done{number} {{ id: command.id }})\n    }}\n    \
             fn apply_done{number}(state: &mut State, _: Done{number}) {{\n        state.count += 1;\n    }}\n"
        );
    }
    let (derive, header) = match derived {
        Derived::Aggregate => (
            format!(
                "#[derive(angzarr_runtime::Aggregate)]\n\
                 #[aggregate(define = Doing, name = \"t.Doing\", domain = \"t\", state = State{handlers})]\n"
            ),
            "impl Doing for Doer",
        ),
        Derived::Nothing => (String::new(), "#[allow(dead_code)]\nimpl Doer"),
    };
    let _ = write!(text, "{derive}pub struct Doer;\n\n{header} {{\n{methods}}}\n");
    text
}

/// Seconds of processor time that it takes to check a package whose one file has changed.
fn check(target: &Path, package: &Path) -> Result<f64> {
    fs::File::options().append(true).open(package.join("src/lib.rs"))?.set_modified(std::time::SystemTime::now())?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let check = Command::new(cargo)
        .args(["check", "--quiet", "--offline", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target.join("target"))
        .env("CARGO_INCREMENTAL", "0")
        .spawn()?;
    let used = check.wait4()?;
    if !used.status.success() {
        return Err(format!("{} cannot be checked", package.display()).into());
    }
    Ok((used.rusage.utime + used.rusage.stime).as_secs_f64())
}

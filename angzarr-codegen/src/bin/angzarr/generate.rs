//! `angzarr gen`.

use std::path::{Path, PathBuf};

use angzarr_codegen::output::{self, Drift, Plan};
use angzarr_codegen::{GeneratedFile, PythonSettings, Report, Request, RustSettings};
use clap::{Args, ValueEnum};

use crate::console::{self, Exit, Format, findings, output_error, print, print_text, tell, usage};
use crate::input::{Input, Settings};
use crate::{save, watch};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    /// Messages with derives, and a definition for each component; for the crate angzarr-runtime.
    Rust,
    /// A package of messages with their stubs, an abstract class for each component, and a server; for the libraries
    /// protobuf and grpcio.
    Python,
}

#[derive(Args, Debug)]
pub(crate) struct Generate {
    /// What to generate. Without it, every language of the project file.
    language: Option<Language>,
    #[command(flatten)]
    input: Input,
    /// Directory to write to; created if needed. It belongs to the generator: what an earlier run wrote and this one does
    /// not is removed, unless it was edited.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Of Python: directory of a program that serves the components; the package lies in it. What it lacks of `main.py` and
    /// of a class for each component in `components` is created there, and yours from then on.
    #[arg(long, value_name = "DIR")]
    program: Option<PathBuf>,
    /// Rust module, as absolute path, of a package that is not generated here. May be repeated.
    #[arg(long = "extern", value_name = "PACKAGE=PATH", value_parser = mapping)]
    extern_paths: Vec<(String, String)>,
    #[command(flatten)]
    mode: Mode,
}

#[derive(Args, Debug)]
struct Mode {
    /// Write nothing; list what is not as generated, and end with 1 if anything is. Files in the directory that no run
    /// wrote count, and so do generated files that git does not track.
    #[arg(long, conflicts_with_all = ["dry_run", "watch"])]
    check: bool,
    /// Write nothing; list what would be done.
    #[arg(long, conflicts_with = "watch")]
    dry_run: bool,
    /// Write nothing; show the differences as a unified diff.
    #[arg(long, conflicts_with = "watch")]
    diff: bool,
    /// Generate again whenever a proto or the project file changes, until Ctrl-C.
    #[arg(long)]
    watch: bool,
}

pub(crate) fn run(arguments: &Generate) -> Exit {
    if arguments.mode.watch {
        return watch::run(&arguments.input, || once(arguments));
    }
    once(arguments)
}

fn once(arguments: &Generate) -> Exit {
    generate(arguments).unwrap_or_else(|exit| exit)
}

fn generate(arguments: &Generate) -> Result<Exit, Exit> {
    let Settings { request, project } = arguments.input.settings()?;
    let (rust, python) = project.map(|project| (project.rust, project.python)).unwrap_or_default();
    let listed = [rust.is_some().then_some(Language::Rust), python.is_some().then_some(Language::Python)];
    let languages: Vec<Language> = match arguments.language {
        Some(language) => vec![language],
        None => listed.into_iter().flatten().collect(),
    };
    if languages.is_empty() {
        return Err(usage(&"there is no language to generate: name one, like `rust`, or list it in angzarr.yaml"));
    }
    if languages.len() > 1 && arguments.out.is_some() {
        return Err(usage(&"--out is for one language: name it"));
    }
    let mut exit = Exit::Done;
    for language in languages {
        let done = match language {
            Language::Rust => generate_rust(arguments, request.clone(), rust.clone().unwrap_or_default())?,
            Language::Python => generate_python(arguments, &request, python.clone().unwrap_or_default())?,
        };
        exit = if exit == Exit::Done { done } else { exit };
    }
    Ok(exit)
}

fn generate_rust(arguments: &Generate, mut request: Request, settings: RustSettings) -> Result<Exit, Exit> {
    if arguments.program.is_some() {
        return Err(usage(&"--program is about Python"));
    }
    let RustSettings { out, extern_paths } = settings;
    let out = directory(arguments, out)?;
    request.extern_paths =
        if arguments.extern_paths.is_empty() { extern_paths } else { arguments.extern_paths.iter().cloned().collect() };
    let generated = angzarr_codegen::generate(&request).map_err(|reports| findings(&reports))?;
    findings(&generated.warnings);
    deliver(&arguments.mode, &out, &generated.files)
}

fn generate_python(arguments: &Generate, request: &Request, settings: PythonSettings) -> Result<Exit, Exit> {
    if !arguments.extern_paths.is_empty() {
        return Err(usage(&"--extern is about Rust modules"));
    }
    let out = directory(arguments, settings.out)?;
    let program = arguments.program.clone().or(settings.program);
    let package = program.as_ref().map(|program| package_path(program, &out)).transpose()?;
    let generated = angzarr_codegen::generate_python(request).map_err(|reports| findings(&reports))?;
    findings(&generated.warnings);
    let exit = deliver(&arguments.mode, &out, &generated.files)?;
    if let (Some(program), Some(package)) = (program, package) {
        create_program(&arguments.mode, &program, request, &package)?;
    }
    Ok(exit)
}

/// How a program in one folder imports the package in another.
fn package_path(program: &Path, out: &Path) -> Result<String, Exit> {
    let whole = |path: &Path| std::path::absolute(path).map_err(|error| usage(&error));
    let inside = whole(out)?.strip_prefix(whole(program)?).map(Path::to_path_buf).unwrap_or_default();
    let parts: Vec<&str> = inside.iter().filter_map(|part| part.to_str()).collect();
    let package = parts.join(".");
    if angzarr_codegen::is_python_package(&package) {
        return Ok(package);
    }
    let (out, program) = (out.display(), program.display());
    Err(usage(&format!(
        "a program in {program} cannot import {out}: the package is a folder in there, of a name without `-`"
    )))
}

/// Creates what a program lacks, or lists it.
fn create_program(mode: &Mode, program: &Path, request: &Request, package: &str) -> Result<(), Exit> {
    if mode.check || mode.diff {
        // Neither is about files of the user's.
        return Ok(());
    }
    let files = angzarr_codegen::python_program(request, package).map_err(|reports| findings(&reports))?;
    if mode.dry_run {
        let missing = files.iter().map(|file| program.join(&file.name)).filter(|path| !path.exists());
        missing.for_each(|path| print(&format!("missing: {}", path.display())));
        return Ok(());
    }
    let done = output::create(program, &files).map_err(|error| output_error(&error))?;
    for name in &done.created {
        print(&format!("created: {}", program.join(name).display()));
    }
    if done.kept.iter().any(|name| name == "main.py") && !done.created.is_empty() {
        tell(&format!("{} was there: let it serve what was created", program.join("main.py").display()));
    }
    Ok(())
}

fn directory(arguments: &Generate, of_project: Option<PathBuf>) -> Result<PathBuf, Exit> {
    let out = arguments.out.clone().or(of_project);
    let none = || usage(&"there is no directory to write to: give --out, or `out` in angzarr.yaml");
    let out = out.ok_or_else(none)?;
    if save::is_standard_output(&out) {
        let several = "what is generated is several files, so --out is a directory; one of the name `-` is `./-`";
        return Err(usage(&several));
    }
    Ok(out)
}

/// Writes, or tells what would be written.
fn deliver(mode: &Mode, out: &Path, files: &[GeneratedFile]) -> Result<Exit, Exit> {
    let plan = output::plan(out, files).map_err(|error| output_error(&error))?;
    if mode.diff {
        print_text(&plan.diff());
    }
    if mode.check {
        return check(&plan, out, mode.diff);
    }
    if mode.dry_run && !mode.diff {
        plan.pending().iter().for_each(|drift| print(drift));
    }
    if mode.dry_run || mode.diff {
        return Ok(Exit::Done);
    }
    let summary = plan.apply().map_err(|error| output_error(&error))?;
    Ok(save::done(&summary))
}

/// For people a list; for programs and workflows a finding for each file besides. With `--diff` the list goes where it does not spoil the diff.
fn check(plan: &Plan, out: &Path, diff: bool) -> Result<Exit, Exit> {
    let drifts = plan.drift_and_strays().map_err(|error| output_error(&error))?;
    for drift in &drifts {
        match (diff, console::format()) {
            (false, _) => print(drift),
            (true, Format::Text) => tell(drift),
            (true, _) => {}
        }
    }
    if drifts.is_empty() {
        return Ok(Exit::Done);
    }
    if console::format() != Format::Text {
        let reports: Vec<Report> = drifts.iter().map(Drift::report).collect();
        return Ok(findings(&reports));
    }
    tell(&format!(
        "error: {} is not as generated; run the same without --check, and commit what comes of it",
        out.display()
    ));
    Ok(Exit::Findings)
}

fn mapping(text: &str) -> Result<(String, String), String> {
    let (package, path) =
        text.split_once('=').ok_or("expected PACKAGE=PATH, like shop.stock.v1=::stock::shop::stock::v1")?;
    Ok((package.to_owned(), path.to_owned()))
}

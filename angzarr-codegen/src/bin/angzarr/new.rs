//! `angzarr new`.

use std::path::{Path, PathBuf};

use angzarr_codegen::output;
use angzarr_codegen::scaffold::{self, BadName, Origin, ProjectName};
use clap::{Args, ValueEnum};

use crate::console::{Exit, findings, output_error, print, tell, usage};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    /// A service for `angzarr-sidecar`, with a command line and tests.
    Python,
    /// A crate with a library, a command line and tests.
    Rust,
}

#[derive(Args, Debug)]
pub(crate) struct New {
    /// Name of the project, and of the package of its protos.
    #[arg(value_parser = name)]
    name: ProjectName,
    /// What it is written in.
    #[arg(long)]
    lang: Language,
    /// Directory to write to. Without it, one of the project's name. Files that are there are left alone.
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// Where Angzarr's crates come from: a version, the path of a checkout, or the URL of a git repository. Without it,
    /// the checkout that this command was built from, if that is still there, else this command's version. Of Rust only.
    #[arg(long, value_name = "VERSION|PATH|URL", value_parser = origin)]
    angzarr: Option<Origin>,
}

pub(crate) fn run(arguments: &New) -> Exit {
    let origin = arguments.angzarr.clone().unwrap_or_else(Origin::of_this_build);
    let (files, next) = match arguments.lang {
        Language::Python if arguments.angzarr.is_some() => return usage(&"--angzarr is about Rust's crates"),
        Language::Python => (scaffold::python(&arguments.name), "make test"),
        Language::Rust => (scaffold::rust(&arguments.name, &origin), "cargo test"),
    };
    let files = match files {
        Ok(files) => files,
        Err(reports) => return findings(&reports),
    };
    let directory = arguments.path.clone().unwrap_or_else(|| PathBuf::from(arguments.name.to_string()));
    let done = match output::create(&directory, &files) {
        Ok(done) => done,
        Err(error) => return output_error(&error),
    };
    for name in &done.created {
        print(&format!("created: {}", directory.join(name).display()));
    }
    for name in &done.kept {
        print(&format!("kept: {}", directory.join(name).display()));
    }
    if arguments.angzarr.is_none() && done.created.iter().any(|name| name == "Cargo.toml") {
        tell(&format!("its Cargo.toml takes Angzarr's crates from {origin}; --angzarr names another place"));
    }
    tell(&format!("next: cd {} && {next}", for_shell(&directory)));
    Exit::Done
}

/// A path as one word of a shell, and none that could be a flag.
fn for_shell(path: &Path) -> String {
    let text = path.display().to_string();
    let text = if text.starts_with('-') { format!("./{text}") } else { text };
    let plain = |c: char| c.is_alphanumeric() || "-_./+:@,".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn name(text: &str) -> Result<ProjectName, BadName> {
    text.parse()
}

/// A version begins with a digit, and a URL has a scheme; anything else is a path.
fn origin(text: &str) -> Result<Origin, String> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(Origin::Version(text.to_owned()));
    }
    if text.contains("://") {
        return Ok(Origin::Git(text.to_owned()));
    }
    // The project may lie anywhere, so a path from here would not do.
    let path = std::path::absolute(text).map_err(|error| error.to_string())?;
    if !scaffold::is_checkout(&path) {
        return Err("there is no checkout of Angzarr".to_owned());
    }
    Ok(Origin::Path(path))
}

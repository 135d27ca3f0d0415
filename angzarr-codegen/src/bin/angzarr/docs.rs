//! `angzarr docs`.

use std::path::{Path, PathBuf};

use angzarr_codegen::pictures::document::Document;
use angzarr_codegen::{output, pictures};
use clap::Args;

use crate::console::{Exit, findings, output_error};
use crate::input::Input;
use crate::save;

#[derive(Args, Debug)]
pub(crate) struct Docs {
    #[command(flatten)]
    input: Input,
    /// File to write to, if the name ends in `.md`; otherwise directory, with a file a domain. Without it, or with
    /// `-`, standard output.
    #[arg(long, value_name = "FILE|DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(Docs { input, out }: &Docs) -> Exit {
    let document = match input.understand() {
        Ok(work) => Document::of(&work.understood),
        Err(exit) => return exit,
    };
    let one_file =
        |path: &Path| save::is_standard_output(path) || path.extension().is_some_and(|extension| extension == "md");
    match out.as_deref() {
        Some(directory) if !one_file(directory) => folder(&document, directory),
        file => match pictures::catalogue(&document) {
            Ok(text) => save::text(&text, save::MARKUP, file),
            Err(reports) => findings(&reports),
        },
    }
}

fn folder(document: &Document, directory: &Path) -> Exit {
    let files = match pictures::catalogue_files(document) {
        Ok(files) => files,
        Err(reports) => return findings(&reports),
    };
    match output::write(directory, &files) {
        Ok(summary) => save::done(&summary),
        Err(error) => output_error(&error),
    }
}

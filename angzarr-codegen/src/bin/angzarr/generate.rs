//! `angzarr gen`.

use std::path::PathBuf;

use angzarr_codegen::{Request, output};
use clap::{Args, Subcommand};

use crate::console::{Exit, findings, print, unusable};
use crate::input::Input;

#[derive(Debug, Subcommand)]
pub(crate) enum Language {
    /// Messages with derives, and a definition for each component; for the crate angzarr-runtime.
    Rust(Generate),
}

#[derive(Args, Debug)]
pub(crate) struct Generate {
    #[command(flatten)]
    input: Input,
    /// Directory to write to; created if needed.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Rust module, as absolute path, of a package that is not generated here. May be repeated.
    #[arg(long = "extern", value_name = "PACKAGE=PATH", value_parser = mapping)]
    extern_paths: Vec<(String, String)>,
}

pub(crate) fn run(language: Language) -> Exit {
    let Language::Rust(Generate { input, out, extern_paths }) = language;
    let request = Request { extern_paths: extern_paths.into_iter().collect(), ..input.request() };
    let generated = match angzarr_codegen::generate(&request) {
        Ok(generated) => generated,
        Err(reports) => return findings(&reports),
    };
    findings(&generated.warnings);
    match output::write(&out, &generated.files) {
        Ok(summary) => {
            print(&format!("{} written, {} unchanged", summary.written, summary.unchanged));
            Exit::Done
        }
        Err(error) => unusable(&error),
    }
}

fn mapping(text: &str) -> Result<(String, String), String> {
    let (package, path) =
        text.split_once('=').ok_or("expected PACKAGE=PATH, like shop.stock.v1=::stock::shop::stock::v1")?;
    Ok((package.to_owned(), path.to_owned()))
}

//! `angzarr graph`.

use std::path::PathBuf;

use angzarr_codegen::pictures::document::Document;
use angzarr_codegen::{Report, pictures};
use clap::{Args, ValueEnum};

use crate::console::{Exit, findings};
use crate::input::Input;
use crate::save;

#[derive(Args, Debug)]
pub(crate) struct Draw {
    #[command(flatten)]
    input: Input,
    /// Form of the graph.
    #[arg(long, value_enum, default_value_t = Format::Mermaid)]
    format: Format,
    /// File to write to; without it, standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For Markdown.
    Mermaid,
    /// For Graphviz.
    Dot,
    /// A picture.
    Svg,
    /// A page to click through, in one file.
    Html,
}

pub(crate) fn run(Draw { input, format, out }: Draw) -> Exit {
    match draw(input, format) {
        Ok(text) => save::text(&text, out.as_deref()),
        Err(reports) => findings(&reports),
    }
}

fn draw(input: Input, format: Format) -> Result<String, Vec<Report>> {
    let document = Document::of(&angzarr_codegen::understand(&input.request())?);
    match format {
        Format::Mermaid => pictures::mermaid(&document),
        Format::Dot => pictures::dot(&document),
        Format::Svg => pictures::svg(&document),
        Format::Html => pictures::html(&document),
    }
}

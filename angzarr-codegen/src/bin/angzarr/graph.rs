//! `angzarr graph`.

use std::path::PathBuf;

use angzarr_codegen::output::Comment;
use angzarr_codegen::pictures;
use angzarr_codegen::pictures::document::Document;
use clap::{Args, ValueEnum};

use crate::console::{Exit, findings};
use crate::input::Input;
use crate::save;

#[derive(Args, Debug)]
pub(crate) struct Draw {
    #[command(flatten)]
    input: Input,
    /// Form of the graph.
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t = Form::Mermaid)]
    form: Form,
    /// File to write to. Without it, or with `-`, standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// For Markdown.
    Mermaid,
    /// For Graphviz.
    Dot,
    /// A picture.
    Svg,
    /// A page to click through, in one file.
    Html,
}

impl Form {
    fn comment(self) -> Comment {
        match self {
            Form::Mermaid => ("%% ", ""),
            Form::Dot => ("// ", ""),
            Form::Svg | Form::Html => save::MARKUP,
        }
    }
}

pub(crate) fn run(Draw { input, form, out }: &Draw) -> Exit {
    let document = match input.understand() {
        Ok(work) => Document::of(&work.understood),
        Err(exit) => return exit,
    };
    let drawn = match form {
        Form::Mermaid => pictures::mermaid(&document),
        Form::Dot => pictures::dot(&document),
        Form::Svg => pictures::svg(&document),
        Form::Html => pictures::html(&document),
    };
    match drawn {
        Ok(text) => save::text(&text, form.comment(), out.as_deref()),
        Err(reports) => findings(&reports),
    }
}

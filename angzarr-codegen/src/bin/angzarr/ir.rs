//! `angzarr ir`.

use angzarr_codegen::pictures;
use angzarr_codegen::pictures::document::Document;
use clap::Args;

use crate::console::{Exit, findings, print};
use crate::input::Input;

#[derive(Args, Debug)]
pub(crate) struct Ir {
    #[command(flatten)]
    input: Input,
    /// Print the schema of the output instead; takes no files.
    #[arg(long, exclusive = true)]
    schema: bool,
}

pub(crate) fn run(Ir { input, schema }: &Ir) -> Exit {
    let text = if *schema {
        pictures::schema()
    } else {
        match input.understand() {
            Ok(work) => pictures::json(&Document::of(&work.understood)),
            Err(exit) => return exit,
        }
    };
    match text {
        Ok(text) => {
            print(&text);
            Exit::Done
        }
        Err(reports) => findings(&reports),
    }
}

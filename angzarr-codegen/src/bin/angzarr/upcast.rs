//! `angzarr upcast`.

use std::path::{Path, PathBuf};

use angzarr_codegen::evolution::upcast::{self, Skeleton};
use angzarr_codegen::{Request, output};
use clap::Args;

use crate::console::{Exit, output_error, print, unusable, usage};
use crate::input::{Input, Work};

#[derive(Args, Debug)]
pub(crate) struct Upcast {
    /// Event that gets a new version: its full name, or the last part of it.
    #[arg(value_name = "EVENT")]
    event: String,
    #[command(flatten)]
    input: Input,
    /// Insert everything into the proto files instead of printing it.
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(Upcast { event, input, write }: &Upcast) -> Exit {
    let Work { request, understood, .. } = match input.understand() {
        Ok(work) => work,
        Err(exit) => return exit,
    };
    let skeleton = match upcast::skeleton(&understood, event) {
        Ok(skeleton) => skeleton,
        Err(error) => return usage(&error),
    };
    if !*write {
        show(&skeleton);
        return Exit::Done;
    }
    let files = match skeleton.files(&understood) {
        Ok(files) => files,
        Err(error) => return unusable(&error),
    };
    for file in files {
        let path = on_disk(&request, &file.name);
        if let Err(error) = output::save(&path, &file.text) {
            return output_error(&error);
        }
        print(&format!("{} now has its part of `{}`", path.display(), skeleton.new));
    }
    skeleton.next.iter().enumerate().for_each(|(at, step)| print(&format!("{}. {step}", at + 1)));
    Exit::Done
}

/// As proto text with comments, so that it can be copied as it is.
fn show(skeleton: &Skeleton) {
    for part in &skeleton.parts {
        print(&format!("// {}, {}:\n{}\n", part.file, part.place, part.text));
    }
    print(&"// --write inserts that. What to do next:");
    skeleton.next.iter().enumerate().for_each(|(at, step)| print(&format!("// {}. {step}", at + 1)));
}

/// Where a file that was read lies: in the first directory that has it, as for imports.
fn on_disk(request: &Request, name: &str) -> PathBuf {
    let found = request.includes.iter().map(|include| include.join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| Path::new(name).to_owned())
}

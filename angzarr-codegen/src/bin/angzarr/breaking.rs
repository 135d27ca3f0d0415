//! `angzarr breaking`.

use std::path::PathBuf;

use angzarr_codegen::evolution;
use angzarr_codegen::evolution::past::{self, PastError};
use clap::Args;

use crate::console::{Exit, findings, print, unusable};
use crate::input::Input;

#[derive(Args, Debug)]
pub(crate) struct Breaking {
    #[command(flatten)]
    input: Input,
    /// Lock file to compare with. Without any of these flags: `lock` of the project file, or else angzarr.lock, beside
    /// the project file or in the current directory.
    #[arg(long, value_name = "FILE")]
    against_lock: Option<PathBuf>,
    /// Commit, branch or tag to compare with instead: the protos as they were then.
    #[arg(long, value_name = "REF", conflicts_with = "against_lock")]
    against_git: Option<String>,
    /// Descriptor set to compare with instead, as `protoc --include_imports --descriptor_set_out` or `buf build`
    /// writes it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["against_lock", "against_git"])]
    against_descriptor_set: Option<PathBuf>,
}

pub(crate) fn run(Breaking { input, against_lock, against_git, against_descriptor_set }: &Breaking) -> Exit {
    let work = match input.understand() {
        Ok(work) => work,
        Err(exit) => return exit,
    };
    let before = match (against_git, against_descriptor_set) {
        (Some(reference), _) => past::git(reference, &work.request),
        (None, Some(set)) => past::descriptor_set(set, &work.request),
        (None, None) => past::lock(&work.lock_file(against_lock.as_deref())),
    };
    let before = match before {
        Ok(before) => before,
        Err(PastError::Findings(reports)) => {
            findings(&reports);
            return unusable(&"the protos to compare with cannot be understood");
        }
        Err(error) => return unusable(&error),
    };
    let broken = evolution::breaking(&before, &work.understood);
    let exit = findings(&broken);
    if exit == Exit::Done {
        print(&"nothing that is stored breaks");
    }
    exit
}

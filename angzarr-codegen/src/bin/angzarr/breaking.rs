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
    /// Compare with this lock file.
    #[arg(long, value_name = "FILE", default_value = "angzarr.lock")]
    against_lock: PathBuf,
    /// Compare with the protos as of a commit, branch or tag instead.
    #[arg(long, value_name = "REF", conflicts_with = "against_lock")]
    against_git: Option<String>,
    /// Compare with a descriptor set instead, as `protoc --include_imports --descriptor_set_out` writes it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["against_lock", "against_git"])]
    against_descriptor_set: Option<PathBuf>,
}

pub(crate) fn run(Breaking { input, against_lock, against_git, against_descriptor_set }: &Breaking) -> Exit {
    let (request, understood) = match input.understand() {
        Ok(understood) => understood,
        Err(exit) => return exit,
    };
    let before = match (against_git, against_descriptor_set) {
        (Some(reference), _) => past::git(reference, &request),
        (None, Some(set)) => past::descriptor_set(set, &request),
        (None, None) => past::lock(against_lock),
    };
    let before = match before {
        Ok(before) => before,
        Err(PastError::Findings(reports)) => {
            findings(&reports);
            return unusable(&"the protos to compare with cannot be understood");
        }
        Err(error) => return unusable(&error),
    };
    let broken = evolution::breaking(&before, &understood);
    let exit = findings(&broken);
    if exit == Exit::Done {
        print(&"nothing that is stored breaks");
    }
    exit
}

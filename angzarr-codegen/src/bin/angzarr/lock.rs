//! `angzarr lock`.

use std::path::{Path, PathBuf};

use angzarr_codegen::evolution::lock::Lock;
use angzarr_codegen::evolution::past::{self, PastError};
use angzarr_codegen::model::codes;
use angzarr_codegen::{Place, Report, evolution, output};
use clap::Args;

use crate::console::{self, Exit, Format, findings, output_error, print, unusable};
use crate::input::Input;

#[derive(Args, Debug)]
pub(crate) struct Write {
    #[command(flatten)]
    input: Input,
    /// Lock file. Without it: `lock` of the project file, or else angzarr.lock, beside the project file or in the
    /// current directory.
    #[arg(long, value_name = "FILE")]
    lock: Option<PathBuf>,
    /// Write nothing; list what is new or different, and end with 1 if anything is.
    #[arg(long)]
    check: bool,
    /// Write it in spite of breaking changes: for what was never stored, or is stored nowhere any more.
    #[arg(long, conflicts_with = "check")]
    force: bool,
}

pub(crate) fn run(Write { input, lock, check, force }: &Write) -> Exit {
    let work = match input.understand() {
        Ok(work) => work,
        Err(exit) => return exit,
    };
    let path = work.lock_file(lock.as_deref());
    let before = match past::lock(&path) {
        Ok(lock) => Some(lock),
        Err(PastError::NoLock(_)) => None,
        Err(error) => return unusable(&error),
    };
    let mut now = Lock::of(&work.understood.model);
    if let Some(before) = &before {
        let broken = evolution::breaking(before, &work.understood);
        if !*force {
            let exit = findings(&broken);
            if exit != Exit::Done {
                return exit;
            }
        }
        now.remember(before);
    }
    let name = path.display();
    let text = now.to_string();
    // One that was merged by hand may say the same in another order.
    let written = || std::fs::read_to_string(&path).is_ok_and(|found| found == text);
    if before.as_ref() == Some(&now) && (*check || written()) {
        print(&format!("{name} is up to date"));
        return Exit::Done;
    }
    if *check {
        return out_of_date(&path, before.as_ref(), &now);
    }
    match output::save(&path, &text) {
        Ok(()) => {
            let (stored, domains) = (now.stored.len(), now.domains.len());
            print(&format!("{name}: {} in {}", counted(stored, "stored message"), counted(domains, "domain")));
            Exit::Done
        }
        Err(error) => output_error(&error),
    }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// For people a list; for programs and workflows a finding besides.
fn out_of_date(path: &Path, before: Option<&Lock>, now: &Lock) -> Exit {
    let name = path.display().to_string();
    let differences = before.map(|before| now.differences(before)).unwrap_or_default();
    differences.iter().for_each(|difference| print(difference));
    let what = if before.is_some() { format!("{name} is not up to date") } else { format!("there is no {name}") };
    print(&format!("{what}; `angzarr lock` writes it"));
    if console::format() == Format::Text {
        return Exit::Findings;
    }
    let list = if differences.is_empty() { String::new() } else { format!(": {}", differences.join(", ")) };
    let report = Report::of(codes::NOT_AS_GENERATED, format!("{what}{list}"));
    findings(&[report.help("run `angzarr lock`, and commit what comes of it").at(Place::file(&name))])
}

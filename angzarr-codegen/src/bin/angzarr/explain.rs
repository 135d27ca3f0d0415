//! `angzarr explain`.

use angzarr_codegen::explain;
use angzarr_codegen::model::names::nearest;
use clap::Args;

use crate::console::{Exit, print, usage};

#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// Code of a finding, like AZ0301. Without it, all codes are listed.
    code: Option<String>,
}

pub(crate) fn run(Explain { code }: &Explain) -> Exit {
    let Some(code) = code else {
        for one in explain::all() {
            print(&format!("{}  {:<7}  {}", one.code.id, one.code.severity.to_string(), one.title()));
        }
        return Exit::Done;
    };
    if let Some(found) = explain::explain(code) {
        print(&found.page.trim_end());
        return Exit::Done;
    }
    let known: Vec<&str> = explain::all().map(|one| one.code.id).collect();
    let meant = nearest(code, known).map(|id| format!("did you mean {id}?"));
    usage(&format!("there is no code {code}; {}", meant.as_deref().unwrap_or("`angzarr explain` lists all")))
}

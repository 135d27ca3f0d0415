//! `--watch`: does something again whenever what it read may have changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

use crate::console::{Exit, tell, unusable};
use crate::input::Input;

/// Editors write a file in several steps, and tools several files: silence of this length ends a change.
const QUIET: Duration = Duration::from_millis(100);

type Events = Receiver<notify::Result<Event>>;

/// Runs `work` now and after every change, whatever comes of it; ends only if nothing can be watched.
pub(crate) fn run(input: &Input, work: impl Fn() -> Exit) -> Exit {
    let (sender, events) = channel();
    // Whoever receives is there as long as the watcher is.
    let watcher = notify::recommended_watcher(move |event| drop(sender.send(event)));
    let watched = watcher.and_then(|mut watcher| {
        let mut folders = BTreeSet::new();
        loop {
            // First, so that a change during the work is not missed.
            watch_all(&mut watcher, input, &mut folders)?;
            if work() == Exit::Usage {
                return Ok(Exit::Usage);
            }
            tell(&"watching for changes; Ctrl-C ends");
            if !changed(&events, input)? {
                return Ok(Exit::Done);
            }
        }
    });
    watched.unwrap_or_else(|error| unusable(&format!("cannot watch: {error}")))
}

/// Watches what a run reads and is not watched yet. A project file with mistakes is watched all the same.
fn watch_all(
    watcher: &mut RecommendedWatcher,
    input: &Input,
    watched: &mut BTreeSet<(PathBuf, bool)>,
) -> notify::Result<()> {
    let single = input.project_file().into_iter().chain(input.descriptor_set().cloned());
    let mut wanted: BTreeSet<_> = single.map(|file| (folder(&file), false)).collect();
    wanted.extend(input.directories().into_iter().map(|directory| (directory, true)));
    for folder in wanted.difference(watched) {
        let mode = if folder.1 { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
        watcher.watch(&folder.0, mode).map_err(|error| error.add_path(folder.0.clone()))?;
    }
    watched.extend(wanted);
    Ok(())
}

fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Waits for a change, and for the quiet after it; false if there will be none.
fn changed(events: &Events, input: &Input) -> notify::Result<bool> {
    let single: Vec<PathBuf> = input.project_file().into_iter().chain(input.descriptor_set().cloned()).collect();
    loop {
        let Ok(event) = events.recv() else { return Ok(false) };
        if concerns(&event?, &single) {
            break;
        }
    }
    loop {
        match events.recv_timeout(QUIET) {
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => return Ok(true),
            Err(RecvTimeoutError::Disconnected) => return Ok(false),
        }
    }
}

/// Reading is no change, and generated files are no input.
fn concerns(event: &Event, single: &[PathBuf]) -> bool {
    let concerns = |path: &PathBuf| {
        let proto = path.extension().is_none_or(|extension| extension == "proto");
        proto || single.iter().any(|file| file.file_name() == path.file_name())
    };
    !event.kind.is_access() && event.paths.iter().any(concerns)
}

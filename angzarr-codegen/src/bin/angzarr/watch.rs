//! `--watch`: does something again whenever what it read may have changed.

use std::path::{Path, PathBuf, absolute};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use notify::{ErrorKind, Event, RecommendedWatcher, RecursiveMode, Watcher};

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
        loop {
            let read = Read::by(input);
            // First, so that a change during the work is not missed; each time, since what was watched may be gone, and
            // something else in its place.
            read.watch(&mut watcher)?;
            if work() == Exit::Usage {
                return Ok(Exit::Usage);
            }
            tell(&"watching for changes; Ctrl-C ends");
            if !changed(&events, &read)? {
                return Ok(Exit::Done);
            }
        }
    });
    watched.unwrap_or_else(|error| unusable(&format!("cannot watch: {error}")))
}

/// What a run reads, by whole paths: those are what changes are told of. Of a project file with mistakes only the file
/// itself is known.
struct Read {
    files: Vec<PathBuf>,
    /// Those in which protos lie, at any depth.
    directories: Vec<PathBuf>,
}

impl Read {
    fn by(input: &Input) -> Self {
        let whole = |path: PathBuf| path.canonicalize().or_else(|_| absolute(&path)).unwrap_or(path);
        let files = input.project_file().into_iter().chain(input.descriptor_set().cloned());
        Read { files: files.map(whole).collect(), directories: input.directories().into_iter().map(whole).collect() }
    }

    /// Watches all of it, and what is around it: a directory that is not there may come, and another take its place.
    fn watch(&self, watcher: &mut RecommendedWatcher) -> notify::Result<()> {
        for file in &self.files {
            watch(watcher, around(file), RecursiveMode::NonRecursive)?;
        }
        for directory in &self.directories {
            let watched = watch(watcher, around(directory), RecursiveMode::NonRecursive);
            // Not everybody may look at what is around his own.
            if !directory.is_dir() {
                watched?;
            }
        }
        // Last, since the last mode of a folder counts.
        for directory in &self.directories {
            watch(watcher, directory, RecursiveMode::Recursive)?;
        }
        Ok(())
    }

    /// Reading is no change, and generated files are no input.
    fn concerns(&self, event: &Event) -> bool {
        // Too much happened at once: nobody knows what.
        event.need_rescan() || (!event.kind.is_access() && event.paths.iter().any(|path| self.holds(path)))
    }

    fn holds(&self, path: &Path) -> bool {
        let proto = path.extension().is_some_and(|extension| extension == "proto");
        // A folder brings protos, or takes them with it.
        let folder = path.is_dir() || (path.extension().is_none() && !path.exists());
        let in_directory =
            |directory: &PathBuf| directory.starts_with(path) || (path.starts_with(directory) && (proto || folder));
        self.files.iter().any(|file| file == path) || self.directories.iter().any(in_directory)
    }
}

/// What goes meanwhile is noticed by what is around it.
fn watch(watcher: &mut RecommendedWatcher, path: &Path, mode: RecursiveMode) -> notify::Result<()> {
    match watcher.watch(path, mode) {
        Err(error) if matches!(error.kind, ErrorKind::PathNotFound) => Ok(()),
        watched => watched.map_err(|error| error.add_path(path.to_path_buf())),
    }
}

/// The nearest folder above a path that is there.
fn around(path: &Path) -> &Path {
    path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("."))
}

/// Waits for a change, and for the quiet after it; false if there will be none.
fn changed(events: &Events, read: &Read) -> notify::Result<bool> {
    loop {
        let Ok(event) = events.recv() else { return Ok(false) };
        if read.concerns(&event?) {
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

//! One process: how it is started, watched and ended.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use angzarr_codegen::standalone::Endpoint;
use rustix::process::{Pid, Signal, kill_process_group};

use super::output::Prefix;

/// How often it is looked whether somebody listens.
const LOOK: Duration = Duration::from_millis(20);

/// What is to run.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// What it is called in the output.
    pub(super) name: String,
    /// The program, and its arguments.
    pub(super) words: Vec<OsString>,
    /// Where it runs.
    pub(super) folder: PathBuf,
    /// Variables beside those of this process.
    pub(super) environment: BTreeMap<String, String>,
    /// Where it listens once it is ready.
    pub(super) endpoint: Endpoint,
    /// What a socket's path is relative to.
    pub(super) looked_for_from: PathBuf,
    /// Who has to be ready before it is started.
    pub(super) needs: Option<usize>,
}

/// What happens.
#[derive(Debug)]
pub(super) enum Event {
    /// Somebody listens where the process of this start is to.
    Ready { who: usize, start: u64 },
    /// The process of this start has ended.
    Ended { who: usize, start: u64, status: io::Result<ExitStatus> },
    /// A signal asks to end.
    Asked,
}

/// A process that runs. Signals go to all that it has started, too.
#[derive(Debug)]
pub(super) struct Running {
    group: Option<Pid>,
    ended: Arc<AtomicBool>,
}

impl Running {
    /// Starts a program; what becomes of it, `events` tells.
    pub(super) fn start(
        program: &Program,
        who: usize,
        start: u64,
        prefix: &Prefix,
        events: &Sender<Event>,
    ) -> io::Result<Self> {
        let [name, arguments @ ..] = program.words.as_slice() else { return Err(io::ErrorKind::InvalidInput.into()) };
        let mut command = Command::new(name);
        command.args(arguments).current_dir(&program.folder).envs(&program.environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C at a terminal reaches everybody in its group; these are to end in order.
        let mut child = command.process_group(0).spawn()?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(out) = child.stdout.take() {
            prefix.copy(out);
        }
        if let Some(err) = child.stderr.take() {
            prefix.copy(err);
        }
        let ended = Arc::new(AtomicBool::new(false));
        let (over, tell) = (ended.clone(), events.clone());
        thread::spawn(move || {
            let status = child.wait();
            over.store(true, Ordering::Release);
            // Nobody listens once everything is over.
            let _ = tell.send(Event::Ended { who, start, status });
        });
        let (over, tell) = (ended.clone(), events.clone());
        let (endpoint, folder) = (program.endpoint.clone(), program.looked_for_from.clone());
        thread::spawn(move || {
            while !over.load(Ordering::Acquire) {
                if endpoint.accepts(&folder) {
                    let _ = tell.send(Event::Ready { who, start });
                    return;
                }
                thread::sleep(LOOK);
            }
        });
        Ok(Self { group, ended })
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = self.group.filter(|_| !self.ended.load(Ordering::Acquire)) {
            // It may have ended just now.
            let _ = kill_process_group(group, signal);
        }
    }
}

/// How a process ended, in words.
pub(super) fn told(status: &io::Result<ExitStatus>) -> String {
    match status {
        Err(error) => format!("cannot be watched: {error}"),
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("ended with {code}"),
            (None, Some(signal)) => format!("was ended by signal {signal}"),
            (None, None) => "ended".to_owned(),
        },
    }
}

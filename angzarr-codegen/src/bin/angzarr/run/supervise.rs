//! Starts everything in order, starts again what dies, and ends it in order.

use std::io;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::hosted::{Event, Program, Running, told};
use super::output::Prefix;
use crate::console::{Exit, tell};

/// Before something is started again; each pause is twice the one before, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What has run for so long was started well.
const STEADY: Duration = Duration::from_secs(10);

/// How often it is said who is still not ready.
const REMIND: Duration = Duration::from_secs(10);

/// How long a service may take to end; sidecars know by themselves when to.
const PATIENCE: Duration = Duration::from_secs(10);

/// Of a sidecar: wrong usage, and a wrong configuration. It would say the same again.
const HOPELESS: [i32; 2] = [2, 3];

/// One of those that are run.
struct One {
    program: Program,
    prefix: Prefix,
    running: Option<Running>,
    /// Counts its starts, so that what comes late is not taken for news.
    start: u64,
    started: Instant,
    ready: bool,
    /// How often it has ended in a row.
    ends: u32,
    /// When to start it again.
    due: Option<Instant>,
}

impl One {
    fn is_sidecar(&self) -> bool {
        self.program.needs.is_some()
    }
}

struct Supervisor {
    all: Vec<One>,
    events: Receiver<Event>,
    sender: Sender<Event>,
    announced: bool,
    /// How often in a row something is started again that ends before it has run for [`STEADY`].
    restarts: u32,
}

/// Why it stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Asked,
    GaveUp,
}

/// Runs until a signal comes, or something does not run whatever is done.
pub(super) fn run(programs: Vec<Program>, restarts: u32) -> io::Result<Exit> {
    let (sender, events) = channel();
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let asking = sender.clone();
    thread::spawn(move || {
        for _ in signals.forever() {
            if asking.send(Event::Asked).is_err() {
                return;
            }
        }
    });
    let width = programs.iter().map(|program| program.name.len()).max().unwrap_or_default();
    let one = |(index, program): (usize, Program)| One {
        prefix: Prefix::new(&program.name, index, width),
        program,
        running: None,
        start: 0,
        started: Instant::now(),
        ready: false,
        ends: 0,
        due: None,
    };
    let all = programs.into_iter().enumerate().map(one).collect();
    let mut supervisor = Supervisor { all, events, sender, announced: false, restarts };
    let why = supervisor.supervise();
    let well = supervisor.stop();
    Ok(if why == Why::Asked && well { Exit::Done } else { Exit::Findings })
}

impl Supervisor {
    fn supervise(&mut self) -> Why {
        for who in 0..self.all.len() {
            if !self.all[who].is_sidecar() && !self.start(who) {
                return Why::GaveUp;
            }
        }
        let mut remind = Instant::now() + REMIND;
        loop {
            let due = self.all.iter().filter_map(|one| one.due).min();
            let until = due.unwrap_or(remind).min(remind);
            match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Event::Asked) => {
                    tell(&"asked to end");
                    return Why::Asked;
                }
                Ok(Event::Ready { who, start }) if start == self.all[who].start => {
                    if !self.ready(who) {
                        return Why::GaveUp;
                    }
                }
                Ok(Event::Ended { who, start, status }) if start == self.all[who].start => {
                    if !self.ended(who, &status) {
                        return Why::GaveUp;
                    }
                }
                // Of a process that has ended before.
                Ok(Event::Ready { .. } | Event::Ended { .. }) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    if Instant::now() >= remind {
                        self.remind();
                        remind = Instant::now() + REMIND;
                    }
                    if !self.start_due() {
                        return Why::GaveUp;
                    }
                }
            }
        }
    }

    /// Starts one of them; false if that cannot be done.
    fn start(&mut self, who: usize) -> bool {
        let one = &mut self.all[who];
        one.start += 1;
        (one.started, one.due, one.ready) = (Instant::now(), None, false);
        match Running::start(&one.program, who, one.start, &one.prefix, &self.sender) {
            Ok(running) => {
                one.running = Some(running);
                true
            }
            Err(error) => {
                tell(&format!("{} cannot be started: {error}", one.program.name));
                false
            }
        }
    }

    fn start_due(&mut self) -> bool {
        let now = Instant::now();
        (0..self.all.len()).all(|who| self.all[who].due.is_none_or(|due| due > now) || self.start(who))
    }

    /// Somebody listens: whoever needs that is started, unless it runs already.
    fn ready(&mut self, who: usize) -> bool {
        self.all[who].ready = true;
        let waits = |one: &One| one.program.needs == Some(who) && one.start == 0;
        let waiting: Vec<usize> = (0..self.all.len()).filter(|other| waits(&self.all[*other])).collect();
        if !waiting.into_iter().all(|other| self.start(other)) {
            return false;
        }
        if !self.announced && self.all.iter().all(|one| one.ready) {
            self.announced = true;
            for one in self.all.iter().filter(|one| one.is_sidecar()) {
                tell(&format!("{} serves at {}", one.program.name, one.program.endpoint));
            }
            tell(&"ready; Ctrl-C ends");
        }
        true
    }

    /// It is started again after a pause; false if that would not help.
    fn ended(&mut self, who: usize, status: &io::Result<ExitStatus>) -> bool {
        let one = &mut self.all[who];
        one.running = None;
        one.ready = false;
        one.ends = if one.started.elapsed() >= STEADY { 1 } else { one.ends + 1 };
        let (name, told) = (&one.program.name, told(status));
        let code = status.as_ref().ok().and_then(ExitStatus::code);
        if one.is_sidecar() && code.is_some_and(|code| HOPELESS.contains(&code)) {
            tell(&format!("{name} {told}, and would again"));
            return false;
        }
        if one.ends > self.restarts {
            tell(&format!("{name} {told}, {} times in a row: giving up", one.ends));
            return false;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << (one.ends - 1).min(16)).min(LONGEST_PAUSE);
        tell(&format!("{name} {told}; it is started again in {pause:?}"));
        one.due = Some(Instant::now() + pause);
        true
    }

    fn remind(&self) {
        let missing = self.all.iter().filter(|one| one.running.is_some() && !one.ready);
        for One { program, .. } in missing {
            tell(&format!("still waiting for {} to listen at {}", program.name, program.endpoint));
        }
    }

    /// Ends the sidecars, which need their services for that, and then these; tells whether all ended as they should.
    fn stop(&mut self) -> bool {
        let mut well = true;
        for sidecars in [true, false] {
            let those: Vec<usize> = (0..self.all.len()).filter(|who| self.all[*who].is_sidecar() == sidecars).collect();
            self.signal(&those, Signal::TERM);
            let mut patience = (!sidecars).then(|| Instant::now() + PATIENCE);
            while those.iter().any(|who| self.all[*who].running.is_some()) {
                let left = patience.map_or(REMIND, |until| until.saturating_duration_since(Instant::now()));
                match self.events.recv_timeout(left) {
                    Ok(Event::Ended { who, status, .. }) => {
                        self.all[who].running = None;
                        // A service may end by the signal itself.
                        let as_it_should =
                            !self.all[who].is_sidecar() || status.as_ref().is_ok_and(ExitStatus::success);
                        if !as_it_should {
                            tell(&format!("{} {}", self.all[who].program.name, told(&status)));
                        }
                        well &= as_it_should;
                    }
                    Ok(Event::Asked) => {
                        tell(&"asked to end again: ending everything at once");
                        well = false;
                        self.signal(&(0..self.all.len()).collect::<Vec<_>>(), Signal::KILL);
                    }
                    Ok(Event::Ready { .. }) => {}
                    Err(_) if patience.is_some_and(|until| Instant::now() >= until) => {
                        tell(&"services that did not end are killed");
                        well = false;
                        self.signal(&those, Signal::KILL);
                        patience = None;
                    }
                    Err(_) => {}
                }
            }
        }
        well
    }

    fn signal(&self, those: &[usize], signal: Signal) {
        those.iter().filter_map(|who| self.all[*who].running.as_ref()).for_each(|running| running.signal(signal));
    }
}

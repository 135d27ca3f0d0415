//! Processes of the shop, and who sends customers to them.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use angzarr_servers::Postgres;

use super::plan::{self, Act, Order, Step};

/// Within which something more must be done, whatever was done to the processes.
const PATIENCE: Duration = Duration::from_secs(90);

/// Customers who are there at once.
const CUSTOMERS: usize = 18;

/// Processes that run the shop on one log.
pub(super) struct Street {
    storage: String,
    /// The till's folder.
    mended: PathBuf,
    seed: u64,
    shops: Vec<Shop>,
    lines: Receiver<(u64, Option<String>)>,
    sender: Sender<(u64, Option<String>)>,
    started: u64,
    /// What is to be given to a process: it is new, or the process that had it is gone.
    waiting: VecDeque<Errand>,
    /// What some process has, and how many have it.
    under_way: BTreeMap<String, Errand>,
    orders: Vec<Order>,
    /// Those that were acknowledged.
    placed: HashSet<String>,
    /// Those whose payments have left their park.
    cleared: HashSet<String>,
    /// Counts what was done.
    progress: usize,
    /// Whether new customers come.
    open: bool,
}

#[derive(Clone, Debug)]
struct Errand {
    id: String,
    line: String,
    twice: bool,
}

struct Shop {
    number: u64,
    child: Child,
    input: Option<ChildStdin>,
    is_started: bool,
    paused_until: Option<Instant>,
    has: HashSet<String>,
}

impl Drop for Shop {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Shop {
    fn start(storage: &str, mended: &Path, number: u64, sender: &Sender<(u64, Option<String>)>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_shopkeeper"))
            .arg(storage)
            .arg(mended)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let sender = sender.clone();
        std::thread::spawn(move || {
            let lines = out.lines().map_while(Result::ok).map(Some);
            // Once nobody listens, nobody has to be told.
            let _ = lines.chain([None]).try_for_each(|line| sender.send((number, line)));
        });
        let input = child.stdin.take();
        let (is_started, paused_until, has) = (false, None, HashSet::new());
        Self { number, child, input, is_started, paused_until, has }
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(kill.unwrap().success());
    }

    fn takes_errands(&self) -> bool {
        self.is_started && self.paused_until.is_none()
    }

    fn give(&mut self, errand: &Errand) {
        self.has.insert(errand.id.clone());
        // One that is gone says so by the end of its output.
        let _ = self.input.as_mut().map(|input| writeln!(input, "{}", errand.line));
    }
}

impl Street {
    pub(super) fn open(
        storage: &str,
        mended: &Path,
        seed: u64,
        processes: usize,
        deliveries: &[(&str, &str, u32)],
    ) -> Self {
        let (sender, lines) = channel();
        let delivery = |(key, sku, quantity): &(&str, &str, u32)| Errand {
            id: (*key).into(),
            line: format!("deliver {key} {sku} {quantity}"),
            twice: true,
        };
        let mut street = Self {
            storage: storage.to_owned(),
            mended: mended.to_owned(),
            seed,
            shops: Vec::new(),
            lines,
            sender,
            started: 0,
            waiting: deliveries.iter().map(delivery).collect(),
            under_way: BTreeMap::new(),
            orders: Vec::new(),
            placed: HashSet::new(),
            cleared: HashSet::new(),
            progress: 0,
            open: true,
        };
        street.shops = (0..processes).map(|_| street.start()).collect();
        street
    }

    fn start(&mut self) -> Shop {
        self.started += 1;
        Shop::start(&self.storage, &self.mended, self.started, &self.sender)
    }

    /// Waits for progress, then does it.
    pub(super) fn take(&mut self, step: Step, server: &Postgres) {
        let target = self.progress + step.progress;
        self.run_until(|street| street.progress >= target);
        let end = Instant::now() + step.delay;
        self.run_until(|_| Instant::now() >= end);
        println!("{:6} done: {:?}", self.progress, step.act);
        match step.act {
            Act::Kill { process } => self.replace(process),
            Act::Pause { process, time } => {
                self.shops[process].signal("STOP");
                self.shops[process].paused_until = Some(Instant::now() + time);
            }
            Act::Restart { crash, away } => {
                if crash { server.kill_nine() } else { server.stop() }.unwrap();
                std::thread::sleep(away);
                server.restart().unwrap();
            }
        }
    }

    /// Lets no more customers in, waits until all are through, and closes every shop in order.
    pub(super) fn close(mut self) -> (Vec<Order>, HashSet<String>) {
        self.open = false;
        self.run_until(|street| {
            let idle = street.waiting.is_empty() && street.under_way.is_empty();
            idle && street.shops.iter().all(|shop| shop.takes_errands() && shop.has.is_empty())
        });
        self.shops.iter_mut().for_each(|shop| drop(shop.input.take()));
        let end = Instant::now() + PATIENCE;
        for shop in &mut self.shops {
            let status = loop {
                match shop.child.try_wait().unwrap() {
                    Some(status) => break status,
                    None if Instant::now() > end => panic!("process {} did not end in order", shop.number),
                    None => std::thread::sleep(Duration::from_millis(20)),
                }
            };
            assert!(status.success(), "process {} ended with {status}", shop.number);
        }
        println!("{} orders whose payments have left their park", self.cleared.len());
        (std::mem::take(&mut self.orders), std::mem::take(&mut self.placed))
    }

    /// Serves customers until it is so.
    fn run_until(&mut self, is_so: impl Fn(&Self) -> bool) {
        let (mut last, mut since) = (self.progress, Instant::now());
        while !is_so(self) {
            self.wake();
            self.hand_out();
            match self.lines.recv_timeout(Duration::from_millis(10)) {
                Ok((number, Some(line))) => self.hear(number, &line),
                Ok((number, None)) => self.gone(number),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => unreachable!("we hold a sender"),
            }
            if self.progress > last {
                (last, since) = (self.progress, Instant::now());
            }
            let idle = since.elapsed();
            assert!(idle < PATIENCE, "nothing was done for {idle:?}; under way: {:?}", self.under_way.keys());
        }
    }

    fn wake(&mut self) {
        let now = Instant::now();
        for shop in self.shops.iter_mut().filter(|shop| shop.paused_until.is_some_and(|until| until <= now)) {
            shop.signal("CONT");
            shop.paused_until = None;
        }
    }

    /// Gives what waits to processes that have least to do.
    fn hand_out(&mut self) {
        while self.open && self.waiting.len() + self.under_way.len() < CUSTOMERS {
            let order = plan::order(self.seed, self.orders.len());
            let kind = if order.old { "import" } else { "order" };
            let line = format!("{kind} {} {} {}", order.id, order.sku, order.quantity);
            self.waiting.push_back(Errand { id: order.id.clone(), line, twice: order.twice });
            self.orders.push(order);
        }
        while let Some(errand) = self.waiting.front() {
            let mut takers: Vec<_> = self.shops.iter_mut().filter(|shop| shop.takes_errands()).collect();
            takers.sort_by_key(|shop| shop.has.len());
            let count = if errand.twice { 2 } else { 1 };
            if takers.is_empty() {
                return;
            }
            takers.into_iter().take(count).for_each(|shop| shop.give(errand));
            let errand = errand.clone();
            self.waiting.pop_front();
            self.under_way.insert(errand.id.clone(), errand);
        }
    }

    fn hear(&mut self, number: u64, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let shop = self.shops.iter_mut().find(|shop| shop.number == number);
        match word {
            "started" => shop.into_iter().for_each(|shop| shop.is_started = true),
            // What was said before the end counts too; a line that was cut short names no order.
            "placed" => self.progress += usize::from(self.is_known(rest) && self.placed.insert(rest.to_owned())),
            "cleared" => {
                self.cleared.insert(rest.to_owned());
            }
            "through" => {
                if let Some(shop) = shop {
                    shop.has.remove(rest);
                }
                if self.under_way.remove(rest).is_some() | self.is_waiting(rest) {
                    self.waiting.retain(|errand| errand.id != rest);
                    self.progress += 1;
                }
            }
            "broken" if shop.is_some() => panic!("process {number}: {rest}"),
            _ if shop.is_none() => {}
            _ => panic!("process {number} said {line:?}"),
        }
    }

    fn is_waiting(&self, id: &str) -> bool {
        self.waiting.iter().any(|errand| errand.id == id)
    }

    fn is_known(&self, id: &str) -> bool {
        self.under_way.contains_key(id) || self.is_waiting(id)
    }

    /// A process ended by itself, unless it was replaced before.
    fn gone(&mut self, number: u64) {
        let Some(index) = self.shops.iter().position(|shop| shop.number == number) else { return };
        let shop = &mut self.shops[index];
        let status = shop.child.wait().unwrap();
        panic!("process {number} ended by itself with {status}, started: {}", shop.is_started);
    }

    /// Kills a process and starts another one in its place; what it had is done by whoever has least to do.
    fn replace(&mut self, index: usize) {
        let new = self.start();
        let mut old = std::mem::replace(&mut self.shops[index], new);
        old.child.kill().unwrap();
        old.child.wait().unwrap();
        let elsewhere = |id: &String| self.shops.iter().any(|shop| shop.has.contains(id));
        let left: Vec<_> = old.has.iter().filter(|id| !elsewhere(id)).cloned().collect();
        for id in left {
            self.waiting.extend(self.under_way.remove(&id));
        }
    }
}

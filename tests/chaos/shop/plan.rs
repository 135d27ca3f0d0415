//! What a run does, all of it from one seed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A run with this many of each, in an order that the seed decides. Each has an environment variable of its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amounts {
    pub(super) kills: u64,
    pub(super) pauses: u64,
    pub(super) restarts: u64,
}

/// One disturbance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// It comes after so many things were done since the last one …
    pub(super) progress: usize,
    /// … and this much later.
    pub(super) delay: Duration,
    pub(super) act: Act,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// A process dies.
    Kill { process: usize },
    /// A process stands still for a while, the others go on.
    Pause { process: usize, time: Duration },
    /// The server goes down, in order or not, and comes back.
    Restart { crash: bool, away: Duration },
}

/// What a customer wants.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) sku: &'static str,
    pub(super) quantity: u32,
    /// Placed in the release before.
    pub(super) old: bool,
    /// He clicks twice, and each click reaches another process.
    pub(super) twice: bool,
}

/// Numbers that follow from a seed (splitmix64).
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap()
    }

    fn millis(&mut self, end: u64) -> Duration {
        Duration::from_millis(self.below(end))
    }
}

/// The seed of this run; `SEED` replays one.
pub(super) fn seed() -> u64 {
    number("SEED", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into())
}

impl Amounts {
    /// These, unless the environment says otherwise.
    pub(super) fn or_given(self) -> Self {
        let Self { kills, pauses, restarts } = self;
        Self { kills: number("KILLS", kills), pauses: number("PAUSES", pauses), restarts: number("RESTARTS", restarts) }
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// The disturbances of a run.
pub(super) fn steps(seed: u64, amounts: Amounts, processes: usize) -> Vec<Step> {
    let random = &mut Random(seed);
    let mut acts = Vec::new();
    for _ in 0..amounts.kills {
        acts.push(Act::Kill { process: random.index(processes) });
    }
    for pause in 0..amounts.pauses {
        // The first one is long enough for others to take over; most are not.
        let long = pause == 0 || random.below(4) == 0;
        let time = if long { Duration::from_secs(8) } else { random.millis(1_500) };
        acts.push(Act::Pause { process: random.index(processes), time });
    }
    for restart in 0..amounts.restarts {
        let crash = (restart ^ seed) & 1 == 0;
        acts.push(Act::Restart { crash, away: random.millis(1_000) });
    }
    for last in (1..acts.len()).rev() {
        acts.swap(last, random.index(last + 1));
    }
    // Often several in a row, with nothing done in between.
    let step = |act| Step { progress: random.index(24).saturating_sub(6), delay: random.millis(120), act };
    acts.into_iter().map(step).collect()
}

/// Order number `index` of a run.
pub(super) fn order(seed: u64, index: usize) -> Order {
    let random = &mut Random(seed ^ (index as u64 + 1).wrapping_mul(0xd134_2543_de82_ef95));
    // Teapots are for everybody; kettles run out; a samovar, like 16 teapots, is dearer than anybody's card allows.
    let (sku, quantity) = match random.below(10) {
        0..=3 => ("teapot", 1 + random.below(5)),
        4 => ("teapot", 16),
        5..=7 => ("kettle", 1 + random.below(4)),
        _ => ("samovar", 1 + random.below(2)),
    };
    let quantity = u32::try_from(quantity).unwrap();
    Order { id: format!("{index:05}"), sku, quantity, old: random.below(10) == 0, twice: random.below(8) == 0 }
}

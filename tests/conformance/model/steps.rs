//! What happens in a run, at random.

use angzarr_tests::{Call, StoreFault};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;

use super::reference::{ACCOUNTS, Command};

/// One step: everything in it is quiet before the next one.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// How the next calls of the first application's store go wrong.
    pub(super) faults: Vec<(Call, StoreFault)>,
    /// Made at the same time.
    pub(super) requests: Vec<Asked>,
    /// Whether the first commit has to wait until all of them are made, so that the others are decided together.
    pub(super) gathers: bool,
    pub(super) end: End,
}

/// A request, before it is known what the stream's next sequence is.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Whether it goes to the second application.
    pub(super) elsewhere: bool,
    pub(super) account: usize,
    pub(super) command: Command,
    pub(super) key: Option<u8>,
    /// How far behind the next sequence it expects the stream to be.
    pub(super) behind: Option<u32>,
}

/// What becomes of the first application.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    GoesOn,
    /// So many microseconds after the requests were made.
    IsKilled(u64),
    IsRestarted,
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..=20)
}

fn step() -> impl Strategy<Value = Step> {
    // What follows from a transfer must not mix with other requests, or nobody could tell their order.
    let requests = prop_oneof![
        3 => one_account(),
        1 => vec(asked(command()), 1..=4),
        1 => vec(asked(transfer()), 1),
    ];
    let end = prop_oneof![
        6 => Just(End::GoesOn),
        2 => (0_u64..3000).prop_map(End::IsKilled),
        1 => Just(End::IsRestarted),
    ];
    let step = |(faults, requests, gathers, end)| Step { faults, requests, gathers, end };
    (vec(fault(), 0..=2), requests, any::<bool>(), end).prop_map(step)
}

/// Requests that have to do with each other, mostly to one application.
fn one_account() -> impl Strategy<Value = Vec<Asked>> {
    let to = |(account, requests): (usize, Vec<(Asked, bool)>)| {
        let asked = |(asked, elsewhere)| Asked { account, elsewhere, ..asked };
        requests.into_iter().map(asked).collect()
    };
    (0..ACCOUNTS.len(), vec((asked(command()), prop::bool::weighted(0.1)), 2..=5)).prop_map(to)
}

fn fault() -> impl Strategy<Value = (Call, StoreFault)> {
    use Call::{Append, CommitView, Load, Read, SaveCheckpoint};
    let call = prop_oneof![4 => Just(Append), 1 => prop::sample::select(vec![Load, Read, SaveCheckpoint, CommitView])];
    (call, prop::sample::select(vec![StoreFault::FailsBefore, StoreFault::LosesAnswer]))
}

fn asked(command: impl Strategy<Value = Command>) -> impl Strategy<Value = Asked> {
    let key = weighted(0.5, 0_u8..4);
    (any::<bool>(), 0..ACCOUNTS.len(), command, key, weighted(0.2, 0_u32..2))
        .prop_map(|(elsewhere, account, command, key, behind)| Asked { elsewhere, account, command, key, behind })
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => Just(Command::Open),
        3 => (1_u64..50).prop_map(Command::Deposit),
        3 => (1_u64..50).prop_map(Command::Withdraw),
        2 => (0_u64..4).prop_map(|tens| Command::Adjust(tens * 10)),
        1 => (1_u64..50).prop_map(Command::Foreign),
    ]
}

fn transfer() -> impl Strategy<Value = Command> {
    (0..ACCOUNTS.len(), 1_u64..20).prop_map(|(to, amount)| Command::Transfer(to, amount))
}

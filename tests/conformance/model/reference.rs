//! What accounts do, on plain lists and maps.

use std::collections::BTreeMap;

/// An event or a refusal: its type's name without the package, and its amount.
pub(super) type Entry = (&'static str, u64);

pub(super) const ACCOUNTS: [&str; 3] = ["a", "b", "c"];

/// What one client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Index into [`ACCOUNTS`].
    pub(super) account: usize,
    pub(super) command: Command,
    pub(super) key: Option<String>,
    pub(super) expected: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Open,
    Deposit(u64),
    Withdraw(u64),
    /// To this balance.
    Adjust(u64),
    /// To this account, so much.
    Transfer(usize, u64),
    /// A deposit that is appended without asking anybody.
    Foreign(u64),
}

/// What one client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// These are stored, at these sequences.
    Stored {
        entries: Vec<(u32, Entry)>,
        duplicate: bool,
    },
    /// With this code.
    Rejected(String),
    Conflict {
        expected: u32,
        actual: u32,
    },
    /// It was not stored.
    NotStored,
    /// Nobody knows.
    Unknown,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) entries: Vec<Entry>,
    /// First sequence and count of what is recorded under each key.
    pub(super) keys: BTreeMap<String, (usize, usize)>,
}

/// All accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) accounts: [Account; ACCOUNTS.len()],
}

impl Account {
    fn is_open(&self) -> bool {
        self.entries.iter().any(|(name, _)| *name == "AccountOpenedV2")
    }

    fn balance(&self) -> u64 {
        self.entries.iter().fold(0, |balance, (name, amount)| match *name {
            "Deposited" | "TransferReceived" | "TransferReturned" => balance + amount,
            "Withdrawn" | "TransferSent" => balance - amount,
            _ => balance,
        })
    }

    /// Balance and number of events, as the view shows them.
    pub(super) fn row(&self) -> Option<(u64, u32)> {
        let events = self.entries.iter().filter(|(name, _)| *name != "Refusal").count();
        (events > 0).then(|| (self.balance(), u32::try_from(events).unwrap()))
    }

    /// The new entries, or the code of a rejection.
    fn decide(&self, command: Command) -> Result<Vec<Entry>, &'static str> {
        let (open, balance) = (self.is_open(), self.balance());
        let covered = |amount| if balance < amount { Err("ACCOUNT_REJECTION_INSUFFICIENT") } else { Ok(()) };
        match command {
            Command::Open if open => return Err("ACCOUNT_REJECTION_EXISTS"),
            Command::Open | Command::Foreign(_) => {}
            _ if !open => return Err("ACCOUNT_REJECTION_NOT_OPEN"),
            Command::Withdraw(amount) | Command::Transfer(_, amount) => covered(amount)?,
            Command::Deposit(_) | Command::Adjust(_) => {}
        }
        Ok(match command {
            Command::Open => vec![("AccountOpenedV2", 0)],
            Command::Deposit(amount) | Command::Foreign(amount) => vec![("Deposited", amount)],
            Command::Withdraw(amount) => vec![("Withdrawn", amount)],
            Command::Transfer(_, amount) => vec![("TransferSent", amount)],
            Command::Adjust(wanted) if wanted > balance => vec![("Deposited", wanted - balance)],
            Command::Adjust(wanted) if wanted < balance => vec![("Withdrawn", balance - wanted)],
            Command::Adjust(_) => Vec::new(),
        })
    }

    fn stored(&self, (first, count): (usize, usize), duplicate: bool) -> Answer {
        let entries = (first..first + count).map(|index| (u32::try_from(index).unwrap(), self.entries[index]));
        Answer::Stored { entries: entries.collect(), duplicate }
    }
}

impl Model {
    /// The answer to a request, and all that follows from it.
    fn apply(&mut self, request: &Request) -> Answer {
        let account = &mut self.accounts[request.account];
        if let Some(book) = request.key.as_ref().and_then(|key| account.keys.get(key)) {
            return account.stored(*book, true);
        }
        let first = account.entries.len();
        let actual = u32::try_from(first).unwrap();
        match request.expected {
            Some(expected) if expected != actual => return Answer::Conflict { expected, actual },
            _ => {}
        }
        let entries = match account.decide(request.command) {
            Ok(entries) => entries,
            Err(code) => return Answer::Rejected(code.to_owned()),
        };
        // Where an empty book stands does not matter.
        let book = if entries.is_empty() { (0, 0) } else { (first, entries.len()) };
        account.entries.extend(entries);
        account.keys.extend(request.key.clone().map(|key| (key, book)));
        let answer = account.stored(book, false);
        if let Command::Transfer(to, amount) = request.command {
            if self.accounts[to].is_open() {
                self.accounts[to].entries.push(("TransferReceived", amount));
            } else {
                self.accounts[to].entries.push(("Refusal", 0));
                self.accounts[request.account].entries.push(("TransferReturned", amount));
            }
        }
        answer
    }

    /// Every way in which requests that were made at the same time can have led to these answers.
    pub(super) fn explain(self, answered: &[(Request, Answer)]) -> Vec<Model> {
        if answered.is_empty() {
            return vec![self];
        }
        let mut explained: Vec<Model> = Vec::new();
        for index in 0..answered.len() {
            let mut rest = answered.to_vec();
            let (request, answer) = rest.remove(index);
            let mut applied = self.clone();
            let said = applied.apply(&request);
            let possible = match answer {
                Answer::NotStored => vec![self.clone()],
                Answer::Unknown => vec![self.clone(), applied],
                answer if answer == said => vec![applied],
                _ => Vec::new(),
            };
            for model in possible.into_iter().flat_map(|model| model.explain(&rest)) {
                if !explained.contains(&model) {
                    explained.push(model);
                }
            }
        }
        explained
    }
}

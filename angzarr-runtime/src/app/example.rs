// What the examples of this folder run on: included there, no part of the crate.

use angzarr_runtime::{
    Aggregate, App, Command, Context, Error, Event, Failure, ProcessManager, Projector, Query, Rejection, Saga, Storage,
    Upcaster,
};

#[derive(Clone, PartialEq, prost::Message, Command)]
#[command(name = "example.v1.Open", domain = "accounts", root = account)]
struct Open {
    #[prost(string, tag = "1")]
    account: String,
}

#[derive(Clone, PartialEq, prost::Message, Command)]
#[command(name = "example.v1.Deposit", domain = "accounts", root = account)]
struct Deposit {
    #[prost(string, tag = "1")]
    account: String,
    #[prost(uint64, tag = "2")]
    amount: u64,
}

#[derive(Clone, PartialEq, prost::Message, Command)]
#[command(name = "example.v1.Close", domain = "accounts", root = account)]
struct Close {
    #[prost(string, tag = "1")]
    account: String,
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[event(name = "example.v1.Closed", domain = "accounts")]
struct Closed {}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[event(name = "example.v1.Opened", domain = "accounts")]
struct Opened {}

/// What the release before stored.
#[derive(Clone, PartialEq, prost::Message, Event)]
#[event(name = "example.v1.Started", domain = "accounts", retired)]
struct Started {}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[event(name = "example.v1.Deposited", domain = "accounts")]
struct Deposited {
    #[prost(uint64, tag = "1")]
    amount: u64,
}

/// A fact: the bank has told of it.
#[derive(Clone, PartialEq, prost::Message, Event)]
#[event(name = "example.v1.Credited", domain = "accounts", root = account, idempotency_key = booking)]
struct Credited {
    #[prost(string, tag = "1")]
    account: String,
    #[prost(string, tag = "2")]
    booking: String,
    #[prost(uint64, tag = "3")]
    amount: u64,
}

#[derive(Clone, PartialEq, prost::Message, Query)]
#[query(name = "example.v1.GetBalance", domain = "accounts", root = account, answer = Balance)]
struct GetBalance {
    #[prost(string, tag = "1")]
    account: String,
}

#[derive(Clone, PartialEq, prost::Message, angzarr_runtime::Row)]
struct Balance {
    #[prost(uint64, tag = "1")]
    amount: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Account {
    #[prost(uint64, tag = "1")]
    balance: u64,
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[event(name = "example.v1.Archived", domain = "archive")]
struct Archived {}

#[derive(Clone, PartialEq, prost::Message)]
struct File {}

macro_rules! named {
    ($($message:ident),*) => {$(
        impl prost::Name for $message {
            const NAME: &'static str = stringify!($message);
            const PACKAGE: &'static str = "example.v1";
        }
    )*};
}
named!(Account, Balance, File);

#[derive(Aggregate)]
#[aggregate(
    define = Accounts,
    name = "example.v1.app.Accounts",
    domain = "accounts",
    state = Account,
    command(open: Open => Opened),
    command(pay_in: Deposit => Deposited),
    command(close: Close => Closed),
    fact(credit: Credited => ()),
    query(get_balance: GetBalance => Balance)
)]
struct AccountRules {}

impl Accounts for AccountRules {
    fn open(&self, _: &Account, _: Open, _: &Context) -> Result<Opened, Rejection> {
        Ok(Opened {})
    }

    fn pay_in(&self, _: &Account, command: Deposit, _: &Context) -> Result<Deposited, Rejection> {
        Ok(Deposited { amount: command.amount })
    }

    fn close(&self, _: &Account, _: Close, _: &Context) -> Result<Closed, Rejection> {
        Ok(Closed {})
    }

    fn credit(&self, _: &Account, _: Credited, _: &Context) {}

    fn get_balance(&self, account: &Account, _: GetBalance, _: &Context) -> Result<Balance, Rejection> {
        Ok(Balance { amount: account.balance })
    }

    fn apply_opened(_: &mut Account, _: Opened) {}

    fn apply_deposited(account: &mut Account, event: Deposited) {
        account.balance += event.amount;
    }

    fn apply_closed(_: &mut Account, _: Closed) {}

    fn apply_credited(account: &mut Account, event: Credited) {
        account.balance += event.amount;
    }
}

/// Opens another account for whoever closes one.
#[derive(Saga)]
#[saga(define = Reopening, name = "example.v1.app.Reopening", on(on_closed: Closed => Open))]
struct Reopen {}

impl Reopening for Reopen {
    async fn on_closed(&self, _: Closed, cx: &Context) -> Result<Open, Failure> {
        Ok(Open { account: format!("{}-2", cx.key()) })
    }
}

/// Follows accounts after their end.
#[derive(ProcessManager)]
#[process_manager(
    define = Archive,
    name = "example.v1.app.Archive",
    domain = "archive",
    state = File,
    on(on_closed: Closed => Archived, starts)
)]
struct Keep {}

impl Archive for Keep {
    async fn on_closed(&self, _: &File, _: Closed, _: &Context) -> Result<Archived, Failure> {
        Ok(Archived {})
    }

    fn apply_archived(_: &mut File, _: Archived) {}
}

/// Shows balances.
#[derive(Projector)]
#[projector(define = Balances, name = "example.v1.app.Balances", view = Balance, on(on_deposited: Deposited => ()))]
struct Show {}

impl Balances for Show {
    async fn on_deposited(
        &self,
        row: Option<Balance>,
        event: Deposited,
        _: &Context,
    ) -> Result<Option<Balance>, Failure> {
        Ok(Some(Balance { amount: row.map_or(0, |row| row.amount) + event.amount }))
    }
}

/// Reads accounts of the release before.
#[derive(Upcaster)]
#[upcaster(define = History, name = "example.v1.app.History", domain = "accounts", upcast(to_opened: Started => Opened))]
struct OldAccounts {}

impl History for OldAccounts {}

async fn example() -> Result<App, Error> {
    App::builder(Storage::Memory).register(AccountRules {}).register(Reopen {}).register(Keep {}).start().await
}

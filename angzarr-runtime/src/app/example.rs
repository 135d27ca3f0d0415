// What the examples of `read.rs` run on: included there, no part of the crate.

use angzarr_runtime::{Aggregate, App, Command, Context, Error, Event, Rejection, Storage};

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

#[derive(Clone, PartialEq, prost::Message, Event)]
#[event(name = "example.v1.Opened", domain = "accounts")]
struct Opened {}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[event(name = "example.v1.Deposited", domain = "accounts")]
struct Deposited {
    #[prost(uint64, tag = "1")]
    amount: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Account {
    #[prost(uint64, tag = "1")]
    balance: u64,
}

impl prost::Name for Account {
    const NAME: &'static str = "Account";
    const PACKAGE: &'static str = "example.v1";
}

#[derive(Aggregate)]
#[aggregate(
    define = Accounts,
    name = "example.v1.app.Accounts",
    domain = "accounts",
    state = Account,
    command(open: Open => Opened),
    command(pay_in: Deposit => Deposited)
)]
struct AccountRules {}

impl Accounts for AccountRules {
    fn open(&self, _: &Account, _: Open, _: &Context) -> Result<Opened, Rejection> {
        Ok(Opened {})
    }

    fn pay_in(&self, _: &Account, command: Deposit, _: &Context) -> Result<Deposited, Rejection> {
        Ok(Deposited { amount: command.amount })
    }

    fn apply_opened(_: &mut Account, _: Opened) {}

    fn apply_deposited(account: &mut Account, event: Deposited) {
        account.balance += event.amount;
    }
}

async fn example() -> Result<App, Error> {
    App::builder(Storage::Memory).register(AccountRules {}).start().await
}

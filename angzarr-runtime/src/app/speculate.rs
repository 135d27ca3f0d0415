//! What would happen: decisions and reactions with nothing stored and nothing sent.

use std::future::IntoFuture;

use futures_util::future::BoxFuture;

use super::App;
use crate::component::Input;
use crate::coordinator::business::{Request, Speculation, Work};
use crate::coordinator::process_manager::SpeculatedStep;
use crate::error::{BadBook, Error};
use crate::message::{Command, Outgoing, Payload};
use crate::store::{AsOf, Record};

/// A command that is decided, and nothing else, when this is awaited.
#[derive(Debug)]
#[must_use = "a command is decided when this is awaited"]
pub struct SpeculateCommand {
    app: App,
    domain: &'static str,
    key: String,
    command: Payload,
    as_of: AsOf,
}

impl SpeculateCommand {
    pub(super) fn new<C: Command>(app: App, command: &C) -> Self {
        let (key, command) = (command.root_key(), Payload::command(command));
        Self { app, domain: C::DOMAIN, key, command, as_of: AsOf::Now }
    }

    /// Decides on the state of then.
    pub fn as_of(mut self, then: AsOf) -> Self {
        self.as_of = then;
        self
    }

    async fn run(self) -> Result<Speculation, Error> {
        let owner = self.app.inner.router.find(self.domain);
        let owner = owner.ok_or_else(|| self.app.inner.router.unknown(self.domain))?;
        if !owner.logic.spec().commands.contains(&&*self.command.type_name) {
            let (domain, type_name) = (self.domain.to_owned(), self.command.type_name.to_string());
            return Err(BadBook::UnknownCommand { domain, type_name }.into());
        }
        let request =
            Request::passing(self.domain, &self.key, Work::Decide(vec![Input::Command(self.command)]), owner.now())?;
        let _open = self.app.open().await?;
        owner.speculate(&request, self.as_of).await
    }
}

impl IntoFuture for SpeculateCommand {
    type Output = Result<Speculation, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl App {
    /// What a command would lead to now, or would have led to then: nothing is stored, and nobody who decides meanwhile
    /// is disturbed. Await it.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), angzarr_runtime::Error> {
    /// # let app = example().await?;
    /// app.send(Open { account: "a".into() }).await?;
    /// let would = app.speculate(Deposit { account: "a".into(), amount: 70 }).await?;
    ///
    /// assert_eq!(would.first_sequence, 1);
    /// assert_eq!(would.events[0].decode::<Deposited>()?.amount, 70);
    /// assert_eq!(app.events("accounts", "a").await?.len(), 1, "nothing was stored");
    /// # app.shutdown().await
    /// # }
    /// ```
    pub fn speculate<C: Command>(&self, command: C) -> SpeculateCommand {
        SpeculateCommand::new(self.clone(), &command)
    }

    /// What the saga of that full name would send because of an event: nothing is sent.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), angzarr_runtime::Error> {
    /// # let app = example().await?;
    /// let closed = app.send(Close { account: "a".into() }).await?;
    /// let would = app.speculate_saga("example.v1.app.Reopening", &closed.events[0]).await?;
    ///
    /// assert_eq!(would[0].payload.decode::<Open>()?.account, "a-2");
    /// # app.shutdown().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// `SETUP` if no such saga is registered, and what the saga itself can yield; `TYPE_UNKNOWN` if it does not listen to
    /// the event.
    pub async fn speculate_saga(&self, name: &str, event: &Record) -> Result<Vec<Outgoing>, Error> {
        let saga = self.inner.sagas.iter().find(|saga| saga.logic.spec().name == name);
        let saga = saga.ok_or_else(|| Error::Setup(format!("no saga `{name}` is registered")))?;
        Ok(saga.decide(event, None).await?)
    }

    /// The step that an event would lead to in the process manager of that full name, now or then: nothing is stored
    /// and nothing is sent. It is empty for an event that finds no instance and does not start one.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
    /// use angzarr_runtime::store::AsOf;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), angzarr_runtime::Error> {
    /// # let app = example().await?;
    /// let closed = app.send(Close { account: "a".into() }).correlation_id("web-1").await?;
    /// let would = app.speculate_process("example.v1.app.Archive", &closed.events[0], AsOf::Now).await?;
    ///
    /// assert_eq!(would.key, "web-1");
    /// assert_eq!(&*would.events[0].type_name, "example.v1.Archived");
    /// assert!(would.commands.is_empty());
    /// # app.shutdown().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// `SETUP` if no such process manager is registered, and what it itself, the store, upcasters and folds can yield;
    /// `TYPE_UNKNOWN` if it does not listen to the event.
    pub async fn speculate_process(&self, name: &str, event: &Record, as_of: AsOf) -> Result<SpeculatedStep, Error> {
        let manager = self.inner.process_managers.iter().find(|manager| manager.logic.spec().name == name);
        let manager = manager.ok_or_else(|| Error::Setup(format!("no process manager `{name}` is registered")))?;
        manager.speculate(event, as_of).await
    }
}

//! What callers call, one or many of them, and how long that takes.

use std::time::{Duration, Instant};

use angzarr_runtime::transport::Address;
use angzarr_runtime::transport::services::business_coordinator_client::BusinessCoordinatorClient;
use angzarr_runtime::transport::services::saga_client::SagaClient;
use angzarr_runtime::{Payload, proto};
use futures_util::future::join_all;
use tokio::time::sleep;
use tonic::transport::Channel;

use super::program::PATIENCE;
use crate::common::{ROUND, Result, write};
use crate::figure::median;

/// Callers, and the connections that they share.
const CALLERS: usize = 32;
const CONNECTIONS: usize = 4;

/// What is called, and where.
#[derive(Clone)]
pub(crate) enum Call {
    /// What answers with nothing.
    Echo(Address),
    /// A runtime, with a command for the note of this name; of many callers, each has one of its own.
    Command(Address, &'static str),
}

impl Call {
    fn channel(&self) -> Result<Channel> {
        let (Self::Echo(address) | Self::Command(address, _)) = self;
        Ok(address.channel()?)
    }

    /// Calls until it is answered: what is called may be about to begin.
    pub(super) async fn ready(&self) -> Result<()> {
        let began = Instant::now();
        while let Err(error) = self.once(&self.channel()?, "").await {
            if began.elapsed() > PATIENCE {
                return Err(error);
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    async fn once(&self, channel: &Channel, caller: &str) -> Result<()> {
        match self {
            Self::Echo(_) => {
                SagaClient::new(channel.clone()).handle(proto::SagaHandleRequest::default()).await?;
            }
            Self::Command(_, note) => {
                let key = format!("{note}{caller}");
                let command = Some(Payload::command(&write(&key)).to_any());
                let cover = proto::Cover { domain: "notes".into(), key, ..proto::Cover::default() };
                let pages = vec![proto::CommandPage { command, ..proto::CommandPage::default() }];
                let book = proto::CommandBook { cover: Some(cover), pages, ..proto::CommandBook::default() };
                BusinessCoordinatorClient::new(channel.clone()).handle(book).await?;
            }
        }
        Ok(())
    }
}

/// Milliseconds that a call of one caller takes, in the middle of a round.
pub(super) async fn typical(call: &Call) -> Result<f64> {
    let channel = call.channel()?;
    let (end, mut times) = (Instant::now() + ROUND, Vec::new());
    while Instant::now() < end {
        let began = Instant::now();
        call.once(&channel, "").await?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(median(times))
}

/// Calls a second of 32 callers until `end`.
pub(crate) async fn rate(call: &Call, end: Instant) -> Result<f64> {
    let channels: Vec<Channel> = (0..CONNECTIONS).map(|_| call.channel()).collect::<Result<_>>()?;
    let began = Instant::now();
    let caller = |caller: usize| {
        let (call, channel) = (call.clone(), channels[caller % CONNECTIONS].clone());
        tokio::spawn(async move {
            let (name, mut calls) = (caller.to_string(), 0_u32);
            while Instant::now() < end {
                call.once(&channel, &name).await?;
                calls += 1;
            }
            Result::Ok(calls)
        })
    };
    let mut calls = 0;
    for count in join_all((0..CALLERS).map(caller)).await {
        calls += count??;
    }
    Ok(f64::from(calls) / began.elapsed().as_secs_f64())
}

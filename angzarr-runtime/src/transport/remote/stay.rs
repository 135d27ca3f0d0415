//! Holding on to a service.
//!
//! Whoever ends a pod tells all of its programs at the same moment. A service that is told to end asks its runtimes first:
//! one that ends, too, holds on until it is done; one that goes on lets go, since then only the service is to be replaced.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tonic::Code;

use crate::proto;
use crate::transport::channel::DirectChannel;
use crate::transport::services::stay_client::StayClient;

/// How far apart signals may come that were sent at the same moment.
const APART: Duration = Duration::from_secs(1);

/// Between attempts at a service that is not there.
const PAUSE: Duration = Duration::from_secs(1);

/// Holds on to a service for as long as it is kept.
#[derive(Debug)]
pub(super) struct Staying(AbortHandle);

impl Staying {
    pub(super) fn new(channel: DirectChannel, held: watch::Receiver<bool>) -> Self {
        Self(tokio::spawn(stay(channel, held)).abort_handle())
    }
}

impl Drop for Staying {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Keeps a service from ending before this program does.
#[derive(Clone, Debug)]
pub struct Hold(pub(super) watch::Sender<bool>);

impl Hold {
    /// From now on, a service that is told to end goes on until its [`Remote`](super::Remote) and what was made of it are
    /// dropped, for as long as it has patience.
    pub fn take(&self) {
        self.0.send_replace(true);
    }
}

/// Whether this program ends, too.
async fn is_taken(held: &mut watch::Receiver<bool>) -> bool {
    matches!(timeout(APART, held.wait_for(|held| *held)).await, Ok(Ok(_)))
}

async fn stay(channel: DirectChannel, mut held: watch::Receiver<bool>) {
    let mut client = StayClient::new(channel);
    loop {
        match client.stay(proto::StayRequest {}).await {
            Ok(answer) => {
                let mut told = answer.into_inner();
                // Without a word it has ended, or the connection has.
                if let Ok(Some(proto::StayResponse {})) = told.message().await
                    && is_taken(&mut held).await
                {
                    let _ = told.message().await;
                }
            }
            // It was made before services were asked to stay.
            Err(status) if status.code() == Code::Unimplemented => return,
            Err(_) => {}
        }
        sleep(PAUSE).await;
    }
}

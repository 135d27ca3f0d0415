//! Going on for as long as a runtime needs this service.

use futures_util::stream::{BoxStream, StreamExt, unfold};
use tokio::sync::watch;
use tonic::{Request, Response, Status, async_trait};

use crate::proto;
use crate::transport::services::stay_server::Stay;

/// Runtimes that need this service.
#[derive(Clone, Debug)]
pub(super) struct Stays {
    phase: watch::Sender<Phase>,
    /// How many there are.
    open: watch::Sender<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    /// They are told that it is to end.
    Ending,
    /// It waits for nobody any more.
    Ended,
}

impl Stays {
    pub(super) fn new() -> Self {
        Self { phase: watch::Sender::new(Phase::Serving), open: watch::Sender::new(0) }
    }

    /// Tells all of them that it is to end, and waits until they have let go.
    pub(super) async fn let_go(&self) {
        self.phase.send_replace(Phase::Ending);
        // Fails only without a sender, and that is ours.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }

    /// Lets go of those that are left.
    pub(super) fn end(&self) {
        self.phase.send_replace(Phase::Ended);
    }

    /// Waits until it waits for nobody any more.
    pub(super) fn ended(&self) -> impl Future<Output = ()> + use<> {
        let mut phase = self.phase.subscribe();
        async move {
            let _ = phase.wait_for(|phase| *phase == Phase::Ended).await;
        }
    }
}

/// One of them, as long as its call is open.
struct Open(watch::Sender<usize>);

impl Open {
    fn new(open: &watch::Sender<usize>) -> Self {
        open.send_modify(|open| *open += 1);
        Self(open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

#[async_trait]
impl Stay for Stays {
    type StayStream = BoxStream<'static, Result<proto::StayResponse, Status>>;

    async fn stay(&self, _: Request<proto::StayRequest>) -> Result<Response<Self::StayStream>, Status> {
        let (open, phase) = (Open::new(&self.open), self.phase.subscribe());
        let told = unfold((open, phase, Phase::Ending), |(open, mut phase, awaited)| async move {
            let reached = phase.wait_for(|phase| *phase >= awaited).await.is_ok();
            let goes_on = reached && awaited == Phase::Ending;
            goes_on.then_some((Ok(proto::StayResponse {}), (open, phase, Phase::Ended)))
        });
        Ok(Response::new(told.boxed()))
    }
}

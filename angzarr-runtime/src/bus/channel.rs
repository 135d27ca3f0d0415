//! Wake-ups within one process.

use tokio::sync::watch;

use super::Bus;

/// The bus of a program that is alone on its log.
#[derive(Debug)]
pub struct ChannelBus {
    head: watch::Sender<u64>,
}

impl ChannelBus {
    /// A bus for a log that reaches up to `head`.
    pub fn new(head: u64) -> Self {
        Self { head: watch::Sender::new(head) }
    }
}

impl Bus for ChannelBus {
    fn wake(&self, position: u64) {
        self.head.send_if_modified(|head| {
            let grown = position > *head;
            *head = position.max(*head);
            grown
        });
    }

    fn subscribe(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }
}

//! What wakes consumers. No event travels here: whoever wakes reads the log.

mod channel;

pub use channel::ChannelBus;

use tokio::sync::watch;

/// Tells readers that the log has grown.
pub trait Bus: Send + Sync + std::fmt::Debug + 'static {
    /// The log now reaches at least up to `position`.
    fn wake(&self, position: u64);

    /// Follows the highest position told so far. May miss steps, never the last one.
    fn subscribe(&self) -> watch::Receiver<u64>;
}

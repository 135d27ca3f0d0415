//! A store that is gone with the process. For tests, and the reference that other stores are compared with.

mod store;
mod views;

pub use store::MemoryStore;
pub use views::MemoryViews;

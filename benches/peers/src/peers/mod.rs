//! The peers, one file and one line of the table each.

mod cqrs_es;
mod disintegrate;
mod esrs;

use std::pin::Pin;
use std::sync::Arc;

use sqlx::PgPool;

use crate::peer::{Peer, Result};

/// Every peer that is measured, under the name of its crate.
pub(crate) const PEERS: &[Entry] = &[
    Entry { name: "cqrs-es", prepare: prepare::<cqrs_es::CqrsEs> },
    Entry { name: "disintegrate", prepare: prepare::<disintegrate::Disintegrate> },
    Entry { name: "esrs", prepare: prepare::<esrs::Esrs> },
];

type Preparing = Pin<Box<dyn Future<Output = Result<Arc<dyn Peer>>> + Send>>;

/// A peer, and how it is made ready.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The crate's name, the second part of its figures' names.
    pub(crate) name: &'static str,
    /// Makes its tables where there are none yet.
    pub(crate) prepare: fn(PgPool) -> Preparing,
}

fn prepare<P: Peer + 'static>(pool: PgPool) -> Preparing {
    Box::pin(async { Ok(Arc::new(P::prepare(pool).await?) as Arc<dyn Peer>) })
}

//! Events become rows; rows and checkpoint are committed together, once a batch.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tracing::Instrument;
use uuid::Uuid;

use super::consumer::Consumer;
use super::guarded_async;
use super::outgoing::context;
use crate::component::{Delivery, ProjectorLogic, Subscription};
use crate::error::Error;
use crate::failure::Failure;
use crate::store::{Lease, Record, Store, StoreError};
use crate::view::{Changes, Key, Owner, ViewStore};

/// The coordinator of one projector.
pub(crate) struct ProjectorCoordinator {
    logic: Arc<dyn ProjectorLogic>,
    store: Arc<dyn Store>,
    delivery: Delivery,
    /// None if the projector keeps no view.
    view: Option<View>,
}

struct View {
    views: Arc<dyn ViewStore>,
    row_type: String,
    log: Uuid,
    /// Rows that the current batch changed.
    changed: Mutex<HashMap<Key, Option<Bytes>>>,
}

impl ProjectorCoordinator {
    pub(crate) fn new(
        logic: Arc<dyn ProjectorLogic>,
        store: Arc<dyn Store>,
        views: Arc<dyn ViewStore>,
        delivery: Delivery,
    ) -> Self {
        let log = store.log_id();
        let view = logic.row_type().map(|row_type| View { views, row_type, log, changed: Mutex::default() });
        Self { logic, store, delivery, view }
    }

    /// The row's key: what the handler names, or the natural id of the event's root.
    fn key(&self, event: &Record) -> Result<Key, Failure> {
        Ok(self.logic.key(&event.payload)?.unwrap_or_else(|| Key::from(&*event.key)))
    }
}

impl View {
    fn owner(&self) -> Owner<'_> {
        Owner { log: self.log, row_type: &self.row_type }
    }

    async fn row(&self, view: &str, key: &Key) -> Result<Option<Bytes>, StoreError> {
        let changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        match changed {
            Some(row) => Ok(row),
            None => self.views.row(view, key).await,
        }
    }
}

#[async_trait]
impl Consumer for ProjectorCoordinator {
    fn name(&self) -> &'static str {
        self.logic.spec().name
    }

    fn subscriptions(&self) -> &'static [Subscription] {
        self.logic.spec().subscriptions
    }

    fn is_projector(&self) -> bool {
        true
    }

    fn lane(&self, event: &Record) -> Result<String, Failure> {
        Ok(self.key(event)?.to_string())
    }

    fn delivery(&self) -> Delivery {
        self.delivery
    }

    async fn react(&self, event: &Record) -> Result<(), Error> {
        let span = tracing::info_span!("projector.handle", projector = self.name(), correlation_id = %event.trace.correlation_id);
        async {
            let cx = context(self.name(), event);
            let Some(view) = &self.view else {
                guarded_async(self.name(), self.delivery.timeout, self.logic.project(None, &event.payload, &cx))
                    .await?;
                return Ok(());
            };
            let key = self.key(event)?;
            let row = view.row(self.name(), &key).await?;
            let row =
                guarded_async(self.name(), self.delivery.timeout, self.logic.project(row, &event.payload, &cx)).await?;
            view.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(key, row);
            Ok(())
        }
        .instrument(span)
        .await
    }

    async fn checkpoint(&self) -> Result<u64, StoreError> {
        match &self.view {
            Some(view) => view.views.checkpoint(self.name(), view.owner()).await,
            None => self.store.checkpoint(self.name()).await,
        }
    }

    async fn take(&self, lease: &Lease) -> Result<u64, StoreError> {
        let Some(view) = &self.view else { return self.checkpoint().await };
        // What an earlier lease left unfinished is handled again by whoever holds the present one.
        view.changed.lock().unwrap_or_else(PoisonError::into_inner).clear();
        // Fenced before the log's end is read: whoever held it before could go beyond that meanwhile.
        let position = view.views.take(self.name(), view.owner(), u64::MAX, lease.token).await?;
        let head = self.store.head().await?;
        if position <= head {
            return Ok(position);
        }
        view.views.take(self.name(), view.owner(), head, lease.token).await
    }

    async fn commit(&self, lease: &Lease, position: u64) -> Result<(), StoreError> {
        let Some(view) = &self.view else { return self.store.save_checkpoint(lease, position).await };
        let changes: Changes = {
            let changed = view.changed.lock().unwrap_or_else(PoisonError::into_inner);
            changed.iter().map(|(key, row)| (key.clone(), row.clone())).collect()
        };
        let committed = changes.clone();
        view.views.commit(self.name(), lease.token, changes, position).await?;
        // Kept until here, so that a commit that failed can be tried again; what was changed meanwhile stays.
        let mut changed = view.changed.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, row) in &committed {
            if changed.get(key) == Some(row) {
                changed.remove(key);
            }
        }
        Ok(())
    }
}

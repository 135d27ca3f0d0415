//! The views' side.

use std::sync::Arc;

use angzarr_runtime::store::StoreError;
use angzarr_runtime::view::{Changes, Key, Owner, ViewStore};
use async_trait::async_trait;
use bytes::Bytes;

use super::{Call, StoreFaults, answered};

#[derive(Debug)]
pub(super) struct FaultyViews {
    pub(super) inner: Arc<dyn ViewStore>,
    pub(super) faults: StoreFaults,
}

#[async_trait]
impl ViewStore for FaultyViews {
    async fn take(&self, view: &str, owner: Owner<'_>, head: u64, token: u64) -> Result<u64, StoreError> {
        let (fault, _working) = self.faults.enter(Call::TakeView).await?;
        answered(fault, self.inner.take(view, owner, head, token).await)
    }

    async fn checkpoint(&self, view: &str, owner: Owner<'_>) -> Result<u64, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.checkpoint(view, owner).await
    }

    async fn row(&self, view: &str, key: &Key) -> Result<Option<Bytes>, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.row(view, key).await
    }

    async fn rows(&self, view: &str) -> Result<Vec<(Key, Bytes)>, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.rows(view).await
    }

    async fn commit(&self, view: &str, token: u64, changes: Changes, checkpoint: u64) -> Result<(), StoreError> {
        let (fault, _working) = self.faults.enter(Call::CommitView).await?;
        answered(fault, self.inner.commit(view, token, changes, checkpoint).await)
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

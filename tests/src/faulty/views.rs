//! The views' side.

use std::sync::Arc;

use angzarr_runtime::store::StoreError;
use angzarr_runtime::tables::TableStore;
use angzarr_runtime::view::{Change, Entry, Key, Owner, Selection, Taken, Version, VersionState, ViewStore, Writer};
use async_trait::async_trait;
use bytes::Bytes;

use super::tables::FaultyTables;
use super::{Call, StoreFaults, answered};

#[derive(Debug)]
pub(super) struct FaultyViews {
    pub(super) inner: Arc<dyn ViewStore>,
    pub(super) faults: StoreFaults,
    pub(super) tables: FaultyTables,
}

#[async_trait]
impl ViewStore for FaultyViews {
    async fn take(&self, view: &str, owner: Owner<'_>, head: u64, token: u64) -> Result<Taken, StoreError> {
        let (fault, _working) = self.faults.enter(Call::TakeView).await?;
        answered(fault, self.inner.take(view, owner, head, token).await)
    }

    async fn checkpoint(&self, view: &str, owner: Owner<'_>) -> Result<u64, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.checkpoint(view, owner).await
    }

    async fn entry(&self, view: &str, version: u32, key: &Key) -> Result<Option<Entry>, StoreError> {
        let (fault, _working) = self.faults.enter(Call::ViewEntry).await?;
        answered(fault, self.inner.entry(view, version, key).await)
    }

    async fn commit(&self, view: &str, by: Writer, changes: Vec<Change>, checkpoint: u64) -> Result<(), StoreError> {
        let known = self.inner.versions(view).await?;
        let is_building = |one: &Version| one.number == by.version && one.state == VersionState::Building;
        let call = if known.iter().any(is_building) { Call::CommitBuilding } else { Call::CommitView };
        let (fault, _working) = self.faults.enter(call).await?;
        answered(fault, self.inner.commit(view, by, changes, checkpoint).await)
    }

    async fn switch(&self, view: &str, by: Writer, known: u64) -> Result<bool, StoreError> {
        let (fault, _working) = self.faults.enter(Call::SwitchView).await?;
        answered(fault, self.inner.switch(view, by, known).await)
    }

    async fn row(&self, view: &str, key: &Key) -> Result<Option<Bytes>, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.row(view, key).await
    }

    async fn rows(&self, view: &str, selection: Selection<'_>) -> Result<Vec<(Key, Bytes)>, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.rows(view, selection).await
    }

    async fn versions(&self, view: &str) -> Result<Vec<Version>, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.versions(view).await
    }

    async fn rebuild(&self, view: &str) -> Result<(), StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.rebuild(view).await
    }

    async fn sync(&self) -> Result<(), StoreError> {
        let (fault, _working) = self.faults.enter(Call::Sync).await?;
        answered(fault, self.inner.sync().await)
    }

    fn tables(&self) -> Option<&dyn TableStore> {
        Some(&self.tables)
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

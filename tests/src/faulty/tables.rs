//! The side of projectors' own tables.

use std::sync::Arc;
use std::time::Duration;

use angzarr_runtime::store::{EventRef, Lease, StoreError};
use angzarr_runtime::tables::{Mark, Ran, SqlError, TableStore, Transaction};
use angzarr_runtime::view::{Value, ViewStore};
use async_trait::async_trait;
use uuid::Uuid;

use super::{Call, StoreFaults, answered};

#[derive(Debug)]
pub(super) struct FaultyTables {
    pub(super) inner: Arc<dyn ViewStore>,
    pub(super) faults: StoreFaults,
}

impl FaultyTables {
    fn inner(&self) -> Result<&dyn TableStore, StoreError> {
        self.inner.tables().ok_or(StoreError::Closed)
    }
}

#[async_trait]
impl TableStore for FaultyTables {
    async fn take(&self, log: Uuid, lease: &Lease) -> Result<Option<u64>, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner()?.take(log, lease).await
    }

    async fn enrol(&self, log: Uuid, lease: &Lease, checkpoint: u64) -> Result<(), StoreError> {
        let _working = self.faults.alive().await?;
        self.inner()?.enrol(log, lease, checkpoint).await
    }

    async fn last_handled(&self, lease: &Lease) -> Result<u64, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner()?.last_handled(lease).await
    }

    async fn begin(
        &self,
        lease: &Lease,
        event: EventRef,
        limit: Duration,
    ) -> Result<Option<Box<dyn Transaction>>, StoreError> {
        let _working = self.faults.alive().await?;
        let begun = self.inner()?.begin(lease, event, limit).await?;
        let faults = self.faults.clone();
        Ok(begun.map(|inner| -> Box<dyn Transaction> { Box::new(FaultyTransaction { inner, faults }) }))
    }

    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), StoreError> {
        let (fault, _working) = self.faults.enter(Call::SaveTables).await?;
        answered(fault, self.inner()?.save_checkpoint(lease, position).await)
    }

    async fn forget(&self, lease: &Lease, event: EventRef) -> Result<(), StoreError> {
        let _working = self.faults.alive().await?;
        self.inner()?.forget(lease, event).await
    }

    async fn sync(&self) -> Result<(), StoreError> {
        let (fault, _working) = self.faults.enter(Call::Sync).await?;
        answered(fault, self.inner()?.sync().await)
    }

    async fn run(&self, statements: &str) -> Result<(), SqlError> {
        let _working = self.faults.alive().await?;
        self.inner()?.run(statements).await
    }
}

#[derive(Debug)]
struct FaultyTransaction {
    inner: Box<dyn Transaction>,
    faults: StoreFaults,
}

#[async_trait]
impl Transaction for FaultyTransaction {
    async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Ran, SqlError> {
        let _working = self.faults.alive().await?;
        self.inner.run(sql, params).await
    }

    async fn commit(self: Box<Self>, mark: Mark) -> Result<(), SqlError> {
        let (fault, _working) = self.faults.enter(Call::CommitTables).await?;
        self.inner.commit(mark).await?;
        Ok(answered(fault, Ok(()))?)
    }

    async fn roll_back(self: Box<Self>) {
        self.inner.roll_back().await;
    }
}

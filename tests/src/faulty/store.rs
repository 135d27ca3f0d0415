//! The store's side.

use std::sync::Arc;

use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::{
    Acquired, Appended, Beat, ConsumerStore, DeadLetter, Deadline, EventRef, EventStore, Lease, Load, Loaded, NewBook,
    NewDeadLetter, NewParked, Order, OrderState, OrderStep, Park, Parked, Pause, Record, Root, Snapshot, Store,
    StoreError, StreamId, TakenOrder,
};
use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Call, StoreFaults, answered};

#[derive(Debug)]
pub(super) struct FaultyStore {
    pub(super) inner: Arc<dyn Store>,
    pub(super) faults: StoreFaults,
}

#[async_trait]
impl Store for FaultyStore {
    fn log_id(&self) -> Uuid {
        self.inner.log_id()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.faults.kill().await;
        Ok(())
    }
}

#[async_trait]
impl EventStore for FaultyStore {
    async fn append_in_order(&self, books: Vec<NewBook>) -> Vec<Result<Appended, StoreError>> {
        match self.faults.enter(Call::Append).await {
            Err(error) => vec![Err(error)],
            Ok((None, _working)) => self.inner.append_in_order(books).await,
            Ok((fault, _working)) => {
                let first = self.inner.append_in_order(books).await.into_iter().next();
                first.map(|first| answered(fault, first)).into_iter().collect()
            }
        }
    }

    async fn load(&self, load: Load) -> Result<Loaded, StoreError> {
        let (fault, _working) = self.faults.enter(Call::Load).await?;
        answered(fault, self.inner.load(load).await)
    }

    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        let (fault, _working) = self.faults.enter(Call::Read).await?;
        answered(fault, self.inner.read(after, limit).await)
    }

    async fn read_correlated(&self, correlation_id: &str, after: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.read_correlated(correlation_id, after, limit).await
    }

    async fn roots(&self, domain: &str, after: Option<Uuid>, limit: usize) -> Result<Vec<Root>, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.roots(domain, after, limit).await
    }

    async fn head(&self) -> Result<u64, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.head().await
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.inner.watch()
    }

    async fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.save_snapshot(stream, snapshot).await
    }

    async fn deadlines(&self, domain: &str, until: Timestamp, limit: usize) -> Result<Vec<Deadline>, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.deadlines(domain, until, limit).await
    }
}

#[async_trait]
impl ConsumerStore for FaultyStore {
    async fn acquire(&self, consumer: &str, silent: Option<Beat>) -> Result<Acquired, StoreError> {
        let _working = self.faults.alive().await?;
        let acquired = self.inner.acquire(consumer, silent).await?;
        if let Acquired::Taken(lease) = &acquired {
            self.faults.state().leases.push(lease.clone());
        }
        Ok(acquired)
    }

    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        let (fault, _working) = self.faults.enter(Call::Renew).await?;
        answered(fault, self.inner.renew(lease).await)
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.release(lease).await
    }

    async fn checkpoint(&self, consumer: &str) -> Result<u64, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.checkpoint(consumer).await
    }

    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), StoreError> {
        let (fault, _working) = self.faults.enter(Call::SaveCheckpoint).await?;
        answered(fault, self.inner.save_checkpoint(lease, position).await)
    }

    async fn park(&self, lease: &Lease, events: Vec<NewParked>) -> Result<(), StoreError> {
        let (fault, _working) = self.faults.enter(Call::Park).await?;
        answered(fault, self.inner.park(lease, events).await)
    }

    async fn parks(&self, consumer: &str) -> Result<Vec<Park>, StoreError> {
        let (fault, _working) = self.faults.enter(Call::Parks).await?;
        answered(fault, self.inner.parks(consumer).await)
    }

    async fn parked(&self, consumer: &str, lane: &str, limit: usize) -> Result<Vec<Parked>, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.parked(consumer, lane, limit).await
    }

    async fn parked_behind(&self, consumer: &str, position: u64) -> Result<Vec<EventRef>, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.parked_behind(consumer, position).await
    }

    async fn save_dead_letter(&self, lease: &Lease, letter: NewDeadLetter) -> Result<(), StoreError> {
        let (fault, _working) = self.faults.enter(Call::SaveDeadLetter).await?;
        answered(fault, self.inner.save_dead_letter(lease, letter).await)
    }

    async fn dead_letters(
        &self,
        consumer: &str,
        after: Option<EventRef>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.dead_letters(consumer, after, limit).await
    }

    async fn pause(&self, lease: &Lease, pause: Pause) -> Result<(), StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.pause(lease, pause).await
    }

    async fn paused(&self, consumer: &str) -> Result<Option<Pause>, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.paused(consumer).await
    }

    async fn give_order(&self, consumer: &str, id: Uuid, order: Order) -> Result<(), StoreError> {
        let (fault, _working) = self.faults.enter(Call::GiveOrder).await?;
        answered(fault, self.inner.give_order(consumer, id, order).await)
    }

    async fn take_orders(&self, lease: &Lease) -> Result<Vec<TakenOrder>, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.take_orders(lease).await
    }

    async fn carry_out(&self, lease: &Lease, step: OrderStep) -> Result<(), StoreError> {
        let (fault, _working) = self.faults.enter(Call::CarryOut).await?;
        answered(fault, self.inner.carry_out(lease, step).await)
    }

    async fn order(&self, id: Uuid) -> Result<Option<OrderState>, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.order(id).await
    }

    async fn withdraw_order(&self, id: Uuid) -> Result<Option<OrderState>, StoreError> {
        let _working = self.faults.alive().await?;
        self.inner.withdraw_order(id).await
    }

    fn watch_orders(&self) -> watch::Receiver<u64> {
        self.inner.watch_orders()
    }
}

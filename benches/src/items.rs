//! The components that consumers are measured with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use angzarr_runtime::{Aggregate, Context, Failure, ProcessManager, Projector, Rejection, Saga};
use tokio::sync::mpsc::UnboundedSender;

use crate::bench::v1::app::{Bells, Hopper, Items, Lists, Places, Sum};
use crate::bench::v1::{AddItem, Bell, BellDue, BellRung, BellSet, Hop, Hopped, ItemAdded, ItemRow, List, Place};

/// Bytes of an event's text.
const TEXT: usize = 200;

#[derive(Aggregate, Debug)]
#[aggregate(Lists)]
pub(crate) struct Keeper;

impl Lists for Keeper {
    fn add(&self, list: &List, command: AddItem, _: &Context) -> Result<ItemAdded, Rejection> {
        Ok(item(command.key, list.items))
    }

    fn apply_item_added(list: &mut List, _: ItemAdded) {
        list.items += 1;
    }
}

/// An event of 256 bytes, about.
pub(crate) fn item(key: String, number: u64) -> ItemAdded {
    ItemAdded { key, number, text: vec![7; TEXT] }
}

#[derive(Projector, Debug, Default)]
#[projector(Sum)]
pub(crate) struct Adder {
    pub(crate) sum: Arc<AtomicU64>,
}

impl Sum for Adder {
    async fn on_added(&self, event: ItemAdded, _: &Context) -> Result<(), Failure> {
        self.sum.fetch_add(event.number, Ordering::Relaxed);
        Ok(())
    }
}

#[derive(Projector, Debug)]
#[projector(Items)]
pub(crate) struct ItemView;

impl Items for ItemView {
    async fn on_added(&self, row: Option<ItemRow>, event: ItemAdded, _: &Context) -> Result<Option<ItemRow>, Failure> {
        let row = row.unwrap_or(ItemRow { key: event.key, ..ItemRow::default() });
        Ok(Some(ItemRow { items: row.items + 1, last: event.number, ..row }))
    }
}

#[derive(Aggregate, Debug)]
#[aggregate(Places)]
pub(crate) struct Ground;

impl Places for Ground {
    fn go(&self, _: &Place, command: Hop, _: &Context) -> Result<Hopped, Rejection> {
        Ok(Hopped { place: command.place, left: command.left })
    }

    fn apply_hopped(place: &mut Place, _: Hopped) {
        place.hops += 1;
    }
}

#[derive(Saga, Debug)]
#[saga(Hopper)]
pub(crate) struct Frog;

impl Hopper for Frog {
    async fn on_hopped(&self, event: Hopped, _: &Context) -> Result<Vec<Hop>, Failure> {
        let Hopped { place, left } = event;
        Ok(left.checked_sub(1).map(|left| Hop { place: format!("{place}>"), left }).into_iter().collect())
    }
}

/// Tells, for each deadline, how late it fired.
#[derive(ProcessManager, Debug)]
#[process_manager(Bells)]
pub(crate) struct Ringer {
    pub(crate) late: UnboundedSender<Duration>,
}

impl Bells for Ringer {
    async fn on_added(&self, _: &Bell, event: ItemAdded, cx: &Context) -> Result<BellSet, Failure> {
        let ItemAdded { key, number, .. } = event;
        // Each at another distance from what happened before.
        cx.schedule("bell", Duration::from_millis(10 + number % 20), &BellDue { key: key.clone() })?;
        Ok(BellSet { key })
    }

    async fn on_due(&self, _: &Bell, deadline: BellDue, cx: &Context) -> Result<BellRung, Failure> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let due = cx.now();
        let due = Duration::new(due.seconds.try_into()?, due.nanos.try_into()?);
        self.late.send(now.saturating_sub(due))?;
        Ok(BellRung { key: deadline.key })
    }

    fn apply_bell_set(_: &mut Bell, _: BellSet) {}

    fn apply_bell_rung(_: &mut Bell, _: BellRung) {}
}

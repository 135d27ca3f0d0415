//! The components that consumers are measured with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use angzarr_runtime::{Aggregate, Context, Failure, Projector, Rejection, Saga};

use crate::bench::v1::app::{Hopper, Items, Lists, Places, Sum};
use crate::bench::v1::{AddItem, Hop, Hopped, ItemAdded, ItemRow, List, Place};

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

//! Those whom scripts send something.

use angzarr_runtime::{Aggregate, Context, Rejection};
use angzarr_tests::tck::v1::app::{Strangers, Targets};
use angzarr_tests::tck::v1::{Approach, Approached, Delivered, Serve, Served, Stranger, Target};

use crate::scripts::refuses;

/// Remembers what it took.
#[derive(Aggregate, Debug)]
#[aggregate(Targets)]
pub(crate) struct Door;

impl Targets for Door {
    fn take(&self, _: &Target, command: Serve, _: &Context) -> Result<Served, Rejection> {
        refuses(command.refuse)?;
        Ok(Served { text: command.text })
    }

    fn take_delivery(&self, _: &Target, _: Delivered, _: &Context) {}

    fn apply_served(target: &mut Target, event: Served) {
        target.texts.push(event.text);
    }

    fn apply_delivered(target: &mut Target, event: Delivered) {
        target.texts.push(event.text);
    }
}

/// Counts who came.
#[derive(Aggregate, Debug)]
#[aggregate(Strangers)]
pub(crate) struct Street;

impl Strangers for Street {
    fn meet(&self, _: &Stranger, command: Approach, _: &Context) -> Result<Approached, Rejection> {
        refuses(command.refuse)?;
        Ok(Approached {})
    }

    fn apply_approached(stranger: &mut Stranger, _: Approached) {
        stranger.times += 1;
    }
}

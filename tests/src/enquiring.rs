//! Customers of the shop who ask where their orders are.

use std::time::Duration;

use angzarr_runtime::{Context, Failure, ProcessManager};
use shop::orders::v1::{OrderCancelled, OrderConfirmed, OrderHeld, OrderPlacedV2};

use crate::enquiries::v1::app::Enquiries;
use crate::enquiries::v1::{Answered, Enquired, Enquiry, EnquiryDue, EnquiryPlanned};

/// Asks soon after an order in any case, and again later, unless the order has come to its end by then.
#[derive(ProcessManager, Debug)]
#[process_manager(Enquiries)]
pub struct Impatience;

impl Impatience {
    /// Name of the deadline that nobody cancels.
    pub const SOON: &str = "soon";
    /// Name of the one that the end of the order cancels; that comes now before it, now after it.
    pub const LATER: &str = "later";
}

fn answered(order_id: String, cx: &Context) -> Result<Answered, Failure> {
    cx.cancel(Impatience::LATER)?;
    Ok(Answered { order_id })
}

impl Enquiries for Impatience {
    async fn on_placed(&self, _: &Enquiry, event: OrderPlacedV2, cx: &Context) -> Result<EnquiryPlanned, Failure> {
        let order_id = event.order_id;
        for (name, after) in [(Self::SOON, 100), (Self::LATER, 400)] {
            let due = EnquiryDue { order_id: order_id.clone(), name: name.into() };
            cx.schedule(name, Duration::from_millis(after), &due)?;
        }
        Ok(EnquiryPlanned { order_id })
    }

    async fn on_confirmed(&self, _: &Enquiry, event: OrderConfirmed, cx: &Context) -> Result<Answered, Failure> {
        answered(event.order_id, cx)
    }

    async fn on_cancelled(&self, _: &Enquiry, event: OrderCancelled, cx: &Context) -> Result<Answered, Failure> {
        answered(event.order_id, cx)
    }

    async fn on_held(&self, _: &Enquiry, event: OrderHeld, cx: &Context) -> Result<Answered, Failure> {
        answered(event.order_id, cx)
    }

    async fn on_due(&self, _: &Enquiry, due: EnquiryDue, _: &Context) -> Result<Enquired, Failure> {
        Ok(Enquired { order_id: due.order_id, name: due.name })
    }

    fn apply_enquiry_planned(_: &mut Enquiry, _: EnquiryPlanned) {}

    fn apply_enquired(enquiry: &mut Enquiry, event: Enquired) {
        enquiry.made.push(event.name);
    }

    fn apply_answered(_: &mut Enquiry, _: Answered) {}
}

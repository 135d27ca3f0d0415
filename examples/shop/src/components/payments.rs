//! Payments: captured up to a limit, declined above it.

use angzarr_runtime::{Aggregate, Context, Rejection, ensure};

use crate::payments::v1::app::Payments;
use crate::payments::v1::{Payment, PaymentCaptured, PaymentDeclined, PaymentEvent, PaymentRejection, RequestPayment};

/// The rules of the till.
#[derive(Aggregate, Debug)]
#[aggregate(Payments)]
pub struct Till {
    /// Larger amounts are declined.
    pub limit_cents: u64,
}

impl Payments for Till {
    fn request(&self, payment: &Payment, command: RequestPayment, _: &Context) -> Result<PaymentEvent, Rejection> {
        let RequestPayment { order_id, cents, currency } = command;
        ensure!(!payment.answered, PaymentRejection::Answered, "the payment of {order_id} was requested before");
        if cents > self.limit_cents {
            return Ok(PaymentDeclined { order_id, reason: "over the card's limit".into() }.into());
        }
        Ok(PaymentCaptured { order_id, cents, currency }.into())
    }

    fn apply_payment_captured(payment: &mut Payment, _: PaymentCaptured) {
        payment.answered = true;
    }

    fn apply_payment_declined(payment: &mut Payment, _: PaymentDeclined) {
        payment.answered = true;
    }
}

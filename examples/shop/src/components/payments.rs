//! Payments: requested up to a limit, declined above it, and captured once the bank has told of the money.

use angzarr_runtime::{Aggregate, Context, Rejection, ensure};

use crate::payments::v1::app::Payments;
use crate::payments::v1::{
    Bill, GetBill, Payment, PaymentCaptured, PaymentDeclined, PaymentEvent, PaymentReceived, PaymentRejection,
    PaymentRequested, RequestPayment,
};

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
        Ok(PaymentRequested { order_id, cents, currency }.into())
    }

    fn record_transfer(&self, payment: &Payment, fact: PaymentReceived, _: &Context) -> Vec<PaymentCaptured> {
        let open = payment.requested_cents.saturating_sub(payment.received_cents);
        if open == 0 || fact.cents < open {
            return Vec::new();
        }
        let (cents, currency) = (payment.requested_cents, payment.currency.clone());
        vec![PaymentCaptured { order_id: fact.order_id, cents, currency }]
    }

    fn show_bill(&self, payment: &Payment, query: GetBill, _: &Context) -> Result<Bill, Rejection> {
        let cents = payment.requested_cents;
        ensure!(cents > 0, PaymentRejection::NoBill, "there is no bill for {}", query.order_id);
        Ok(Bill { cents, paid_cents: payment.received_cents })
    }

    fn apply_payment_requested(payment: &mut Payment, event: PaymentRequested) {
        payment.answered = true;
        payment.requested_cents = event.cents;
        payment.currency = event.currency;
    }

    fn apply_payment_declined(payment: &mut Payment, _: PaymentDeclined) {
        payment.answered = true;
    }

    fn apply_payment_received(payment: &mut Payment, event: PaymentReceived) {
        payment.received_cents += event.cents;
    }

    // What counts is what was received.
    fn apply_payment_captured(_: &mut Payment, _: PaymentCaptured) {}
}

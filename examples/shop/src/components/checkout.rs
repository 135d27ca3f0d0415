//! The checkout: from a placed order to a paid one, or back.

use std::time::Duration;

use angzarr_runtime::{Context, Failure, ProcessManager, Refused};

use crate::checkout::v1::app::{Checkout, UndoStep};
use crate::checkout::v1::{CheckoutStarted, CheckoutState, PaymentOverdue, RefundDue};
use crate::orders::v1::{CancelOrder, ConfirmOrder, OrderConfirmed, OrderPlacedV2};
use crate::payments::v1::{PaymentCaptured, PaymentDeclined, RequestPayment};
use crate::stock::v1::{ReleaseStock, StockReserved};

/// How long a customer may take to pay.
pub const TIME_TO_PAY: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// The deadline of the payment.
const PAYMENT: &str = "payment";

/// Sees each order through its payment.
#[derive(ProcessManager, Debug)]
#[process_manager(Checkout)]
pub struct Cashier;

impl Checkout for Cashier {
    async fn on_order_placed(
        &self,
        _: &CheckoutState,
        event: OrderPlacedV2,
        _: &Context,
    ) -> Result<CheckoutStarted, Failure> {
        let OrderPlacedV2 { order_id, sku, quantity, total_cents, currency } = event;
        Ok(CheckoutStarted { order_id, sku, quantity, total_cents, currency })
    }

    async fn on_stock_reserved(
        &self,
        state: &CheckoutState,
        event: StockReserved,
        cx: &Context,
    ) -> Result<RequestPayment, Failure> {
        let order_id = event.order_id;
        cx.schedule(PAYMENT, TIME_TO_PAY, &PaymentOverdue { order_id: order_id.clone() })?;
        Ok(RequestPayment { order_id, cents: state.total_cents, currency: state.currency.clone() })
    }

    async fn on_payment_captured(
        &self,
        _: &CheckoutState,
        event: PaymentCaptured,
        cx: &Context,
    ) -> Result<ConfirmOrder, Failure> {
        cx.cancel(PAYMENT)?;
        Ok(ConfirmOrder { order_id: event.order_id })
    }

    async fn on_payment_declined(
        &self,
        state: &CheckoutState,
        event: PaymentDeclined,
        cx: &Context,
    ) -> Result<Vec<UndoStep>, Failure> {
        cx.cancel(PAYMENT)?;
        Ok(undo(state, event.order_id, event.reason))
    }

    async fn on_payment_overdue(
        &self,
        state: &CheckoutState,
        deadline: PaymentOverdue,
        _: &Context,
    ) -> Result<Vec<UndoStep>, Failure> {
        Ok(undo(state, deadline.order_id, "not paid in time".into()))
    }

    async fn on_order_confirmed(&self, _: &CheckoutState, _: OrderConfirmed, cx: &Context) -> Result<(), Failure> {
        cx.complete()
    }

    async fn on_request_refused(
        &self,
        state: &CheckoutState,
        refused: Refused<RequestPayment>,
        cx: &Context,
    ) -> Result<Vec<UndoStep>, Failure> {
        cx.cancel(PAYMENT)?;
        Ok(undo(state, refused.command.order_id, refused.rejection.message))
    }

    async fn on_confirm_refused(
        &self,
        state: &CheckoutState,
        refused: Refused<ConfirmOrder>,
        cx: &Context,
    ) -> Result<RefundDue, Failure> {
        cx.complete()?;
        let CheckoutState { total_cents: cents, currency, .. } = state.clone();
        Ok(RefundDue { order_id: refused.command.order_id, cents, currency })
    }

    async fn on_cancel_refused(&self, _: &CheckoutState, _: Refused<CancelOrder>, _: &Context) -> Result<(), Failure> {
        Ok(())
    }

    async fn on_release_refused(
        &self,
        _: &CheckoutState,
        _: Refused<ReleaseStock>,
        _: &Context,
    ) -> Result<(), Failure> {
        Ok(())
    }

    fn apply_checkout_started(state: &mut CheckoutState, event: CheckoutStarted) {
        let CheckoutStarted { sku, quantity, total_cents, currency, .. } = event;
        *state = CheckoutState { sku, quantity, total_cents, currency };
    }

    // Nothing is decided on refunds yet.
    fn apply_refund_due(_: &mut CheckoutState, _: RefundDue) {}
}

fn undo(state: &CheckoutState, order_id: String, reason: String) -> Vec<UndoStep> {
    vec![
        ReleaseStock { sku: state.sku.clone(), order_id: order_id.clone(), quantity: state.quantity }.into(),
        CancelOrder { order_id, reason }.into(),
    ]
}

//! The checkout: from a placed order to a paid one, or back.

use angzarr_runtime::{Context, Failure, ProcessManager};

use crate::checkout::v1::app::{Checkout, UndoStep};
use crate::checkout::v1::{CheckoutStarted, CheckoutState};
use crate::orders::v1::{CancelOrder, ConfirmOrder, OrderPlacedV2};
use crate::payments::v1::{PaymentCaptured, PaymentDeclined, RequestPayment};
use crate::stock::v1::{ReleaseStock, StockReserved};

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
        _: &Context,
    ) -> Result<RequestPayment, Failure> {
        Ok(RequestPayment { order_id: event.order_id, cents: state.total_cents, currency: state.currency.clone() })
    }

    async fn on_payment_captured(
        &self,
        _: &CheckoutState,
        event: PaymentCaptured,
        _: &Context,
    ) -> Result<ConfirmOrder, Failure> {
        Ok(ConfirmOrder { order_id: event.order_id })
    }

    async fn on_payment_declined(
        &self,
        state: &CheckoutState,
        event: PaymentDeclined,
        _: &Context,
    ) -> Result<Vec<UndoStep>, Failure> {
        let PaymentDeclined { order_id, reason } = event;
        Ok(vec![
            ReleaseStock { sku: state.sku.clone(), order_id: order_id.clone(), quantity: state.quantity }.into(),
            CancelOrder { order_id, reason }.into(),
        ])
    }

    fn apply_checkout_started(state: &mut CheckoutState, event: CheckoutStarted) {
        let CheckoutStarted { sku, quantity, total_cents, currency, .. } = event;
        *state = CheckoutState { sku, quantity, total_cents, currency };
    }
}

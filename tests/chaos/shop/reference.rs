//! The shop as it must be, made from the log by plain rules of the test's own.

use std::collections::{BTreeMap, BTreeSet};

use angzarr_runtime::prost::Message;
use angzarr_runtime::store::{Record, RecordKind};
use angzarr_tests::shelves::v1::ShelfRow;
use shop::orders::v1::order::Status;
use shop::orders::v1::{
    OrderCancelled, OrderConfirmed, OrderHeld, OrderPlaced, OrderPlacedV2, OrderRow, VoucherEarned,
};
use shop::payments::v1::{PaymentCaptured, PaymentDeclined, PaymentReceived, PaymentRequested};
use shop::stock::v1::{StockReceived, StockReleased, StockReserved};

/// What the cards of all customers allow, and from when on there is a voucher.
const LIMIT_CENTS: u64 = 50_000;
const VOUCHER_CENTS: u64 = 10_000;

/// Everything that the log tells of the shop.
#[derive(Debug, Default)]
pub(super) struct Reference {
    pub(super) rows: BTreeMap<String, OrderRow>,
    pub(super) shelves: BTreeMap<String, ShelfRow>,
    pub(super) payments: BTreeMap<String, Payment>,
    /// Orders of which pieces are reserved, of which they were released, and those that the stock refused.
    reserved: BTreeMap<String, StockReserved>,
    released: BTreeSet<String>,
    refused: usize,
}

/// What was paid for one order.
#[derive(Debug, Default)]
pub(super) struct Payment {
    pub(super) requested: u64,
    pub(super) received: u64,
    pub(super) transfers: BTreeSet<String>,
    is_declined: bool,
    is_captured: bool,
}

/// The last part of a record's type, or its kind if it is bookkeeping.
pub(super) fn name(record: &Record) -> &str {
    match record.kind {
        RecordKind::Commands => "COMMANDS",
        RecordKind::Deadline => "DEADLINE",
        RecordKind::Refusal => "REFUSAL",
        _ => record.payload.type_name.rsplit('.').next().unwrap(),
    }
}

pub(super) fn decode<M: Message + Default>(record: &Record) -> M {
    M::decode(record.payload.value.clone()).unwrap()
}

impl Reference {
    /// Follows the log from its beginning. What it tells has to be in order at every step.
    pub(super) fn of(log: &[Record]) -> Self {
        let mut shop = Self::default();
        for record in log {
            match &*record.stream.domain {
                "orders" => shop.order(record),
                "stock" => shop.stock(record),
                "payments" => shop.payment(record),
                // Looked at by what led to it.
                "checkout" | "enquiries" => {}
                domain => panic!("nobody writes to {domain:?}"),
            }
        }
        shop
    }

    fn order(&mut self, record: &Record) {
        let row = |placed: OrderPlacedV2| {
            let OrderPlacedV2 { order_id, sku, quantity, total_cents, currency } = placed;
            let (status, reason) = (Status::Placed.into(), String::new());
            OrderRow { order_id, sku, quantity, total_cents, currency, status, reason }
        };
        match name(record) {
            "OrderPlaced" => {
                let OrderPlaced { order_id, sku, quantity, total_cents } = decode(record);
                self.place(row(OrderPlacedV2 { order_id, sku, quantity, total_cents, currency: "USD".into() }));
            }
            "OrderPlacedV2" => self.place(row(decode(record))),
            "OrderConfirmed" => self.end(&decode::<OrderConfirmed>(record).order_id, Status::Confirmed, String::new()),
            "OrderCancelled" => {
                let OrderCancelled { order_id, reason } = decode(record);
                self.end(&order_id, Status::Cancelled, reason);
            }
            "OrderHeld" => {
                let OrderHeld { order_id, reason } = decode(record);
                self.end(&order_id, Status::Held, reason);
            }
            "VoucherEarned" => {
                let VoucherEarned { order_id, cents } = decode(record);
                assert_eq!(record.sequence, 2, "a voucher comes with the confirmation: {record:?}");
                assert_eq!(cents, self.rows[&order_id].total_cents / 20);
            }
            name => panic!("{name} is no event of an order"),
        }
    }

    fn place(&mut self, row: OrderRow) {
        let before = self.rows.insert(row.order_id.clone(), row);
        assert_eq!(before, None, "an order is placed once");
    }

    fn end(&mut self, order_id: &str, status: Status, reason: String) {
        let row = self.rows.get_mut(order_id).unwrap();
        assert_eq!(row.status(), Status::Placed, "an order ends once: {row:?} becomes {status:?}");
        row.set_status(status);
        row.reason = reason;
    }

    fn stock(&mut self, record: &Record) {
        let shelf = self.shelves.entry(record.key.to_string()).or_default();
        shelf.sku = record.key.to_string();
        if record.kind.is_event() {
            shelf.events += 1;
        }
        match name(record) {
            "StockReceived" => shelf.available += i64::from(decode::<StockReceived>(record).quantity),
            "StockReserved" => {
                let event: StockReserved = decode(record);
                shelf.available -= i64::from(event.quantity);
                shelf.reserved += i64::from(event.quantity);
                assert!(shelf.available >= 0, "more was reserved than there is: {record:?}");
                let before = self.reserved.insert(event.order_id.clone(), event);
                assert_eq!(before, None, "an order reserves once");
            }
            "StockReleased" => {
                let event: StockReleased = decode(record);
                shelf.available += i64::from(event.quantity);
                shelf.reserved -= i64::from(event.quantity);
                assert_eq!(self.reserved[&event.order_id].quantity, event.quantity);
                assert!(self.released.insert(event.order_id), "pieces are released once");
            }
            "REFUSAL" => self.refused += 1,
            name => panic!("{name} is no event of the stock"),
        }
    }

    fn payment(&mut self, record: &Record) {
        let payment = self.payments.entry(record.key.to_string()).or_default();
        match name(record) {
            "PaymentRequested" => {
                assert_eq!(payment.requested, 0, "a bill is written once: {record:?}");
                payment.requested = decode::<PaymentRequested>(record).cents;
            }
            "PaymentDeclined" => {
                let PaymentDeclined { .. } = decode(record);
                assert!(!payment.is_declined, "a payment is declined once: {record:?}");
                payment.is_declined = true;
            }
            "PaymentReceived" => {
                let PaymentReceived { transfer, cents, .. } = decode(record);
                payment.received += cents;
                assert!(payment.transfers.insert(transfer), "a transfer counts once: {record:?}");
            }
            "PaymentCaptured" => {
                let captured: PaymentCaptured = decode(record);
                assert!(!payment.is_captured, "a payment is captured once: {record:?}");
                assert_eq!((captured.cents, payment.received), (payment.requested, payment.requested));
                payment.is_captured = true;
            }
            name => panic!("{name} is no event of a payment"),
        }
    }

    /// Every order has one end, which is the one that the rules say.
    pub(super) fn check_orders(&self) {
        for (order_id, row) in &self.rows {
            let payment = self.payments.get(order_id);
            let reserved = self.reserved.get(order_id);
            let is_released = self.released.contains(order_id);
            match row.status() {
                Status::Confirmed => {
                    assert!(row.total_cents <= LIMIT_CENTS && payment.is_some_and(|payment| payment.is_captured));
                    assert!(!is_released);
                }
                Status::Cancelled => {
                    assert!(row.total_cents > LIMIT_CENTS && payment.is_some_and(|payment| payment.is_declined));
                    assert!(is_released);
                }
                Status::Held => assert!(reserved.is_none() && payment.is_none() && !is_released, "{row:?}"),
                status => panic!("order {order_id} is still {status:?}"),
            }
            if let Some(reserved) = reserved {
                assert_eq!((&reserved.sku, reserved.quantity), (&row.sku, row.quantity));
            }
        }
        let held = self.rows.values().filter(|row| row.status() == Status::Held).count();
        assert_eq!((self.reserved.len(), self.refused), (self.rows.len() - held, held));
        // What is reserved is what is on its way to customers.
        for (sku, shelf) in &self.shelves {
            let confirmed = self.rows.values().filter(|row| row.sku == *sku && row.status() == Status::Confirmed);
            let pieces: i64 = confirmed.map(|row| i64::from(row.quantity)).sum();
            assert_eq!(shelf.reserved, pieces, "{sku}");
        }
    }

    /// What consumers must have made of an event: for each consumer the domains that it wrote to, and what.
    pub(super) fn follows(&self, record: &Record) -> BTreeSet<&'static str> {
        let order = |order_id: &str| &self.rows[order_id];
        let follows: &[&str] = match name(record) {
            "OrderPlaced" | "OrderPlacedV2" if order(&record.key).status() == Status::Held => &[
                "Fulfilment: stock: REFUSAL",
                "Fulfilment: orders: OrderHeld",
                "Checkout: checkout: CheckoutStarted",
                "Enquiries: enquiries: EnquiryPlanned",
            ],
            "OrderPlaced" | "OrderPlacedV2" => &[
                "Fulfilment: stock: StockReserved",
                "Checkout: checkout: CheckoutStarted",
                "Enquiries: enquiries: EnquiryPlanned",
            ],
            "OrderConfirmed" => &["Checkout: checkout: COMMANDS", "Enquiries: enquiries: Answered"],
            "OrderCancelled" | "OrderHeld" => &["Enquiries: enquiries: Answered"],
            "StockReserved" if order(&decode::<StockReserved>(record).order_id).total_cents > LIMIT_CENTS => {
                &["Checkout: checkout: COMMANDS", "Checkout: payments: PaymentDeclined"]
            }
            "StockReserved" => &["Checkout: checkout: COMMANDS", "Checkout: payments: PaymentRequested"],
            "PaymentCaptured" if order(&record.key).total_cents >= VOUCHER_CENTS => {
                &["Checkout: checkout: COMMANDS", "Checkout: orders: OrderConfirmed", "Checkout: orders: VoucherEarned"]
            }
            "PaymentCaptured" => &["Checkout: checkout: COMMANDS", "Checkout: orders: OrderConfirmed"],
            "PaymentDeclined" => {
                &["Checkout: checkout: COMMANDS", "Checkout: stock: StockReleased", "Checkout: orders: OrderCancelled"]
            }
            _ => &[],
        };
        follows.iter().copied().collect()
    }
}

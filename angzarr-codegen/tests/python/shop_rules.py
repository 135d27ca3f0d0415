"""The rules of the shop in Python: every class that is generated for it, with all that it asks for."""

import asyncio
import collections.abc
import datetime
import sys
import uuid

from google.protobuf import timestamp_pb2

from shop.angzarr import Context, ProcessContext, Refused, Rejection
from shop.angzarr.server import serve
from shop.angzarr.tables import Component
from shop.shop.checkout.v1 import checkout_pb2
from shop.shop.checkout.v1.app import checkout_angzarr
from shop.shop.orders.v1 import orders_pb2
from shop.shop.orders.v1.app import orders_angzarr
from shop.shop.orders.v1.app.orders_angzarr import OrdersRejection
from shop.shop.payments.v1 import payments_pb2
from shop.shop.payments.v1.app import payments_angzarr
from shop.shop.payments.v1.app.payments_angzarr import PaymentsRejection
from shop.shop.stock.v1 import stock_pb2
from shop.shop.stock.v1.app import stock_angzarr
from stock import Warehouse as Warehouse


class OrderBook(orders_angzarr.Orders):
    def __init__(self, prices: collections.abc.Mapping[str, int], voucher_from_cents: int) -> None:
        self.prices = prices
        self.voucher_from_cents = voucher_from_cents

    def place(
        self, order: orders_pb2.Order, command: orders_pb2.PlaceOrder, _: Context
    ) -> orders_pb2.OrderPlacedV2:
        if order.status != orders_pb2.Order.UNKNOWN:
            raise OrdersRejection(orders_pb2.ORDER_REJECTION_EXISTS, f"order {command.order_id} was placed before")
        if command.sku not in self.prices:
            raise OrdersRejection(orders_pb2.ORDER_REJECTION_NO_PRICE, f"there is no price for {command.sku}")
        return orders_pb2.OrderPlacedV2(
            order_id=command.order_id,
            sku=command.sku,
            quantity=command.quantity,
            total_cents=self.prices[command.sku] * command.quantity,
            currency="USD",
        )

    def confirm(
        self, order: orders_pb2.Order, command: orders_pb2.ConfirmOrder, _: Context
    ) -> collections.abc.Iterator[orders_pb2.OrderConfirmed | orders_pb2.VoucherEarned]:
        self._pending(order, command.order_id)
        yield orders_pb2.OrderConfirmed(order_id=command.order_id)
        if order.total_cents >= self.voucher_from_cents:
            yield orders_pb2.VoucherEarned(order_id=command.order_id, cents=order.total_cents // 20)

    def cancel(
        self, order: orders_pb2.Order, command: orders_pb2.CancelOrder, _: Context
    ) -> orders_pb2.OrderCancelled:
        self._pending(order, command.order_id)
        return orders_pb2.OrderCancelled(order_id=command.order_id, reason=command.reason)

    def hold(
        self, _: orders_pb2.Order, refused: Refused[stock_pb2.ReserveStock], cx: Context
    ) -> orders_pb2.OrderHeld:
        return orders_pb2.OrderHeld(order_id=refused.command.order_id, reason=refused.rejection.message)

    @staticmethod
    def apply_order_placed_v2(order: orders_pb2.Order, event: orders_pb2.OrderPlacedV2) -> None:
        order.status = orders_pb2.Order.PLACED
        order.total_cents = event.total_cents

    @staticmethod
    def apply_order_confirmed(order: orders_pb2.Order, _: orders_pb2.OrderConfirmed) -> None:
        order.status = orders_pb2.Order.CONFIRMED

    @staticmethod
    def apply_voucher_earned(order: orders_pb2.Order, event: orders_pb2.VoucherEarned) -> None:
        """Nothing is decided on vouchers yet."""

    @staticmethod
    def apply_order_cancelled(order: orders_pb2.Order, _: orders_pb2.OrderCancelled) -> None:
        order.status = orders_pb2.Order.CANCELLED

    @staticmethod
    def apply_order_held(order: orders_pb2.Order, _: orders_pb2.OrderHeld) -> None:
        order.status = orders_pb2.Order.HELD

    @staticmethod
    def _pending(order: orders_pb2.Order, order_id: str) -> None:
        if order.status != orders_pb2.Order.PLACED:
            status = orders_pb2.Order.Status.Name(order.status)
            raise OrdersRejection(orders_pb2.ORDER_REJECTION_NOT_PENDING, f"order {order_id} is {status}")


class OldOrders(orders_angzarr.OrderHistory):
    """What becomes of each field stands at the messages."""


class StockClerk(orders_angzarr.Fulfilment):
    async def on_order_placed(self, event: orders_pb2.OrderPlacedV2, _: Context) -> stock_pb2.ReserveStock:
        return stock_pb2.ReserveStock(sku=event.sku, order_id=event.order_id, quantity=event.quantity)


Row = orders_pb2.OrderRow | None


class Board(orders_angzarr.OrderBoard):
    async def on_placed(self, _: Row, event: orders_pb2.OrderPlacedV2, cx: Context) -> Row:
        return orders_pb2.OrderRow(order_id=event.order_id, sku=event.sku, status=orders_pb2.Order.PLACED)

    async def on_confirmed(self, row: Row, _: orders_pb2.OrderConfirmed, cx: Context) -> Row:
        if row is not None:
            row.status = orders_pb2.Order.CONFIRMED
        return row

    async def on_cancelled(self, row: Row, event: orders_pb2.OrderCancelled, cx: Context) -> Row:
        return None

    async def on_held(self, row: Row, event: orders_pb2.OrderHeld, cx: Context) -> Row:
        return row


class Till(payments_angzarr.Payments):
    def request(
        self, payment: payments_pb2.Payment, command: payments_pb2.RequestPayment, _: Context
    ) -> payments_pb2.PaymentRequested | payments_pb2.PaymentDeclined:
        if command.cents > 50_000:
            return payments_pb2.PaymentDeclined(order_id=command.order_id, reason="over the card's limit")
        return payments_pb2.PaymentRequested(order_id=command.order_id, cents=command.cents)

    def record_transfer(
        self, payment: payments_pb2.Payment, fact: payments_pb2.PaymentReceived, _: Context
    ) -> list[payments_pb2.PaymentCaptured]:
        missing = payment.requested_cents - payment.received_cents
        if missing <= 0 or fact.cents < missing:
            return []
        return [payments_pb2.PaymentCaptured(order_id=fact.order_id, cents=payment.requested_cents)]

    def show_bill(self, payment: payments_pb2.Payment, query: payments_pb2.GetBill, _: Context) -> payments_pb2.Bill:
        if payment.requested_cents == 0:
            raise PaymentsRejection(payments_pb2.PAYMENT_REJECTION_NO_BILL, f"there is no bill for {query.order_id}")
        return payments_pb2.Bill(cents=payment.requested_cents, paid_cents=payment.received_cents)

    @staticmethod
    def apply_payment_requested(payment: payments_pb2.Payment, event: payments_pb2.PaymentRequested) -> None:
        payment.answered = True
        payment.requested_cents = event.cents

    @staticmethod
    def apply_payment_declined(payment: payments_pb2.Payment, event: payments_pb2.PaymentDeclined) -> None:
        payment.answered = True

    @staticmethod
    def apply_payment_received(payment: payments_pb2.Payment, event: payments_pb2.PaymentReceived) -> None:
        payment.received_cents += event.cents

    @staticmethod
    def apply_payment_captured(payment: payments_pb2.Payment, event: payments_pb2.PaymentCaptured) -> None:
        """What counts is what was received."""


State = checkout_pb2.CheckoutState
Undo = list[stock_pb2.ReleaseStock | orders_pb2.CancelOrder]


class Cashier(checkout_angzarr.Checkout):
    async def on_order_placed(
        self, _: State, event: orders_pb2.OrderPlacedV2, cx: ProcessContext
    ) -> checkout_pb2.CheckoutStarted:
        return checkout_pb2.CheckoutStarted(
            order_id=event.order_id,
            sku=event.sku,
            quantity=event.quantity,
            total_cents=event.total_cents,
            currency=event.currency,
        )

    async def on_stock_reserved(
        self, state: State, event: stock_pb2.StockReserved, cx: ProcessContext
    ) -> payments_pb2.RequestPayment:
        overdue = checkout_pb2.PaymentOverdue(order_id=event.order_id)
        cx.schedule("payment", datetime.timedelta(days=3), overdue)
        return payments_pb2.RequestPayment(
            order_id=event.order_id, cents=state.total_cents, currency=state.currency
        )

    async def on_payment_captured(
        self, _: State, event: payments_pb2.PaymentCaptured, cx: ProcessContext
    ) -> orders_pb2.ConfirmOrder:
        cx.cancel("payment")
        return orders_pb2.ConfirmOrder(order_id=event.order_id)

    async def on_payment_declined(
        self, state: State, event: payments_pb2.PaymentDeclined, cx: ProcessContext
    ) -> Undo:
        return self._undo(state, event.order_id)

    async def on_payment_overdue(
        self, state: State, deadline: checkout_pb2.PaymentOverdue, cx: ProcessContext
    ) -> Undo:
        return self._undo(state, deadline.order_id)

    async def on_order_confirmed(self, _: State, event: orders_pb2.OrderConfirmed, cx: ProcessContext) -> None:
        cx.complete()

    async def on_request_refused(
        self, state: State, refused: Refused[payments_pb2.RequestPayment], cx: ProcessContext
    ) -> Undo:
        return self._undo(state, refused.command.order_id)

    async def on_confirm_refused(
        self, state: State, refused: Refused[orders_pb2.ConfirmOrder], cx: ProcessContext
    ) -> checkout_pb2.RefundDue:
        return checkout_pb2.RefundDue(order_id=refused.command.order_id, cents=state.total_cents)

    async def on_cancel_refused(
        self, state: State, refused: Refused[orders_pb2.CancelOrder], cx: ProcessContext
    ) -> None:
        pass

    async def on_release_refused(
        self, state: State, refused: Refused[stock_pb2.ReleaseStock], cx: ProcessContext
    ) -> None:
        pass

    @staticmethod
    def apply_checkout_started(state: State, event: checkout_pb2.CheckoutStarted) -> None:
        state.sku, state.quantity = event.sku, event.quantity
        state.total_cents, state.currency = event.total_cents, event.currency

    @staticmethod
    def apply_refund_due(state: State, event: checkout_pb2.RefundDue) -> None:
        """Nothing is decided on refunds yet."""

    @staticmethod
    def _undo(state: State, order_id: str) -> Undo:
        return [
            stock_pb2.ReleaseStock(sku=state.sku, order_id=order_id, quantity=state.quantity),
            orders_pb2.CancelOrder(order_id=order_id),
        ]


def circumstances() -> ProcessContext:
    return ProcessContext(
        domain="orders",
        root=uuid.UUID(int=1),
        key="o-1",
        correlation_id="c",
        cause=None,
        now=timestamp_pb2.Timestamp(seconds=100),
        id_seed=uuid.UUID(int=2),
    )


def test_rules() -> None:
    book = OrderBook({"kettle": 4_500}, voucher_from_cents=9_000)
    order = orders_pb2.Order()
    cx = circumstances()
    placed = book.place(order, orders_pb2.PlaceOrder(order_id="o-1", sku="kettle", quantity=2), cx)
    OrderBook.apply_order_placed_v2(order, placed)
    assert [type(event).__name__ for event in book.confirm(order, orders_pb2.ConfirmOrder(order_id="o-1"), cx)] == [
        "OrderConfirmed",
        "VoucherEarned",
    ]
    try:
        book.place(order, orders_pb2.PlaceOrder(order_id="o-1"), cx)
    except Rejection as rejection:
        assert (rejection.code, rejection.message) == ("ORDER_REJECTION_EXISTS", "order o-1 was placed before")
    else:
        raise AssertionError("it was placed twice")


async def test_processes() -> None:
    cx = circumstances()
    await Cashier().on_stock_reserved(State(total_cents=9), stock_pb2.StockReserved(order_id="o-1"), cx)
    [deadline] = cx.deadlines
    assert deadline.at == timestamp_pb2.Timestamp(seconds=100 + 3 * 24 * 60 * 60)
    assert deadline.message == checkout_pb2.PaymentOverdue(order_id="o-1")
    await Cashier().on_order_confirmed(State(), orders_pb2.OrderConfirmed(), cx)
    assert cx.completed
    # The recipe that all languages share.
    seed = uuid.UUID(int=2)
    assert [cx.new_id(), cx.new_id()] == [uuid.uuid5(seed, "id/0"), uuid.uuid5(seed, "id/1")]


def test_missing_methods() -> None:
    class Forgetful(stock_angzarr.Stock):
        pass

    try:
        Forgetful()  # type: ignore[abstract]
    except TypeError as error:
        assert "apply_stock_received" in str(error), error
    else:
        raise AssertionError("nothing was missed")


def shop() -> tuple[Component, ...]:
    book = OrderBook({"kettle": 4_500, "samovar": 60_000}, voucher_from_cents=10_000)
    return book, OldOrders(), StockClerk(), Board(), Warehouse(), Till(), Cashier()


if __name__ == "__main__":
    asyncio.run(serve(*shop(), address=sys.argv[1]))

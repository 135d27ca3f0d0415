"""The test kit, on the shop: it passes what is right, and says what is wrong."""

import collections.abc
import datetime
import json
import pathlib

from shop.angzarr import Rejection, testing
from shop.angzarr.ids import ANGZARR, root_id
from shop.shop.checkout.v1 import checkout_pb2
from shop.shop.orders.v1 import orders_pb2
from shop.shop.payments.v1 import payments_pb2
from shop.shop.stock.v1 import stock_pb2
from shop_rules import Board, Cashier, OldOrders, OrderBook, StockClerk, Till, Warehouse

BOOK = OrderBook({"kettle": 4_500}, voucher_from_cents=10_000)
PLACE = orders_pb2.PlaceOrder(order_id="1", sku="kettle", quantity=2)
CONFIRM = orders_pb2.ConfirmOrder(order_id="1")
CONFIRMED = orders_pb2.OrderConfirmed(order_id="1")
DAY = datetime.timedelta(days=1)


def placed(cents: int) -> orders_pb2.OrderPlacedV2:
    return orders_pb2.OrderPlacedV2(order_id="1", sku="kettle", quantity=2, total_cents=cents, currency="USD")


def refused(check: collections.abc.Callable[[], object]) -> str:
    try:
        check()
    except AssertionError as error:
        return str(error)
    raise AssertionError("it passed")


def test_aggregates() -> None:
    (
        testing.aggregate(BOOK)
        .when(PLACE)
        .then_events(placed(9_000))
        .then_state(status=orders_pb2.Order.PLACED)
        .when(PLACE)
        .then_rejected("ORDER_REJECTION_EXISTS")
        .when(CONFIRM)
        .then_events(CONFIRMED)
    )
    voucher = orders_pb2.VoucherEarned(order_id="1", cents=675)
    testing.aggregate(BOOK).given(placed(13_500)).when(CONFIRM).then_events(CONFIRMED, voucher)
    reserve = stock_pb2.ReserveStock(order_id="1")
    held = orders_pb2.OrderHeld(order_id="1", reason="none left")
    testing.aggregate(BOOK).when_refused(reserve, Rejection("OUT", "none left")).then_events(held)
    fact = payments_pb2.PaymentReceived(order_id="1", cents=7)
    captured = payments_pb2.PaymentCaptured(order_id="1", cents=7)
    bill = payments_pb2.GetBill(order_id="1")
    (
        testing.aggregate(Till())
        .when_recorded(fact)
        .then_events(fact, captured)
        .when_asked(bill)
        .then_rejected("PAYMENT_REJECTION_NO_BILL")
        .given(payments_pb2.PaymentRequested(order_id="1", cents=7))
        .when_asked(bill)
        .then_answer(payments_pb2.Bill(cents=7, paid_cents=7))
    )


def test_what_is_not_as_expected() -> None:
    told = refused(lambda: testing.aggregate(BOOK).given(placed(9_000)).when(CONFIRM).then_events(placed(1)))
    assert told == (
        "events of `shop.orders.v1.app.Orders` are not as expected\n"
        "--- expected\n+++ actual\n@@ -1,7 +1,3 @@\n"
        "-shop.orders.v1.OrderPlacedV2 {\n+shop.orders.v1.OrderConfirmed {\n"
        '   order_id: "1"\n-  sku: "kettle"\n-  quantity: 2\n-  total_cents: 1\n-  currency: "USD"\n }'
    ), told
    told = refused(lambda: testing.aggregate(BOOK).when(PLACE).then_rejected("X"))
    assert told == (
        "expected a rejection with X, but `shop.orders.v1.app.Orders` stored shop.orders.v1.OrderPlacedV2"
    ), told
    told = refused(lambda: testing.aggregate(BOOK).when(PLACE).then_state(total_cents=1))
    assert told == "the state of `shop.orders.v1.app.Orders` has {'total_cents': 9000}, not {'total_cents': 1}", told
    told = refused(lambda: testing.aggregate(BOOK).when(stock_pb2.ReserveStock()))
    assert told == "`shop.orders.v1.app.Orders` has no handler for `shop.stock.v1.ReserveStock`", told
    try:
        testing.saga(BOOK)
    except TypeError as error:
        assert str(error) == "`shop.orders.v1.app.Orders` is no Saga: use the kit for its kind", error
    else:
        raise AssertionError("it is no saga")


def test_what_is_raised_is_raised_again() -> None:
    class Broken(StockClerk):
        async def on_order_placed(self, event: orders_pb2.OrderPlacedV2, _: object) -> stock_pb2.ReserveStock:
            raise KeyError(event.sku)

    testing.saga(Broken()).when(placed(1)).then_failed(KeyError)
    try:
        testing.saga(Broken()).when(placed(1)).then_nothing()
    except KeyError as error:
        assert error.args == ("kettle",)
    else:
        raise AssertionError("nothing was raised")


def test_sagas_and_projectors() -> None:
    reserve = stock_pb2.ReserveStock(sku="kettle", order_id="1", quantity=2)
    testing.saga(StockClerk()).when(placed(9_000)).then_commands(reserve)
    row = orders_pb2.OrderRow(order_id="1", sku="kettle", status=orders_pb2.Order.PLACED)
    confirmed = orders_pb2.OrderRow(order_id="1", sku="kettle", status=orders_pb2.Order.CONFIRMED)
    (
        testing.projector(Board())
        .of("1")
        .when(placed(9_000))
        .then_row("1", row)
        .when(CONFIRMED)
        .then_row("1", confirmed)
        .of("2")
        .when(CONFIRMED)
        .then_no_row("2")
        .of("1")
        .when(orders_pb2.OrderCancelled(order_id="1"))
        .then_no_row("1")
    )


def test_process_managers() -> None:
    started = checkout_pb2.CheckoutStarted(order_id="1", sku="kettle", quantity=2)
    reserved = stock_pb2.StockReserved(order_id="1")
    overdue = checkout_pb2.PaymentOverdue(order_id="1")
    undone = (
        stock_pb2.ReleaseStock(sku="kettle", order_id="1", quantity=2),
        orders_pb2.CancelOrder(order_id="1"),
    )
    (
        testing.process_manager(Cashier())
        .when(reserved)
        .then_nothing()
        .when(placed(9_000))
        .then_events(started)
        .when(reserved)
        .then_commands(payments_pb2.RequestPayment(order_id="1"))
        .then_deadline("payment", 3 * DAY, overdue)
        .advance(2 * DAY)
        .then_nothing()
        .then_deadline("payment", DAY, overdue)
        .advance(DAY)
        .then_commands(*undone)
        .then_no_deadline("payment")
        .when(CONFIRMED)
        .then_completed()
        .when(reserved)
        .then_nothing()
    )
    request = payments_pb2.RequestPayment(order_id="1")
    (
        testing.process_manager(Cashier())
        .given(started)
        .given_deadline("payment", DAY, overdue)
        .when(payments_pb2.PaymentCaptured(order_id="1"))
        .then_commands(CONFIRM)
        .then_no_deadline("payment")
        .when_refused(request, Rejection("NO", "no"))
        .then_commands(*undone)
        .when_deadline(overdue)
        .then_commands(*undone)
    )
    told = refused(lambda: testing.process_manager(Cashier()).given(started).then_completed())
    assert told == "the instance of `shop.checkout.v1.app.Checkout` has not come to its end", told


def test_declared_upcasts_have_no_method() -> None:
    told = refused(lambda: testing.upcaster(OldOrders()).when(orders_pb2.OrderPlaced()))
    assert told == "`shop.orders.v1.app.OrderHistory` has no handler for `shop.orders.v1.OrderPlaced`", told


async def test_the_kit_works_inside_a_loop_too() -> None:
    testing.saga(StockClerk()).when(placed(9_000)).then_commands(
        stock_pb2.ReserveStock(sku="kettle", order_id="1", quantity=2)
    )


def test_roots_follow_the_recipe() -> None:
    vectors = json.loads(pathlib.Path("vectors.json").read_text())
    assert str(ANGZARR) == vectors["angzarr_namespace"]
    for vector in vectors["root_ids"]:
        assert str(root_id(vector["domain"], vector["key"])) == vector["root"], vector
    for vector in vectors["root_errors"]:
        try:
            root_id(vector["domain"], vector["key"])
        except ValueError:
            pass
        else:
            raise AssertionError(vector)

"""The shop's clients, against a runtime that listens at the address in the environment."""

import contextlib
import datetime
import os
import unittest.mock
import uuid

import grpc
import grpc.aio
from google.protobuf import any_pb2, timestamp_pb2

from shop.angzarr import client
from shop.angzarr.client import Error, Metadata, SyncMode, subscribe
from shop.angzarr.ids import root_id
from shop.shop.checkout.v1.app.checkout_client import CheckoutEvents
from shop.shop.orders.v1 import orders_pb2
from shop.shop.orders.v1.app.orders_angzarr import OrdersRejection
from shop.shop.orders.v1.app.orders_client import OrdersClient, OrdersEvent, OrdersEvents, OrdersGateway
from shop.shop.payments.v1 import payments_pb2
from shop.shop.payments.v1.app.payments_client import PaymentsClient, PaymentsGateway
from shop.shop.stock.v1 import stock_pb2
from shop.shop.stock.v1.app.stock_client import StockClient

SECOND = datetime.timedelta(seconds=1)

#: Who may record facts.
BANK = [("authorization", f"Bearer {os.environ['TOKEN']}")]


def opened() -> grpc.aio.Channel:
    return client.channel(os.environ["ADDRESS"])


def order(name: str, quantity: int = 1) -> orders_pb2.PlaceOrder:
    return orders_pb2.PlaceOrder(order_id=name, sku="kettle", quantity=quantity)


async def test_commands() -> None:
    async with opened() as channel:
        await StockClient(channel).receive(stock_pb2.ReceiveStock(sku="kettle", quantity=100))
        orders = OrdersClient(channel, metadata=[("x-whatever", "it travels along")])
        outcome = await orders.place(
            order("c-1"),
            idempotency_key="web-1",
            expecting=0,
            correlation_id="talk-1",
            sync=SyncMode.CASCADE,
            timeout=30 * SECOND,
        )
        [placed] = outcome.events
        assert (placed.order_id, placed.total_cents) == ("c-1", 4_500)
        [record] = outcome.records
        assert (record.domain, record.root, record.key) == ("orders", root_id("orders", "c-1"), "c-1")
        assert (record.sequence, record.position, record.message) == (0, outcome.position, placed)
        assert (outcome.duplicate, outcome.next_sequence, outcome.correlation_id) == (False, 1, "talk-1")
        assert "shop.orders.v1.app.OrderBoard" in outcome.waited_for, outcome.waited_for
        caused = {type(record.message).__name__: record for book in outcome.caused for record in book.records}
        # Of other domains, too.
        reserved = caused["StockReserved"]
        assert reserved.cause is not None and reserved.cause.component == "shop.orders.v1.app.Fulfilment", reserved
        assert (outcome.awaited, outcome.failures) == ([], [])

        again = await orders.place(order("c-1"), idempotency_key="web-1")
        assert again.duplicate and again.events == outcome.events, again


async def test_rejections() -> None:
    async with opened() as channel:
        orders = OrdersClient(channel)
        try:
            await orders.confirm(orders_pb2.ConfirmOrder(order_id="r-1"))
        except OrdersRejection as rejection:
            assert rejection.value == orders_pb2.ORDER_REJECTION_NOT_PENDING
            assert (rejection.code, rejection.message) == ("ORDER_REJECTION_NOT_PENDING", "order r-1 is UNKNOWN")
            assert (rejection.metadata, rejection.detail) == ({}, None)
        else:
            raise AssertionError("it was confirmed")


async def refused(metadata: Metadata, address: str | None = None, expecting: int = 7, name: str = "e-1") -> Error:
    async with client.channel(address or os.environ["ADDRESS"]) as channel:
        try:
            await OrdersClient(channel, metadata).place(order(name), expecting=expecting)
        except Error as error:
            return error
        raise AssertionError("there is no error")


async def test_errors() -> None:
    conflict = await refused([])
    assert (conflict.code, conflict.status) == ("SEQUENCE_CONFLICT", grpc.StatusCode.ABORTED), conflict
    assert (conflict.metadata["expected"], conflict.metadata["actual"]) == ("7", "0")
    assert not conflict.retryable
    empty = await refused([], name="", expecting=0)
    assert (empty.code, empty.status) == ("ROOT_EMPTY", grpc.StatusCode.INVALID_ARGUMENT), empty
    assert empty.help and not empty.retryable
    nobody = await refused([], "unix:/nowhere.sock")
    assert (nobody.code, nobody.help, nobody.retryable) == ("UNAVAILABLE", "", True), nobody


async def test_facts_and_queries() -> None:
    async with opened() as channel:
        payments = PaymentsClient(channel, BANK)
        await payments.request(payments_pb2.RequestPayment(order_id="f-1", cents=7, currency="USD"))
        fact = payments_pb2.PaymentReceived(order_id="f-1", transfer="bank-1", cents=7)
        occurred = timestamp_pb2.Timestamp(seconds=1_900_000_000)
        outcome = await payments.record_transfer(fact, occurred_at=occurred)
        captured = payments_pb2.PaymentCaptured(order_id="f-1", cents=7, currency="USD")
        assert outcome.events == [fact, captured], outcome.events
        assert outcome.records[0].occurred_at == occurred
        assert (await payments.record_transfer(fact)).duplicate
        try:
            await PaymentsClient(channel).record_transfer(fact)
        except Error as error:
            assert (error.code, error.status) == ("FACT_TOKEN_MISSING", grpc.StatusCode.UNAUTHENTICATED), error
        else:
            raise AssertionError("anybody may record facts")
        bill = await payments.show_bill(payments_pb2.GetBill(order_id="f-1"), timeout=30 * SECOND)
        assert bill == payments_pb2.Bill(cents=7, paid_cents=7), bill


async def test_conversations() -> None:
    async with opened() as channel:
        gateway = OrdersGateway(channel)
        found = [book async for book in gateway.place(order("g-1"), count=2, correlation_id="talk-g")]
        assert [book.domain for book in found][:1] == ["orders"] and len(found) == 2, found
        assert all(record.correlation_id == "talk-g" for book in found for record in book.records)
        # A caller may leave whenever it wants.
        async with contextlib.aclosing(OrdersGateway(channel).place(order("g-2"))) as books:
            first = await anext(books)
        assert isinstance(first.records[0].message, orders_pb2.OrderPlacedV2), first
        fact = payments_pb2.PaymentReceived(order_id="g-3", transfer="bank-3", cents=7)
        followed = [book async for book in PaymentsGateway(channel, BANK).record_transfer(fact, within=SECOND / 2)]
        assert [record.message for record in followed[0].records] == [fact], followed
        try:
            await anext(gateway.place(order("g-1")))
        except OrdersRejection as rejection:
            assert rejection.value == orders_pb2.ORDER_REJECTION_EXISTS
        else:
            raise AssertionError("it was placed twice")
        try:
            await anext(gateway.place(order("g-4"), count=1, within=SECOND))
        except ValueError:
            pass
        else:
            raise AssertionError("both limits were taken")


def said(event: OrdersEvent) -> str:
    """What a type checker takes for everything that may come."""
    match event:
        case orders_pb2.OrderPlacedV2():
            return f"{event.quantity} of {event.sku}"
        case orders_pb2.OrderCancelled() | orders_pb2.OrderHeld():
            return event.reason
        case orders_pb2.OrderConfirmed() | orders_pb2.VoucherEarned():
            return event.order_id
        case any_pb2.Any():
            return "unknown"


async def test_events_and_states() -> None:
    async with opened() as channel:
        orders, events = OrdersClient(channel), OrdersEvents(channel)
        nothing = await events.book("s-1")
        assert (nothing.domain, nothing.root, nothing.records) == ("orders", root_id("orders", "s-1"), [])
        assert await events.state("s-1") is None
        await orders.place(order("s-1", 2))
        await orders.cancel(orders_pb2.CancelOrder(order_id="s-1", reason="no need"))
        # Whatever else becomes of it comes later.
        book = await events.book("s-1")
        assert [said(record.message) for record in book.records][:2] == ["2 of kettle", "no need"], book
        assert await events.book(root_id("orders", "s-1")) == await events.book("s-1")
        [second, *_] = (await events.book("s-1", first_sequence=1)).records
        assert (second.sequence, said(second.message)) == (1, "no need")
        [first] = (await events.book("s-1", as_of=0)).records
        assert first.sequence == 0
        both = await events.book("s-1", as_of=1)
        assert ([record.sequence for record in both.records], both.next_sequence) == ([0, 1], 2), both
        # Piece by piece it is the same.
        with unittest.mock.patch.object(client, "_PIECE", 1):
            assert await events.book("s-1", as_of=1) == both
            assert (await events.book("s-1", first_sequence=1, as_of=1)).records == both.records[1:]
        before, after = await events.state("s-1", as_of=first.created_at), await events.state("s-1", as_of=1)
        assert before is not None and before.status == orders_pb2.Order.PLACED, before
        assert after is not None and after.status == orders_pb2.Order.CANCELLED, after
        # Of process managers, too.
        assert await CheckoutEvents(channel).state(uuid.uuid4()) is None


async def test_subscriptions() -> None:
    async with opened() as channel:
        outcome = await OrdersClient(channel).place(order("l-1"), correlation_id="talk-l")
        events = OrdersEvents(channel)
        async with contextlib.aclosing(events.subscribe(after=outcome.position - 1)) as books:
            first = await anext(books)
            assert [record.message for record in first.records] == outcome.events
            # And then what comes.
            later = await OrdersClient(channel).place(order("l-2"), correlation_id="talk-l")
            async for book in books:
                if book.position >= later.position:
                    break
            assert [said(record.message) for record in book.records] == ["1 of kettle"], book
        async with contextlib.aclosing(subscribe(channel, correlation_id="talk-l")) as everything:
            seen = [(await anext(everything)).key, (await anext(everything)).domain]
        assert seen[0] == "l-1", seen

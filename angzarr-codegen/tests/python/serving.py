"""The shop, served: what a runtime asks, and what it is told."""

import asyncio
import inspect
import logging
import os
import signal
import tempfile
import typing
import uuid

import grpc
import grpc.aio
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message, timestamp_pb2

from shop.angzarr import Context, Rejection
from shop.angzarr.server import Server, serve
from shop.angzarr.v1 import business_pb2, types_pb2
from shop.shop.checkout.v1 import checkout_pb2
from shop.shop.orders.v1 import orders_pb2
from shop.shop.payments.v1 import payments_pb2
from shop.shop.stock.v1 import stock_pb2
from shop_rules import StockClerk, Till, Warehouse, shop

Answer = typing.TypeVar("Answer", bound=message.Message)

ORDERS = "shop.orders.v1.app.Orders"
RUNTIME = bytes(16)

logging.getLogger("angzarr").setLevel(logging.CRITICAL)


def packed(content: message.Message) -> any_pb2.Any:
    result = any_pb2.Any()
    result.Pack(content)
    return result


def circumstances(root: int = 1) -> business_pb2.Context:
    cover = types_pb2.Cover(domain="orders", root=types_pb2.UUID(value=uuid.UUID(int=root).bytes), key="o-1")
    return business_pb2.Context(cover=cover, now=timestamp_pb2.Timestamp(seconds=100), id_seed=bytes(16))


class Runtime:
    """The caller's side."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel

    async def call(self, rpc: str, request: message.Message, answer: type[Answer]) -> Answer:
        def encode(request: message.Message) -> bytes:
            return request.SerializeToString()

        call = self.channel.unary_unary(f"/angzarr.v1.{rpc}", encode, answer.FromString)
        return await call(request, timeout=10)

    async def handle(
        self, content: message.Message, history: business_pb2.History, kind: str = "command", component: str = ORDERS
    ) -> business_pb2.HandleResponse:
        request = business_pb2.HandleRequest(
            component=component, runtime_epoch=RUNTIME, context=circumstances(), history=history
        )
        getattr(request, kind).CopyFrom(packed(content))
        return await self.call("BusinessLogic/Handle", request, business_pb2.HandleResponse)

    async def describe(self) -> business_pb2.DescribeResponse:
        return await self.call("Describe/Describe", business_pb2.DescribeRequest(), business_pb2.DescribeResponse)


Case = typing.Callable[[Runtime], typing.Awaitable[None]]


async def served(case: Case, *components: typing.Any) -> None:
    server = Server(*components, address="127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(server.address) as channel:
        await case(Runtime(channel))
    await server.stop()


PLACE = orders_pb2.PlaceOrder(order_id="o-1", sku="kettle", quantity=3)
PLACED = orders_pb2.OrderPlacedV2(order_id="o-1", sku="kettle", quantity=3, total_cents=13_500, currency="USD")
CONFIRM = orders_pb2.ConfirmOrder(order_id="o-1")


def names(emissions: business_pb2.Emissions) -> list[str]:
    return [one.TypeName() for one in emissions.messages]


async def test_a_description_of_what_is_served_and_of_nothing_else() -> None:
    async def some(runtime: Runtime) -> None:
        told = await runtime.describe()
        assert [one.name for one in told.description.components] == [
            "shop.orders.v1.app.Fulfilment",
            "shop.stock.v1.app.Stock",
        ]
        assert "shop.orders.v1.PlaceOrder" not in [one.name for one in told.description.messages]
        assert "shop.stock.v1.ReserveStock" in [one.name for one in told.description.messages]
        assert len(told.service_epoch) == 16
        # Whoever reads it needs nothing else.
        pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(told.description.descriptors).file:
            pool.Add(file)
        assert pool.FindServiceByName("shop.stock.v1.app.Stock").methods_by_name["Reserve"]

    await served(some, Warehouse(), StockClerk())


async def test_decisions_on_a_history() -> None:
    async def decisions(runtime: Runtime) -> None:
        answer = await runtime.handle(PLACE, business_pb2.History())
        assert [one.TypeName() for one in answer.events.messages] == ["shop.orders.v1.OrderPlacedV2"]
        assert orders_pb2.OrderPlacedV2.FromString(answer.events.messages[0].value) == PLACED
        # Stored since, and sent alone.
        epoch = answer.service_epoch
        new = business_pb2.History(events=[packed(PLACED)], next=1, held=0, service_epoch=epoch)
        answer = await runtime.handle(CONFIRM, new)
        assert names(answer.events) == ["shop.orders.v1.OrderConfirmed", "shop.orders.v1.VoucherEarned"]
        assert answer.holds == 1
        # The runtime believes in more than there is.
        answer = await runtime.handle(CONFIRM, business_pb2.History(held=5, next=5, service_epoch=epoch))
        assert answer.WhichOneof("outcome") == "needs_history" and answer.needs_history.holds == 1
        # Or in an earlier start of the service.
        answer = await runtime.handle(CONFIRM, business_pb2.History(events=[packed(PLACED)], next=1))
        answer = await runtime.handle(CONFIRM, business_pb2.History(held=1, next=1, service_epoch=bytes(16)))
        assert answer.WhichOneof("outcome") == "needs_history"
        # Everything, from a snapshot.
        order = orders_pb2.Order(status=orders_pb2.Order.PLACED, total_cents=1)
        answer = await runtime.handle(CONFIRM, business_pb2.History(state=packed(order), next=9))
        assert names(answer.events) == ["shop.orders.v1.OrderConfirmed"] and answer.holds == 9

    await served(decisions, *shop())


async def test_what_is_not_stored_is_forgotten() -> None:
    async def pending(runtime: Runtime) -> None:
        answer = await runtime.handle(CONFIRM, business_pb2.History(pending=[packed(PLACED)]))
        assert answer.WhichOneof("outcome") == "events"
        history = business_pb2.History(held=0, service_epoch=answer.service_epoch)
        answer = await runtime.handle(CONFIRM, history)
        assert answer.rejection.code == "ORDER_REJECTION_NOT_PENDING"

    await served(pending, *shop())


async def test_rejections_and_failures() -> None:
    async def refusals(runtime: Runtime) -> None:
        answer = await runtime.handle(PLACE, business_pb2.History(events=[packed(PLACED)], next=1))
        assert answer.rejection.code == "ORDER_REJECTION_EXISTS"
        assert answer.rejection.message == "order o-1 was placed before"
        assert answer.holds == 1
        reserve = stock_pb2.ReserveStock(sku="kettle", quantity=1)
        answer = await runtime.handle(reserve, business_pb2.History(), component="shop.stock.v1.app.Stock")
        assert answer.rejection.metadata == {"available": "0"}
        answer = await runtime.handle(reserve, business_pb2.History())
        assert answer.failure.code == "TYPE_UNKNOWN"
        answer = await runtime.handle(PLACE, business_pb2.History(), component="shop.orders.v1.app.Fulfilment")
        assert answer.failure.code == "COMPONENT_UNKNOWN"
        broken = any_pb2.Any(type_url="type.googleapis.com/shop.orders.v1.OrderPlacedV2", value=b"\xff")
        answer = await runtime.handle(PLACE, business_pb2.History(events=[broken], next=1))
        assert answer.failure.code == "PAYLOAD_MALFORMED"
        try:
            await runtime.call("BusinessLogic/Handle", business_pb2.HandleRequest(component=ORDERS), business_pb2.HandleResponse)
        except grpc.aio.AioRpcError as error:
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
        else:
            raise AssertionError("it has no context")

    await served(refusals, *shop())


class Broken(Warehouse):
    def receive(
        self, article: stock_pb2.Article, command: stock_pb2.ReceiveStock, cx: Context
    ) -> stock_pb2.StockReceived:
        raise KeyError("shelf")


async def test_a_handler_that_raises_fails() -> None:
    async def failure(runtime: Runtime) -> None:
        receive = stock_pb2.ReceiveStock(sku="kettle", quantity=1)
        answer = await runtime.handle(receive, business_pb2.History(), component="shop.stock.v1.app.Stock")
        assert answer.failure.code == "HANDLER_PANICKED"
        assert answer.failure.message == "`shop.stock.v1.app.Stock` raised KeyError: 'shelf'"

    await served(failure, Broken())


class Odd(Warehouse):
    """Does with some articles what no handler should."""

    def receive(
        self, article: stock_pb2.Article, command: stock_pb2.ReceiveStock, cx: Context
    ) -> stock_pb2.StockReceived:
        if command.sku == "cancelled":
            raise asyncio.CancelledError
        if command.sku == "no text":
            raise Rejection("FULL", "no room", {"room": 0})  # type: ignore[dict-item]
        return super().receive(article, command, cx)


async def test_many_decisions_by_one_call() -> None:
    def asked(call: int, sku: str) -> business_pb2.HandleManyRequest:
        request = business_pb2.HandleRequest(
            component="shop.stock.v1.app.Stock", runtime_epoch=RUNTIME, context=circumstances()
        )
        request.history.SetInParent()
        request.command.CopyFrom(packed(stock_pb2.ReceiveStock(sku=sku, quantity=1)))
        return business_pb2.HandleManyRequest(call=call, request=request)

    async def many(runtime: Runtime) -> None:
        call = runtime.channel.stream_stream(
            "/angzarr.v1.BusinessLogic/HandleMany",
            request_serializer=business_pb2.HandleManyRequest.SerializeToString,
            response_deserializer=business_pb2.HandleManyResponse.FromString,
        )(timeout=10)
        for number, sku in enumerate(["kettle", "cancelled", "no text"], 1):
            await call.write(asked(number, sku))
        await call.write(business_pb2.HandleManyRequest(call=4, request=business_pb2.HandleRequest()))
        # Nobody has asked for that.
        await call.write(business_pb2.HandleManyRequest(call=5))
        await call.done_writing()
        answers = {answer.call: answer async for answer in call}
        assert sorted(answers) == [1, 2, 3, 4]
        assert names(answers[1].response.events) == ["shop.stock.v1.StockReceived"]
        for number, text in [(2, "cancelled itself"), (3, "raised TypeError")]:
            failure = answers[number].response.failure
            assert failure.code == "HANDLER_PANICKED" and text in failure.message, failure
        assert not answers[4].HasField("response")

    await served(many, Odd())


class Stubborn(Till):
    def record_transfer(
        self, payment: payments_pb2.Payment, fact: payments_pb2.PaymentReceived, cx: Context
    ) -> list[payments_pb2.PaymentCaptured]:
        raise Rejection("TOO_LATE", "the year is closed")


class Hesitant(StockClerk):
    async def on_order_placed(self, event: orders_pb2.OrderPlacedV2, cx: Context) -> stock_pb2.ReserveStock:
        raise Rejection("NOT_TODAY", "tomorrow")


async def test_what_may_not_be_refused() -> None:
    async def refused(runtime: Runtime) -> None:
        # What becomes of it, the runtime decides.
        fact = payments_pb2.PaymentReceived(order_id="o-1", cents=7)
        answer = await runtime.handle(fact, business_pb2.History(), "fact", "shop.payments.v1.app.Payments")
        assert (answer.rejection.code, answer.rejection.message) == ("TOO_LATE", "the year is closed")
        saga = business_pb2.SagaHandleRequest(
            component="shop.orders.v1.app.Fulfilment", context=circumstances(), event=packed(PLACED)
        )
        told = await runtime.call("Saga/Handle", saga, business_pb2.SagaHandleResponse)
        assert (told.failure.code, told.failure.message) == ("HANDLER_FAILED", "NOT_TODAY: tomorrow")
        assert told.service_epoch == answer.service_epoch

    await served(refused, Stubborn(), Hesitant())


async def test_requests_that_lack_something() -> None:
    async def refused(runtime: Runtime, rpc: str, request: message.Message, answer: type[Answer], what: str) -> None:
        try:
            await runtime.call(rpc, request, answer)
        except grpc.aio.AioRpcError as error:
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
            assert f"`{what}`" in (error.details() or ""), error
        else:
            raise AssertionError(f"it lacks {what}")

    async def lacking(runtime: Runtime) -> None:
        request = business_pb2.HandleRequest(component=ORDERS)
        await refused(runtime, "BusinessLogic/Handle", request, business_pb2.HandleResponse, "history")
        request.history.SetInParent()
        request.context.CopyFrom(circumstances())
        await refused(runtime, "BusinessLogic/Handle", request, business_pb2.HandleResponse, "input")
        request.refusal.command.CopyFrom(packed(stock_pb2.ReserveStock()))
        await refused(runtime, "BusinessLogic/Handle", request, business_pb2.HandleResponse, "rejection")
        request.context.ClearField("now")
        await refused(runtime, "BusinessLogic/Handle", request, business_pb2.HandleResponse, "now")
        saga = business_pb2.SagaHandleRequest(component="shop.orders.v1.app.Fulfilment", context=circumstances())
        await refused(runtime, "Saga/Handle", saga, business_pb2.SagaHandleResponse, "event")
        # Another message is no state, whatever its bytes.
        wrong = business_pb2.History(state=packed(PLACED), next=1)
        answer = await runtime.handle(CONFIRM, wrong)
        assert answer.failure.code == "PAYLOAD_MALFORMED"

    await served(lacking, *shop())


class Traced(StockClerk):
    """Reserves for whoever the trace is of."""

    async def on_order_placed(self, event: orders_pb2.OrderPlacedV2, cx: Context) -> stock_pb2.ReserveStock:
        return stock_pb2.ReserveStock(order_id=cx.traceparent)


async def test_a_handler_knows_its_trace() -> None:
    given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    async def traces(runtime: Runtime) -> None:
        for traceparent in (given, ""):
            context = circumstances()
            context.traceparent = traceparent
            request = business_pb2.SagaHandleRequest(
                component="shop.orders.v1.app.Fulfilment", context=context, event=packed(PLACED)
            )
            sent = (await runtime.call("Saga/Handle", request, business_pb2.SagaHandleResponse)).sent
            reserve = stock_pb2.ReserveStock()
            assert sent.messages[0].Unpack(reserve) and reserve.order_id == traceparent

    await served(traces, Traced())


async def test_facts_refusals_and_queries() -> None:
    async def others(runtime: Runtime) -> None:
        payments = "shop.payments.v1.app.Payments"
        fact = payments_pb2.PaymentReceived(order_id="o-1", cents=7)
        answer = await runtime.handle(fact, business_pb2.History(), "fact", payments)
        assert answer.WhichOneof("outcome") == "events" and names(answer.events) == []
        requested = payments_pb2.PaymentRequested(order_id="o-1", cents=7)
        history = business_pb2.History(events=[packed(requested)], next=1)
        answer = await runtime.handle(fact, history, "fact", payments)
        assert names(answer.events) == ["shop.payments.v1.PaymentCaptured"]
        history = business_pb2.History(events=[packed(requested)], next=1)
        answer = await runtime.handle(payments_pb2.GetBill(order_id="o-1"), history, "query", payments)
        assert payments_pb2.Bill.FromString(answer.answer.value) == payments_pb2.Bill(cents=7)
        answer = await runtime.handle(payments_pb2.GetBill(order_id="o-1"), business_pb2.History(), "query", payments)
        assert answer.rejection.code == "PAYMENT_REJECTION_NO_BILL"
        refused = business_pb2.Refused(
            command=packed(stock_pb2.ReserveStock(order_id="o-1")),
            rejection=types_pb2.Rejection(code="OUT", message="none left"),
        )
        request = business_pb2.HandleRequest(
            component=ORDERS, context=circumstances(), history=business_pb2.History(), refusal=refused
        )
        answer = await runtime.call("BusinessLogic/Handle", request, business_pb2.HandleResponse)
        held = orders_pb2.OrderHeld.FromString(answer.events.messages[0].value)
        assert held == orders_pb2.OrderHeld(order_id="o-1", reason="none left")

    await served(others, *shop())


async def test_states() -> None:
    async def states(runtime: Runtime) -> None:
        history = business_pb2.History(events=[packed(PLACED)], next=1)
        request = business_pb2.FoldRequest(component=ORDERS, history=history)
        answer = await runtime.call("BusinessLogic/Fold", request, business_pb2.FoldResponse)
        order = orders_pb2.Order.FromString(answer.state.value)
        assert (order.status, order.total_cents, answer.holds) == (orders_pb2.Order.PLACED, 13_500, 0)
        request.root.value = bytes(16)
        assert (await runtime.call("BusinessLogic/Fold", request, business_pb2.FoldResponse)).holds == 1

    await served(states, *shop())


async def test_consumers() -> None:
    async def consumers(runtime: Runtime) -> None:
        saga = business_pb2.SagaHandleRequest(
            component="shop.orders.v1.app.Fulfilment", context=circumstances(), event=packed(PLACED)
        )
        sent = (await runtime.call("Saga/Handle", saga, business_pb2.SagaHandleResponse)).sent
        assert names(sent) == ["shop.stock.v1.ReserveStock"]

        board = business_pb2.ProjectorHandleRequest(
            component="shop.orders.v1.app.OrderBoard", context=circumstances(), event=packed(PLACED)
        )
        projected = await runtime.call("Projector/Handle", board, business_pb2.ProjectorHandleResponse)
        board.row.CopyFrom(projected.row)
        board.event.CopyFrom(packed(orders_pb2.OrderConfirmed(order_id="o-1")))
        projected = await runtime.call("Projector/Handle", board, business_pb2.ProjectorHandleResponse)
        row = orders_pb2.OrderRow.FromString(projected.row.value)
        assert (row.sku, row.status) == ("kettle", orders_pb2.Order.CONFIRMED)
        board.event.CopyFrom(packed(orders_pb2.OrderCancelled(order_id="o-1")))
        projected = await runtime.call("Projector/Handle", board, business_pb2.ProjectorHandleResponse)
        assert projected.WhichOneof("outcome") == "nothing"

        checkout = business_pb2.ProcessManagerHandleRequest(
            component="shop.checkout.v1.app.Checkout",
            context=circumstances(),
            history=business_pb2.History(),
            event=packed(stock_pb2.StockReserved(order_id="o-1")),
        )
        answer = await runtime.call("ProcessManager/Handle", checkout, business_pb2.ProcessManagerHandleResponse)
        assert names(answer.step.emissions) == ["shop.payments.v1.RequestPayment"] and not answer.step.completed
        [deadline] = answer.step.deadlines
        assert (deadline.name, deadline.at.seconds) == ("payment", 100 + 3 * 24 * 60 * 60)
        overdue = checkout_pb2.PaymentOverdue(order_id="o-1")
        assert deadline.event == packed(overdue)
        checkout.deadline.CopyFrom(packed(overdue))
        answer = await runtime.call("ProcessManager/Handle", checkout, business_pb2.ProcessManagerHandleResponse)
        assert names(answer.step.emissions) == ["shop.stock.v1.ReleaseStock", "shop.orders.v1.CancelOrder"]
        checkout.event.CopyFrom(packed(orders_pb2.OrderConfirmed(order_id="o-1")))
        answer = await runtime.call("ProcessManager/Handle", checkout, business_pb2.ProcessManagerHandleResponse)
        assert answer.step.completed and names(answer.step.emissions) == []
        # Nothing follows, which is a step all the same.
        checkout.refusal.command.CopyFrom(packed(orders_pb2.CancelOrder(order_id="o-1")))
        checkout.refusal.rejection.code = "ORDER_REJECTION_NOT_PENDING"
        answer = await runtime.call("ProcessManager/Handle", checkout, business_pb2.ProcessManagerHandleResponse)
        assert answer.WhichOneof("outcome") == "step" and not answer.step.completed

    await served(consumers, *shop())


async def test_serving_ends_with_a_signal() -> None:
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/shop.sock"
        serving = asyncio.create_task(serve(Warehouse(), address=address))
        async with grpc.aio.insecure_channel(address) as channel:
            await channel.channel_ready()
            await Runtime(channel).describe()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(serving, timeout=10)


async def test_it_goes_on_for_a_runtime_that_ends_too() -> None:
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/shop.sock"
        serving = asyncio.create_task(serve(Warehouse(), address=address))
        async with grpc.aio.insecure_channel(address) as channel:
            await channel.channel_ready()
            stay = channel.unary_stream(
                "/angzarr.v1.Stay/Stay",
                request_serializer=business_pb2.StayRequest.SerializeToString,
                response_deserializer=business_pb2.StayResponse.FromString,
            )(business_pb2.StayRequest())
            await stay.initial_metadata()
            os.kill(os.getpid(), signal.SIGTERM)
            assert await stay.read() == business_pb2.StayResponse()
            await Runtime(channel).describe()
            assert not serving.done()
            stay.cancel()
            await asyncio.wait_for(serving, timeout=10)


async def test_nobody_on_another_machine_reaches_what_is_served() -> None:
    host, _, _ = inspect.signature(serve).parameters["address"].default.rpartition(":")
    server = Server(Warehouse(), address=f"{host}:0")
    await server.start()
    sockets = {os.readlink(one.path) for one in os.scandir("/proc/self/fd") if os.path.islink(one.path)}
    rows = [line.split() for table in ("tcp", "tcp6") for line in open(f"/proc/self/net/{table}")][1:]
    found = {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}
    await server.stop()
    # 127.0.0.1, as the kernel writes it; it may stand in an address of version 6.
    found = {address.removeprefix("0000000000000000FFFF0000") for address in found}
    assert found == {f"0100007F:{int(server.address.rpartition(':')[2]):04X}"}, found


def test_a_component_is_served_once() -> None:
    for components in [(Warehouse(), Warehouse())]:
        try:
            Server(*components, address="127.0.0.1:0")
        except (ValueError, RuntimeError) as error:
            assert "twice" in str(error), error
        else:
            raise AssertionError("it was served twice")

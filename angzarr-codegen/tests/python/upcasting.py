"""Old events, served; what fields say needs no code here, so only the step that they do not say is asked for."""

import collections.abc

import grpc.aio
from google.protobuf import any_pb2

from versions.angzarr import testing
from versions.angzarr.server import Server
from versions.angzarr.v1 import business_pb2
from versions.shop.orders.v1 import orders_pb2
from versions.shop.orders.v1.app import orders_angzarr

HISTORY = "shop.orders.v1.app.OrderHistory"


class Past(orders_angzarr.OrderHistory):
    def to_v3(
        self, event: orders_pb2.OrderPlacedV2
    ) -> collections.abc.Iterator[orders_pb2.OrderPlacedV3 | orders_pb2.CurrencyChosen]:
        if event.order_id:
            yield orders_pb2.OrderPlacedV3(order_id=event.order_id)
            yield orders_pb2.CurrencyChosen(currency=event.currency)


async def test_one_step() -> None:
    server = Server(Past(), address="127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(server.address) as channel:

        def encode(request: business_pb2.UpcastRequest) -> bytes:
            return request.SerializeToString()

        async def upcast(
            event: orders_pb2.OrderPlaced | orders_pb2.OrderPlacedV2, component: str = HISTORY
        ) -> business_pb2.UpcastResponse:
            packed = any_pb2.Any()
            packed.Pack(event)
            request = business_pb2.UpcastRequest(component=component, event=packed)
            call = channel.unary_unary("/angzarr.v1.Upcaster/Upcast", encode, business_pb2.UpcastResponse.FromString)
            return await call(request)

        answer = await upcast(orders_pb2.OrderPlacedV2(order_id="o-1", currency="EUR"))
        assert [one.TypeName() for one in answer.events.messages] == [
            "shop.orders.v1.OrderPlacedV3",
            "shop.orders.v1.CurrencyChosen",
        ]
        answer = await upcast(orders_pb2.OrderPlacedV2())
        assert answer.WhichOneof("outcome") == "events" and not answer.events.messages
        answer = await upcast(orders_pb2.OrderPlaced(order_id="o-1"))
        assert answer.failure.code == "TYPE_UNKNOWN"
        answer = await upcast(orders_pb2.OrderPlacedV2(), component="shop.orders.v1.app.Orders")
        assert answer.failure.code == "COMPONENT_UNKNOWN"
    await server.stop()


def test_one_step_by_itself() -> None:
    old = orders_pb2.OrderPlacedV2(order_id="o-1", currency="EUR")
    new = orders_pb2.OrderPlacedV3(order_id="o-1"), orders_pb2.CurrencyChosen(currency="EUR")
    testing.upcaster(Past()).when(old).then_events(*new).when(orders_pb2.OrderPlacedV2()).then_events()

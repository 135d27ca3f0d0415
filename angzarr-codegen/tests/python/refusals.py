"""What clients make of a refusal, whatever it tells."""

import grpc
import grpc.aio
from google.protobuf import any_pb2

from shop.angzarr import Rejection, client
from shop.shop.orders.v1 import orders_pb2
from shop.shop.orders.v1.app.orders_angzarr import OrdersRejection
from shop.shop.orders.v1.app.orders_client import OrdersClient

ORDER = orders_pb2.Order(status=orders_pb2.Order.HELD)


def information(code: str) -> bytes:
    """An encoded google.rpc.ErrorInfo: a code, a domain, and a piece of metadata."""
    texts = [b"\x0a" + bytes([len(code)]) + code.encode(), b"\x12\x07angzarr", b"\x1a\x0d\x0a\x05piece\x12\x04told"]
    return b"".join(texts)


def status(code: str, *details: any_pb2.Any) -> bytes:
    """An encoded google.rpc.Status."""
    info = any_pb2.Any(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=information(code))
    encoded = [one.SerializeToString() for one in (info, *details)]
    return b"\x08\x09" + b"".join(b"\x1a" + bytes([len(one)]) + one for one in encoded)


async def refused(code: str, *details: any_pb2.Any) -> Rejection:
    """What a client raises when its command is refused like this."""

    async def refuse(_: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        context.set_trailing_metadata((("grpc-status-details-bin", status(code, *details)),))
        return await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no")

    handler = grpc.unary_unary_rpc_method_handler(refuse)
    server = grpc.aio.server()
    service = "angzarr.v1.BusinessCoordinator"
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {"HandleSync": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with client.channel(f"127.0.0.1:{port}") as channel:
            await OrdersClient(channel).cancel(orders_pb2.CancelOrder(order_id="1"))
    except Rejection as rejection:
        return rejection
    finally:
        await server.stop(None)
    raise AssertionError("it was not refused")


async def test_rejections_travel_whole() -> None:
    detail = any_pb2.Any()
    detail.Pack(ORDER)
    rejection = await refused("ORDER_REJECTION_NOT_PENDING", detail)
    assert isinstance(rejection, OrdersRejection)
    assert rejection.value == orders_pb2.ORDER_REJECTION_NOT_PENDING
    assert (rejection.code, rejection.message) == ("ORDER_REJECTION_NOT_PENDING", "no")
    assert (rejection.metadata, rejection.detail) == ({"piece": "told"}, ORDER)


async def test_rejections_of_a_later_release() -> None:
    detail = any_pb2.Any(type_url="type.googleapis.com/shop.later.Why", value=b"")
    rejection = await refused("ORDER_REJECTION_TOO_HEAVY", detail)
    assert type(rejection) is Rejection
    assert (rejection.code, rejection.detail) == ("ORDER_REJECTION_TOO_HEAVY", detail)
    assert (await refused("ORDER_REJECTION_NOT_PENDING")).detail is None

"""What a type checker has to refuse."""

from shop.angzarr import Context
from shop.shop.orders.v1 import orders_pb2
from shop.shop.orders.v1.app import orders_angzarr
from shop.shop.orders.v1.app.orders_angzarr import OrdersRejection
from shop.shop.orders.v1.app.orders_client import OrdersClient, OrdersEvents
from shop.shop.stock.v1 import stock_pb2


class Clerk(orders_angzarr.Fulfilment):
    async def on_order_placed(self, event: orders_pb2.OrderPlacedV2, cx: Context) -> stock_pb2.ReleaseStock:
        return stock_pb2.ReleaseStock(sku=event.article)


class Board(orders_angzarr.OrderBoard):
    pass


Board()
orders_pb2.Order(status=7)
OrdersRejection(stock_pb2.STOCK_REJECTION_OUT_OF_STOCK, "no")


async def call(client: OrdersClient, events: OrdersEvents) -> None:
    await client.place(orders_pb2.ConfirmOrder(order_id="1"))
    await client.place(orders_pb2.PlaceOrder(order_id="1"), expected=1)
    client.confirm(orders_pb2.ConfirmOrder(order_id="1"))
    outcome = await client.cancel(orders_pb2.CancelOrder(order_id="1"))
    print(outcome.events[0].total_cents)
    print((await events.state("1")).status)

"""What a type checker has to refuse."""

from shop.angzarr import Context
from shop.shop.orders.v1 import orders_pb2
from shop.shop.orders.v1.app import orders_angzarr
from shop.shop.orders.v1.app.orders_angzarr import OrdersRejection
from shop.shop.stock.v1 import stock_pb2


class Clerk(orders_angzarr.Fulfilment):
    async def on_order_placed(self, event: orders_pb2.OrderPlacedV2, cx: Context) -> stock_pb2.ReleaseStock:
        return stock_pb2.ReleaseStock(sku=event.article)


class Board(orders_angzarr.OrderBoard):
    pass


Board()
orders_pb2.Order(status=7)
OrdersRejection(stock_pb2.STOCK_REJECTION_OUT_OF_STOCK, "no")

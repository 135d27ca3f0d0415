"""The stock of the shop, in Python: its rules, and the service that its sidecar calls."""

import asyncio
import sys

from shop.angzarr import Context
from shop.angzarr.server import serve
from shop.shop.stock.v1 import stock_pb2
from shop.shop.stock.v1.app import stock_angzarr
from shop.shop.stock.v1.app.stock_angzarr import StockRejection


class Warehouse(stock_angzarr.Stock):
    def receive(
        self, _: stock_pb2.Article, command: stock_pb2.ReceiveStock, cx: Context
    ) -> stock_pb2.StockReceived:
        return stock_pb2.StockReceived(sku=command.sku, quantity=command.quantity)

    def reserve(
        self, article: stock_pb2.Article, command: stock_pb2.ReserveStock, _: Context
    ) -> stock_pb2.StockReserved:
        if article.available < command.quantity:
            code = stock_pb2.STOCK_REJECTION_OUT_OF_STOCK
            message = f"{command.quantity} of {command.sku} wanted, {article.available} there"
            raise StockRejection(code, message, {"available": str(article.available)})
        return stock_pb2.StockReserved(sku=command.sku, order_id=command.order_id, quantity=command.quantity)

    def release(
        self, article: stock_pb2.Article, command: stock_pb2.ReleaseStock, _: Context
    ) -> stock_pb2.StockReleased:
        if article.reserved < command.quantity:
            code = stock_pb2.STOCK_REJECTION_NOT_RESERVED
            message = f"{command.quantity} of {command.sku} to be released, {article.reserved} reserved"
            raise StockRejection(code, message)
        return stock_pb2.StockReleased(sku=command.sku, order_id=command.order_id, quantity=command.quantity)

    @staticmethod
    def apply_stock_received(article: stock_pb2.Article, event: stock_pb2.StockReceived) -> None:
        article.available += event.quantity

    @staticmethod
    def apply_stock_reserved(article: stock_pb2.Article, event: stock_pb2.StockReserved) -> None:
        article.available -= event.quantity
        article.reserved += event.quantity

    @staticmethod
    def apply_stock_released(article: stock_pb2.Article, event: stock_pb2.StockReleased) -> None:
        article.reserved -= event.quantity
        article.available += event.quantity


if __name__ == "__main__":
    asyncio.run(serve(Warehouse(), address=sys.argv[1]))

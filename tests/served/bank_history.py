"""Old events of the bank, upcast in Python."""

import asyncio
import collections.abc
import sys

from bank.angzarr.server import serve
from bank.bank.v1 import accounts_pb2
from bank.bank.v1.app import accounts_angzarr

_Movement = accounts_pb2.Deposited | accounts_pb2.Withdrawn


class OldAccounts(accounts_angzarr.AccountHistory):
    def opened_to_v2(self, event: accounts_pb2.AccountOpened) -> accounts_pb2.AccountOpenedV2:
        if not event.city:
            raise ValueError("every branch is in a city")
        branch = accounts_pb2.Branch(country="NL", city=event.city)
        return accounts_pb2.AccountOpenedV2(account=event.account, branch=branch)

    def split_turnover(self, event: accounts_pb2.Turnover) -> collections.abc.Iterator[_Movement]:
        yield accounts_pb2.Deposited(account=event.account, amount=event.deposited)
        yield accounts_pb2.Withdrawn(account=event.account, amount=event.withdrawn)

    def drop_remark(self, event: accounts_pb2.Remarked) -> collections.abc.Iterable[_Movement]:
        return ()


if __name__ == "__main__":
    asyncio.run(serve(OldAccounts(), address=sys.argv[1]))

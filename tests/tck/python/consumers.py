"""Sagas and views."""

import asyncio

from model.angzarr import Context
from model.tck.v1 import script_pb2 as script
from model.tck.v1 import scripts_pb2 as scripts
from model.tck.v1 import targets_pb2 as targets
from model.tck.v1.app.scripts_angzarr import Errands, Pairs, Shelf, Sleeper
from scripts import panics

Errand = targets.Serve | targets.Approach | targets.Delivered


class Messenger(Errands):
    """Sends what it is asked to."""

    async def on_asked(self, event: scripts.Asked, cx: Context) -> targets.Serve:
        troubles(event.trouble)
        return event.serve

    async def on_asked_many(self, event: scripts.AskedMany, cx: Context) -> list[Errand]:
        return [getattr(errand, errand.WhichOneof("errand") or "") for errand in event.errands]


class Dreamer(Sleeper):
    """Never comes back."""

    async def on_slept(self, event: scripts.Slept, cx: Context) -> list[targets.Serve]:
        await asyncio.Event().wait()
        return []


Row = script.Values | None


class Clerk(Shelf):
    """Keeps a row for each key."""

    async def on_kept(self, row: Row, event: scripts.Kept, cx: Context) -> Row:
        return event.values

    async def on_changed(self, row: Row, event: scripts.Changed, cx: Context) -> Row:
        troubles(event.trouble)
        if row is not None:
            row.string_value = event.text
        return row

    async def on_dropped(self, row: Row, event: scripts.Dropped, cx: Context) -> Row:
        return None


class Counter(Pairs):
    """Counts who came together."""

    async def on_paired(self, row: scripts.Pair | None, event: scripts.Paired, cx: Context) -> scripts.Pair | None:
        times = row.times + 1 if row is not None else 1
        return scripts.Pair(left=event.left, right=event.right, times=times)


def troubles(trouble: script.Trouble) -> None:
    """Raises if it is told to: Python does not tell failing from panicking."""
    panics(trouble.fail or trouble.panic)

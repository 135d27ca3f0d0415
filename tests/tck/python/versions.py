"""Events of several releases."""

from collections.abc import Iterator

from model.angzarr import Context
from model.tck.v1 import versions_pb2 as versions
from model.tck.v1.app.versions_angzarr import VersionBook, VersionHistory, VersionShelf

State = versions.Versions
Row = versions.VersionRow | None


class Book(VersionBook):
    """Remembers what it folded."""

    def write(
        self, state: State, command: versions.WriteVersions, cx: Context
    ) -> Iterator[versions.OpenedV3 | versions.Closed]:
        for version in command.emit:
            yield version.opened if version.HasField("opened") else version.closed

    @staticmethod
    def apply_opened_v3(state: State, event: versions.OpenedV3) -> None:
        state.folded.add(opened=event)

    @staticmethod
    def apply_closed(state: State, event: versions.Closed) -> None:
        state.folded.add(closed=event)


class Past(VersionHistory):
    """Events as earlier releases stored them. What becomes of `Opened` and `OpenedV2` stands at their fields."""

    def open_labelled(self, old: versions.Labelled) -> versions.OpenedV2:
        return versions.OpenedV2(name=old.label, amount=1, currency="old")

    def split_moved(self, old: versions.Moved) -> Iterator[versions.OpenedV3 | versions.Closed]:
        yield versions.Closed(why=old.source)
        yield versions.OpenedV3(name=old.target)

    def split_remarked(self, old: versions.Remarked) -> Iterator[versions.Closed]:
        return (versions.Closed(why=line) for line in old.lines)

    def read_garbled(self, old: versions.Garbled) -> versions.Closed:
        raise ValueError(old.text)


class Shelf(VersionShelf):
    """Shows what became of each version."""

    async def on_opened(self, row: Row, event: versions.OpenedV3, cx: Context) -> Row:
        row = row or versions.VersionRow()
        row.opened += 1
        return row

    async def on_closed(self, row: Row, event: versions.Closed, cx: Context) -> Row:
        row = row or versions.VersionRow()
        row.closed.append(event.why)
        return row

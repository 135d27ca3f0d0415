"""Events of several releases."""

from collections.abc import Iterator

from model.angzarr import Context
from model.tck.v1 import versions_pb2 as versions
from model.tck.v1.app.versions_angzarr import VersionBook, VersionHistory

State = versions.Versions


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
    """Events as earlier releases stored them: what becomes of each field stands at the messages."""

"""Processes, which do what they are told."""

import datetime
from collections.abc import Iterable, Iterator

from consumers import troubles
from model.angzarr import ProcessContext, Refused
from model.tck.v1 import processes_pb2 as processes
from model.tck.v1 import scripts_pb2 as scripts
from model.tck.v1 import targets_pb2 as targets
from model.tck.v1.app.processes_angzarr import Processes
from scripts import received

State = processes.Process
Step = processes.Happened | targets.Serve | processes.Refused


class Actor(Processes):
    """Does as it is told."""

    async def on_began(self, state: State, event: scripts.Began, cx: ProcessContext) -> Iterable[Step]:
        return moves(event.moves, cx)

    async def on_told(self, state: State, event: scripts.Told, cx: ProcessContext) -> Iterable[Step]:
        troubles(event.trouble)
        return moves(event.moves, cx)

    async def on_due(self, state: State, deadline: processes.Due, cx: ProcessContext) -> processes.Happened:
        return processes.Happened(text=deadline.text)

    async def on_serve_refused(
        self, state: State, refused: Refused[targets.Serve], cx: ProcessContext
    ) -> processes.Refused:
        return processes.Refused(target=refused.command.target, rejection=received(refused.rejection))

    @staticmethod
    def apply_happened(state: State, event: processes.Happened) -> None:
        state.texts.append(event.text)

    @staticmethod
    def apply_refused(state: State, event: processes.Refused) -> None:
        state.texts.append(event.target)


def moves(told: Iterable[processes.Move], cx: ProcessContext) -> Iterator[Step]:
    for move in told:
        match move.WhichOneof("move"):
            case "record":
                yield processes.Happened(text=move.record)
            case "serve":
                yield move.serve
            case "schedule":
                after = datetime.timedelta(milliseconds=move.schedule.after)
                cx.schedule(move.schedule.name, after, processes.Due(text=move.schedule.text))
            case "cancel":
                cx.cancel(move.cancel)
            case "complete":
                cx.complete()

"""Scripts: what commands tell the aggregate to do."""

import asyncio
import typing
from collections.abc import Iterable, Iterator

from model.angzarr import Context, Refused, Rejection
from model.tck.v1 import script_pb2 as script
from model.tck.v1 import scripts_pb2 as scripts
from model.tck.v1 import targets_pb2 as targets
from model.tck.v1.app.scripts_angzarr import Scripts, ScriptsRejection

State = scripts.Script
Happening = (
    scripts.Noted
    | scripts.Counted
    | scripts.Kept
    | scripts.Changed
    | scripts.Dropped
    | scripts.Paired
    | scripts.Asked
    | scripts.AskedMany
    | scripts.Slept
    | scripts.Began
    | scripts.Told
)


class Rules(Scripts):
    def perform(self, state: State, command: scripts.Run, cx: Context) -> Iterator[Happening]:
        panics(command.panic)
        if command.HasField("refuse"):
            raise refused(command.refuse)
        for _ in range(max(command.times, 1)):
            yield from members(command.emit)
        if command.count:
            yield scripts.Counted(before=state.events)

    def perform_numbered(self, state: State, command: scripts.RunNumbered, cx: Context) -> Iterator[Happening]:
        return members(command.emit)

    async def perform_later(self, state: State, command: scripts.RunLater, cx: Context) -> Iterator[Happening]:
        await asyncio.sleep(command.after / 1000)
        return members(command.emit)

    def pick(self, state: State, command: scripts.Choose, cx: Context) -> Happening:
        return member(command.happening)

    def show(self, state: State, command: scripts.ShowContext, cx: Context) -> scripts.ContextShown:
        return scripts.ContextShown(
            domain=cx.domain,
            root=str(cx.root),
            key=cx.key,
            correlation_id=cx.correlation_id,
            now=cx.now,
            ids=[str(cx.new_id()) for _ in range(command.ids)],
        )

    def record(self, state: State, fact: scripts.Recorded, cx: Context) -> Iterator[Happening]:
        panics(fact.panic)
        return members(fact.follow)

    def on_serve_refused(self, state: State, refused: Refused[targets.Serve], cx: Context) -> scripts.Compensated:
        return scripts.Compensated(target=refused.command.target, rejection=received(refused.rejection))

    def get(self, state: State, query: scripts.GetScript, cx: Context) -> scripts.Script:
        if query.HasField("refuse"):
            raise refused(query.refuse)
        return state

    @staticmethod
    def apply_noted(state: State, event: scripts.Noted) -> None:
        state.events += 1
        state.texts.append(event.text)

    @staticmethod
    def apply_counted(state: State, event: scripts.Counted) -> None:
        state.events += 1

    @staticmethod
    def apply_kept(state: State, event: scripts.Kept) -> None:
        state.events += 1
        state.kept.CopyFrom(event.values)

    @staticmethod
    def apply_changed(state: State, event: scripts.Changed) -> None:
        state.events += 1

    @staticmethod
    def apply_dropped(state: State, event: scripts.Dropped) -> None:
        state.events += 1

    @staticmethod
    def apply_paired(state: State, event: scripts.Paired) -> None:
        state.events += 1

    @staticmethod
    def apply_asked(state: State, event: scripts.Asked) -> None:
        state.events += 1

    @staticmethod
    def apply_asked_many(state: State, event: scripts.AskedMany) -> None:
        state.events += 1

    @staticmethod
    def apply_slept(state: State, event: scripts.Slept) -> None:
        state.events += 1

    @staticmethod
    def apply_began(state: State, event: scripts.Began) -> None:
        state.events += 1

    @staticmethod
    def apply_told(state: State, event: scripts.Told) -> None:
        state.events += 1

    @staticmethod
    def apply_context_shown(state: State, event: scripts.ContextShown) -> None:
        state.events += 1

    @staticmethod
    def apply_recorded(state: State, event: scripts.Recorded) -> None:
        state.events += 1
        state.texts.append(event.text)

    @staticmethod
    def apply_compensated(state: State, event: scripts.Compensated) -> None:
        state.events += 1
        state.texts.append(event.target)


def member(happening: scripts.Happening) -> Happening:
    """The member that is set; of none, `None`, as from a handler that no type checker has seen."""
    name = happening.WhichOneof("happening")
    return typing.cast(Happening, getattr(happening, name) if name else None)


def members(happenings: Iterable[scripts.Happening]) -> Iterator[Happening]:
    return (member(happening) for happening in happenings)


def panics(text: str) -> None:
    """Raises an error of nobody's with a text, unless that is empty."""
    if text:
        raise RuntimeError(text)


def refused(refusal: script.Refusal) -> Rejection:
    detail = script.Detail(text=refusal.detail) if refusal.detail else None
    return ScriptsRejection(refusal.reason, refusal.message, refusal.metadata, detail)


def received(rejection: Rejection) -> script.Received:
    """What came of a rejection."""
    detail = script.Detail()
    if rejection.detail is not None:
        rejection.detail.Unpack(detail)  # type: ignore[attr-defined]
    return script.Received(
        code=rejection.code, message=rejection.message, metadata=rejection.metadata, detail=detail.text
    )

"""Those whom scripts send something."""

from model.angzarr import Context
from model.tck.v1 import targets_pb2 as targets
from model.tck.v1.app.targets_angzarr import Strangers, Targets
from scripts import refused


class Door(Targets):
    """Remembers what it took."""

    def take(self, state: targets.Target, command: targets.Serve, cx: Context) -> targets.Served:
        if command.HasField("refuse"):
            raise refused(command.refuse)
        return targets.Served(text=command.text)

    def take_delivery(self, state: targets.Target, fact: targets.Delivered, cx: Context) -> None:
        pass

    @staticmethod
    def apply_served(state: targets.Target, event: targets.Served) -> None:
        state.texts.append(event.text)

    @staticmethod
    def apply_delivered(state: targets.Target, event: targets.Delivered) -> None:
        state.texts.append(event.text)


class Street(Strangers):
    """Counts who came."""

    def meet(self, state: targets.Stranger, command: targets.Approach, cx: Context) -> targets.Approached:
        if command.HasField("refuse"):
            raise refused(command.refuse)
        return targets.Approached()

    @staticmethod
    def apply_approached(state: targets.Stranger, event: targets.Approached) -> None:
        state.times += 1

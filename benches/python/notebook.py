"""Serves the aggregate that is measured, and what answers with nothing: `notebook.py SERVICE ECHO`."""

import asyncio
import sys

import grpc

from served.angzarr import Context
from served.angzarr.server import Server
from served.bench.v1 import notes_pb2 as notes
from served.bench.v1.app.notes_angzarr import Notes, NotesRejection


class Notebook(Notes):
    """Writes whatever it is told to."""

    def add(self, note: notes.Note, command: notes.Write, cx: Context) -> notes.Written:
        return notes.Written(text=command.text)

    def deny(self, note: notes.Note, command: notes.Refuse, cx: Context) -> notes.Written:
        raise NotesRejection(notes.NOTE_REJECTION_ALWAYS, f"{command.note} is never written to")

    @staticmethod
    def apply_written(note: notes.Note, event: notes.Written) -> None:
        note.written += 1


async def nothing(request: bytes, context: object) -> bytes:
    return b""


async def main(service: str, echo: str) -> None:
    components = Server(Notebook(), address=service)
    echoes = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(nothing)
    echoes.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("angzarr.v1.Saga", {"Handle": handler})])
    echoes.add_insecure_port(echo)
    await components.start()
    await echoes.start()
    # Until whoever measures has ended.
    await asyncio.to_thread(sys.stdin.read)
    await components.stop()
    await echoes.stop(None)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

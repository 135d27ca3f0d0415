"""The model domain of the compatibility kit in Python: `service.py ADDRESS` serves it."""

import asyncio
import sys

from consumers import Clerk, Counter, Dreamer, Messenger
from model.angzarr.server import serve
from processes import Actor
from scripts import Rules
from targets import Door, Street
from versions import Book, Past, Shelf

if __name__ == "__main__":
    components = (Rules(), Messenger(), Dreamer(), Clerk(), Counter(), Door(), Street(), Actor(), Book(), Past(), Shelf())
    asyncio.run(serve(*components, address=sys.argv[1]))

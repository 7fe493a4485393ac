"""A server that can be made to die, for tests of what happens then: `python fragile.py JOURNAL [HOW]`.

Every start and every run of a tool is a line of the file JOURNAL. HOW "stillborn" makes every start after the first end
at once.
"""

from __future__ import annotations

import os
import signal
import sys

from dragoman import Server

JOURNAL = sys.argv[1] if len(sys.argv) > 1 else os.devnull
server = Server("fragile", version="1")


def note(line: str) -> None:
    with open(JOURNAL, "a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@server.tool(read_only=True)
def pid() -> int:
    note("pid")
    return os.getpid()


@server.tool
def effect(once: bool = False) -> str:
    """Have an effect, and die over it, each time or the first only."""
    return _dying("effect", once)


@server.tool(idempotent=True)
def steady(once: bool = True) -> str:
    return _dying("steady", once)


def _dying(name: str, once: bool) -> str:
    with open(JOURNAL, encoding="utf-8") as file:
        ran = name in file.read().split()
    note(name)
    if not (once and ran):
        die()
    return name


@server.tool
def change() -> str:
    server.notify_tools_changed()
    server.notify_resource_updated("fragile://one")
    return "said"


@server.resource("fragile://one")
def one() -> str:
    note("one")
    return "one"


@server.resource("fragile://mortal")
def mortal() -> str:
    return _dying("mortal", True)


if __name__ == "__main__":
    first = not os.path.exists(JOURNAL)
    note("start")
    if "stillborn" in sys.argv and not first:
        sys.exit("no more")
    server.run()

"""Modules that are imported when one of their names is first used: most programs never get there.

A host starts a stdio server again and again, and waits for all that its modules import. Who checks types sees the
import itself, under TYPE_CHECKING, and so do the walls of the house.
Promise: what can be called costs, from its second use on, what any attribute does.
Limit: what is wrong with a module is found at its first use, not at the program's start.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class _Late:
    """Stands for the module `name`."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, name: str) -> Any:
        found = getattr(import_module(self.__name__), name)
        # What is no function or class may be set by a program later: that is asked for again each time.
        if callable(found):
            setattr(self, name, found)
        return found


def late(name: str) -> Any:
    """Return what stands for the module `name`; using one of its attributes imports it, and raises what that raises."""
    return _Late(name)

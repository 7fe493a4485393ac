"""The store of servers that name none: the one in DRAGOMAN_STORE, or a file for as long as several processes serve.

The address travels in the environment, never among a command's words, since it may hold a password.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dragoman.app import lazily
from dragoman.late import late

if TYPE_CHECKING:
    import tempfile
else:
    tempfile = late("tempfile")

VARIABLE = "DRAGOMAN_STORE"
FILE = "shared.db"


def use() -> None:
    """Let servers that are made from now on, and name no store, have the one of the environment."""
    lazily.unnamed_store = os.environ.get(VARIABLE) or lazily.UNSHARED


@contextmanager
def store_for_workers() -> Generator[bool, None, None]:
    """Give the processes that are started in the meantime one store; yields whether it was made for them.

    It lies in a directory that only its owner can enter, and is removed in the end.
    """
    if os.environ.get(VARIABLE):
        yield False
        return
    with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
        os.environ[VARIABLE] = f"sqlite:///{os.path.join(folder, FILE)}"
        try:
            yield True
        finally:
            del os.environ[VARIABLE]

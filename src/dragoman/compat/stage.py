"""Where a server file's own `run(...)` ends up: while a file is loaded, running only says what to run and how.

Promise: outside of loading, `run` runs. Limit: one file is loaded at a time, by one thread.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Generator
from typing import Any


class Captured(BaseException):
    """A file called `run` while it was loaded. Not an Exception: `except Exception` around `run` must not keep it.

    `server` is None when something was run that is no server, such as an ASGI
    application that has one inside.
    """

    def __init__(self, server: Any) -> None:
        super().__init__("a server's run() was called while its file was loaded")
        self.server = server


class _Stage:
    loading = False
    made: list[Any] | None = None


_stage = _Stage()


@contextlib.contextmanager
def loading() -> Generator[None]:
    """While entered, `capture` raises Captured, and so does the `run` of Dragoman's own servers."""
    running: Any = importlib.import_module("dragoman.app.running")
    before, _stage.loading = (_stage.loading, running.takeover), True
    running.takeover = _take
    try:
        yield
    finally:
        _stage.loading, running.takeover = before


@contextlib.contextmanager
def made() -> Generator[list[Any]]:
    """Collect the servers that are made while entered."""
    before, _stage.made = _stage.made, []
    try:
        yield _stage.made
    finally:
        _stage.made = before


def note(server: Any) -> None:
    """Called by everything that is a server, when it is made."""
    if _stage.made is not None:
        _stage.made.append(server)


def _take(server: Any, *how: Any) -> None:
    capture(server)


def capture(server: Any) -> None:
    """Called by everything that runs a server: raises Captured during loading, else returns."""
    if _stage.loading:
        raise Captured(server)


@contextlib.contextmanager
def pause() -> Generator[None]:
    """While entered, uvicorn serves nothing: starting it raises Captured, since programs often start it themselves."""
    uvicorn: Any = importlib.import_module("uvicorn")
    run, serve = uvicorn.run, uvicorn.Server.serve

    def refuse(*given: Any, **named: Any) -> None:
        raise Captured(None)

    async def refuse_to_serve(*given: Any, **named: Any) -> None:
        raise Captured(None)

    uvicorn.run, uvicorn.Server.serve = refuse, refuse_to_serve
    try:
        yield
    finally:
        uvicorn.run, uvicorn.Server.serve = run, serve


def captured(error: BaseException) -> Captured | None:
    """Return the Captured in `error`, also where a task group has wrapped it, or None."""
    if isinstance(error, Captured):
        return error
    return next((found for part in _parts(error) if (found := captured(part)) is not None), None)


def alone(error: BaseException) -> BaseException:
    """Return `error`, or the one that it wraps if it is a group of one."""
    parts = _parts(error)
    return parts[0] if len(parts) == 1 else error


def _parts(error: BaseException) -> tuple[BaseException, ...]:
    parts: tuple[BaseException, ...] = error.exceptions if isinstance(error, BaseExceptionGroup) else ()  # pyright: ignore
    return parts

"""What a test leaves behind: tasks, threads, open files and child processes that were not there before.

Counted by what the system says. Limit: files and child processes are seen where the system shows them in /proc or
/dev/fd; elsewhere tasks and threads only.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

# Threads that libraries keep for the next job, by how their names begin; they end with the process or the loop.
KEPT_THREADS = ("asyncio_", "ThreadPoolExecutor", "dragoman worker", "pydevd", "execnet", "pytest_timeout")
LOOK = 0.02  # seconds between looks


class LeakError(AssertionError):
    """Something was left behind; the message names each thing."""


Found = dict[str, str]  # what is there, by a key of its own, in words


def _tasks() -> Found:
    try:
        running = asyncio.all_tasks()
    except RuntimeError:
        return {}
    return {f"task {id(task)}": f"the task {task.get_name()} ({task.get_coro()})" for task in running}


def _threads() -> Found:
    threads = [thread for thread in threading.enumerate() if not thread.name.startswith(KEPT_THREADS)]
    return {f"thread {thread.ident}": f"the thread {thread.name!r}" for thread in threads}


def _files() -> Found:
    found: Found = {}
    folder = next((place for place in ("/proc/self/fd", "/dev/fd") if os.path.isdir(place)), "")
    for name in os.listdir(folder) if folder else ():
        try:
            stat, leads = os.fstat(int(name)), os.readlink(f"{folder}/{name}")
        except (OSError, ValueError):
            continue  # the listing's own, closed by now
        found[f"file {name} {stat.st_dev} {stat.st_ino}"] = f"the open file {name} ({leads})"
    return found


def _children() -> Found:
    found: Found = {}
    me = str(os.getpid())
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            name, _, fields = (folder / "stat").read_text("utf-8", "replace").partition("(")[2].rpartition(")")
            if fields.split()[1] == me:
                found[f"child {folder.name}"] = f"the child process {folder.name} ({name})"
    return found


COUNTED: tuple[Callable[[], Found], ...] = (_tasks, _threads, _files, _children)


def _there(kinds: tuple[Callable[[], Found], ...]) -> Found:
    return {key: words for kind in kinds for key, words in kind().items()}


def _left(before: Found, kinds: tuple[Callable[[], Found], ...]) -> list[str]:
    return [words for key, words in _there(kinds).items() if key not in before]


def _complain(before: Found, kinds: tuple[Callable[[], Found], ...], seconds: float) -> None:
    if not _left(before, kinds):
        return
    # What ended meanwhile may be held by nothing but itself. Not in each look: it takes long in a large process.
    gc.collect()
    if left := _left(before, kinds):
        raise LeakError(f"left behind, {seconds:g} s after the end: {'; '.join(sorted(left))}")


@asynccontextmanager
async def no_leaks(seconds: float = 2.0) -> AsyncGenerator[None]:
    """Raise LeakError if tasks, threads, open files or child processes are there that were not before.

    What ends by itself within `seconds` is no leak. What the block raises passes
    unchanged, and nothing is counted then.
    """
    gc.collect()  # what an earlier test dropped is not this one's
    before = _there(COUNTED)
    yield
    gc.collect()
    until = time.monotonic() + seconds
    while _left(before, COUNTED) and time.monotonic() < until:  # noqa: ASYNC110 - nothing tells when a file is closed
        await asyncio.sleep(LOOK)
    _complain(before, COUNTED, seconds)


@contextmanager
def no_leaks_around(seconds: float = 2.0) -> Generator[None]:
    """Do the same without an event loop: threads, open files and child processes."""
    gc.collect()
    before = _there(COUNTED[1:])
    yield
    gc.collect()
    until = time.monotonic() + seconds
    while _left(before, COUNTED[1:]) and time.monotonic() < until:
        time.sleep(LOOK)
    _complain(before, COUNTED[1:], seconds)

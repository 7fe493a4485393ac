"""Secrets that tests plant, and that nothing which leaves the package in that test may show.

Whatever makes secrets for tests says so by `plant`; the hooks, which tests/conftest.py takes up, look for them in the
forms in which a secret could hide: in what the test prints and logs (at DEBUG from the first secret on), in every error
of the package's own, in the arguments of processes and in what these print, in the addresses that servers of tests are
asked for, and in whatever else is given to `heard`.

One exception, the protocol's own: a code and its state travel to the redirect address in the URL that the browser is
sent to. That address is the client's, and none of the servers that call `heard` stands there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from dragoman.errors import McpError

MOST = 20_000  # texts of one test
_log = logging.getLogger("dragoman")
_planted: set[str] = set()
# One is in the environment of every test, planted or not: whoever shows the whole environment shows it.
VARIABLE = "CANARY_PASSWORD"
ALWAYS = os.environ.setdefault(VARIABLE, f"environment-{secrets.token_hex(12)}")
_heard: list[tuple[str, str]] = []
_level: list[int] = []


def plant(secret: str) -> str:
    """Watch for `secret` until the test ends, and return it. From now on everything that can be logged is."""
    if secret:
        watch()
        _planted.add(secret)
    return secret


def watch() -> None:
    """Have everything logged until the test ends, since a secret is to come."""
    if not _level:
        _level.append(_log.level)
        _log.setLevel(logging.DEBUG)


def heard(where: str, text: str) -> None:
    """Search `text` for what is planted, now or later in this test."""
    if len(_heard) < MOST:
        _heard.append((where, text))


def leaked(text: str) -> list[str]:
    """Return which planted secrets a text shows, by their first letters."""
    return sorted({secret[:12] for secret in {*_planted, ALWAYS} if any(form in text for form in _forms(secret))})


def found() -> list[str]:
    """Return where in what was heard a planted secret is."""
    forms = [form for secret in {*_planted, ALWAYS} for form in _forms(secret)]
    return sorted({where for where, text in _heard if any(form in text for form in forms)})


def _forms(secret: str) -> Iterator[str]:
    data = secret.encode()
    yield secret
    if secret.count(".") == 2:  # a signed token is as good as its signature
        yield secret.rpartition(".")[2]
    yield b64encode(data).decode().rstrip("=")
    yield urlsafe_b64encode(data).decode().rstrip("=")
    yield quote(secret, safe="")
    yield data.hex()


# --- what is heard by itself ------------------------------------------------------------------------------------------


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        heard("process arguments", repr(args[:2]))  # program and arguments; the environment is where secrets may be


def _raised(self: McpError, *args: object) -> None:
    Exception.__init__(self, *args)
    heard("errors", " ".join(map(str, args)))


def hear_processes() -> None:
    """Hear what every process on this machine was started with, where the system tells that."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            heard("process arguments", file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it ended, or is somebody else's


def _printed(got: tuple[Any, Any]) -> None:
    for text in got:
        if text:
            heard("what a process printed", text.decode(errors="replace") if isinstance(text, bytes) else str(text))


_waited, _awaited = subprocess.Popen.communicate, asyncio.subprocess.Process.communicate


def _communicate(self: Any, *args: Any, **options: Any) -> Any:
    if _planted:
        hear_processes()
    got = _waited(self, *args, **options)
    _printed(got)
    return got


async def _communicate_later(self: Any, *args: Any, **options: Any) -> Any:
    if _planted:
        hear_processes()
    got = await _awaited(self, *args, **options)
    _printed(got)
    return got


sys.addaudithook(_hook)
McpError.__init__ = _raised  # type: ignore[method-assign]
subprocess.Popen.communicate = _communicate  # type: ignore[method-assign]
asyncio.subprocess.Process.communicate = _communicate_later  # type: ignore[method-assign]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Fail a test in which anything shows what was planted; forget it when the test is over."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.when == "call":
        for name, text in report.sections:
            heard(name, text)
        if report.passed and (places := found()):
            shown = leaked("\n".join(text for _, text in _heard))
            report.outcome = "failed"
            report.longrepr = f"secrets that the test planted are shown by {', '.join(places)}: {shown}"
    if report.when == "teardown":
        _planted.clear()
        _heard.clear()
        while _level:
            _log.setLevel(_level.pop())

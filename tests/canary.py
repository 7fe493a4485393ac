"""Secrets that tests plant, and that no output, log line or process argument of that test may show.

Whatever makes secrets for tests says so by `plant`; the hooks, which tests/conftest.py takes up, look for them in the
forms in which a secret could hide.
"""

from __future__ import annotations

import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

_planted: set[str] = set()
_started: list[str] = []


def plant(secret: str) -> str:
    """Watch for `secret` until the test ends, and return it."""
    _planted.add(secret)
    return secret


def leaked(text: str) -> list[str]:
    """Return which planted secrets a text shows, by their first letters."""
    return sorted({secret[:12] for secret in _planted if any(form in text for form in _forms(secret))})


def _forms(secret: str) -> Iterator[str]:
    data = secret.encode()
    yield secret
    if secret.count(".") == 2:  # a signed token is as good as its signature
        yield secret.rpartition(".")[2]
    yield b64encode(data).decode().rstrip("=")
    yield urlsafe_b64encode(data).decode().rstrip("=")
    yield quote(secret, safe="")
    yield data.hex()


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _planted and event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        _started.append(repr(args[:2]))  # program and arguments; the environment is where secrets may be


sys.addaudithook(_hook)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Fail a test whose output, logs or processes show what was planted; forget it when the test is over."""
    outcome: Any = yield
    report = outcome.get_result()
    if _planted and report.when == "call":
        shown = "\n".join([*(text for _, text in report.sections), *_started])
        if report.passed and (found := leaked(shown)):
            report.outcome = "failed"
            report.longrepr = f"secrets that the test planted are in its output, logs or processes: {found}"
    if report.when == "teardown":
        _planted.clear()
        _started.clear()

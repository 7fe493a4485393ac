"""How a command ends: one exit status and one kind for each error, told as a line or as JSON.

Promise: every error of the package's tree has both.
Limit: an error from outside the tree is a fault of ours, and shows as one.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from dragoman.cli.terminal import visible
from dragoman.errors import (
    AuthorizationError,
    ClosedError,
    DeadlineError,
    LocalError,
    MalformedError,
    McpError,
    ModelError,
    PeerError,
    RequestError,
    StoreError,
    TokenError,
    ToolError,
    TransportError,
    UnreachableError,
    UnsafeAddressError,
    VersionError,
)
from dragoman.late import late

if TYPE_CHECKING:
    import json
else:
    json = late("json")

OK, FAILED, USAGE, UNAUTHORIZED, UNREACHABLE = 0, 1, 2, 3, 4


class UsageError(LocalError):
    """The command line cannot be carried out; the message says which word, and what to write instead."""


class BrokenServerError(LocalError):
    """The user's own file failed while it was loaded; the message is its traceback."""


# The first class that fits decides, so the narrower ones stand first.
_ENDINGS: tuple[tuple[type[McpError], int, str], ...] = (
    (ToolError, FAILED, "tool"),
    (VersionError, UNREACHABLE, "version"),
    (PeerError, FAILED, "refused"),
    (RequestError, FAILED, "refused"),
    (AuthorizationError, UNAUTHORIZED, "unauthorized"),
    (UnreachableError, UNREACHABLE, "unreachable"),
    (ClosedError, UNREACHABLE, "closed"),
    (DeadlineError, UNREACHABLE, "timeout"),
    (TransportError, UNREACHABLE, "transport"),
    (MalformedError, UNREACHABLE, "malformed"),
    (ModelError, FAILED, "model"),
    (TokenError, UNAUTHORIZED, "token"),
    (UnsafeAddressError, UNREACHABLE, "unsafe"),
    (BrokenServerError, FAILED, "server"),
    (StoreError, UNREACHABLE, "store"),
    (LocalError, USAGE, "usage"),
)
# What an error knows besides its message, under the name it has in the JSON.
_FACTS = {"code": "code", "data": "data", "result": "result", "status": "http_status", "challenge": "challenge"}


def ending(error: McpError) -> tuple[int, str]:
    """Return the exit status and the kind of `error`."""
    for kind, status, word in _ENDINGS:
        if isinstance(error, kind):
            return status, word
    return FAILED, "error"


def describe(error: McpError) -> dict[str, Any]:
    """Return `error` as the JSON object that `--json` prints: `{"error": {"kind", "message", ...}}`."""
    facts: dict[str, Any] = {"kind": ending(error)[1], "message": str(error)}
    for attribute, name in _FACTS.items():
        value = getattr(error, attribute, None)
        if value is not None and value != "":
            facts[name] = msgspec.to_builtins(getattr(value, "wire", value))
    return {"error": facts}


def report(error: McpError, *, as_json: bool, stream: TextIO | None = None) -> int:
    """Tell of `error` on stderr, and return the exit status."""
    text = json.dumps(describe(error)) if as_json else visible(f"dragoman: {error}")
    with suppress(OSError):  # nobody reads stderr, or its disk is full; the status says it still
        print(text, file=stream or sys.stderr, flush=True)
    return ending(error)[0]

"""What callers see of an exception in a user's function, by the rule of the package the file was written for.

Promise: whatever is raised is in the server's log, traceback included. Limit: the texts are the packages' in form only.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator
from typing import Any

from dragoman import errors
from dragoman.compat.exceptions import FastMCPError, McpError, ResourceNotFoundError
from dragoman.serving.parameters import place
from dragoman.wire.jsonrpc import INTERNAL_ERROR

log = logging.getLogger("dragoman.compat")

Blame = Callable[[Exception], Exception | None]


@contextlib.contextmanager
def placed(function: Callable[..., Any]) -> Generator[None]:
    """While entered, a RegistrationError names the place of the user's function, not of what is around it."""
    try:
        yield
    except errors.RegistrationError as error:
        raise errors.RegistrationError(error.reason, where=place(function)) from None


def _text(face: Any, what: str, error: Exception) -> str:
    """Return what to say of `error`: its own words, unless the package hides those of a crash."""
    expected = isinstance(error, FastMCPError | errors.McpError)
    if not expected:
        log.error("%s", what, exc_info=error)
    return what if face.masks and not expected else f"{what}: {error}"


def of_tool(face: Any, name: str) -> Blame:
    """Return the rule for a tool: every failure becomes a result with `isError`, but for JSON-RPC errors."""
    what = f"{face.verb} tool {name}"

    def blame(error: Exception) -> Exception | None:
        if isinstance(error, errors.ToolError | errors.RequestError):
            return None
        return errors.ToolError(_text(face, what, error))

    return blame


def of_resource(face: Any, uri: str) -> Blame:
    """Return the rule for a resource: every failure becomes a JSON-RPC error."""
    what = f"Error reading resource {uri}"

    def blame(error: Exception) -> Exception | None:
        if isinstance(error, ResourceNotFoundError):
            return errors.RequestError(error.code, error.message, {"uri": uri})
        if isinstance(error, errors.RequestError):
            return None
        return errors.RequestError(INTERNAL_ERROR, _text(face, what, error))

    return blame


def of_prompt(face: Any, name: str) -> Blame:
    """Return the rule for a prompt: every failure becomes a JSON-RPC error."""
    what = f"Error rendering prompt {name}"

    def blame(error: Exception) -> Exception | None:
        if isinstance(error, errors.RequestError | McpError):
            return None
        return errors.RequestError(INTERNAL_ERROR, _text(face, what, error))

    return blame


@contextlib.contextmanager
def told(rule: Blame) -> Generator[None]:
    """While entered, what is raised is told as `rule` says."""
    try:
        yield
    except Exception as error:
        if (shown := rule(error)) is None:
            raise
        raise shown from error

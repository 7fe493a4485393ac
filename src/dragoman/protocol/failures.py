"""The one map from exceptions to JSON-RPC errors, and the one from codes to HTTP statuses.

An exception that is not ours never shows its text: it may hold secrets. The
caller gets an id, and the log has the rest under the same id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dragoman.errors import MalformedError, PeerError, RequestError, ToolError
from dragoman.wire.jsonrpc import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    MISSING_CAPABILITY,
    PARSE_ERROR,
    UNSUPPORTED_VERSION,
    Failure,
)

# Statuses for errors that a handler gives. What is not listed is 200: the JSON-RPC
# error in the body says it all (contradiction X-5). ERR-08, ERR-09, ERR-10, ERR-12.
STATUS: Mapping[int, int] = {
    HEADER_MISMATCH: 400,
    MISSING_CAPABILITY: 400,
    UNSUPPORTED_VERSION: 400,
    METHOD_NOT_FOUND: 404,
}
# Statuses for requests refused before any handler saw them (ERR-11, ERR-17).
REFUSED_STATUS: Mapping[int, int] = {
    **STATUS,
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
}
# The `data` of an error by which a server says that it did nothing for a request, so that it may come again whatever
# it asks for. A status alone does not say that: proxies answer 503 for servers that broke off in the middle.
NOT_BEGUN: Mapping[str, Any] = {"begun": False}


def failure_of(error: BaseException) -> Failure | None:
    """Return the JSON-RPC error that `error` means, or None if it is not for the peer to see."""
    if isinstance(error, RequestError | PeerError):
        return Failure(error.code, error.message, error.data)
    if isinstance(error, MalformedError):
        return Failure(error.code, str(error))
    if isinstance(error, ToolError):
        # Its words are meant to be seen; outside of tools there is no result that could carry them.
        return Failure(INTERNAL_ERROR, error.message)
    return None


def was_not_begun(data: object) -> bool:
    """Say whether the `data` of an error says that its request was not begun."""
    return isinstance(data, dict) and data.get("begun") is False  # pyright: ignore[reportUnknownMemberType]


def internal(error_id: str) -> Failure:
    """Return the error for an exception that the peer must not see; the log has it under `error_id`."""
    return Failure(INTERNAL_ERROR, f"internal error; the server's log has the cause under id {error_id}")


def unknown_method(name: str) -> RequestError:
    """Return the error for a method that this server does not have in this era."""
    return RequestError(METHOD_NOT_FOUND, f"method not found: {name[:200]}")

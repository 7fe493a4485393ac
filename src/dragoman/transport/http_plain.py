"""HTTP responses that are no call's answer: refusals, receipts, and plain words.

What an HTTP status says is said again in words that tell the reader what to do next.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from msgspec import UNSET, UnsetType

from dragoman.errors import MalformedError, RequestError, StoreError
from dragoman.protocol.failures import NOT_BEGUN, REFUSED_STATUS
from dragoman.protocol.frames import id_of, write_failure
from dragoman.wire.base import RequestId
from dragoman.wire.jsonrpc import INVALID_REQUEST, Failure

log = logging.getLogger("dragoman")
Message: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
RawHeaders: TypeAlias = list[tuple[bytes, bytes]]
ALLOW = (b"allow", b"GET, POST, DELETE, OPTIONS")
POST_ONLY = (b"allow", b"POST, OPTIONS")
RETRY_AFTER = (b"retry-after", b"1")
BODILESS = 204


class Refused(Exception):
    """This request is answered with an HTTP status of its own, and perhaps headers.

    `request_id` is its JSON-RPC id, and `data` what the error holds beside its words.
    """

    def __init__(self, status: int, reason: str, headers: RawHeaders | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers or []
        self.request_id: RequestId | UnsetType = UNSET
        self.data: Any = None


def not_now(status: int, reason: str, seconds: int = 1) -> Refused:
    """Return the refusal of a request for which nothing was done, and which may come again after so many seconds."""
    refused = Refused(status, reason, [(b"retry-after", b"%d" % seconds)])
    refused.data = NOT_BEGUN
    return refused


def unavailable(error: StoreError) -> Refused:
    """Return the refusal of what needs a store that fails: nobody is let in on a guess. The log has the cause."""
    log.error("sessions cannot be looked up: %s", error)
    return Refused(503, "sessions cannot be looked up now; try again later", [RETRY_AFTER])


async def send_plain(send: Send, status: int, text: str, extra: RawHeaders) -> None:
    """Answer with words for people."""
    body = text.encode()
    headers = list(extra)
    if status != BODILESS:
        headers.append((b"content-length", b"%d" % len(body)))
    if body:
        headers.append((b"content-type", b"text/plain; charset=utf-8"))
    await _respond(send, status, headers, body)


async def send_json(send: Send, status: int, body: bytes, extra: RawHeaders) -> None:
    """Answer with JSON, in one piece where the server in front can."""
    whole = getattr(send, "whole", None)
    if whole is not None and status == 200 and not extra and whole(body):
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_accepted(send: Send, extra: RawHeaders) -> None:
    """Say that a notification or a response was received (HTTP-06)."""
    await _respond(send, 202, [(b"content-length", b"0"), *extra], b"")


async def send_refusal(send: Send, refused: Refused, extra: RawHeaders) -> None:
    """Answer with the status of `refused`, its reason being a JSON-RPC error."""
    body = write_failure(refused.request_id, Failure(INVALID_REQUEST, refused.reason, refused.data))
    await send_json(send, refused.status, body, [*refused.headers, *extra])


async def send_fault(send: Send, body: bytes, error: RequestError | MalformedError, extra: RawHeaders) -> None:
    """Answer what `body` asked with `error`, under the HTTP status that its code has."""
    data = error.data if isinstance(error, RequestError) else None
    failure = Failure(error.code, str(error), data)
    await send_json(send, REFUSED_STATUS.get(error.code, 400), write_failure(id_of(body), failure), extra)


async def _respond(send: Send, status: int, headers: RawHeaders, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

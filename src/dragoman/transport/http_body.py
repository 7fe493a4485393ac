"""The body of a POST: bounded in size and in time, before anything reads it.

Costs no timer when it is there already, as it is for nearly every call. Content codings are refused: a kilobyte of
gzip can be a gigabyte of JSON.
"""

from __future__ import annotations

import asyncio

from dragoman.ports.watched import Begun
from dragoman.protocol.exchange import Headers
from dragoman.protocol.limits import Limits
from dragoman.transport.http_plain import Message, Receive, Refused

_MANY = 256  # pieces that are kept apart


async def read_body(headers: Headers, receive: Receive, limits: Limits) -> bytes:
    """Return the whole body. Raises Refused if it is encoded, too large or too slow, OSError if the client left."""
    if b"content-encoding" in headers and headers[b"content-encoding"].strip().lower() != b"identity":
        raise Refused(415, "send the body as it is, without Content-Encoding", [(b"accept-encoding", b"identity")])
    stated = headers.get(b"content-length")
    if stated is not None and stated.isdigit() and int(stated[:20]) > limits.body:
        raise too_large(limits.body)
    try:
        steps = receive().__await__()
        try:
            awaited = next(steps)
        except StopIteration as done:
            message: Message = done.value
        else:
            message = await Begun(steps, awaited, None, limits.body_seconds)
        body: bytes | None = message.get("body")
        if body is None or message.get("more_body"):
            async with asyncio.timeout(limits.body_seconds):
                body = await _rest(message, receive, limits.body)
    except TimeoutError:
        reason = f"the body did not arrive within {limits.body_seconds:g} seconds"
        # What is still to come of it must not be taken for the next request.
        raise Refused(408, reason, [(b"connection", b"close")]) from None
    if len(body) > limits.body:
        raise too_large(limits.body)
    return body


async def _rest(message: Message, receive: Receive, limit: int) -> bytes:
    # One by one they would be joined twice; but a body may come byte by byte.
    held, parts, size = bytearray(), list[bytes](), 0
    while True:
        if message["type"] == "http.disconnect":
            raise OSError("the client left while sending")
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
        if len(parts) == _MANY:
            held += b"".join(parts)
            parts.clear()
        if not message.get("more_body", False):
            return b"".join((held, *parts))
        message = await receive()


def too_large(limit: int) -> Refused:
    """Return the refusal of a body with more bytes."""
    return Refused(413, f"the body is larger than {limit} bytes")

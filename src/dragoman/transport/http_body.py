"""The body of a POST: bounded in size and in time, before anything reads it.

Costs no timer when it is there already, as it is for nearly every call. Content codings are refused: a kilobyte of
gzip can be a gigabyte of JSON.
"""

from __future__ import annotations

from dragoman.ports.watched import Watched
from dragoman.protocol.exchange import Headers
from dragoman.protocol.limits import Limits
from dragoman.transport.http_plain import Receive, Refused


async def read_body(headers: Headers, receive: Receive, limits: Limits) -> bytes:
    """Return the whole body. Raises Refused if it is encoded, too large or too slow, OSError if the client left."""
    if b"content-encoding" in headers and headers[b"content-encoding"].strip().lower() != b"identity":
        raise Refused(415, "send the body as it is, without Content-Encoding", [(b"accept-encoding", b"identity")])
    stated = headers.get(b"content-length")
    if stated is not None and stated.isdigit() and int(stated[:20]) > limits.body:
        raise _too_large(limits.body)
    try:
        return await Watched(_pieces(receive, limits.body), None, limits.body_seconds)
    except TimeoutError:
        reason = f"the body did not arrive within {limits.body_seconds:g} seconds"
        # What is still to come of it must not be taken for the next request.
        raise Refused(408, reason, [(b"connection", b"close")]) from None


async def _pieces(receive: Receive, limit: int) -> bytes:
    held = bytearray()  # and not a list: a body may come byte by byte
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise OSError("the client left while sending")
        piece: bytes = message.get("body", b"")
        if len(held) + len(piece) > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return bytes(held + piece) if held else piece
        held += piece


def _too_large(limit: int) -> Refused:
    return Refused(413, f"the body is larger than {limit} bytes")

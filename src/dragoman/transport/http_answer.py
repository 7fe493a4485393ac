"""What an HTTP response says: the answer to a request, or that it may come again in a moment.

Promise: what is no MCP is kept as it came, for whoever judges it.
Limit: who wants nothing to come again for more than a minute is not waited for here.
Source: requirement HTTP-07; RFC 9110, section 10.2.3; RFC 6585, section 4.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime

from dragoman.errors import MalformedError
from dragoman.ports.exchange import Incoming, Outgoing
from dragoman.protocol.http_reply import ReplyReader
from dragoman.protocol.moments import seconds_of
from dragoman.protocol.replies import answers, read_messages
from dragoman.wire.jsonrpc import Frame

JSON = "application/json"
LONGEST, SHORTEST = 60.0, 0.05  # seconds before anything comes again


def again_in(reply: ReplyReader, count: int = 0) -> float | None:
    """Return in how many seconds what was refused may come again, None if this is no refusal for now, or a long one.

    After `count` refusals it is as much as the server said, or more: uneven, and spread over twice as much each time.
    """
    said = reply.headers.get("retry-after")
    if said is None or reply.status not in (429, 503):
        return None
    seconds = max(seconds_of(said, datetime.now(UTC)), SHORTEST)
    return seconds * random.uniform(1.0, 2.0 ** min(count, 4)) if seconds <= LONGEST else None


def incoming(reply: ReplyReader, body: bytes, request: Outgoing) -> Incoming:
    """Return what came as one body, read as a frame if it is the response to `request`."""
    frame: Frame | None = None
    kind = reply.headers.get("content-type", "")
    if kind == JSON or kind.partition(";")[0].strip().lower() != "text/html":
        try:
            for found in read_messages(body):
                if answers(found, request.id):
                    frame = found
                    break
        except MalformedError as error:
            if reply.status == 200 and error.code != -32700:
                raise
        else:
            if frame is None and reply.status == 200:
                raise MalformedError(f"the response answers another request than {request.id!r}")
    return Incoming(reply.status, body, frame, reply.headers)

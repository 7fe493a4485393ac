"""GET streams of handshake-era sessions: changes outside of calls, and the rest of a stream that broke.

Source: 2025-11-25 basic/transports "Listening for Messages from the Server"; requirements LEG-10 to LEG-13.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from dragoman.ports.bus import Feed
from dragoman.ports.watched import Watched
from dragoman.protocol.changes import notice_of
from dragoman.protocol.frames import write_notice
from dragoman.protocol.limits import Limits
from dragoman.protocol.sse import COMMENT, encode_event
from dragoman.transport.http_door import SSE_HEADERS
from dragoman.transport.http_plain import RawHeaders, Receive, Send


async def stream(
    events: AsyncIterator[bytes],
    receive: Receive,
    send: Send,
    extra: RawHeaders,
    limits: Limits,
    first: bytes = COMMENT,
) -> None:
    """Send `first`, then `events` as they come, a comment when there is none for a while, until they or the client end.

    Raises OSError if the client does not read what it asked for.
    """
    await send({"type": "http.response.start", "status": 200, "headers": [*SSE_HEADERS, *extra]})
    # Sent at once, so that the client has the headers and knows that it listens.
    await send({"type": "http.response.body", "body": first, "more_body": True})
    gone = asyncio.ensure_future(_until_gone(receive))
    following = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            done, _ = await asyncio.wait(
                {gone, following}, timeout=limits.quiet_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if gone in done:
                return
            data: bytes | None = COMMENT
            if following in done:
                data = following.result()
                if data is None:
                    break
                following = asyncio.ensure_future(anext(events, None))
            event = send({"type": "http.response.body", "body": data, "more_body": True})
            await Watched(event, None, limits.stalled_seconds)
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        following.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def changes(feed: Feed) -> AsyncIterator[bytes]:
    """Yield the notices that a session hears outside of its calls."""
    while (topic := await feed.next()) is not None:
        yield encode_event(write_notice(notice_of(topic)))

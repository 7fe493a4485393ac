"""Questions to a handshake-era client that are under way: sent as requests, settled by its responses.

Registered before they are sent: the answer may be faster than we are.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
from msgspec import UNSET

from dragoman.errors import LocalError, PeerError
from dragoman.protocol.frames import encode, write_notice
from dragoman.wire.base import RequestId
from dragoman.wire.decoding import Decoding
from dragoman.wire.jsonrpc import Failure, Frame, Notification, Request
from dragoman.wire.notices import CANCELLED, Cancelled

Asks = MutableMapping[RequestId, "asyncio.Future[msgspec.Raw]"]
MAX_ASKS = 64  # questions under way to one client
_numbers = itertools.count(1)
_read_failure = Decoding(Failure)


async def ask(
    asks: Asks, send: Callable[[bytes], Awaitable[None]], method: str, params: Any, owner: str = ""
) -> msgspec.Raw:
    """Send a request to the client and return the result of its response.

    Its id begins with `owner`, if there are several who ask the same client.
    Raises PeerError if it answers with an error, LocalError if too many
    questions are open. If the waiting is cancelled, the client is told.
    """
    if len(asks) >= MAX_ASKS:
        raise LocalError(f"{len(asks)} questions to this client are unanswered")
    number: RequestId = f"{owner}.{next(_numbers)}" if owner else next(_numbers)
    future = asks[number] = asyncio.get_running_loop().create_future()
    try:
        await send(encode(Request(id=number, method=method, params=params)))
        answer: msgspec.Raw = await future
        return answer
    except asyncio.CancelledError:
        notice = Notification(method=CANCELLED, params=Cancelled(request_id=number))
        # A client that is gone need not be told, and that it is must not take the place of the cancellation.
        with contextlib.suppress(Exception):
            await send(write_notice(notice))
        raise
    finally:
        del asks[number]


def settle(asks: Asks, frame: Frame) -> bool:
    """Hand a response to whoever asked; returns whether anybody did."""
    future = asks.get(frame.id) if frame.id is not UNSET else None
    if future is None or future.done():
        return False
    if frame.error:
        try:
            failure = _read_failure.decode(frame.error)
        except msgspec.DecodeError:
            failure = Failure(0, "the client answered with an error that is not one")
        future.set_exception(PeerError(failure.code, failure.message, failure.data))
    else:
        future.set_result(frame.result or msgspec.Raw(b"{}"))
    return True

"""What a client's requests look like to somebody who watches them: tracing and metrics plug in here.

An observer is called once for each request, and sends it. Limit: it sees names and sizes of things, never arguments.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec

from dragoman.wire.base import RequestId


class Asked(msgspec.Struct, frozen=True):
    """One request on its way out. `target` is the tool's or prompt's name or the URI, "" for other methods.

    `where` says where it goes: a URL without secrets if it goes `over_http`.
    """

    method: str
    target: str
    id: RequestId
    version: str
    where: str
    over_http: bool


# Sends the request, with further members of `_meta`, and returns the raw result or raises what the call raises.
Send: TypeAlias = Callable[[Mapping[str, str]], Awaitable[msgspec.Raw]]
Observer: TypeAlias = Callable[[Asked, Send], Awaitable[msgspec.Raw]]

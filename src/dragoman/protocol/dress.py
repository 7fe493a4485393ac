"""How a client's requests are written in an era: what `_meta` says, which header fields repeat it.

The counterpart of `admit`: an era says by its values which of the two ways applies.
Bytes and mappings only; sending them is the exchange's business.
Source: specification, basic/index "_meta", basic/transports/streamable-http "Request Metadata".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, structs

from dragoman.errors import LocalError
from dragoman.protocol.eras import Era
from dragoman.protocol.frames import encode
from dragoman.protocol.headers import standard_headers
from dragoman.protocol.schema_graph import is_list, is_map
from dragoman.wire.base import Implementation, RequestId
from dragoman.wire.jsonrpc import Notification, Request
from dragoman.wire.lifecycle import CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION, ClientCapabilities
from dragoman.wire.methods import METHODS
from dragoman.wire.notices import CANCELLED, Cancelled

VERSION_FIELD = "mcp-protocol-version"
NO_META: Mapping[str, Any] = {}


class Dress(msgspec.Struct, frozen=True):
    """The era's part of every request: `meta` goes into its `_meta`, `fields` into its HTTP header.

    `sealed` is `meta`, encoded once. `routed` says whether header fields repeat method and name.
    """

    era: Era
    meta: Mapping[str, Any]
    sealed: msgspec.Raw
    fields: Mapping[str, str]
    routed: bool

    def body(self, request_id: RequestId, method: str, params: Mapping[str, Any], extra: Mapping[str, Any]) -> bytes:
        """Return the bytes of a request; `extra` joins its `_meta`.

        Raises LocalError when `params` cannot be written as JSON.
        """
        if extra or "_meta" in params:
            params = {**params, "_meta": {**params.get("_meta", NO_META), **extra, **self.meta}}
        elif self.meta:
            params = {**params, "_meta": self.sealed}
        return written(Request(id=request_id, method=method, params=params if params else UNSET), method)

    def saying(self, name: str, value: Any) -> Dress:
        """Return this dress with another value in its `_meta`."""
        meta = {**self.meta, name: value}
        return structs.replace(self, meta=meta, sealed=msgspec.Raw(encode(meta)))

    def named(self, method: str, params: Mapping[str, Any]) -> str | None:
        """Return the name in a request that its header fields repeat, None if they repeat none."""
        known = METHODS.get(method) if self.routed else None
        name = params.get(known.member) if known is not None and known.named_by else None
        return name if isinstance(name, str) else None

    def headers(self, method: str, params: Mapping[str, Any]) -> dict[str, str]:
        """Return the header fields of a request, lower-case. Raises LocalError for a name that no field can carry."""
        if not self.routed:
            return dict(self.fields)
        return {**self.fields, **standard_headers(method, self.named(method, params))}


def dress_of(era: Era, client: Implementation, capabilities: ClientCapabilities, log_level: str | None) -> Dress:
    """Return how `client` writes its requests in `era`, once they are past any handshake."""
    fields = {VERSION_FIELD: era.version}
    if era.handshake:
        return Dress(era, NO_META, msgspec.Raw(b"{}"), fields, routed=False)
    meta: dict[str, Any] = {
        PROTOCOL_VERSION: era.version,
        CLIENT_INFO: client,
        CLIENT_CAPABILITIES: capabilities,
    }
    if log_level is not None:
        meta[LOG_LEVEL] = log_level
    return Dress(era, meta, msgspec.Raw(encode(meta)), fields, routed=True)


def undressed(era: Era) -> Dress:
    """Return how `initialize` is written: no version is agreed yet, so none is named beside the body (LEG-06)."""
    return Dress(era, NO_META, msgspec.Raw(b"{}"), {}, routed=False)


def cancellation(request_id: RequestId, reason: str) -> bytes:
    """Return the notice that an answer is no longer wanted."""
    return encode(Notification(method=CANCELLED, params=Cancelled(request_id=request_id, reason=reason)))


def written(message: Any, what: str) -> bytes:
    """Return `message` as JSON. Raises LocalError naming `what` if it holds something that JSON cannot."""
    try:
        body = encode(message)
        # The encoder writes null for what is no number. Only then is it looked for: it costs more than the writing.
        if b"null" in body and _holds_no_number(message):
            raise ValueError("it holds NaN or an infinity, which JSON has no words for")
        return body
    except (TypeError, ValueError, msgspec.EncodeError, RecursionError) as error:
        raise LocalError(f"the parameters of {what} cannot be written as JSON: {error}") from None


def _holds_no_number(message: Any) -> bool:
    todo: list[Any] = [message]
    while todo:
        item: Any = todo.pop()
        if isinstance(item, float) and not math.isfinite(item):
            return True
        if isinstance(item, msgspec.Struct):
            todo += msgspec.structs.astuple(item)
        elif is_map(item):
            todo += item.values()
        elif is_list(item) or isinstance(item, tuple):
            todo += item  # pyright: ignore[reportUnknownArgumentType]
    return False

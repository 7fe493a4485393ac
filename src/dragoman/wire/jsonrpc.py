"""JSON-RPC 2.0 frames and the error codes of MCP.

`params`, `result` and `error` stay raw here: only whoever knows the method knows
their types, so decoding them would mean decoding twice.
Source: JSON-RPC 2.0; specification, basic/index, "Error codes".
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET

from dragoman.wire.base import Opt, RequestId

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022
# Only where a handshake-era peer expects them (requirements ERR-05, LEG-21).
LEGACY_RESOURCE_NOT_FOUND = -32002
VISIT_NEEDED = -32042


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Any single JSON-RPC message, told apart by which members it has."""

    jsonrpc: Literal["2.0"]
    id: Opt[RequestId] = UNSET
    method: Opt[str] = UNSET
    params: msgspec.Raw = msgspec.Raw(b"")
    result: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw = msgspec.Raw(b"")


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `error` member of a response. `data` is left out when it is None."""

    code: int
    message: str
    data: Any = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request as we write it."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: RequestId
    method: str
    params: Any = UNSET


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """A notification as we write it: it has no id, and gets no answer."""

    jsonrpc: Literal["2.0"] = "2.0"
    method: str
    params: Any = UNSET


class Response(msgspec.Struct, frozen=True):
    """A successful answer as we write it."""

    id: RequestId
    result: Any
    jsonrpc: Literal["2.0"] = "2.0"


class ErrorResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An error answer as we write it; `id` is absent, never null, when it could not be read (X-7)."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: Opt[RequestId] = UNSET
    error: Failure

"""The stateless era's door: who asks is written on the envelope of each request.

`admit` judges a request by its own `_meta` and, on HTTP, its headers; nothing is
remembered between requests. The order of the checks is part of the contract (X-4).
Source: specification, basic/index "_meta", basic/transports/streamable-http "Server Validation".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, field, structs

from dragoman.errors import RequestError
from dragoman.protocol.eras import STATELESS
from dragoman.protocol.exchange import NO_HEADERS, Call, Caller, Headers, meta_of
from dragoman.protocol.failures import unknown_method
from dragoman.protocol.headers import check_standard
from dragoman.protocol.nulls import without_nulls
from dragoman.wire.base import EMPTY, LOG_LEVELS, Opt, Wire
from dragoman.wire.decoding import Decoding
from dragoman.wire.jsonrpc import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    UNSUPPORTED_VERSION,
    Frame,
)
from dragoman.wire.lifecycle import CLIENT_CAPABILITIES, PROTOCOL_VERSION, Params, RequestMeta
from dragoman.wire.methods import BARE, Method

Methods = Mapping[str, Method]
VERSION_HEADER = b"mcp-protocol-version"


class MetaFault(RequestError):
    """The `_meta` of a request is there, but cannot be read."""


class _Stated(Wire, frozen=True, kw_only=True):
    version: Opt[str] = field(name=PROTOCOL_VERSION, default=UNSET)


class _Barest(Wire, frozen=True, kw_only=True):
    meta: Opt[_Stated] = field(name="_meta", default=UNSET)


_barest = Decoding(_Barest)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_params(frame: Frame, methods: Methods) -> tuple[Any, RequestError | None]:
    """Decode the parameters of a request, once, by its method.

    Returns the parameters and what is wrong with them. A fault in them must not
    hide one that is judged earlier, so it is handed back instead of raised; the
    parameters are then only what all requests have, or the version that the
    request names if its `_meta` is at fault.
    """
    name = str(frame.method)
    method = methods.get(name) or BARE
    raw = frame.params or EMPTY
    try:
        return method.decode(raw), None
    except _UNREADABLE as error:
        told = error
    if (kept := without_nulls(raw)) is not None:
        return read_params(structs.replace(frame, params=kept), methods)
    fault = RequestError(INVALID_PARAMS, f"invalid parameters for {name[:200]}: {told}")
    try:
        return BARE.decode(raw), fault
    except _UNREADABLE as error:
        return _version_only(raw), MetaFault(INVALID_PARAMS, f"invalid parameters for {name[:200]}: {error}")


def _version_only(raw: msgspec.Raw) -> Params:
    try:
        stated = _barest.decode(raw).meta
    except _UNREADABLE:
        return Params()
    return Params(meta=RequestMeta(protocol_version=stated.version)) if stated is not UNSET else Params()


# The header as nearly every client writes it.
_AS_WRITTEN = {version.encode(): version for version in STATELESS}


def admit(frame: Frame, params: Any, fault: RequestError | None, methods: Methods, headers: Headers | None) -> Call:
    """Return the Call that a modern request means; `headers` is None where the transport has none.

    Raises RequestError for whatever is wrong first, in the order of X-4.
    """
    meta = meta_of(params)
    version = meta.protocol_version
    stated = None if headers is None else headers.get(VERSION_HEADER)
    if headers is not None and stated is None:
        raise RequestError(HEADER_MISMATCH, "the MCP-Protocol-Version header is missing")
    if version is UNSET or meta.client_capabilities is UNSET:
        raise _missing_meta(meta, fault)
    said = version if stated is None else _AS_WRITTEN.get(stated) or stated.decode("latin-1").strip()
    if said != version:
        raise RequestError(HEADER_MISMATCH, f"MCP-Protocol-Version is {said[:100]!r}, the body says {version[:100]!r}")
    era = STATELESS.get(version)
    if era is None:
        raise unsupported(version)
    name = str(frame.method)
    method = methods.get(name)
    if headers is not None:
        # Parameters at fault have no name to compare; that they are is told below.
        named = getattr(params, method.named_by, None) if method is not None and method.named_by else None
        complaint = check_standard(headers, name, named)
        if complaint is not None:
            raise RequestError(HEADER_MISMATCH, complaint)
    if method is None or not (method.custom or name in era.methods):
        raise unknown_method(name)
    if fault is not None:
        raise fault
    if meta.log_level is not UNSET and meta.log_level not in LOG_LEVELS:
        raise RequestError(INVALID_PARAMS, f"unknown log level {meta.log_level!r}; one of {', '.join(LOG_LEVELS)}")
    client = meta.client_info
    caller = Caller(version, meta.client_capabilities, None if client is UNSET else client)
    return Call(name, params, frame.id, era, caller, meta, NO_HEADERS if headers is None else headers)  # type: ignore[arg-type]


def _missing_meta(meta: RequestMeta, fault: RequestError | None) -> RequestError:
    if isinstance(fault, MetaFault):
        return fault
    missing = [
        key
        for key, value in ((PROTOCOL_VERSION, meta.protocol_version), (CLIENT_CAPABILITIES, meta.client_capabilities))
        if value is UNSET
    ]
    return RequestError(INVALID_PARAMS, f"params._meta lacks {' and '.join(missing)}")


def unsupported(version: str) -> RequestError:
    """Return the error for a version that is not served statelessly (VER-01, ERR-08)."""
    return RequestError(
        UNSUPPORTED_VERSION,
        f"unsupported protocol version {version[:100]!r}",
        {"supported": list(STATELESS), "requested": version[:100]},
    )


def is_modern(meta: RequestMeta) -> bool:
    """Say whether a request is written for the stateless era: its `_meta` names a version (VER-08)."""
    return meta.protocol_version is not UNSET

"""Requests on their way through: read only as far as routing needs, else kept as they came.

Promise: a member that nobody here knows is forwarded like any other. What `_meta` says of the sender is the sender's,
so it goes on only where the same revision is spoken; trace context and keys of others always do (META-12).
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, field

from dragoman.wire.base import EMPTY, Opt, RequestId
from dragoman.wire.decoding import Decoding
from dragoman.wire.lifecycle import (
    CLIENT_CAPABILITIES,
    CLIENT_INFO,
    LOG_LEVEL,
    PROTOCOL_VERSION,
    SUBSCRIPTION_ID,
    Params,
)
from dragoman.wire.methods import METHODS, Method

Members = dict[str, Any]  # of an object, undecoded
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_SENDER = (PROTOCOL_VERSION, CLIENT_INFO, CLIENT_CAPABILITIES, LOG_LEVEL)
_ASKING = b'"input_required"'
_ROUTED = ("name", "uri", "taskId")


class Forwarded(Params, frozen=True, kw_only=True):
    """Parameters of any request: what headers repeat, and the whole as it came."""

    name: Opt[str] = UNSET
    uri: Opt[str] = UNSET
    task_id: Opt[str] = UNSET
    request_state: Opt[str] = UNSET
    raw: msgspec.Raw = field(default=EMPTY)


class _Routed(Params, frozen=True, kw_only=True):
    name: Opt[Any] = UNSET
    uri: Opt[Any] = UNSET
    task_id: Opt[Any] = UNSET
    request_state: Opt[Any] = UNSET


_routed = Decoding(_Routed)


def _read(raw: Any) -> Forwarded:
    found = _routed.decode(raw)
    return Forwarded(
        meta=found.meta,
        name=_text(found.name),
        uri=_text(found.uri),
        task_id=_text(found.task_id),
        request_state=_text(found.request_state),
        raw=msgspec.Raw(bytes(raw)),
    )


def _text(value: Any) -> Any:
    # What is no text is for the server behind to refuse, in its own words.
    return value if isinstance(value, str) else UNSET


def forwarded_method(name: str) -> Method:
    """Return the method `name` as it is served by whoever forwards it; of the server's own if the protocol has none."""
    known = METHODS.get(name)
    if known is None:
        method = Method(name, Forwarded, custom=True)
    else:
        method = Method(name, Forwarded, known.result, known.named_by, custom=known.custom, endless=known.endless)
    method.decode = _read
    return method


def members_of(params: Any) -> Members:
    """Return the members of a request's parameters, undecoded but for those that headers repeat."""
    raw = params.raw if isinstance(params, Forwarded) else msgspec.Raw(_encode(params))
    members: Members = dict(_members(raw))
    for name in _ROUTED:
        if name in members:
            members[name] = msgspec.json.decode(members[name])
    if isinstance(params, Forwarded) and params.uri is not UNSET:
        members["uri"] = params.uri  # whoever has the server mounted may have put another in place of what came
    meta = members.pop("_meta", None)
    if meta is not None:
        members["_meta"] = dict(_members(meta))
    return members


def undressed_meta(members: Members, *, same: bool) -> dict[str, Any]:
    """Return the `_meta` to forward: without its progress token, and unless `same`, without what its sender said."""
    meta: dict[str, Any] = members.get("_meta", {})
    return {key: value for key, value in meta.items() if key != "progressToken" and (same or key not in _SENDER)}


def renumbered(raw: msgspec.Raw, number: RequestId) -> msgspec.Raw:
    """Return an object whose `_meta` names the subscription `number`, if it names one."""
    members = _members(raw or EMPTY)
    meta = _members(members.get("_meta", EMPTY))
    if SUBSCRIPTION_ID not in meta:
        return raw
    meta[SUBSCRIPTION_ID] = msgspec.Raw(_encode(number))
    members["_meta"] = msgspec.Raw(_encode(meta))
    return msgspec.Raw(_encode(members))


def state_in(raw: msgspec.Raw) -> str | None:
    """Return the state of a result that asks first, None for any other."""
    if _ASKING not in bytes(raw):
        return None
    members = _members(raw)
    if bytes(members.get("resultType", EMPTY)) != _ASKING or "requestState" not in members:
        return None
    state: object = msgspec.json.decode(members["requestState"])
    return state if isinstance(state, str) else None


def with_state(raw: msgspec.Raw, state: str) -> msgspec.Raw:
    """Return the same result with another state."""
    return msgspec.Raw(_encode({**_members(raw), "requestState": state}))


def member_in(raw: msgspec.Raw, name: str) -> Any:
    """Return a member of an object, decoded; None if it has none."""
    found = _members(raw or EMPTY).get(name)
    return None if found is None else msgspec.json.decode(found)


def with_members(raw: msgspec.Raw, changes: Members) -> msgspec.Raw:
    """Return the same object with these members changed."""
    return msgspec.Raw(_encode({**_members(raw or EMPTY), **changes}))

"""What differs between protocol revisions, as values: the only module that knows their names.

No other module compares version strings, and none asks "is it modern?": they
call what the Era holds. A new revision is a new row here.
Source: specification, basic/versioning; the changelogs of each revision.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec import UNSET, structs

from dragoman.errors import RequestError
from dragoman.late import late
from dragoman.protocol.exchange import Call, Prepared, Reply
from dragoman.protocol.failures import STATUS
from dragoman.protocol.lowering import (
    FLOOR_2024_11,
    FLOOR_2025_03,
    FLOOR_2025_06,
    FLOOR_2025_11,
    FLOOR_2026_07,
    OBJECT,
    Floor,
    lower,
    lower_call,
    trim,
)
from dragoman.protocol.tasks import LEGACY_TASKS, NO_TASKS, TASKS, TaskForm
from dragoman.wire.base import LOG_LEVELS, Implementation
from dragoman.wire.jsonrpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    LEGACY_RESOURCE_NOT_FOUND,
    MISSING_CAPABILITY,
    Failure,
)
from dragoman.wire.lifecycle import SERVER_INFO, Cacheable, DiscoverResult, Result
from dragoman.wire.tools import CallToolResult, ListToolsResult

if TYPE_CHECKING:
    from dragoman.protocol import posing
else:
    posing = late("dragoman.protocol.posing")

_encode = msgspec.json.Encoder().encode


class Facts(msgspec.Struct, frozen=True):
    """What an era needs to know of the server to seal its results."""

    info: Implementation
    meta: msgspec.Raw  # the `_meta` of every modern result, encoded once
    ttl_ms: int = 0  # how long lists and what the server says of itself may be kept, and by whom
    cache_scope: str = "private"

    @classmethod
    def of(cls, info: Implementation, ttl_ms: int = 0, cache_scope: str = "private") -> Facts:
        """Return the facts of the server that calls itself `info`."""
        return cls(info, msgspec.Raw(_encode({SERVER_INFO: info})), ttl_ms, cache_scope)


Seal = Callable[[Any, Facts], Any]


class Era(msgspec.Struct, frozen=True):
    """One revision. All fields are data or pure functions.

    `seal` makes a handler's result fit for the wire, `fail` an error, `trim` a
    notice. `statuses` maps error codes to HTTP statuses. `hears_logs` says
    whether a call gets log messages at a level.
    """

    version: str
    methods: frozenset[str]
    seal: Seal
    fail: Callable[[Failure], Failure]
    trim: Callable[[Any], Any]
    statuses: Mapping[int, int]
    hears_logs: Callable[[Call, str], bool]
    undeclared: Callable[[str, dict[str, Any]], RequestError]  # a question that the client did not say it can answer
    pose: Callable[[Any], Any]  # the parameters of a question, without what this revision lacks
    handshake: bool  # begins with `initialize`, and has sessions on HTTP
    batches: bool = False
    primes: bool = False  # a stream begins with an empty event that has an id (LEG-13)
    close_cancels: bool = False  # a closed response stream cancels its call (HTTP-13, LEG-15)
    replays: bool = False  # no way back to the client: a call that asks is run again with the answer
    tasks: TaskForm = NO_TASKS
    visits: bool = False  # a call may be refused until the user has visited a page, and its end is told (LEG-22)
    mirrors: bool = False  # HTTP headers repeat what is in the body, and must agree with it (HTTP-21, HTTP-36)


def reply_bytes(era: Era, reply: Reply, facts: Facts) -> Any:
    """Return `reply` sealed for `era`; what many callers get is sealed and encoded once."""
    if isinstance(reply, Prepared):
        ready = reply.sealed.get(era.version)
        if ready is None:
            ready = reply.sealed[era.version] = msgspec.Raw(_encode(era.seal(reply.result, facts)))
        return ready
    return era.seal(reply, facts)


# --- the stateless era -----------------------------------------------------------------------------------------


def _seal_modern(result: Any, facts: Facts) -> Any:
    if type(result) is CallToolResult and result.result_type is UNSET and result.meta is UNSET:
        # What nearly every call gives.
        return structs.replace(result, result_type="complete", meta=facts.meta)
    if isinstance(result, Result):
        hints: dict[str, Any] = {}
        if isinstance(result, Cacheable):
            # CACHE-01: both are there in every cacheable result; what nobody set is stale at once, and nobody else's.
            # CACHE-03: lists have the server's scope, so all their pages have one.
            ttl, scope = (facts.ttl_ms, facts.cache_scope) if result.by_server else (0, "private")
            hints["ttl_ms"] = ttl if result.ttl_ms is UNSET else result.ttl_ms
            hints["cache_scope"] = scope if result.cache_scope is UNSET else result.cache_scope
        if isinstance(result, ListToolsResult | DiscoverResult):
            result = trim(result, FLOOR_2026_07)
        kind = "complete" if result.result_type is UNSET else result.result_type
        meta: Any = facts.meta if result.meta is UNSET else {SERVER_INFO: facts.info, **result.meta}
        return structs.replace(result, result_type=kind, meta=meta, **hints)
    if isinstance(result, Mapping):
        members = cast("Mapping[str, Any]", result)
        return {"resultType": "complete", **members, "_meta": {SERVER_INFO: facts.info, **members.get("_meta", {})}}
    return result


def _undeclared_modern(method: str, needed: dict[str, Any]) -> RequestError:
    """ERR-09: the data is an object of capabilities, not a list."""
    text = f"this call needs {method}, and the request did not declare {_names(needed)}"
    return RequestError(MISSING_CAPABILITY, text, {"requiredCapabilities": needed})


def _undeclared_legacy(method: str, needed: dict[str, Any]) -> RequestError:
    return RequestError(INVALID_REQUEST, f"this call needs {method}, and the client did not declare {_names(needed)}")


def _names(needed: dict[str, Any]) -> str:
    return ".".join([part for key, inner in needed.items() for part in (key, *inner)])


def _pose_with(floor: Floor) -> Callable[[Any], Any]:
    return lambda params: posing.pose(params, floor)


def _same(value: Any) -> Any:
    return value


def _logs_if_asked(call: Call, level: str) -> bool:
    """Only for a request that named a level, and only at or above it (LOG-02, LOG-04)."""
    wanted = call.meta.log_level
    return isinstance(wanted, str) and _rank(level) >= _rank(wanted)


# --- the handshake era -----------------------------------------------------------------------------------------


def _seal_with(floor: Floor) -> Seal:
    return functools.partial(_seal_legacy, floor)


def _seal_legacy(floor: Floor, result: Any, facts: Facts) -> Any:
    if not isinstance(result, CallToolResult):
        return lower(result, floor) if isinstance(result, Result) else result
    structured = result.structured_content
    # Nearly always this settles it: what our own encoder wrote begins with what it is.
    plain = structured is UNSET or (isinstance(structured, msgspec.Raw) and memoryview(structured)[:1] == OBJECT)
    if plain and floor.content_whole and result.result_type is UNSET:
        return result
    return lower_call(result, floor)


def _trim_with(floor: Floor) -> Callable[[Any], Any]:
    return lambda notice: trim(notice, floor)


def _fail_legacy(failure: Failure) -> Failure:
    """A resource that does not exist had a code of its own until 2025-11-25 (LEG-21)."""
    data = failure.data
    if failure.code == INVALID_PARAMS and isinstance(data, dict) and "uri" in data:
        return Failure(LEGACY_RESOURCE_NOT_FOUND, failure.message, data)
    return failure


def _logs_by_session(call: Call, level: str) -> bool:
    """At or above the level that `logging/setLevel` chose; everything until then (LEG-17)."""
    return call.log_level is None or _rank(level) >= _rank(call.log_level)


def _rank(level: str) -> int:
    return LOG_LEVELS.index(level) if level in LOG_LEVELS else -1


_SHARED = frozenset(
    {
        "tools/list",
        "tools/call",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "prompts/list",
        "prompts/get",
        "completion/complete",
    }
)
_MODERN_METHODS = _SHARED | {"server/discover", "subscriptions/listen", "tasks/get", "tasks/update", "tasks/cancel"}
_TASKS_2025_11 = frozenset({"tasks/get", "tasks/result", "tasks/list", "tasks/cancel"})
_LEGACY_METHODS = _SHARED | {
    "initialize",
    "ping",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
}


def _legacy(
    version: str,
    floor: Floor,
    *,
    batches: bool = False,
    primes: bool = False,
    visits: bool = False,
    tasks: TaskForm = NO_TASKS,
) -> Era:
    return Era(
        version=version,
        methods=_LEGACY_METHODS if tasks is NO_TASKS else _LEGACY_METHODS | _TASKS_2025_11,
        tasks=tasks,
        seal=_seal_with(floor),
        fail=_fail_legacy,
        trim=_trim_with(floor),
        statuses={},
        hears_logs=_logs_by_session,
        undeclared=_undeclared_legacy,
        pose=_pose_with(floor),
        handshake=True,
        batches=batches,
        primes=primes,
        visits=visits,
    )


MODERN = Era(
    version="2026-07-28",
    methods=_MODERN_METHODS,
    seal=_seal_modern,
    fail=_same,
    trim=_same,
    statuses=STATUS,
    hears_logs=_logs_if_asked,
    undeclared=_undeclared_modern,
    pose=_pose_with(FLOOR_2026_07),
    handshake=False,
    close_cancels=True,
    replays=True,
    tasks=TASKS,
    mirrors=True,
)

# Newest first: what a server offers when it does not know what a client asked for.
STATELESS: Mapping[str, Era] = {MODERN.version: MODERN}
HANDSHAKE: Mapping[str, Era] = {
    era.version: era
    for era in (
        _legacy("2025-11-25", FLOOR_2025_11, primes=True, visits=True, tasks=LEGACY_TASKS),
        _legacy("2025-06-18", FLOOR_2025_06),
        _legacy("2025-03-26", FLOOR_2025_03, batches=True),
        _legacy("2024-11-05", FLOOR_2024_11),
    )
}
# What a request without any version must be: the last revision without the header (LEG-06, HTTP-17).
HEADERLESS = HANDSHAKE["2025-03-26"]


def negotiate(requested: str) -> Era:
    """Return the handshake era for `initialize`: the one asked for, else our newest (LEG-02)."""
    return HANDSHAKE.get(requested) or next(iter(HANDSHAKE.values()))


def era_named(version: str) -> Era:
    """Return the era of a version that was accepted before; our newest with a handshake if it is no longer served."""
    return STATELESS.get(version) or negotiate(version)

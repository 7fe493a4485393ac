"""The handshake era's door: who asks was said once, by `initialize`.

A Handshake is the state of one peer, the process on stdio or the session on HTTP:
new --initialize--> greeted --any request--> greeted.  Before that only `ping` is served.
Source: 2025-11-25 basic/lifecycle; requirements LEG-01 to LEG-06.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from dragoman.errors import RequestError
from dragoman.late import late
from dragoman.protocol.envelope import Methods, admit, is_modern, read_params
from dragoman.protocol.eras import HANDSHAKE, HEADERLESS, Era, negotiate
from dragoman.protocol.exchange import Call, Caller, meta_of
from dragoman.protocol.failures import unknown_method
from dragoman.wire.decoding import Decoding
from dragoman.wire.jsonrpc import INVALID_REQUEST, Frame
from dragoman.wire.lifecycle import ClientCapabilities, Initialize, SetLevel
from dragoman.wire.notices import RESOURCE_UPDATED

if TYPE_CHECKING:
    from dragoman.wire import resources
else:
    resources = late("dragoman.wire.resources")

UNSUBSCRIBE = "resources/unsubscribe"
_SUBSCRIBING = ("resources/subscribe", UNSUBSCRIBE)
MAX_SUBSCRIBED = 1000  # resources of one session
NOBODY = Caller(HEADERLESS.version, ClientCapabilities())


class Agreed(msgspec.Struct, frozen=True):
    """What was agreed with a peer, as it is kept for others who serve the same session."""

    caller: Caller
    greeted: bool
    log_level: str | None
    subscribed: list[str]


_write_agreed = msgspec.json.Encoder().encode
_read_agreed = Decoding(Agreed)


class Handshake:
    """What one handshake-era peer has agreed with us so far. `changed` until whoever keeps that has noted it."""

    __slots__ = ("caller", "changed", "era", "greeted", "log_level", "subscribed")

    def __init__(self, era: Era = HEADERLESS, caller: Caller = NOBODY, *, greeted: bool = False) -> None:
        self.era = era
        self.caller = caller
        self.greeted = greeted
        self.changed = False
        self.log_level: str | None = None
        self.subscribed: set[str] = set()

    def admit(self, frame: Frame, params: Any, fault: RequestError | None, methods: Methods) -> Call:
        """Return the Call that a request of this peer means.

        Raises RequestError if it comes before `initialize`, is an `initialize`
        too many, names an unknown method, or has faulty parameters.
        """
        name = str(frame.method)
        method = methods.get(name)
        if method is None or not (method.custom or name in self.era.methods):
            raise unknown_method(name)
        if fault is not None:
            raise fault
        if isinstance(params, Initialize):
            self._greet(params)
        elif not self.greeted and name != "ping":
            raise RequestError(
                INVALID_REQUEST,
                f"{name} came before initialize, and carries no protocol version in params._meta: do either first",
            )
        elif isinstance(params, SetLevel):
            self.log_level = params.level
            self.changed = True
        elif name in _SUBSCRIBING and isinstance(params, resources.Subscribe):
            self._subscribe(name, params.uri)
        call = Call(name, params, frame.id, self.era, self.caller, meta_of(params))  # type: ignore[arg-type]
        call.log_level = self.log_level
        return call

    def written(self) -> bytes:
        """Return what was agreed, for `read`; what a token proved is proved anew by each request."""
        caller = msgspec.structs.replace(self.caller, identity=None)
        return _write_agreed(Agreed(caller, self.greeted, self.log_level, sorted(self.subscribed)))

    def read(self, data: bytes) -> None:
        """Agree to what `written` gave, elsewhere perhaps. Raises msgspec.DecodeError for anything else."""
        agreed = _read_agreed.decode(data)
        self.era = HANDSHAKE.get(agreed.caller.version, HEADERLESS)
        self.caller, self.greeted, self.log_level = agreed.caller, agreed.greeted, agreed.log_level
        self.subscribed = set(agreed.subscribed)
        self.changed = False

    def _subscribe(self, method: str, uri: str) -> None:
        self.changed = True
        if method == UNSUBSCRIBE:
            self.subscribed.discard(uri)
        elif len(self.subscribed) >= MAX_SUBSCRIBED:
            raise RequestError(INVALID_REQUEST, f"a session subscribes to at most {MAX_SUBSCRIBED} resources")
        else:
            self.subscribed.add(uri)

    def hears(self, topic: tuple[str, str]) -> bool:
        """Say whether this peer is told of a change: of lists always, of resources it subscribed to (LEG-18)."""
        method, uri = topic
        return self.greeted and (method != RESOURCE_UPDATED or uri in self.subscribed)

    def _greet(self, params: Initialize) -> None:
        if self.greeted:
            raise RequestError(INVALID_REQUEST, "initialize came twice; a session is initialized once")
        self.era = negotiate(params.protocol_version)
        before = self.caller
        self.caller = Caller(
            self.era.version, params.capabilities, params.client_info, before.session, before.principal
        )
        self.greeted = True
        self.changed = True


def sessionless(era: Era) -> Handshake:
    """Return the state that stands for a handshake-era peer where the server keeps no sessions."""
    return Handshake(era, Caller(era.version, ClientCapabilities()), greeted=True)


def admit_either(frame: Frame, peer: Handshake, methods: Methods) -> Call:
    """Return the Call that a request means where both eras share a stream, and no header tells them apart (VER-08).

    Raises RequestError as the era that it is written for does.
    """
    params, fault = read_params(frame, methods)
    if is_modern(meta_of(params)) or frame.method == "server/discover":
        return admit(frame, params, fault, methods, None)
    return peer.admit(frame, params, fault, methods)

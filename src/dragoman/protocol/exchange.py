"""The exchange: a Call goes in, a Reply comes out. Everything else plugs into this.

A Call carries what is asked, who asks, and a Door to the peer with three uses:
`emit` a notice, `ask` a question, and see whether the call was `cancelled`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import msgspec

from dragoman.protocol.identity import Admitted, Identity
from dragoman.wire.base import Implementation, RequestId, Wire
from dragoman.wire.jsonrpc import Notification
from dragoman.wire.lifecycle import ClientCapabilities, RequestMeta

if TYPE_CHECKING:
    from dragoman.protocol.eras import Era

Headers: TypeAlias = Mapping[bytes, bytes]
NO_HEADERS: Headers = MappingProxyType({})
NO_META = RequestMeta()
NO_CLAIMS: Mapping[str, Any] = MappingProxyType({})


class Caller(msgspec.Struct, frozen=True):
    """Who asks: what the client says of itself, the session it belongs to, and who vouches for it, if anybody does.

    `client` is self-reported and unverified: show it, never trust it (META-05). `principal` is whom handles belong
    to, "" where nobody was asked; `identity` is what the token of this very request proved.
    """

    version: str
    capabilities: ClientCapabilities
    client: Implementation | None = None
    session: str | None = None
    principal: str = ""
    identity: Identity | None = None

    @property
    def subject(self) -> str | None:
        """Who it is, unique within `issuer`; None where nobody was asked."""
        return None if self.identity is None else self.identity.subject

    @property
    def issuer(self) -> str | None:
        """Who vouches for the subject; None where nobody was asked."""
        return None if self.identity is None else self.identity.issuer

    @property
    def client_id(self) -> str | None:
        """The client that the token was given to, "" if the issuer does not say; None where nobody was asked."""
        return None if self.identity is None else self.identity.client_id

    @property
    def scopes(self) -> frozenset[str]:
        """What the token allows, with what that implies; empty where nobody was asked."""
        return frozenset() if self.identity is None else self.identity.scopes

    @property
    def claims(self) -> Mapping[str, Any]:
        """All that the issuer says; empty where nobody was asked."""
        return NO_CLAIMS if self.identity is None else self.identity.claims


class Door(Protocol):
    """What a transport offers a running call."""

    cancelled: bool

    async def emit(self, notice: Notification) -> None:
        """Send a notice that belongs to this call. Silently dropped where it cannot be delivered."""
        ...

    async def ask(self, method: str, params: Any) -> msgspec.Raw:
        """Put a question to the client and wait. Raises LocalError where there is no way back."""
        ...


class _ClosedDoor:
    """The door of a call that nobody listens to: notices are dropped, questions refused."""

    cancelled = False

    async def emit(self, notice: Notification) -> None:
        return None

    async def ask(self, method: str, params: Any) -> msgspec.Raw:
        raise NotImplementedError(method)


CLOSED_DOOR: Door = _ClosedDoor()


class Call(msgspec.Struct, eq=False):
    """One request on its way to a handler."""

    method: str
    params: Any
    id: RequestId
    era: Era
    caller: Caller
    meta: RequestMeta
    headers: Headers = NO_HEADERS
    log_level: str | None = None
    asking: Any = None  # the questions of this call, once it asks
    task: Any = None  # the run of a task that this call is, if it is one
    needs: frozenset[str] | None = None  # the scopes for want of which it was refused
    over: bool = False  # answered or given up, though a thread may still be at work on it
    door: Door = CLOSED_DOOR


def sign(call: Call, headers: Admitted) -> None:
    """Note on a call who sent it."""
    identity = headers.identity
    call.caller = msgspec.structs.replace(call.caller, principal=headers.principal, identity=identity)


class Prepared:
    """A result that many callers get: sealed and encoded once per era, then reused.

    `sealed` is filled by the eras; do not change `result` afterwards.
    """

    __slots__ = ("result", "sealed")

    def __init__(self, result: Wire) -> None:
        self.result = result
        self.sealed: dict[str, msgspec.Raw] = {}


Reply: TypeAlias = Wire | Prepared | msgspec.Raw | Mapping[str, Any]


def meta_of(params: Any) -> RequestMeta:
    """Return the `_meta` of decoded parameters, an empty one if there is none."""
    meta = getattr(params, "meta", NO_META)
    return meta if type(meta) is RequestMeta else NO_META

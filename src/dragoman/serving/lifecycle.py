"""The methods about the server itself: discover, initialize, ping, setLevel, and the server's own.

Source: specification, server/discover; 2025-11-25 basic/lifecycle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec import UNSET

from dragoman.errors import RequestError
from dragoman.late import late
from dragoman.protocol.eras import STATELESS
from dragoman.protocol.exchange import Call, Prepared, Reply
from dragoman.serving.faults import ArgumentFaults
from dragoman.wire.jsonrpc import INVALID_PARAMS
from dragoman.wire.lifecycle import DiscoverResult, InitializeResult, Params, ServerCapabilities

if TYPE_CHECKING:
    from dragoman.ports.service import Handler
    from dragoman.serving import running
    from dragoman.serving.context import ServerFace
    from dragoman.serving.signature import Plan
    from dragoman.serving.workers import Workers
    from dragoman.wire.base import Implementation
else:
    running = late("dragoman.serving.running")


class CustomParams(Params, frozen=True, kw_only=True):
    """Parameters of a method that is the server's own, still raw but for `_meta`."""

    raw: msgspec.Raw = msgspec.Raw(b"{}")


class About:
    """Answers who the server is and what it can do. `capabilities` says what is registered now."""

    def __init__(
        self, info: Implementation, instructions: str | None, capabilities: Callable[[], ServerCapabilities]
    ) -> None:
        self._info = info
        self._instructions: Any = UNSET if instructions is None else instructions
        self._capabilities = capabilities
        self._discovered: Prepared | None = None

    def changed(self) -> None:
        """Forget the prepared answer: something was registered."""
        self._discovered = None

    async def discover(self, call: Call) -> Prepared:
        """Answer `server/discover`."""
        if self._discovered is None:
            self._discovered = Prepared(
                DiscoverResult(
                    supported_versions=list(STATELESS),
                    capabilities=self._capabilities(),
                    instructions=self._instructions,
                )
            )
        return self._discovered

    async def initialize(self, call: Call) -> InitializeResult:
        """Answer `initialize`; the handshake has settled the version before."""
        return InitializeResult(
            protocol_version=call.era.version,
            capabilities=self._capabilities(),
            server_info=self._info,
            instructions=self._instructions,
        )


async def ping(call: Call) -> Reply:
    """Answer `ping`, and any request whose answer is only that it was heard."""
    return {}


def custom(plan: Plan, function: Callable[..., Any], workers: Workers, face: ServerFace) -> Handler:
    """Return the handler of a method of the server's own, answered by `function`.

    Its result is a JSON object; any other value is wrapped as {"result": ...}.
    """

    runner = running.Runner(face, workers)

    async def handler(call: Call) -> Reply:
        try:
            arguments = plan.decode(_without_meta(call.params))
        except ArgumentFaults as faults:
            raise RequestError(INVALID_PARAMS, str(faults)) from None
        found: Any = await runner.run(plan, function, arguments, call, msgspec.to_builtins)
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {"result": found}

    return handler


def _without_meta(params: CustomParams) -> bytes:
    members = msgspec.json.decode(params.raw, type=dict[str, msgspec.Raw])
    members.pop("_meta", None)
    return msgspec.json.encode(members)

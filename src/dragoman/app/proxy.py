"""A server that is another server: every request goes on to the one behind, and its answer comes back as it is.

Where both sides speak the same revision nothing is decoded beyond what routing needs; else what the revisions share is
translated. Credentials of whoever calls never go on: the proxy has its own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, structs

from dragoman.app.carrying import METHODS_OF_TASKS, capabilities
from dragoman.app.crossing import Crossing
from dragoman.app.mirror import Mirror
from dragoman.app.owners import Owners
from dragoman.app.parking import binding
from dragoman.app.passing import Passing
from dragoman.app.upstream import Behind, Way, Ways
from dragoman.calling.changes import Change
from dragoman.calling.fields import ToolFields
from dragoman.calling.lists import whole_list
from dragoman.calling.resending import pause
from dragoman.calling.rounds import ASKING
from dragoman.calling.task_handle import TRIES
from dragoman.calling.terms import Wish
from dragoman.errors import AuthorizationError, LocalError, McpError, PeerError, RequestError, TransportError
from dragoman.ports.exchange import NO_FIELDS, Fields
from dragoman.protocol.eras import STATELESS
from dragoman.protocol.exchange import Call, Reply
from dragoman.protocol.forwarding import (
    Members,
    forwarded_method,
    members_of,
    renumbered,
    state_in,
    undressed_meta,
    with_state,
)
from dragoman.protocol.headers import METHOD_HEADER, PARAM_PREFIX
from dragoman.protocol.sealed import not_ours
from dragoman.serving.lifecycle import ping
from dragoman.wire.jsonrpc import HEADER_MISMATCH, INTERNAL_ERROR, METHOD_NOT_FOUND
from dragoman.wire.lifecycle import SUBSCRIPTION_ID, DiscoverResult, InitializeResult, Result
from dragoman.wire.methods import METHODS
from dragoman.wire.notices import PROMPTS_CHANGED, RESOURCE_UPDATED, RESOURCES_CHANGED, TOOLS_CHANGED
from dragoman.wire.subscriptions import LISTEN
from dragoman.wire.tasks import TASK
from dragoman.wire.tools import CallTool

if TYPE_CHECKING:
    from dragoman.app.server import Server

log = logging.getLogger("dragoman")
_NOTICES = {
    "tools": TOOLS_CHANGED,
    "prompts": PROMPTS_CHANGED,
    "resources": RESOURCES_CHANGED,
    "resource": RESOURCE_UPDATED,
}
# What is answered here, whoever is behind.
_OWN = frozenset({"initialize", "server/discover", "ping", "subscriptions/listen"})


class Proxy:
    """The handlers of a server that forwards."""

    def __init__(self, server: Server, behind: Behind) -> None:
        self._server = server
        self._surface = server.surface
        self._ways = Ways(behind, server.name, self._changed)
        self._fields = ToolFields()
        self._crossing = Crossing(server, self._ways, self._changed, self._asked)
        self._owners = Owners(server.name, server.storage)
        self._mirror = Mirror(server.surface, self._ways, self.forward, server.name)

    def install(self) -> None:
        """Let the server answer by forwarding."""
        self._surface.forwards = True
        kernel = self._surface.kernel
        for name in METHODS:
            if name not in _OWN and name not in ("resources/subscribe", "resources/unsubscribe", "logging/setLevel"):
                kernel.handle(name, self.forward, forwarded_method(name))
        kernel.handle("initialize", self.initialize)
        kernel.handle("server/discover", self.discover)
        kernel.handle("ping", ping)
        kernel.handle(LISTEN, self.listen)
        for name in ("resources/subscribe", "resources/unsubscribe", "logging/setLevel"):
            kernel.handle(name, self.session)
        kernel.handle_rest(self.forward, forwarded_method)

    async def start(self) -> None:
        """Learn what the server behind has, if others list it. Raises nothing for a server that is dead."""
        if self._surface.followers:
            await self._mirror.start()

    async def stop(self) -> None:
        """Close all ways to the server behind."""
        await self._mirror.stop()
        await self._crossing.stop()
        await self._ways.close()

    def _changed(self, change: Change) -> None:
        self._crossing.carrying.changed()
        if self._mirror.active and change.kind != "resource":
            return  # told once the lists here say the same
        self._surface.kernel.bus.tell(_NOTICES[change.kind], change.uri)

    # --- who it is --------------------------------------------------------------------------------------------

    async def discover(self, call: Call) -> Reply:
        """Answer `server/discover` as the server behind does now, in the versions that are spoken here."""
        way = await self._taken(call)
        try:
            greeting = await way.connection.discover()
        except McpError as error:
            raise self._told(error) from None
        finally:
            self._ways.give(way)
        found = DiscoverResult(
            supported_versions=list(STATELESS),
            capabilities=capabilities(greeting, call),
            instructions=UNSET if greeting.instructions is None else greeting.instructions,
        )
        if greeting.server is None:
            return found
        return structs.replace(found, meta={"io.modelcontextprotocol/serverInfo": greeting.server})

    async def initialize(self, call: Call) -> Reply:
        """Answer `initialize` as the server behind does, which is asked the same for this client."""
        way = await self._taken(call)
        greeting = way.connection.greeting
        try:
            await self._crossing.stand(way)
        except McpError as error:
            raise self._told(error) from None
        finally:
            self._ways.give(way)
        return InitializeResult(
            protocol_version=call.era.version,
            capabilities=capabilities(greeting, call),
            server_info=greeting.server or self._server.info,
            instructions=UNSET if greeting.instructions is None else greeting.instructions,
        )

    # --- what it does -----------------------------------------------------------------------------------------

    async def forward(self, call: Call) -> Reply:
        """Answer with what the server behind answers."""
        async with self._way(call) as way:
            if call.task is not None:
                return await self._crossing.carrying.run(call, way)
            if way.connection.greeting.dress.era is not call.era:
                return await self._crossing.forward(call, way, self.sent)
            return await self._same(call, way)

    async def _same(self, call: Call, way: Way) -> Reply:
        if call.caller.principal and call.method in ASKING:
            return await self._own(call, way)
        if call.caller.principal and call.method in METHODS_OF_TASKS:
            return await self._owners.answer(call, lambda: self._sent(call, way, members_of(call.params)))
        return await self._sent(call, way, members_of(call.params))

    async def _sent(self, call: Call, way: Way, members: Members) -> Reply:
        passing = Passing(call, call.era)
        try:
            return await self.sent(call, way, passing, members)
        except PeerError as error:
            # A mirrored list does not say which tools run only as tasks: who did not ask for one waits.
            if error.code != METHOD_NOT_FOUND or not isinstance(call.params, CallTool) or TASK in members:
                raise
            return await self._crossing.carrying.within(call, way, passing, members)

    async def _own(self, call: Call, way: Way) -> Reply:
        """Forward a call of somebody known, its state sealed for them: behind, all are this proxy (MRTR-07)."""
        states, bound = self._surface.face.states(), binding(call)
        members = members_of(call.params)
        if "requestState" in members:
            state: object = msgspec.json.decode(members["requestState"])
            if not isinstance(state, str):
                raise not_ours()
            members["requestState"] = (await states.load(state, bound)).decode()
        raw = await self._sent(call, way, members)
        if not isinstance(raw, msgspec.Raw):
            return raw
        await self._owners.note(call, raw)
        inner = state_in(raw)
        return raw if inner is None else with_state(raw, await states.save(inner.encode(), bound))

    async def sent(self, call: Call, way: Way, passing: Passing, members: dict[str, Any]) -> msgspec.Raw:
        """Return the undecoded answer to one request with these parameters. Raises as a client's request does."""
        era = way.connection.greeting.dress.era
        meta = undressed_meta(members, same=era is call.era)
        rest = {name: value for name, value in members.items() if name != "_meta"}
        params = {**rest, "_meta": meta} if meta else rest
        wish = Wish(
            aside=passing,
            dressed=passing.dressed,
            on_progress=None if call.meta.progress_token is UNSET else passing.progress,
            fields=self._routed(call, way, rest),
        )
        try:
            raw = await self._once(call, way, params, wish)
            await passing.told()
            return raw
        except BaseException:
            passing.stop()
            raise

    async def _asked(self, call: Call, way: Way, params: Mapping[str, Any], wish: Wish) -> msgspec.Raw:
        """Return the undecoded answer to a call of a tool that is asked for in `wish`."""
        return await self._once(call, way, dict(params), structs.replace(wish, fields=self._routed(call, way, params)))

    async def _once(self, call: Call, way: Way, params: dict[str, Any], wish: Wish) -> msgspec.Raw:
        connection = way.connection
        try:
            return await connection.forward(call.method, params, wish)
        except PeerError as error:
            if error.code != HEADER_MISMATCH or not wish.aside or _stated(call) is not None:
                raise
            # Which arguments headers repeat, only the list of tools says (HTTP-39).
            self._fields.sift(await whole_list(connection, "tools/list", "tools"))
            return await connection.forward(
                call.method, params, structs.replace(wish, fields=self._routed(call, way, params))
            )

    def _routed(self, call: Call, way: Way, params: Mapping[str, Any]) -> Fields:
        """Return the header fields that repeat arguments: those that came, else as the list of tools says."""
        if call.method != "tools/call" or not way.connection.over_http or not way.connection.greeting.dress.routed:
            return NO_FIELDS
        stated = _stated(call)
        if stated is not None:
            return stated
        try:
            arguments = msgspec.json.decode(params.get("arguments", b"{}"), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return NO_FIELDS  # what is wrong with them, the server behind says
        name = params.get("name")
        return self._fields.of(name, arguments) if isinstance(name, str) else NO_FIELDS

    async def listen(self, call: Call) -> Reply:
        """Answer `subscriptions/listen`: the subscription is one with the server behind, and ends with its token."""
        identity = call.caller.identity
        expires = None if identity is None else identity.expires_at
        bound = asyncio.timeout(None if expires is None else max(0.0, expires - time.time()))
        try:
            async with bound:
                return await self._listen(call)
        except TimeoutError:
            if not bound.expired():
                raise
        if (closing := getattr(call.door, "closing", None)) is not None:
            await closing(call.id)
        return Result(meta={SUBSCRIPTION_ID: call.id})

    async def _listen(self, call: Call) -> Reply:
        async with self._way(call) as way:
            if way.connection.greeting.dress.era is not call.era:
                return await self._crossing.listen(call, way)
            members = await self._owners.watched(call, members_of(call.params))
            meta = undressed_meta(members, same=True)
            passing, connection = Passing(call, call.era), way.connection
            wish = Wish(aside=passing, dressed=passing.dressed)
            try:
                raw = await connection.forward(LISTEN, {**members, "_meta": meta}, wish, connection.number())
                await passing.told()
            finally:
                passing.stop()
            if (closing := getattr(call.door, "closing", None)) is not None:
                await closing(call.id)
            return renumbered(raw, call.id)

    async def session(self, call: Call) -> Reply:
        """Answer what a session is told: its log level, and which resources its client wants to hear of."""
        async with self._way(call) as way:
            era = way.connection.greeting.dress.era
            if era is call.era or call.method in era.methods:
                return await self.sent(call, way, Passing(call, call.era), members_of(call.params))
            return await self._crossing.session(call, way)

    # --- faults -----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _way(self, call: Call) -> AsyncGenerator[Way]:
        """Lend a way for a call; of faults other than the answers of the server behind, tell what may be known."""
        way = await self._taken(call)
        try:
            yield way
        except PeerError:
            raise
        except McpError as error:
            raise self._told(error) from None
        finally:
            self._ways.give(way)

    async def _taken(self, call: Call) -> Way:
        tries = 0
        while True:
            try:
                return await self._ways.take(call)
            except McpError as error:
                tries += 1
                # Nobody waits for a task, and the one behind may go on while its server cannot be reached.
                if call.task is None or not isinstance(error, TransportError) or tries == TRIES:
                    raise self._told(error) from None
            await asyncio.sleep(pause(tries + 3))

    def _told(self, error: McpError) -> McpError:
        """Return what the client in front is told: where the server behind is, is none of its business."""
        if isinstance(error, RequestError):
            return error
        log.warning("the server behind %s: %s", self._server.name, error)
        if isinstance(error, AuthorizationError):
            what = "does not take the credentials of this one"
        elif isinstance(error, TransportError):
            what = "did not answer; try again later"
        else:
            what = "cannot be used" if isinstance(error, LocalError) else "answered with what cannot be read"
        return RequestError(INTERNAL_ERROR, f"the server behind {self._server.name!r} {what}")


def _stated(call: Call) -> dict[str, str] | None:
    """Return the header fields of arguments that came with a call, None if it did not come with any."""
    if METHOD_HEADER not in call.headers or not call.era.mirrors:
        return None
    found = {name.decode("latin-1"): value.decode("latin-1") for name, value in call.headers.items()}
    return {name: value for name, value in found.items() if name.startswith(PARAM_PREFIX)}

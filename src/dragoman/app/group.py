"""Many servers as one: their tools, prompts and resources together, under names that cannot collide.

Every server has a task of its own that opens it, and opens it again. One that is dead or slow is left out of what the
others give, and its state says why.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias, TypeVar, Unpack

import msgspec
from msgspec import structs

from dragoman.app.call_options import CallOptions
from dragoman.app.client import Client
from dragoman.app.member import GroupChange, Member
from dragoman.app.settings import ClientSettings
from dragoman.app.sync_group import SyncClientGroup
from dragoman.app.target import Options, Target, servers_of
from dragoman.calling.naming import joined, parted
from dragoman.calling.results import CallResult, ReadResult
from dragoman.errors import DeadlineError, LocalError, McpError, NotApprovedError
from dragoman.wire.prompts import GetPromptResult, Prompt
from dragoman.wire.resources import Resource, ResourceTemplate
from dragoman.wire.tools import Tool

if TYPE_CHECKING:
    from dragoman.app.proof import Auth
    from dragoman.protocol.identity import Identity

log = logging.getLogger("dragoman")
T = TypeVar("T")
N = TypeVar("N", Tool, Prompt)
Servers: TypeAlias = Mapping[str, Target] | str | os.PathLike[str]
Credentials: TypeAlias = "Mapping[str, Auth | Identity]"
Each: TypeAlias = Callable[[str], tuple[ClientSettings, Options | None]]


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How long a group waits, in seconds: for all servers when it opens, for one to open, for a list of one."""

    patience: float = 5.0
    opening: float = 60.0
    listing: float = 10.0


class GroupResource(NamedTuple):
    """A resource and the server that has it: addresses of two servers may be the same."""

    server: str
    resource: Resource


class GroupTemplate(NamedTuple):
    """A template of addresses and the server that has it."""

    server: str
    template: ResourceTemplate


class ClientGroup:
    """Clients of several servers: `async with ClientGroup({"git": "uvx mcp-server-git", "web": url}) as group:`.

    `servers` is a target of `Client` by a name of yours, where a string may be a command line too; a client program's
    configuration with `mcpServers`; or the path of a file with one. `credentials` are by server what `auth` is to a
    `Client`. The rest is what `Client` takes, for all of them; `each` gives, by server, settings that count over those
    for all, and options instead of those for all, if not None.

    Entering returns when every server is open or has failed, at the latest after `pace.patience`. What fails is tried
    again, at growing intervals; `servers[name]` has state, error and client of each. Methods raise what those of
    `Client` do, ClosedError for a server that is not open, and LocalError for a name that no server has.
    """

    def __init__(
        self,
        servers: Servers,
        *,
        timeout: float | None = 60.0,
        options: Options | None = None,
        pace: Pace | None = None,
        credentials: Credentials | None = None,
        each: Each | None = None,
        **settings: Unpack[ClientSettings],
    ) -> None:
        self._pace = pace or Pace()
        self.servers: dict[str, Member] = {}
        targets, own = servers_of(servers), credentials or {}
        _check_credentials(own, targets, options, settings)
        for name, target in targets.items():
            auth = own.get(name)
            given: ClientSettings = settings if auth is None else {**settings, "auth": auth}
            its: tuple[ClientSettings, Options | None] = each(name) if each is not None else ({}, None)
            # Logging in takes a person's time, which the client itself leaves out of account.
            seconds = self._pace.opening if auth is None else None
            make = _maker(name, target, timeout, its[1] or options, {**given, **its[0]})
            self.servers[name] = Member(name, make, seconds)
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()
        self._tools: dict[str, tuple[str, str]] = {}
        self._prompts: dict[str, tuple[str, str]] = {}
        self._uris: dict[str, list[str]] = {}

    @classmethod
    def sync(
        cls,
        servers: Servers,
        *,
        timeout: float | None = 60.0,
        options: Options | None = None,
        pace: Pace | None = None,
        credentials: Credentials | None = None,
        **settings: Unpack[ClientSettings],
    ) -> SyncClientGroup:
        """Return the same group without asyncio, for `with ClientGroup.sync(servers) as group:`."""
        return SyncClientGroup(
            cls(servers, timeout=timeout, options=options, pace=pace, credentials=credentials, **settings)
        )

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Open all of them, at the same time; `async with` does so by itself."""
        if self._tasks:
            raise LocalError("a group opens once; make another one")
        loop = asyncio.get_running_loop()
        members = self.servers.values()
        self._tasks = [loop.create_task(member.keep_open()) for member in members]
        waiting = [asyncio.ensure_future(member.settled.wait()) for member in members]
        try:
            if waiting:
                await asyncio.wait(waiting, timeout=self._pace.patience)
        except BaseException:
            await self.close()
            raise
        finally:
            for one in waiting:
                one.cancel()

    async def close(self) -> None:
        """Close all of them, at the same time. Safe to call twice."""
        self._closing.set()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for found in await asyncio.gather(
            *[member.close() for member in self.servers.values()], return_exceptions=True
        ):
            if isinstance(found, BaseException):
                log.warning("a server of the group did not close well: %s", found)

    # --- what they have -------------------------------------------------------------------------------------

    async def tools(self) -> list[Tool]:
        """Return the tools of all servers that are open, under the names that `call_tool` takes."""
        found = await self._all("tools", lambda client: client.list_tools(), lambda has: has.tools)
        return _renamed(found, self._tools)

    async def prompts(self) -> list[Prompt]:
        """Return the prompts of all servers that are open, under the names that `prompt` takes."""
        found = await self._all("prompts", lambda client: client.list_prompts(), lambda has: has.prompts)
        return _renamed(found, self._prompts)

    async def resources(self) -> list[GroupResource]:
        """Return the resources of all servers that are open, each with its server."""
        found = await self._all("resources", lambda client: client.list_resources(), lambda has: has.resources)
        self._uris.clear()
        for server, items in found:
            for item in items:
                self._uris.setdefault(item.uri, []).append(server)
        return [GroupResource(server, item) for server, items in found for item in items]

    async def resource_templates(self) -> list[GroupTemplate]:
        """Return the templates of addresses of all servers that are open, each with its server."""
        found = await self._all("templates", lambda client: client.list_resource_templates(), lambda has: has.resources)
        return [GroupTemplate(server, item) for server, items in found for item in items]

    async def _all(
        self, kind: str, work: Callable[[Client], Awaitable[list[T]]], has: Callable[[Any], Any]
    ) -> list[tuple[str, list[T]]]:
        """Return what each open server lists, in the order of the servers; what it listed last, if it does not answer.

        Those that never listed anything of that `kind` are left out. Either is said in the log.
        """

        async def of(member: Member) -> list[T]:
            # A server that declares none is not asked: some answer with an error.
            if member.state != "open" or has(member.client.server_capabilities) is msgspec.UNSET:
                return []
            try:
                async with asyncio.timeout(self._pace.listing):
                    member.listed[kind] = found = await member.ask(work)
                    return found
            except TimeoutError:
                member.error = DeadlineError(f"a list of {member.name!r} took longer than {self._pace.listing:g} s")
            except McpError as error:
                member.error = error
            known = kind in member.listed
            what = "is in a list of the group as it was before" if known else "is left out of a list of the group"
            log.warning("the server %r %s: %s", member.name, what, member.error)
            return member.listed.get(kind, [])

        members = list(self.servers.values())
        return list(zip(self.servers, await asyncio.gather(*[of(member) for member in members]), strict=True))

    # --- calls ----------------------------------------------------------------------------------------------

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        raise_on_error: bool = True,
        **options: Unpack[CallOptions],
    ) -> CallResult:
        """Return what the tool gives that `tools` names so. Takes what `Client.call_tool` does."""
        server, tool = await self._place(name, self._tools, self.tools)

        def call(client: Client) -> Awaitable[CallResult]:
            return client.call_tool(tool, arguments, raise_on_error=raise_on_error, **options)

        return await self.servers[server].ask(call)

    async def place_of(self, name: str) -> tuple[str, str]:
        """Return the server of the tool that `tools` names so, and its name there. Raises LocalError for no tool."""
        return await self._place(name, self._tools, self.tools)

    async def prompt_place_of(self, name: str) -> tuple[str, str]:
        """Return the server of the prompt that `prompts` names so, and its name there. Raises LocalError for none."""
        return await self._place(name, self._prompts, self.prompts)

    async def prompt(
        self, name: str, arguments: Mapping[str, str] | None = None, *, timeout: float | None = None
    ) -> GetPromptResult:
        """Return the prompt that `prompts` names so, filled in."""
        server, prompt = await self._place(name, self._prompts, self.prompts)
        return await self.servers[server].ask(lambda client: client.prompt(prompt, arguments, timeout=timeout))

    async def read(self, uri: str, *, server: str = "", timeout: float | None = None) -> ReadResult:
        """Return what the resource at `uri` of `server` holds; without `server`, of the only one that lists it."""
        if not server:
            if uri not in self._uris:
                await self.resources()
            having = self._uris.get(uri, [])
            if len(having) != 1:
                said = f"is listed by {' and '.join(having)}" if having else "is listed by no server"
                raise LocalError(f"{uri[:200]!r} {said}: say which server")
            server = having[0]
        return await self._member(server).ask(lambda client: client.read(uri, timeout=timeout))

    async def _place(
        self, name: str, known: dict[str, tuple[str, str]], renew: Callable[[], Awaitable[Any]]
    ) -> tuple[str, str]:
        """Return the server and its own name for what the group calls `name`."""
        if name not in known:
            place = parted(name)
            if place is not None and place[0] in self.servers:
                return place
            await renew()
        if name not in known:
            raise LocalError(f"no server of the group has {name[:200]!r}; the servers are {', '.join(self.servers)}")
        return known[name]

    def _member(self, server: str) -> Member:
        if server not in self.servers:
            raise LocalError(f"the group has no server {server!r}; there are {', '.join(self.servers) or 'none'}")
        return self.servers[server]

    # --- changes --------------------------------------------------------------------------------------------

    async def listen(
        self,
        *,
        tools: bool = True,
        prompts: bool = True,
        resources: bool = True,
        uris: Mapping[str, Sequence[str]] | None = None,
    ) -> AsyncGenerator[GroupChange]:
        """Listen for changes at all servers, and at their resources `uris`, by server. Ends with the group.

        A server that opens later is listened to from then on; one that tells of nothing is left out.
        """
        if not self._tasks:
            raise LocalError("the group is not open: use it in `async with ClientGroup(...) as group:`")
        # One place: a server waits, its changes a set, until what another told of is taken.
        found: asyncio.Queue[GroupChange] = asyncio.Queue(1)

        wanted = {"tools": tools, "prompts": prompts, "resources": resources}
        given = uris or {}
        loop = asyncio.get_running_loop()
        hearing = [
            loop.create_task(member.hear(found.put, {**wanted, "uris": given.get(name, ())}))
            for name, member in self.servers.items()
        ]
        ended: asyncio.Future[Any] = asyncio.gather(*hearing)
        closing = loop.create_task(self._closing.wait())
        taken: asyncio.Future[GroupChange] | None = None
        try:
            while not (ended.done() or closing.done()):
                taken = loop.create_task(found.get())
                waiting: set[asyncio.Future[Any]] = {taken, ended, closing}
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if taken.done():
                    yield taken.result()
            if ended.done():
                await ended  # so that a fault of ours is heard of
        finally:
            for one in (taken, ended, closing):
                if one is not None:
                    one.cancel()
            if hearing:
                await asyncio.wait(hearing)


def _check_credentials(
    own: Credentials, servers: Mapping[str, Any], options: Options | None, settings: ClientSettings
) -> None:
    if "auth" in settings or (options is not None and options.auth is not None):
        # What proves to one server who asks must not be shown to another, which could then do the same.
        raise LocalError("each server of a group has credentials of its own: credentials={name: ...}, and no auth")
    if strange := [name for name in own if name not in servers]:
        raise LocalError(f"there are credentials for {strange[0]!r}, and no server that is called so")


def _maker(
    name: str, target: Target, timeout: float | None, options: Options | None, settings: ClientSettings
) -> Callable[[], Client]:
    def make() -> Client:
        return Client(target, timeout=timeout, options=options, **settings)

    try:
        make()  # so that a target or a setting that cannot be is told at once, and where
    except NotApprovedError:
        pass  # the others can be used without; its state says what is missing
    except LocalError as error:
        raise LocalError(f"the server {name!r} of the group: {error}") from None
    return make


def _renamed(found: list[tuple[str, list[N]]], known: dict[str, tuple[str, str]]) -> list[N]:
    """Return all items under names of the group, and remember what those stand for."""
    items: list[N] = []
    for server, members in found:
        for item in members:
            name = joined(server, item.name)
            known[name] = (server, item.name)
            items.append(structs.replace(item, name=name))
    return items

"""The host: many servers, one model, and the user in charge.

Asks the model, calls the tools it wants where the user allows that, and gives the answer with its sources.
Promise: no server is started and no tool called that rules and user do not allow; every decision is written down.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self, TypedDict, Unpack

from msgspec import structs

from dragoman.app.group import ClientGroup, Pace, Servers
from dragoman.app.settings import ClientSettings
from dragoman.app.target import Options
from dragoman.errors import LocalError
from dragoman.host.audit import Audit
from dragoman.host.consent import Consent
from dragoman.host.consent_book import Book, tool_digest
from dragoman.host.conversation import Attached, Conversation
from dragoman.host.definitions import check, check_text
from dragoman.host.economy import Known, Shelf, known
from dragoman.host.events import Answer, Event, Noted
from dragoman.host.limits import HostLimits
from dragoman.host.models.asking import Model
from dragoman.host.models.choosing import model_of
from dragoman.host.person import Person
from dragoman.host.questions import Questions
from dragoman.host.reading import readable
from dragoman.host.rules import Rules
from dragoman.host.servers import Entry, entries, opening
from dragoman.protocol.plain import visible

log = logging.getLogger("dragoman")
MAX_INSTRUCTIONS = 2_000  # characters of what one server says about its use


class HostSettings(TypedDict, total=False):
    """What is rarely said of a host.

    `limits` bound it. `roots` are the folders that the user works in, which servers may ask for. `instructions` are
    put before the conversation, after the host's own. `audit` is where decisions are written down, if `consent` says
    nothing else. `credentials` are by server what `auth` is to a `Client`. `sandbox` starts
    all local programs in a sandbox, unless their entry says `"sandbox": false`.
    """

    credentials: Mapping[str, Any]
    sandbox: bool
    limits: HostLimits
    roots: Sequence[Any]
    instructions: str
    audit: Audit


class Tokens(NamedTuple):
    """What the definitions of one server cost in tokens, with each request: `tools` by name."""

    server: str
    tools: dict[str, int]


class Host:
    """Servers and a model: `async with Host({"shop": url}, model="ollama/llama3.2") as host: await host.ask("...")`.

    `servers` is what a `ClientGroup` takes: a mapping, or the path of a file with `mcpServers`. `model` is a name
    (`ollama/...`, `openai/...`, `anthropic/...`, `http://HOST:PORT/v1#NAME`) or a `Model`. `consent` decides which
    tools may be called, by default what the rules of `Rules()` say: each is asked about once, and without a `person` to
    ask, none is called. `listener` is told of each step as it happens.
    """

    def __init__(
        self,
        servers: Servers,
        *,
        model: str | Model,
        consent: Consent | Rules | None = None,
        person: Person | None = None,
        listener: Callable[[Event], None] | None = None,
        **settings: Unpack[HostSettings],
    ) -> None:
        """Raises LocalError for a model or servers that cannot be meant. Nothing is started yet."""
        for name in settings:
            if name not in HostSettings.__annotations__:
                raise TypeError(f"Host has no setting {name!r}; there are {', '.join(HostSettings.__annotations__)}")
        self.limits = settings.get("limits", HostLimits())
        self.model = model_of(model) if isinstance(model, str) else model
        if not isinstance(consent, Consent):
            audit = settings.get("audit") or Audit()
            consent = Consent(consent or Rules(), Book(), audit, person.consent if person is not None else None)
        self.consent = consent
        self.entries: dict[str, Entry] = entries(servers, sandbox=settings.get("sandbox", False))
        self.closed: dict[str, str] = {}
        self.questions = Questions(person, self.model, consent.audit, self.limits)
        self.instructions = settings.get("instructions", "")
        self._roots = settings.get("roots", ())
        self._credentials = settings.get("credentials", {})
        self._listener = listener
        self._group: ClientGroup | None = None
        self._told: set[str] = set()
        self._names: dict[str, list[str]] = {}
        self._digests: dict[str, dict[str, str]] = {}

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Open the servers that may be opened. Those that cannot be are named to the listener, and left out."""
        if self._group is not None:
            raise LocalError("a host opens once; make another one")
        found = await opening(self.entries, self.consent, hosted=self.model.hosted)
        self.closed = found.closed
        for name, reason in found.closed.items():
            self.tell(Noted(server=name, text=reason))
        for name, how in found.told.items():
            self.tell(Noted(server=name, text=how))

        def each(name: str) -> tuple[ClientSettings, Options]:
            return self.questions.settings(name, self._roots), found.options[name]

        # Bounds of time are the host's own: they stand still while the user is asked.
        own = {name: proof for name, proof in self._credentials.items() if name in found.targets}
        self._group = ClientGroup(
            found.targets, timeout=None, pace=Pace(patience=self.limits.opening), credentials=own, each=each
        )
        await self._group.open()
        for name, member in self._group.servers.items():
            if member.error is not None or member.state == "opening":
                why = str(
                    member.error or f"it is not open after {self.limits.opening:g} s, and is left out until it is"
                )
                self.tell(Noted(server=name, text=visible(why)))

    async def close(self) -> None:
        """Close servers and model. Safe to call twice."""
        if self._group is not None:
            await self._group.close()
        await self.model.close()

    @property
    def group(self) -> ClientGroup:
        """The open servers. Raises LocalError before the host is open."""
        if self._group is None:
            raise LocalError("the host is not open: use it in `async with Host(...) as host:`")
        return self._group

    async def ask(self, question: str, attached: Sequence[Attached] = ()) -> Answer:
        """Return the answer to one question, in a conversation of its own.

        Raises ModelError for what the model's endpoint refuses, TransportError if it cannot be reached, LocalError if
        the audit log cannot be written. What servers do wrong is told to the model, and in the steps of the answer.
        """
        return await self.conversation().ask(question, attached)

    def conversation(self) -> Conversation:
        """Return a conversation, in which later questions know the earlier ones."""
        return Conversation(self)

    def tell(self, event: Event) -> None:
        """Tell the listener."""
        if self._listener is not None:
            self._listener(event)

    async def shelf(self) -> Shelf:
        """Return the tools of all open servers as they are now."""
        group = self.group
        found: list[Known] = []
        for tool in await group.tools():
            if tool.callable_by("model"):
                server, own = await group.place_of(tool.name)
                found.append(known(server, structs.replace(tool, name=own), tool.name))
        # In the order of the servers, and by name: the same each time, whatever order a server lists them in.
        order = list(self.entries)
        self._names = {name: [one.tool.name for one in found if one.server == name] for name in order}
        found.sort(key=lambda one: (order.index(one.server), one.tool.name))
        self._compare(found)
        shelf = Shelf(found, self.limits, readable(group, found))
        for one in shelf.left_out:
            self._once(one.server, f"{visible(one.tool.name)} is left out: its definition takes {one.tokens:,} tokens")
        return shelf

    def _compare(self, found: Sequence[Known]) -> None:
        """Tell of tools that are new, gone or other than when they were last listed."""
        before, self._digests = self._digests, {name: {} for name in self._names}
        for one in found:
            self._digests[one.server][one.tool.name] = tool_digest(one.tool)
        for server, now in self._digests.items():
            old = before.get(server)
            if not old or not now:
                continue  # it was not open, or is not
            said = {
                "new": [name for name in now if name not in old],
                "gone": [name for name in old if name not in now],
                "changed": [name for name in now if name in old and now[name] != old[name]],
            }
            words = "; ".join(f"{what}: {', '.join(names[:10])}" for what, names in said.items() if names)
            if words:
                self.tell(Noted(server=server, text=visible(f"its tools are others now: {words}")))

    async def tokens(self) -> list[Tokens]:
        """Return what the definitions of each server's tools cost, with every request."""
        shelf = await self.shelf()
        return [
            Tokens(name, {one.tool.name: one.tokens for one in shelf.tools.values() if one.server == name})
            for name in self.group.servers
        ]

    def findings(self, one: Known) -> tuple[str, ...]:
        """Return what is suspect about a tool's definition, each as a sentence."""
        own = self._names.get(one.server, ())
        # The same name elsewhere is no trick here, where each has its server's in front.
        mine = one.tool.name
        others = {name: [it for it in has if it != mine] for name, has in self._names.items() if name != one.server}
        return tuple(str(found) for found in check(one.tool, own, others))

    def _once(self, server: str, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self.tell(Noted(server=server, text=text))

    def said_of_use(self) -> dict[str, str]:
        """Return what the open servers say about their use, by name, shortened, without what is suspect."""
        found: dict[str, str] = {}
        for name, member in self.group.servers.items():
            if member.state != "open" or not (words := member.client.instructions):
                continue
            if suspect := check_text(words):
                self._once(name, f"what it says about its use is left out: {visible(str(suspect[0]))}")
            else:
                found[name] = visible(words)[:MAX_INSTRUCTIONS]
        return found

    async def attach(self, uri: str, server: str = "") -> Attached:
        """Return the resource at `uri`, to go along with a question. Raises LocalError, PeerError, TransportError."""
        group = self.group
        try:
            async with asyncio.timeout(self.limits.call):
                if not server:
                    having = {one.server for one in await group.resources() if one.resource.uri == uri}
                    if len(having) != 1:
                        said = f"is listed by {' and '.join(sorted(having))}" if having else "is listed by no server"
                        raise LocalError(f"{visible(uri)[:200]!r} {said}: say which, as SERVER:{visible(uri)[:50]}")
                    server = having.pop()
                result = await group.read(uri, server=server)
        except TimeoutError:
            raise LocalError(f"{server} did not give {visible(uri)[:200]!r} within {self.limits.call:g} s") from None
        return Attached(server, uri, tuple(result.contents))

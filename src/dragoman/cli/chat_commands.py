"""The commands of a chat: what there is, what it costs, and the prompts of servers; and what Tab makes of a word.

Promise: what a server calls its prompts never hides a command of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Awaitable
from typing import TypeVar

from dragoman.cli.host_stage import Stage
from dragoman.cli.terminal import Paper, one_line
from dragoman.cli.values import suggestion
from dragoman.errors import LocalError, McpError
from dragoman.host import prompts
from dragoman.host.conversation import Conversation
from dragoman.host.host import Host
from dragoman.host.prompts import Filled, KnownPrompt

T = TypeVar("T")
OWN = {
    "/help": "this list",
    "/servers": "the servers, and how they are",
    "/tools": "the tools, and what their definitions cost",
    "/tokens": "what definitions and this talk cost in tokens",
    "/prompts": "the prompts of the servers; each is a command: /NAME argument=value",
    "/resources": "the resources of the servers; @URI in a question takes one along",
    "/clear": "forget what was said",
    "/quit": "leave",
}
TAB_SECONDS = 2.0
MAX_LISTED = 200


class LeaveError(Exception):
    """The user wants to leave."""


class Commands:
    """Does what lines that begin with a slash say."""

    def __init__(self, stage: Stage, host: Host, talk: Conversation, paper: Paper) -> None:
        self._stage, self._host, self._talk, self._paper = stage, host, talk, paper
        self._prompts: list[KnownPrompt] | None = None
        self._places: list[str] | None = None

    def do(self, line: str) -> Filled | None:
        """Do a command; returns what a prompt says, for the model. Raises LocalError, LeaveError, McpError."""
        name, _, rest = line.partition(" ")
        if name in ("/quit", "/exit"):
            raise LeaveError
        if name == "/clear":
            self._talk.clear()
            self._paper.line("(forgotten)")
        elif name == "/help":
            for command, about in OWN.items():
                self._paper.line(f"  {command:<11} {about}")
        elif name in OWN:
            {
                "/servers": self._servers,
                "/tools": self._tools,
                "/tokens": self._tokens,
                "/prompts": self._list_prompts,
                "/resources": self._resources,
            }[name]()
        else:
            return self._prompt(name[1:], rest)
        return None

    # --- what there is --------------------------------------------------------------------------------------

    def _servers(self) -> None:
        for name, entry in self._host.entries.items():
            member = self._host.group.servers.get(name)
            state = "closed" if member is None else member.state
            why = self._host.closed.get(name, "") if member is None else str(member.error or "")
            self._paper.line(f"  {one_line(name)}: {state}{f', {one_line(why)}' if why else ''}")
            for part in entry.served.parts:
                self._paper.line(self._paper.faint(f"    {one_line(part)}"))

    def _tools(self) -> None:
        shelf = self._stage.run(self._host.shelf())
        for known in shelf.tools.values():
            about = one_line(known.offer.description)[:80]
            name = one_line(f"{known.server}/{known.tool.name}")
            self._paper.line(f"  {name}  {known.tokens:,} tokens  {about}")
            for finding in self._host.findings(known)[:3]:
                self._paper.line(f"    suspect: {one_line(finding)}")
        if not shelf.tools:
            self._paper.line("  there are none")

    def _tokens(self) -> None:
        shelf = self._stage.run(self._host.shelf())
        for one in self._stage.run(self._host.tokens()):
            cost = sum(one.tools.values())
            self._paper.line(f"  {one_line(one.server)}: {len(one.tools)} tools, {cost:,} tokens of definitions")
        how = f"a search instead, {shelf.tokens:,}" if shelf.searched else f"{shelf.tokens:,}"
        self._paper.line(f"  with every request: {how} tokens (estimated; {shelf.whole:,} for all definitions)")
        used = self._talk.usage
        self._paper.line(f"  this talk: {used.read:,} read ({used.cached:,} of them kept), {used.written:,} written")

    def _list_prompts(self) -> None:
        found = self._known(anew=True)
        for one in found[:MAX_LISTED]:
            arguments = " ".join(
                one_line(f"{given.name}=..." if given.required is True else f"[{given.name}=...]")
                for given in one.prompt.arguments or []
            )
            about = one_line(one.prompt.description)[:80] if isinstance(one.prompt.description, str) else ""
            self._paper.line(f"  /{one_line(one.name)} {arguments}  {about} ({one_line(one.server)})")
        if not found:
            self._paper.line("  there are none")

    def _resources(self) -> None:
        found = self._stage.run(self._host.group.resources())
        for one in found[:MAX_LISTED]:
            self._paper.line(f"  @{one_line(one.resource.uri)}  {one_line(one.resource.name)} ({one_line(one.server)})")
        if not found:
            self._paper.line("  none is listed")

    def _prompt(self, name: str, rest: str) -> Filled:
        known = {one.name: one for one in self._known(anew=True)}
        if name not in known:
            near = suggestion(f"/{name}", [*OWN, *(f"/{other}" for other in known)])
            raise LocalError(f"there is no command /{name}{near}")
        try:
            words = shlex.split(rest)
        except ValueError as error:
            raise LocalError(f"the arguments cannot be read: {error}") from None
        one = known[name]
        arguments: dict[str, str] = {}
        wanted = [given.name for given in one.prompt.arguments or []]
        for word in words:
            key, equals, value = word.partition("=")
            if equals:
                arguments[key] = value
            elif len(wanted) == 1 and not arguments:
                arguments[wanted[0]] = word
            else:
                raise LocalError(f"{word!r} is not argument=value; /{name} takes {', '.join(wanted) or 'none'}")
        return self._stage.run(prompts.filled(self._host.group, one, arguments, self._host.limits.call))

    def _known(self, *, anew: bool = False) -> list[KnownPrompt]:
        if self._prompts is None or anew:
            found = self._stage.run(prompts.known(self._host.group))
            self._prompts = [one for one in found if f"/{one.name}" not in OWN]
        return self._prompts

    # --- Tab ------------------------------------------------------------------------------------------------

    def complete(self, line: str, word: str) -> list[str]:
        """Return what the last word of a line may become. Never raises: Tab then does nothing."""
        with contextlib.suppress(McpError, TimeoutError):
            if line == word and word.startswith("/"):
                names = [*OWN, *(f"/{one.name}" for one in self._tab_prompts())]
                return [f"{name} " for name in names if name.startswith(word)]
            if line.startswith("/"):
                return self._arguments(line.split(" ")[0][1:], word)
            if word.startswith("@"):
                return [place for place in self._tab_places() if place.startswith(word)][:MAX_LISTED]
        return []

    def _arguments(self, name: str, word: str) -> list[str]:
        one = next((one for one in self._tab_prompts() if one.name == name), None)
        if one is None:
            return []
        argument, equals, value = word.partition("=")
        if equals:
            values = self._within(prompts.suggested(self._host.group, one, argument, value))
            return [f"{argument}={text}" for text in values if " " not in text]
        return [f"{given.name}=" for given in one.prompt.arguments or [] if given.name.startswith(word)]

    def _tab_prompts(self) -> list[KnownPrompt]:
        if self._prompts is None:
            found = self._within(prompts.known(self._host.group))
            self._prompts = [one for one in found if f"/{one.name}" not in OWN]
        return self._prompts

    def _tab_places(self) -> list[str]:
        if self._places is None:
            found = self._within(self._host.group.resources())
            self._places = [f"@{one.resource.uri}" for one in found if one.resource.uri.isprintable()]
        return self._places

    def _within(self, work: Awaitable[list[T]]) -> list[T]:
        async def bounded() -> list[T]:
            async with asyncio.timeout(TAB_SECONDS):
                return await work

        return self._stage.thread.run(bounded())

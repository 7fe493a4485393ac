"""What is served beside the tools: every item as a resource, templates whose variables complete, and prompts.

All of it is one caller's: what a view does not show is neither listed nor suggested nor read, and no cache shares it.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from msgspec import structs

from dragoman.app.server import Server
from dragoman.connectors.address import Address, make
from dragoman.connectors.catalogue import Catalogue
from dragoman.connectors.envelope import Count, make_cursor, read_cursor
from dragoman.connectors.recording import Recorder
from dragoman.connectors.source import Blob, Heeding, Passage, Source
from dragoman.connectors.untrusted import plain
from dragoman.connectors.view import View
from dragoman.errors import RequestError, ToolError
from dragoman.ports.service import Handler
from dragoman.protocol.exchange import Call, Reply
from dragoman.protocol.uri import Template
from dragoman.serving.context import Context
from dragoman.serving.endpoints import NotServed
from dragoman.serving.listing import bad_cursor
from dragoman.serving.resources import not_found
from dragoman.serving.results import contents_of
from dragoman.wire.content import AnyContents, TextContent
from dragoman.wire.resources import Resource
from dragoman.wire.tools import CallToolResult

MAX_READ = 1_000_000  # characters that one resource gives; fetch pages through what is longer
MAX_DOWNLOAD = 9_000_000  # of a text that is given whole: more than what sources keep
KEEP_MS = 5_000  # how long what was read may be kept: sources look for changes about as often
_PAGE = 200  # resources on one page of the list
_SUGGESTIONS = 100
_MARKDOWN = "text/markdown"


class Family(NamedTuple):
    """The templates of one scheme: what its items are called, and the template's text."""

    title: str
    template: str
    about: str


FAMILIES: dict[str, Family] = {
    "docs": Family("Documents", "docs://{source}/{+path}{#part}", "A document, or a part of it, as Markdown."),
    "db": Family("Tables", "db://{source}/{+path}{#part}", "The rows of a table, as Markdown."),
    "file": Family("Files", "file://{source}/{+path}{#part}", "A file, or a part of it."),
    "git": Family("Code", "git://{source}/{+path}{#part}", "A file as the newest commit has it."),
    "logs": Family("Logs", "logs://{source}/{+path}{#part}", "A build log or test report, or a part of it."),
    "run": Family("Runs", "run://{source}/{+path}{#part}", "A tool's parameters, or what a past run gave."),
}


class Offering:
    """Resources and completions over one catalogue."""

    def __init__(self, server: Server, catalogue: Catalogue, recorder: Recorder | None) -> None:
        self._server = server
        self._catalogue = catalogue
        self._recorder = recorder
        self._offered: set[str] = set()

    def add(self) -> None:
        """Offer what the catalogue has."""
        self.extend()
        self._server.add_resource_lister(self.page)
        self._server.middleware(self.guard)

    def extend(self) -> None:
        """Offer templates for schemes that are new."""
        for scheme in {source.scheme: None for source in self._catalogue.sources.values()}:
            if scheme not in self._offered:
                self._offered.add(scheme)
                self._add_family(scheme)

    def _add_family(self, scheme: str) -> None:
        generic = Family(scheme, f"{scheme}://{{source}}/{{+path}}{{#part}}", "An item, or a part of it.")
        family = FAMILIES.get(scheme, generic)

        def read(ctx: Context, source: str, path: str, part: str = "") -> AnyContents:
            name, _, revision = source.partition("@")
            return self._read(ctx, make(scheme, name, path, part, revision=revision))

        self._server.add_resource(
            read, family.template, name=family.title.lower(), title=family.title, description=family.about,
            mime_type=_MARKDOWN, ttl_ms=KEEP_MS, cache_scope="private",
        )  # fmt: skip
        self._server.completion(family.template, "source")(self._completing_source(scheme))
        path = next(name for name in Template.parse(family.template).variables if name not in ("source", "part"))
        self._server.completion(family.template, path)(self._completing_path(scheme))
        self._server.completion(family.template, "part")(self._completing_part(scheme, path))

    def _read(self, ctx: Context, uri: str) -> AnyContents:
        catalogue = self._catalogue.seen_by(ctx.caller, bool(ctx.headers))
        try:
            source, address = catalogue.find(uri)
            found = _whole(source, catalogue.view(source), address)
        except ToolError as fault:
            raise NotServed(plain(fault.message)) from fault
        if self._recorder is not None:
            said = {} if isinstance(found, Blob) else {"text": found.text}
            self._recorder.note(ctx, "resources/read", {"uri": found.uri, **said})
        if isinstance(found, Blob):
            return contents_of(found.data, uri, found.mime_type)
        text = plain(found.text) + ("\n[cut here; fetch reads the rest]\n" if found.following else "")
        return AnyContents(uri=uri, text=text, mime_type=found.mime_type or _MARKDOWN)

    # --- suggestions ------------------------------------------------------------------------------------------

    def _completing_source(self, scheme: str) -> Any:
        async def complete(value: str, _chosen: Mapping[str, str], call: Call) -> list[str]:
            seen = self._seen(call)
            return near(value, [source.name for source in seen.sources.values() if source.scheme == scheme])

        return complete

    def _completing_path(self, scheme: str) -> Any:
        async def complete(value: str, chosen: Mapping[str, str], call: Call) -> list[str]:
            seen = self._seen(call)
            names = [source.name for source in seen.sources.values() if source.scheme == scheme]
            wanted = chosen.get("source", "").partition("@")[0] or (names[0] if names else "")
            return await paths(seen, seen.sources[wanted], value) if wanted in names else []

        return complete

    def _completing_part(self, scheme: str, variable: str) -> Any:
        async def complete(value: str, chosen: Mapping[str, str], call: Call) -> list[str]:
            catalogue = self._seen(call)
            about: Mapping[str, Any] = {}
            if chosen.get("source") and chosen.get(variable):
                name, _, revision = chosen["source"].partition("@")
                try:
                    source, address = catalogue.find(make(scheme, name, chosen[variable], revision=revision))
                    about = await asyncio.to_thread(source.describe, catalogue.view(source), address)
                except ToolError:
                    return []  # of what is not there, there is no part
            return near(value, parts_of(about))[:_SUGGESTIONS]

        return complete

    def _seen(self, call: Call) -> Catalogue:
        return self._catalogue.seen_by(call.caller, bool(call.headers))

    # --- the list ---------------------------------------------------------------------------------------------

    async def page(self, cursor: str | None, call: Call) -> tuple[list[Resource], str | None]:
        """Return a page of all items of all sources, one source after the other."""
        return await asyncio.to_thread(self._page, cursor, self._seen(call))

    def _page(self, cursor: str | None, seen: Catalogue) -> tuple[list[Resource], str | None]:
        sources: Sequence[Source] = list(seen.sources.values())
        mark = f"{seen.who}\nresources"
        at, after = 0, ""
        if cursor is not None:
            try:
                at, after = read_cursor(mark, cursor, tuple[Count, str])
            except ToolError as fault:
                raise bad_cursor() from fault
        found: list[Resource] = []
        while at < len(sources):
            listing = sources[at].items(seen.view(sources[at]), "", after, _PAGE - len(found))
            found += [
                Resource(
                    uri=entry.uri, name=plain(entry.key), title=plain(entry.title or entry.key), mime_type=_MARKDOWN
                )
                for entry in listing.entries
            ]
            if listing.more:
                last = listing.entries[-1] if listing.entries else None
                return found, make_cursor(mark, [at, listing.resume or (last and (last.after or last.key)) or ""])
            at, after = at + 1, ""
            if len(found) >= _PAGE and at < len(sources):
                return found, make_cursor(mark, [at, ""])
        return found, None

    # --- listening --------------------------------------------------------------------------------------------

    async def guard(self, call: Call, handler: Handler) -> Reply:
        """Let nobody listen for changes of what is not there for them, whether it exists or not.

        What a tool complains of may name what strangers named: it goes out as data, as answers do.
        """
        if call.method == "resources/subscribe":
            if not self.shows(call, call.params.uri):
                raise not_found(call.params.uri)
            await self._heeded(call, [call.params.uri])
        if call.method == "subscriptions/listen":
            wanted = call.params.notifications
            if uris := wanted.resource_subscriptions or ():
                shown = [uri for uri in uris if self.shows(call, uri)]
                await self._heeded(call, shown)
                call.params = structs.replace(
                    call.params, notifications=structs.replace(wanted, resource_subscriptions=shown)
                )
        reply = await handler(call)
        if isinstance(reply, CallToolResult) and reply.is_error is True:
            told = [
                structs.replace(one, text=plain(one.text)) if isinstance(one, TextContent) else one
                for one in reply.content
            ]
            return structs.replace(reply, content=told)
        return reply

    async def _heeded(self, call: Call, uris: Sequence[str]) -> None:
        """Let sources that look at what is listened to, and at nothing else, know of it."""
        seen = self._seen(call)
        for uri in uris:
            source, address = seen.find(uri)
            if isinstance(source, Heeding):
                await asyncio.to_thread(source.heed, uri, address.path)

    def shows(self, call: Call, uri: str) -> bool:
        """Tell whether the caller's view covers an address."""
        seen = self._seen(call)
        try:
            source, address = seen.find(uri)
        except (ToolError, RequestError):
            return False
        return seen.view(source).sees(address.path)


def _whole(source: Source, view: View, address: Address) -> Passage | Blob:
    """Return an item, as much of it as a resource gives: of what is to be downloaded all."""
    first = found = source.fetch(view, address, None, MAX_READ)
    if isinstance(first, Blob) or not first.mime_type:
        return first
    text = first.text
    while isinstance(found, Passage) and found.following and len(text) < MAX_DOWNLOAD:
        found = source.fetch(view, address, found.following, MAX_READ)
        text += found.text if isinstance(found, Passage) else ""
    return structs.replace(first, text=text, following=found.following if isinstance(found, Passage) else None)


def near(value: str, names: Sequence[str]) -> list[str]:
    """Return the names that begin so, or those most like it."""
    return [name for name in names if name.startswith(value)] or difflib.get_close_matches(value, names)


async def paths(seen: Catalogue, source: Source, value: str) -> list[str]:
    """Return the paths of items of a source that begin so."""
    listing = await asyncio.to_thread(source.items, seen.view(source), value, "", _SUGGESTIONS)
    return [entry.key for entry in listing.entries]


def parts_of(about: Mapping[str, Any]) -> list[str]:
    """Return the parts that an item has, by what `describe` tells of it; examples where it tells of none."""
    if sheets := about.get("sheets"):
        return [f"sheet={quote(str(name), safe='')}" for name in sheets]
    count, _, unit = str(about.get("extent", "")).replace(",", "").partition(" ")
    if not count.isdecimal() or not unit:
        return ["page=1", "pages=1-3", "lines=1-100", "sheet=", "image"]
    if unit.startswith(("line", "row")):
        return [f"lines={first}-{min(first + 99, int(count))}" for first in range(1, int(count) + 1, 100)][
            :_SUGGESTIONS
        ]
    one = unit.removesuffix("s")
    return [f"{one}={number}" for number in range(1, min(int(count), _SUGGESTIONS) + 1)]

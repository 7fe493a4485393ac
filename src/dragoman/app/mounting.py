"""Servers inside servers: what one has is listed by the other, under a prefix, and answered where it is.

Lists are put together when something changes, so a call costs no more for them, and follow the mounted server for good.
Limit: instructions are those of the outermost server, and tasks stay with the server whose tool began them.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import UNSET, structs

from dragoman.app.changing import NONE, Altered, Changes, changed, check_change, filled_in
from dragoman.app.renaming import PREFIX, Naming, linked
from dragoman.app.surface import Surface
from dragoman.errors import RegistrationError, RequestError
from dragoman.ports.bus import Topic
from dragoman.ports.service import Handler
from dragoman.protocol.exchange import Call, Reply
from dragoman.protocol.headers import METHOD_HEADER
from dragoman.protocol.uri import Template, check_uri
from dragoman.serving.elsewhere import Elsewhere
from dragoman.serving.kept import SCHEME
from dragoman.serving.lifespan import Lifespan
from dragoman.serving.listing import Listing
from dragoman.serving.nearest import nearest
from dragoman.serving.resources import Further, Page
from dragoman.wire.jsonrpc import INVALID_PARAMS
from dragoman.wire.methods import METHODS
from dragoman.wire.notices import PROMPTS_CHANGED, RESOURCE_UPDATED, RESOURCES_CHANGED, TOOLS_CHANGED
from dragoman.wire.prompts import PromptReference
from dragoman.wire.resources import ResourceTemplate
from dragoman.wire.tasks import EXTENSION

if TYPE_CHECKING:
    from dragoman.app.server import Server

log = logging.getLogger("dragoman")
SPEAKING_OF_SKILLS = frozenset({"skills/list", "skills/get", "resources/directory/read"})


class Kinds(NamedTuple):
    """Something for each kind of thing that a server has."""

    tools: Any
    prompts: Any
    resources: Any


class Mount:
    """One server mounted in another."""

    def __init__(self, into: Surface, other: Server, prefix: str, changes: Kinds) -> None:
        self.other = other
        self.prefix = prefix
        self._into = into
        self._naming = Naming(prefix)
        self._changes = changes
        self._kernel = other.service
        self._open = False
        self._life = Lifespan(self._living)
        self._refused: set[tuple[int, str]] = set()
        self._made: list[dict[str, str]] = [{}, {}, {}, {}]  # names there to names here, by listing

    @asynccontextmanager
    async def _living(self) -> AsyncGenerator[None]:
        await self._kernel.join()
        try:
            yield
        finally:
            await self._kernel.leave()

    @property
    def tasked(self) -> bool:
        """Whether calls of it can be tasks."""
        has = self.other.surface.capabilities()
        return has.tasks is not UNSET or (has.extensions is not UNSET and EXTENSION in has.extensions)

    @property
    def tasks(self) -> Any:
        """Its tasks, None if it has none, or they are those of a server behind it."""
        surface = self.other.surface
        return None if surface.forwards else surface.tasks

    async def start(self) -> None:
        """Start the mounted server. Raises what its own start raises."""
        await self._life.start()
        self._open = True

    async def stop(self) -> None:
        """Stop it, unless somebody else uses it, too."""
        self._open = False
        await self._life.stop()

    @property
    def completes(self) -> bool:
        """Whether it suggests values for arguments."""
        return self.other.surface.capabilities().completions is not UNSET

    @property
    def extensions(self) -> dict[str, dict[str, Any]]:
        """The extensions that it has."""
        found = self.other.surface.capabilities().extensions
        return {} if found is UNSET else found

    # --- lists ------------------------------------------------------------------------------------------------

    def sync(self, *, strict: bool = False) -> None:
        """List what the mounted server has now. Names that are taken are left out with a word in the log.

        With `strict`, raises RegistrationError for them instead.
        """
        ours, theirs = self._into, self.other.surface
        pairs: tuple[tuple[Listing[Any], Listing[Any], Changes, str], ...] = (
            (ours.tools.listing, theirs.tools.listing, self._changes.tools, "tool"),
            (ours.prompts.listing, theirs.prompts.listing, self._changes.prompts, "prompt"),
            (ours.resources.fixed, theirs.resources.fixed, self._changes.resources, "resource"),
            (ours.resources.templates, theirs.resources.templates, self._changes.resources, "resource"),
        )
        for number, (here, there, changes, kind) in enumerate(pairs):
            self._sync(number, here, there, changes, kind, strict)
        if any(entry.scopes for _, there, *_ in pairs for entry in there):
            ours.guard()
        self._methods()

    def _sync(
        self, number: int, here: Listing[Any], there: Listing[Any], changes: Changes, kind: str, strict: bool
    ) -> None:
        made, found = self._made[number], dict[str, str]()
        for key in list(there.names()):
            entry, change = there.entries[key], changes.get(key, NONE)
            if change.hide:
                continue
            if change is not NONE and not self._can(change, (number, key), entry.definition, kind, strict):
                continue
            name = self._name(kind, key if change.name is None else change.name)
            holder = here.holder(name)
            if isinstance(holder, Elsewhere) and holder.source is entry:
                found[key] = name
                continue
            mine = made.get(key) == name and isinstance(holder, Elsewhere)
            fault = self._fault(kind, name, entry, holder=None if mine else holder)
            if fault is None:
                if key in there.unlisted:
                    here.unlisted.add(name)
                here.add(name, self._entry(entry, key, name, change))
                found[key] = name
            elif strict:
                self._made[number] = found
                raise RegistrationError(fault, where=entry.where)
            else:
                self._refuse((number, key), fault)
        for name in set(made.values()) - set(found.values()):
            here.remove(name)
        self._made[number] = found

    def _can(self, change: Altered, which: tuple[int, str], definition: Any, kind: str, strict: bool) -> bool:
        """Say whether a change can be made; of what a server behind a proxy has become, the log tells."""
        try:
            check_change(change, definition, kind)
        except RegistrationError as error:
            if strict:
                raise
            self._refuse(which, str(error))
            return False
        return True

    def _refuse(self, which: tuple[int, str], fault: str) -> None:
        if which not in self._refused:
            self._refused.add(which)
            log.warning("not listed by %s: %s", self._into.face.name, fault)

    def clear(self) -> None:
        """List nothing of it any more."""
        ours = self._into
        listings: tuple[Listing[Any], ...] = (
            ours.tools.listing,
            ours.prompts.listing,
            ours.resources.fixed,
            ours.resources.templates,
        )
        for listing, made in zip(listings, self._made, strict=True):
            for name in made.values():
                listing.remove(name)

    def _name(self, kind: str, key: str) -> str:
        return self._naming.placed(key) if kind == "resource" else self._naming.named(key)

    def _fault(self, kind: str, name: str, entry: Any, *, holder: Any) -> str | None:
        if holder is not None:
            return f"there is a {kind} {name!r} already, from {holder.where}; mount with another prefix"
        if kind != "resource":
            return None if len(name) <= 128 else f"the {kind} name {name!r} is longer than 128 characters"
        if isinstance(entry.definition, ResourceTemplate):
            return None if Template.parse(name).variables else f"the template {name!r} has no variables"
        return check_uri(name)

    def _entry(self, entry: Any, key: str, name: str, change: Any) -> Elsewhere:
        definition = linked(changed(entry.definition, change), self._naming.placed)
        uri = getattr(definition, "uri", None) or getattr(definition, "uri_template", None)
        answer: Handler
        complete: Handler | None = None
        if isinstance(definition, ResourceTemplate):
            definition, answer = structs.replace(definition, uri_template=name), self._reading
            complete = self._completing(key)
        elif uri is not None:
            definition, answer = structs.replace(definition, uri=name), self._reading
        else:
            definition, answer = structs.replace(definition, name=name), self._calling(key, change)
            complete = self._completing(key)
        tags = entry.tags | set(change.tags)
        where = f"{entry.where}, mounted as {self.prefix!r}" if self.prefix else str(entry.where)
        return Elsewhere(definition, answer, where, complete=complete, scopes=entry.scopes, tags=tags, source=entry)

    def _methods(self) -> None:
        """Answer the methods of the mounted server's own, and those about its tasks."""
        ours = self._into.kernel
        for name, method in list(self._kernel.methods.items()):
            if name in SPEAKING_OF_SKILLS:
                self._into.gather_skills()
            if name in ours.methods:
                continue
            if method.custom:
                ours.handle(name, self.passing, method)
        if "tasks/get" in self._kernel.methods:
            self._into.gather_tasks()

    # --- calls ------------------------------------------------------------------------------------------------

    def _calling(self, key: str, change: Any) -> Handler:
        """Return the handler of a tool or prompt that is called `key` there."""
        fills = bool(change.arguments or change.defaults)

        async def answer(call: Call) -> Reply:
            inner = copy.copy(call)
            params = filled_in(call.params, change) if fills else call.params
            if fills and METHOD_HEADER in call.headers:
                # The headers repeat what the client sent; what was put in is not in them.
                inner.headers = {name: value for name, value in call.headers.items() if name != METHOD_HEADER}
            inner.params = structs.replace(params, name=key)
            reply = await self._answer(inner)
            if self._into.places is not None:
                await self._into.places.noted(self, reply)
            return reply

        return answer

    async def _reading(self, call: Call) -> Reply:
        inner = copy.copy(call)
        uri = self._naming.inner(call.params.uri)
        inner.params = structs.replace(call.params, uri=call.params.uri if uri is None else uri)
        return await self._answer(inner)

    def _completing(self, key: str) -> Handler:
        async def complete(call: Call) -> Reply:
            inner = copy.copy(call)
            ref = call.params.ref
            name = {"name": key} if isinstance(ref, PromptReference) else {"uri": key}
            inner.params = structs.replace(call.params, ref=structs.replace(ref, **name))
            return await self._answer(inner)

        return complete

    async def passing(self, call: Call) -> Reply:
        """Return what the mounted server answers to a request that names nothing, or only a URI."""
        inner = copy.copy(call)
        uri = getattr(call.params, "uri", None)
        if isinstance(uri, str):
            mine = self._naming.inner(uri)
            inner.params = structs.replace(call.params, uri=uri if mine is None else mine)
        return await self._answer(inner)

    def there(self, uri: str) -> str | None:
        """Return what a URI is there, None if it is not from there."""
        return self._naming.inner(uri)

    async def beyond(self, call: Call) -> Reply | None:
        """Return what a URI holds that is not listed, such as a page of a large result; None if it is not from here."""
        uri = call.params.uri
        if self._naming.inner(uri) is None or "resources/read" not in self._kernel.methods:
            return None
        try:
            return await self._reading(call)
        except RequestError as error:
            if error.code == INVALID_PARAMS and (uri.startswith(SCHEME) or not self.prefix):
                return None
            raise

    async def further(self, cursor: str | None, call: Call) -> Page:
        """Return a page of what listers list there, under the addresses that it has here."""
        if not self._open:
            await self.start()
        found, following = await self.other.surface.resources.page(cursor, call)
        return [structs.replace(one, uri=self._naming.placed(one.uri)) for one in found], following

    async def _answer(self, inner: Call) -> Reply:
        if not self._open:
            await self.start()  # mounted while the other was running
        try:
            reply = await self._kernel.reply(inner)
        finally:
            inner.over = True
        return self._naming.told(_readable(inner.method, reply)) if self.prefix else reply

    # --- changes ----------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Keep the lists as they are there, and pass on what changes."""
        self.other.surface.followers.append(self._changed)
        self._kernel.bus.followers.append(self._heard)

    def _changed(self) -> None:
        self.sync()
        self._into.changed()

    def _heard(self, topic: Topic) -> None:
        method, uri = topic
        if method not in (TOOLS_CHANGED, PROMPTS_CHANGED, RESOURCES_CHANGED, RESOURCE_UPDATED):
            return
        placed = self._naming.placed(uri) if uri else uri
        # What several processes share is told in each of them already.
        if self._kernel.bus.relay is None:
            self._into.kernel.bus.tell(method, placed)
        else:
            self._into.kernel.bus.hear((method, placed))


def _readable(method: str, reply: Reply) -> Reply:
    """Return what is said of skills decoded: their addresses are where only who knows the method looks for them."""
    if not isinstance(reply, msgspec.Raw) or method not in SPEAKING_OF_SKILLS:
        return reply
    found: Reply = msgspec.json.decode(reply, type=METHODS[method].result)
    return found


def mount(surface: Surface, own: Server, other: Server, prefix: str, changes: Kinds) -> Mount:
    """Mount `other` in `own`, whose surface is `surface`. Raises RegistrationError, and changes nothing then."""
    if prefix and not PREFIX.fullmatch(prefix):
        raise RegistrationError(f"a prefix has letters, digits and -._ between them, not {prefix[:100]!r}")
    if not hasattr(other, "surface"):
        raise RegistrationError(f"{type(other).__name__} is no Server; mount Server.proxy(...) of anything else")
    if other is own or any(one is own for one in _inside(other)):
        raise RegistrationError(f"{other.name!r} cannot be mounted in {own.name!r}, which it has in itself")
    for one in surface.mounts:
        first, second = sorted((one.prefix, prefix), key=len)
        if prefix and one.prefix and (first == second or second.startswith(f"{first}_")):
            # So that what is behind `a_` is never what another has behind `a_b_`.
            raise RegistrationError(f"the prefix {prefix!r} cannot be told from {one.prefix!r}; take another")
    made = Mount(surface, other, prefix, changes)
    _check_names(other, changes)
    try:
        made.sync(strict=True)
    except RegistrationError:
        made.clear()
        raise
    surface.mounts.append(made)
    listing = other.surface.resources
    surface.resources.beyond.append(made.beyond)
    surface.resources.further.append(Further(lambda: listing.listed, lambda: listing.scope, made.further))
    made.follow()
    theirs = other.surface
    surface.changed()
    for listed, notice in (
        (theirs.tools.listing, TOOLS_CHANGED),
        (theirs.prompts.listing, PROMPTS_CHANGED),
        (theirs.resources.fixed, RESOURCES_CHANGED),
    ):
        if len(listed):
            surface.kernel.bus.tell(notice)
    return made


def _check_names(other: Server, changes: Kinds) -> None:
    """Raise RegistrationError for changes of what there is not; what a proxy will have, nobody knows yet."""
    surface = other.surface
    if surface.forwards:
        return
    uris = [*surface.resources.fixed.all_names(), *surface.resources.templates.all_names()]
    known = (list(surface.tools.listing.all_names()), list(surface.prompts.listing.all_names()), uris)
    for kind, given, names in zip(("tool", "prompt", "resource"), changes, known, strict=True):
        if strange := [name for name in given if name not in names]:
            raise RegistrationError(
                f"{other.name!r} has no {kind} {strange[0]!r} to change{nearest(strange[0], names)}"
            )


def _inside(server: Server) -> Iterator[Server]:
    for one in server.surface.mounts:
        yield one.other
        yield from _inside(one.other)

"""Resources: fixed ones by URI, families by template, and whatever a provider lists.

A URI that nobody serves is an error, never an empty answer (RES-03).
Source: specification, server/resources.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import signature
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType, structs

from dragoman.errors import RegistrationError, RequestError
from dragoman.protocol.exchange import Call, Prepared, Reply
from dragoman.protocol.limits import Limits
from dragoman.protocol.uri import Template
from dragoman.serving.context import ServerFace
from dragoman.serving.elsewhere import Elsewhere
from dragoman.serving.endpoints import NotServed, ResourcePlan
from dragoman.serving.kept import SCHEME, Kept
from dragoman.serving.listing import Listing, bad_cursor, read_cursor, register, write_cursor
from dragoman.serving.running import Runner
from dragoman.serving.workers import Workers
from dragoman.wire.jsonrpc import INVALID_PARAMS
from dragoman.wire.resources import (
    ListResources,
    ListResourcesResult,
    ListTemplatesResult,
    ReadResource,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
)

Page: TypeAlias = tuple[list[Resource], str | None]
Listed: TypeAlias = Awaitable[Page]
# Called with a cursor of its own making, None at first; returns resources and the next cursor, None at the end.
# One that takes the call as well lists what that caller may see: its pages are for that caller only.
Lister: TypeAlias = Callable[[str | None], Listed] | Callable[[str | None, Call], Listed]
# Asked for what nothing else serves; returns None for what it does not serve either.
Beyond: TypeAlias = Callable[[Call], Awaitable[Reply | None]]
LISTED = "+"  # begins cursors of listers, with the lister's number; those of fixed resources are numbers


class Further(msgspec.Struct, frozen=True):
    """A server mounted in this one: whether listers add to its list, for one caller only or not, and their pages."""

    listed: Callable[[], bool]
    scope: Callable[[], Any]
    page: Callable[[str | None, Call], Listed]


class Registered:
    """A resource or template and its function."""

    __slots__ = ("definition", "function", "hints", "plan", "scopes", "tags", "template", "where")

    def __init__(
        self,
        definition: Resource | ResourceTemplate,
        plan: ResourcePlan,
        function: Callable[..., Any],
        hints: tuple[Any, Any] = (UNSET, UNSET),
    ) -> None:
        self.definition = definition
        self.hints = hints  # how many milliseconds what is read may be kept, and by whom
        self.plan = plan
        self.function = function
        self.where = plan.where
        self.scopes: frozenset[str] = frozenset()  # what a caller needs
        self.tags: frozenset[str] = frozenset()
        self.template: Template | None = None


class Resources:
    """All resources of one server, and the handlers of their methods."""

    def __init__(self, limits: Limits, face: ServerFace, workers: Workers, kept: Kept) -> None:
        self._runner = Runner(face, workers)
        self._kept = kept
        self._lister: Callable[[str | None, Call], Listed] | None = None
        self._scope: Any = UNSET  # by whom what the lister lists may be kept
        self.beyond: list[Beyond] = []
        self.further: list[Further] = []
        self.fixed: Listing[Registered | Elsewhere] = Listing(limits.listed, lambda item: item.definition, _resources)
        self.templates: Listing[Registered | Elsewhere] = Listing(
            limits.listed, lambda item: item.definition, _templates
        )

    def add(self, resource: Registered) -> None:
        """Register a resource or a template. Raises RegistrationError if its URI is taken."""
        definition = resource.definition
        if isinstance(definition, Resource):
            listing, key = self.fixed, definition.uri
        else:
            listing, key = self.templates, definition.uri_template
            resource.template = Template.parse(key)
        register(listing, key, resource, "resource")

    @property
    def listed(self) -> bool:
        """Whether a lister adds to the list, here or in a mounted server."""
        return self._lister is not None or any(one.listed() for one in self.further)

    @property
    def scope(self) -> Any:
        """By whom what listers list may be kept."""
        scopes = [self._scope, *(one.scope() for one in self.further)]
        return next((one for one in scopes if one is not UNSET), UNSET)

    def add_lister(self, lister: Lister) -> None:
        """Let `lister` add to `resources/list`, after the fixed resources. There can be one."""
        if self._lister is not None:
            raise RegistrationError("there is a resource lister already; let one list everything")
        ask: Callable[..., Listed] = lister
        try:
            signature(lister).bind(None, None)
        except TypeError:
            self._lister = lambda cursor, _: ask(cursor)
        else:
            self._lister, self._scope = ask, "private"

    async def list(self, call: Call) -> Reply:
        """Answer `resources/list`."""
        params: ListResources = call.params
        if not self.listed:
            return self.fixed.at(params.cursor)
        return await self._list_all(params.cursor, call)

    async def _list_all(self, cursor: str | UnsetType, call: Call) -> Reply:
        own = None if cursor is UNSET else read_cursor(cursor)
        if own is None or not own.startswith(LISTED):
            page = self.fixed.at(cursor).result
            if not isinstance(page, ListResourcesResult):
                raise bad_cursor()
            if page.next_cursor is not UNSET:
                return page
            own, before = None, page.resources
        else:
            own, before = own.removeprefix(LISTED), []
        found, following = await self.page(own, call)
        listed = _resources([*before, *found], UNSET if following is None else write_cursor(LISTED + following))
        return structs.replace(listed, cache_scope=self.scope)

    async def page(self, cursor: str | None, call: Call) -> Page:
        """Return what the listers list, this server's first and then those of mounted ones; and where to go on.

        Raises RequestError for a cursor that is none.
        """
        listers = [] if self._lister is None else [self._lister]
        listers += [one.page for one in self.further if one.listed()]
        number, goes_on, own = ("0" if cursor is None else cursor).partition(":")
        at = int(number) if number.isascii() and number.isdecimal() and len(number) < 4 else -1
        if not 0 <= at < len(listers):
            raise bad_cursor()
        found, following = await listers[at](own if goes_on else None, call)
        if following is not None:
            return found, f"{at}:{following}"
        return found, str(at + 1) if at + 1 < len(listers) else None

    async def list_templates(self, call: Call) -> Prepared:
        """Answer `resources/templates/list`."""
        params: ListResources = call.params
        return self.templates.at(params.cursor)

    async def read(self, call: Call) -> Reply:
        """Answer `resources/read`. Raises RequestError naming the URI if nothing is there (ERR-13)."""
        params: ReadResource = call.params
        uri = params.uri
        fixed = self.fixed.get(uri)
        if fixed is not None:
            return await self._read(fixed, {}, uri, call)
        if uri.startswith(SCHEME):
            page = await self._kept.read(uri, call.caller.principal)
            if page is not None:
                return ReadResourceResult(contents=[page])
        for family in self.templates:
            values = family.template.match(uri) if family.template is not None else None
            if values is not None:
                return await self._read(family, values, uri, call)
        for beyond in self.beyond:
            if (found := await beyond(call)) is not None:
                return found
        raise not_found(uri)

    async def answer(self, item: Registered, call: Call) -> Reply:
        """Answer `resources/read` with what one resource holds, registered or not."""
        return await self._read(item, {}, call.params.uri, call)

    async def _read(self, item: Registered | Elsewhere, values: Any, uri: str, call: Call) -> Reply:
        if isinstance(item, Elsewhere):
            return await item.answer(call)
        plan = item.plan
        try:
            arguments = plan.decode(values)
            kind = item.definition.mime_type
            contents = await self._runner.run(
                plan, item.function, arguments, call, lambda value: plan.contents(value, uri, kind)
            )
        except NotServed as error:
            raise not_found(uri, str(error)) from None
        if not contents:
            raise not_found(uri)
        ttl_ms, cache_scope = item.hints
        return ReadResourceResult(contents=contents, ttl_ms=ttl_ms, cache_scope=cache_scope)


def not_found(uri: str, reason: str = "") -> RequestError:
    """Return the error for a URI that is not served; eras give it the code that they know."""
    because = f": {reason}" if reason else ""
    return RequestError(INVALID_PARAMS, f"resource not found: {uri[:500]}{because}", {"uri": uri[:2000]})


def _resources(items: list[Any], cursor: Any) -> ListResourcesResult:
    return ListResourcesResult(resources=items, next_cursor=cursor)


def _templates(items: list[Any], cursor: Any) -> ListTemplatesResult:
    return ListTemplatesResult(resource_templates=items, next_cursor=cursor)

"""Tools with a page: what `server.app` registers, and what it declares.

Promise: tool and page go together, and a page is never larger than a message of the server's. Limit: the HTML itself
is not checked; `dragoman run FILE --preview` shows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
from msgspec import UNSET

from dragoman.app.options import AppOptions, ResourceOptions, ToolOptions, check_options
from dragoman.app.registration import make_resource, make_tool
from dragoman.errors import RegistrationError
from dragoman.protocol.exchange import Call, Reply
from dragoman.protocol.uri import check_uri
from dragoman.serving.elsewhere import Elsewhere
from dragoman.serving.parameters import place
from dragoman.wire.apps import EXTENSION, MIME_TYPE, PERMISSIONS, SCHEME, Csp, Page
from dragoman.wire.notices import RESOURCES_CHANGED, TOOLS_CHANGED
from dragoman.wire.resources import Resource

if TYPE_CHECKING:
    from dragoman.app.server import Server

F = TypeVar("F", bound=Callable[..., Any])
Function = Callable[..., Any]
MAX_HTML = 4 * 1024 * 1024  # bytes
# CSP, "host-source", without paths; a domain of two labels at least behind the star, or a machine's own name.
_ORIGIN = re.compile(r"(?:https?|wss?)://(?:\*\.)?[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_OF_PAGE = frozenset({"html", "visibility", "csp", "permissions", "domain", "prefers_border", "listed"})


def app(server: Server, uri: str, options: AppOptions) -> Callable[[F], F]:
    """Return a decorator that registers a tool and its page. Raises RegistrationError."""

    def decorate(function: F) -> F:
        _register(server, function, uri, options)
        return function

    return decorate


def _register(server: Server, function: Function, uri: str, options: AppOptions) -> None:
    where = place(function)
    check_options("an app", options, AppOptions, where)
    surface = server.surface
    if not uri.startswith(SCHEME) or check_uri(uri) is not None or "{" in uri:
        raise RegistrationError(
            f"the page of an app has a ui:// address, as ui://weather/view.html, not {uri!r}", where=where
        )
    page = None
    if "html" in options:
        page = _page(function, uri, options, where)
        if surface.resources.fixed.holder(uri) is not None:
            raise RegistrationError(f"there is a page at {uri} already; leave html out to use it", where=where)
    elif surface.resources.fixed.holder(uri) is None:
        raise RegistrationError(f"there is no page at {uri} yet: give html=, a text, a path or a function", where=where)
    elif strange := _OF_PAGE & options.keys() - {"visibility"}:
        raise RegistrationError(f"{min(strange)} belongs where the page's html is given", where=where)
    tool = make_tool(function, cast("ToolOptions", {**_of_tool(options), "meta": _meta(uri, options, where)}))
    surface.tools.add(tool)
    if options.get("scopes"):
        surface.guard()
    if page is not None:
        _serve(server, uri, page, listed=options.get("listed", True))
    surface.add_extension(EXTENSION, {"mimeTypes": [MIME_TYPE]})
    surface.changed(TOOLS_CHANGED)


def _of_tool(options: AppOptions) -> Mapping[str, Any]:
    return {name: value for name, value in options.items() if name not in _OF_PAGE}


def _meta(uri: str, options: AppOptions, where: str) -> dict[str, Any]:
    """Return the `_meta` of the tool."""
    link: dict[str, Any] = {"resourceUri": uri}
    if "visibility" in options:
        visible = list(options["visibility"])
        if not visible or (set(visible) - {"model", "app"}):
            raise RegistrationError(f'visibility is "model", "app" or both, not {visible!r}', where=where)
        link["visibility"] = visible
    return {**options.get("meta", {}), "ui": link}


def _said(options: AppOptions, where: str) -> dict[str, Any]:
    """Return `_meta.ui` of the page."""
    csp = options.get("csp", UNSET)
    if csp is not UNSET and not (isinstance(csp, Csp) and all(map(_origins, msgspec.structs.astuple(csp)))):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise RegistrationError(
            f"csp is a Csp of origins such as https://api.example.com or https://*.example.com, not {csp!r}",
            where=where,
        )
    wanted = list(options.get("permissions", ()))
    if strange := [name for name in wanted if name not in PERMISSIONS]:
        raise RegistrationError(
            f"there is no permission {strange[0]!r}; there are {', '.join(PERMISSIONS)}", where=where
        )
    page = Page(
        csp=csp,
        permissions={name: {} for name in wanted} or UNSET,
        domain=options.get("domain", UNSET),
        prefers_border=options.get("prefers_border", UNSET),
    )
    return cast("dict[str, Any]", msgspec.to_builtins(page))


def _origins(given: Any) -> bool:
    if given is UNSET:
        return True
    listed: list[Any] = given if isinstance(given, list) else [None]  # pyright: ignore[reportUnknownVariableType]
    return all(isinstance(one, str) and _ORIGIN.fullmatch(one) for one in listed)


def _page(function: Function, uri: str, options: AppOptions, where: str) -> tuple[Any, dict[str, Any]]:
    """Return the resource that the page is, and what is said of it with its text."""
    said = _said(options, where)
    name = options.get("name") or function.__name__
    reader = _reader(options.get("html", ""), where)
    about: ResourceOptions = {
        "name": f"{name} (page)",
        "mime_type": MIME_TYPE,
        "description": f"The page that shows what the tool {name} gives.",
        "scopes": options.get("scopes", ()),
        "meta": {"ui": said} if said else {},
    }
    made = make_resource(reader, uri, about)
    return made, said


def _reader(html: str | PathLike[str] | Function, where: str) -> Function:
    if isinstance(html, str):
        if "<" not in html:
            raise RegistrationError(f"html is a page's text; for a file say html=Path({html[:100]!r})", where=where)

        async def text() -> str:
            return html

        return text
    if callable(html):
        return html
    path = Path(html).resolve()
    if not path.is_file():
        raise RegistrationError(f"there is no file {str(path)!r} for the page", where=where)

    def file() -> str:
        if path.stat().st_size > MAX_HTML:
            raise ValueError(f"{path} has more than {MAX_HTML} bytes")
        return path.read_text("utf-8")

    return file


def _serve(server: Server, uri: str, page: tuple[Any, dict[str, Any]], *, listed: bool) -> None:
    """Answer for the page: what is read there says, too, what it may reach (APPS-04)."""
    surface = server.surface
    resource, said = page

    async def read(call: Call) -> Reply:
        reply: Any = await surface.resources.answer(resource, call)
        if not said:
            return cast("Reply", reply)
        contents = [msgspec.structs.replace(one, meta={**(one.meta or {}), "ui": said}) for one in reply.contents]
        return cast("Reply", msgspec.structs.replace(reply, contents=contents))

    definition: Resource = resource.definition
    entry = Elsewhere(definition, read, resource.where, scopes=resource.scopes)
    if not listed:
        surface.resources.fixed.unlisted.add(uri)
    surface.resources.fixed.add(uri, entry)
    surface.changed(RESOURCES_CHANGED)

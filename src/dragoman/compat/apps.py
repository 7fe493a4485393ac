"""Tools with a page, as `mcp.server.apps.Apps`: the tool names a `ui://` resource, and hosts that can show it.

Promise: tool and page are linked where the extension wants it, in `_meta.ui`. Limit: pages are not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from dragoman.compat.extension import Extension, ResourceBinding, ToolBinding
from dragoman.compat.models import Model
from dragoman.compat.resources import TextResource
from dragoman.serving.shapes import is_object

F = TypeVar("F", bound=Callable[..., Any])

EXTENSION_ID = "io.modelcontextprotocol/ui"
APP_MIME_TYPE = "text/html;profile=mcp-app"


class ResourcePermissions(Model):
    """What a page asks the host's frame for."""

    camera: Any = None
    microphone: Any = None
    geolocation: Any = None
    clipboard_write: Any = None


class ResourceCsp(Model):
    """Where a page may load from."""

    connect_domains: list[str] | None = None
    resource_domains: list[str] | None = None
    frame_domains: list[str] | None = None
    base_uri_domains: list[str] | None = None


class Apps(Extension):
    """The extension: register tools with `tool`, pages with `add_html_resource`."""

    identifier = EXTENSION_ID

    def __init__(self) -> None:
        self._tools: list[ToolBinding] = []
        self._resources: list[ResourceBinding] = []

    def settings(self) -> dict[str, Any]:
        """Return which kinds of page there are."""
        return {"mimeTypes": [APP_MIME_TYPE]}

    def tool(
        self, *, resource_uri: str, visibility: Sequence[str] | None = None, meta: Any = None, **options: Any
    ) -> Callable[[F], F]:
        """Register a function as a tool whose result the page at `resource_uri` shows."""
        ui: dict[str, Any] = {"resourceUri": resource_uri}
        if visibility is not None:
            ui["visibility"] = list(visibility)

        def decorate(function: F) -> F:
            self._tools.append(ToolBinding(fn=function, meta={**(meta or {}), "ui": ui}, **options))
            return function

        return decorate

    def add_html_resource(self, uri: str, html: str, **options: Any) -> None:
        """Register a page. `csp`, `permissions`, `domain` and `prefers_border` are for the host that shows it."""
        ui: dict[str, Any] = {}
        for name, shown in (
            ("csp", "csp"),
            ("permissions", "permissions"),
            ("domain", "domain"),
            ("prefers_border", "prefersBorder"),
        ):
            value = options.pop(name, None)
            if value is not None:
                ui[shown] = value.model_dump(exclude_none=True) if isinstance(value, Model) else value
        page = TextResource(uri=uri, text=html, mime_type=APP_MIME_TYPE, meta={"ui": ui} if ui else None, **options)
        self._resources.append(ResourceBinding(page))

    def add_resource(self, resource: Any) -> None:
        """Register a page made as a resource object."""
        if resource.mime_type is None:
            resource.mime_type = APP_MIME_TYPE
        self._resources.append(ResourceBinding(resource))

    def tools(self) -> Sequence[ToolBinding]:
        """Return the tools."""
        return self._tools

    def resources(self) -> Sequence[ResourceBinding]:
        """Return the pages."""
        return self._resources


def client_supports_apps(ctx: Any) -> bool:
    """Say whether the client can show pages."""
    extensions: dict[str, Any] = ctx.session.client_capabilities.extensions or {}
    declared = extensions.get(EXTENSION_ID)
    return is_object(declared) and APP_MIME_TYPE in declared.get("mimeTypes", ())

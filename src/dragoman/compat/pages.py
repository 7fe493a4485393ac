"""Pages of tools, as `fastmcp.apps` says them: `app=AppConfig(resource_uri="ui://...")` of a tool or a resource.

Promise: what is said is in `_meta.ui`, where hosts look for it. Limit: pages made of Prefab components are refused.
"""

from __future__ import annotations

from typing import Any

from dragoman.compat.apps import APP_MIME_TYPE, EXTENSION_ID, ResourceCsp, ResourcePermissions
from dragoman.compat.models import Model
from dragoman.compat.refusal import unsupported_argument
from dragoman.serving.shapes import is_object

UI_EXTENSION_ID, UI_MIME_TYPE = EXTENSION_ID, APP_MIME_TYPE
ResourceCSP = ResourceCsp


class AppConfig(Model):
    """What a tool or a page says of the page."""

    resource_uri: str | None = None
    visibility: list[str] | None = None
    csp: ResourceCsp | None = None
    permissions: ResourcePermissions | None = None
    domain: str | None = None
    prefers_border: bool | None = None


def said(app: Any) -> dict[str, Any]:
    """Return what `_meta.ui` says. Raises UnsupportedArgumentError for a page that would have to be made here."""
    if isinstance(app, AppConfig):
        return app.model_dump(exclude_none=True)
    if is_object(app):
        return AppConfig(**app).model_dump(exclude_none=True)
    raise unsupported_argument("FastMCP.tool", "app", "name a page of your own: app=AppConfig(resource_uri=...)")


__all__ = ["UI_EXTENSION_ID", "UI_MIME_TYPE", "AppConfig", "ResourceCSP", "ResourcePermissions", "said"]

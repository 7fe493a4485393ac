"""Apps: the page that belongs to a tool, who may call the tool, and what the page may reach.

All of it travels in `_meta.ui`, of the tool and of what is read at the page's address.
Source: extension io.modelcontextprotocol/ui, 2026-01-26.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import msgspec
from msgspec import UNSET

from dragoman.wire.base import Opt, Wire
from dragoman.wire.tools import Tool

EXTENSION = "io.modelcontextprotocol/ui"
MIME_TYPE = "text/html;profile=mcp-app"
SCHEME = "ui://"
APPS: dict[str, dict[str, Any]] = {EXTENSION: {"mimeTypes": [MIME_TYPE]}}  # as both sides declare it

Permission: TypeAlias = Literal["camera", "microphone", "geolocation", "clipboardWrite"]
PERMISSIONS: tuple[str, ...] = get_args(Permission)


class Csp(Wire, frozen=True, kw_only=True):
    """Origins that a page may use, such as https://api.example.com or https://*.example.com.

    `connect_domains` for requests, `resource_domains` for scripts, styles, images, fonts and media, `frame_domains`
    for pages in it, `base_uri_domains` for its base address. What is left out is none.
    """

    connect_domains: Opt[list[str]] = UNSET
    resource_domains: Opt[list[str]] = UNSET
    frame_domains: Opt[list[str]] = UNSET
    base_uri_domains: Opt[list[str]] = UNSET


class Page(Wire, frozen=True, kw_only=True):
    """What a server says of a page: `_meta.ui` of its resource."""

    csp: Opt[Csp] = UNSET
    permissions: Opt[dict[str, Any]] = UNSET
    domain: Opt[str] = UNSET
    prefers_border: Opt[bool] = UNSET


class Link(Wire, frozen=True, kw_only=True):
    """What a server says of a tool: `_meta.ui` of its definition. Without `visibility`, model and app may call it."""

    resource_uri: Opt[str] = UNSET
    visibility: Opt[list[str]] = UNSET


def link_of(tool: Tool) -> Link | None:
    """Return what a tool says of its page, None for a tool without one and without rules of who may call it.

    What cannot be read hides the tool from everybody: it is a rule, though nobody knows which.
    """
    meta = tool.meta if isinstance(tool.meta, dict) else {}
    if "ui" in meta:
        try:
            return msgspec.convert(meta["ui"], Link)
        except msgspec.ValidationError:
            return Link(visibility=[])
    flat = meta.get("ui/resourceUri")  # as it was before the extension was settled
    return Link(resource_uri=flat) if isinstance(flat, str) else None


def page_of(meta: Any) -> Page:
    """Return what a server says of a page; what cannot be read is as if nothing were said, which allows least."""
    try:
        return msgspec.convert(meta["ui"], Page)
    except (KeyError, TypeError, msgspec.ValidationError):
        return Page()


def callable_by(tool: Tool, caller: Literal["model", "app"]) -> bool:
    """Say whether a tool is for the model, or for the page of its server (requirement APPS-07)."""
    link = link_of(tool)
    return link is None or link.visibility is UNSET or caller in link.visibility

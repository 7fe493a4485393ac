"""Apps: the page that belongs to a tool, who may call the tool, and what the page may reach.

All of it travels in `_meta.ui`, of the tool and of what is read at the page's address.
Source: extension io.modelcontextprotocol/ui, 2026-01-26.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import msgspec
from msgspec import UNSET

from dragoman.wire.base import Opt, Wire

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


def page_of(meta: Any) -> Page:
    """Return what a server says of a page; what cannot be read is as if nothing were said, which allows least."""
    try:
        return msgspec.convert(meta["ui"], Page)
    except (KeyError, TypeError, msgspec.ValidationError):
        return Page()

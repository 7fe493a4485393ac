"""The Content-Security-Policy of a page that a server brought: what it declared, and nothing else.

Promise: without declared origins a page reaches nothing; what is no plain origin is left out, so that a server can
only ever tighten the rest. Source: extension io.modelcontextprotocol/ui, "Content Security Policy Enforcement".
"""

from __future__ import annotations

import re

from msgspec import UNSET

from dragoman.wire.apps import PERMISSIONS, Csp, Page
from dragoman.wire.base import Opt

# Scheme, host, port, and nothing that ends a source or a directive.
_ORIGIN = re.compile(r"(?:https?|wss?)://(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})(?::[0-9]{1,5})?")
MAX_ORIGINS = 64  # of one kind
_FEATURES = {"clipboardWrite": "clipboard-write"}  # others are called alike in Permissions-Policy


def policy(page: Page, host: str) -> str:
    """Return the header of the frame that holds a page, which only `host`, an origin, may show."""
    csp = page.csp if page.csp is not UNSET else Csp()
    resources = _sources(csp.resource_domains)
    directives = {
        "default-src": "'none'",
        # A page is one file, so what is written in it has to run.
        "script-src": f"'self' 'unsafe-inline' {resources}",
        "style-src": f"'self' 'unsafe-inline' {resources}",
        "img-src": f"'self' data: {resources}",
        "font-src": f"'self' {resources}",
        "media-src": f"'self' data: {resources}",
        "connect-src": _sources(csp.connect_domains) or "'none'",
        "frame-src": _sources(csp.frame_domains) or "'none'",
        "base-uri": _sources(csp.base_uri_domains) or "'self'",
        "object-src": "'none'",
        "form-action": "'none'",
        "frame-ancestors": host,
    }
    return "; ".join(f"{name} {value.strip()}" for name, value in directives.items())


def _sources(origins: Opt[list[str]]) -> str:
    given = [] if origins is UNSET else origins[:MAX_ORIGINS]
    return " ".join(origin for origin in given if _ORIGIN.fullmatch(origin))


def allowed(page: Page) -> str:
    """Return the `allow` of the frames that hold a page: the features that it asked for, of those that there are."""
    wanted = page.permissions if page.permissions is not UNSET else {}
    return "; ".join(_FEATURES.get(name, name) for name in PERMISSIONS if name in wanted)

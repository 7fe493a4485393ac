"""Pages and forms: what a site is asked over HTTP, and what it gives, without any HTTP.

So that whoever answers people's browsers reads bounded, checked values. Limit: whole bodies only, no streams.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

NOTHING: Mapping[str, str] = {}


class Visitor(msgspec.Struct, frozen=True):
    """One request: its path below the site, and what came with it. No name is there twice, in any of them.

    `body` is a whole JSON body, b"" where a form came. Headers are in lower case.
    """

    method: str
    path: str
    query: Mapping[str, str] = NOTHING
    form: Mapping[str, str] = NOTHING
    headers: Mapping[str, str] = NOTHING
    cookies: Mapping[str, str] = NOTHING
    body: bytes = b""

    def __repr__(self) -> str:
        # Passwords, codes and tokens are in the rest.
        return f"Visitor({self.method!r}, {self.path!r})"


class Page(msgspec.Struct, frozen=True):
    """One answer. Headers are added to those that every answer of the site has."""

    status: int
    body: bytes = b""
    kind: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = NOTHING


class Site(Protocol):
    """Answers visitors."""

    @property
    def origin(self) -> str:
        """Scheme, host and port under which the site is reached."""
        ...

    def takes(self, path: str) -> bool:
        """Say whether a path is one of the site's."""
        ...

    def is_open(self, path: str) -> bool:
        """Say whether web pages of others may ask this path: it takes no cookies, and gives what anybody may read."""
        ...

    async def answer(self, visitor: Visitor) -> Page:
        """Return the answer, for bad requests too."""
        ...

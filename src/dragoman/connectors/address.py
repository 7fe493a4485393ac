"""Addresses of items: `docs://manuals/pump/guide.pdf#page=3`, `db://shop/orders`.

`search` and `list` give them, `fetch` and `describe` take them, resources are read by them.
Parsing only takes an address apart: whether anything is served there is for the source to judge.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

import msgspec

MAX_URI = 4_096
_SHAPE = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#]*)(?:/([^?#]*))?(?:#(.*))?", re.DOTALL)
_SAFE = "/!$&'()*+,;=:@~"
_RANGE = re.compile(r"(\d{1,9})(?:\s*[-–]\s*(\d{1,9})?)?")
_UNITS = {
    **dict.fromkeys(("page", "pages", "slide", "slides", "chapter", "chapters", "message", "messages"), "page"),
    **dict.fromkeys(("sheet", "sheets"), "sheet"),
    **dict.fromkeys(("line", "lines", "row", "rows"), "lines"),
    **dict.fromkeys(("byte", "bytes"), "bytes"),
    "image": "image",
}

Span = tuple[int, int]


class BadAddress(ValueError):
    """This is no address of ours; the text says what is wrong with it."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """One address, taken apart and decoded.

    `pages`, `lines` and `bytes` are first and last, both counted from 1; (0, 0)
    where none was asked for.  `sheet` is a sheet's name; `revision` what stands
    behind the source's name, as in `git://code@v1.2/src/main.py`. `image` asks
    for the picture of a page, or of the item, in the place of its text.
    """

    scheme: str
    source: str
    path: str = ""
    revision: str = ""
    pages: Span = (0, 0)
    lines: Span = (0, 0)
    bytes: Span = (0, 0)
    sheet: str = ""
    image: bool = False

    def text(self) -> str:
        """Return the address without its fragment."""
        return make(self.scheme, self.source, self.path, revision=self.revision)


def make(scheme: str, source: str, path: str = "", fragment: str = "", *, revision: str = "") -> str:
    """Return the address of an item.  `fragment` is taken as it is: quote names in it."""
    at = f"@{quote(revision, safe='.-_~^')}" if revision else ""
    address = f"{scheme}://{source}{at}/{quote(path, safe=_SAFE)}"
    return f"{address}#{fragment}" if fragment else address


def span(text: str) -> Span:
    """Return first and last of "3", "3-5" or "3-" (the last is then the largest number there is).

    Raises BadAddress for anything else.
    """
    found = _RANGE.fullmatch(text.strip())
    if not found:
        raise BadAddress(f'a range is a number or two, such as "3" or "3-5", not {text[:40]!r}')
    first = int(found[1])
    last = int(found[2]) if found[2] else first if found[0].isdigit() else 999_999_999
    if first < 1 or last < first:
        raise BadAddress(f"a range counts from 1 and does not go backwards: {text[:40]!r}")
    return first, last


def parse(uri: str) -> Address:
    """Take an address apart.  Raises BadAddress for what is none."""
    if len(uri) > MAX_URI:
        raise BadAddress(f"an address has at most {MAX_URI:,} characters")
    found = _SHAPE.fullmatch(uri.strip())
    if not found:
        raise BadAddress(
            f"{uri[:80]!r} is not an address; they look like docs://NAME/path/file.pdf#page=3 or db://NAME/table"
        )
    scheme, source, path, fragment = found.groups(default="")
    name, _, revision = source.partition("@")
    return Address(scheme=scheme, source=name, path=_decoded(path), revision=_decoded(revision), **_fragment(fragment))


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as fault:
        raise BadAddress("the address holds bytes that are not UTF-8") from fault


def _fragment(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in filter(None, text.split("&")):
        key, _, value = pair.partition("=")
        unit = _UNITS.get(key.lower())
        if unit == "page":
            found["pages"] = span(_decoded(value))
        elif unit in ("lines", "bytes"):
            found[unit] = span(_decoded(value))
        elif unit == "sheet":
            found["sheet"] = _decoded(value)
        elif unit == "image":
            found["image"] = True
        else:
            raise BadAddress(
                f"#{pair[:40]} means nothing here; use #page=3, #sheet=NAME or #lines=10-40, and %23 for a # in a name"
            )
    return found

"""What a web server's page of a folder says is in it: HTML as nginx, Apache, Caddy and Python write it, or JSON.

A name counts if its link leads to one step below the folder, on the same server, with no question behind it.
Promise: whatever a page says, no name has a slash, and nothing is asked of anybody here.
"""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import msgspec

from dragoman.connectors.trees.nested import MOST_NAMES, Listed
from dragoman.connectors.trees.tree import Broken

_LINK = re.compile(
    r"""<a\s(?:[^<>]{0,300}?\s)?href\s{0,9}=\s{0,9}(?:"([^"<>]{0,2000})"|'([^'<>]{0,2000})'|([^\s"'<>]{1,2000}))""",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]{0,500}>")
_DATE = re.compile(r"(\d{4}-\d\d-\d\d|\d\d-[a-z]{3}-\d{4})[ t](\d\d:\d\d)")
_SIZE = re.compile(r"(?<![\d.:-])(\d{1,15})\s*$")
_AFTER = 200  # characters behind a link that may tell of it


def listed(body: bytes, kind: str, url: str) -> list[Listed]:
    """Return what a folder's page says is in it, by name, each once.

    `kind` is the page's media type, `url` its address, which ends with a slash.
    Raises ValueError for what is neither HTML nor a list in JSON, and Broken for too much of it.
    """
    if kind == "application/json":
        found = _from_json(body)
    elif kind in ("text/html", "application/xhtml+xml"):
        found = _from_html(body.decode("utf-8", "replace"), url)
    else:
        raise ValueError(f"no page of a folder, but {kind[:40] or 'something without a type'}")
    if len(found) > MOST_NAMES:
        raise Broken(f"{url} lists more than {MOST_NAMES:,} names")
    once = {one.name: one for one in found if one.name and "/" not in one.name}
    return [once[name] for name in sorted(once)]


def _from_json(body: bytes) -> list[Listed]:
    try:
        rows = msgspec.json.decode(body, type=list[dict[str, Any]])
    except msgspec.DecodeError as fault:
        raise ValueError("a list of files in JSON was expected") from fault
    found: list[Listed] = []
    for row in rows:
        name, size = row.get("name"), row.get("size")
        when = row.get("mtime") or row.get("mod_time")
        if isinstance(name, str):
            folder = row.get("is_dir") is True or row.get("type") == "directory" or name.endswith("/")
            known = size if isinstance(size, int) and size >= 0 and not folder else -1
            found.append(Listed(name.rstrip("/"), folder, known, when_of(when if isinstance(when, str) else "")))
    return found


def _from_html(text: str, url: str) -> list[Listed]:
    """Read links by bounded expressions: there are pages over which html.parser takes the square of their length."""
    found: list[Listed] = []
    server, above = urlsplit(url)[:2], unquote(urlsplit(url).path)
    links = list(itertools.islice(_LINK.finditer(text), MOST_NAMES + 1))
    for link, following in itertools.zip_longest(links, links[1:]):
        led = _led(unescape(link[1] or link[2] or link[3] or ""), url, server, above)
        if led is not None:
            behind = text[link.end() : following.start() if following else link.end() + _AFTER]
            told = unescape(_TAG.sub(" ", behind[:_AFTER].lower().partition("</a>")[2])).strip().partition("\n")[0]
            size = None if led[1] else _SIZE.search(told)
            found.append(Listed(*led, int(size[1]) if size else -1, _minutes(told)))
    return found


def _led(href: str, url: str, server: tuple[str, str], above: str) -> tuple[str, bool] | None:
    """Return the name below the folder that a link leads to, and whether it is a folder's."""
    try:
        whole = urlsplit(urljoin(url, href.strip()))
        path = unquote(whole.path, errors="strict")
    except ValueError:
        return None
    if whole[:2] != server or whole.query or whole.fragment or not path.startswith(above):
        return None
    name = path[len(above) :]
    return (name.removesuffix("/"), name.endswith("/")) if name.removesuffix("/") else None


def when_of(text: str) -> int:
    """Return a time as HTTP or ISO 8601 write it, in nanoseconds; 0 for what is none."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return max(int(read(text).timestamp()), 0) * 1_000_000_000
        except (ValueError, TypeError, OverflowError, OSError, IndexError):
            continue
    return 0


def _minutes(told: str) -> int:
    if (found := _DATE.search(told)) is None:
        return 0
    for form in ("%Y-%m-%d %H:%M", "%d-%b-%Y %H:%M"):
        try:
            moment = datetime.strptime(f"{found[1]} {found[2]}", form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return max(int(moment.timestamp()), 0) * 1_000_000_000
    return 0

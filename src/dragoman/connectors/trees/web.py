"""A folder of a web server as a tree: what its pages list, or what the owner lists, read by ranges.

Every request goes through the fetcher that judges addresses, to the server that the owner named and to no other: a
redirection counts only below the same folder.  Promise: a file that changes while it is read is said to have.
Limit: of servers that send no ranges, files up to 32 MB; folders are as good as the pages that list them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit

from dragoman.connectors.folders.crawl import encodable
from dragoman.connectors.source import SourceError
from dragoman.connectors.trees import nested
from dragoman.connectors.trees.ahead import Ahead
from dragoman.connectors.trees.aside import Aside
from dragoman.connectors.trees.feed import DISTANT, first_files
from dragoman.connectors.trees.nested import Listed
from dragoman.connectors.trees.tree import Broken, Budget, Missing, Node, Scope, steps_of
from dragoman.connectors.trees.webindex import listed, when_of
from dragoman.errors import McpError, TransportError, UnsafeAddressError
from dragoman.ports.fetch import Fetched
from dragoman.transport.fetch import SafeFetcher

MAX_WHOLE = 32 * 1024 * 1024  # bytes of one answer
_SECONDS = 10.0  # of one walk, and of one request
_FIRST = 65_536  # bytes that opening asks for
_HOPS = 3  # redirections
_PAGES = 64  # pages of folders that are kept, to be asked for again only if they have changed
_MOVED = frozenset({301, 302, 303, 307, 308})
_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18})")
_OURS = frozenset({"host", "range", "connection", "if-match", "if-none-match", "content-length", "transfer-encoding"})


class _Page(NamedTuple):
    tag: Mapping[str, str]  # headers that ask whether it has changed
    names: list[Listed]


class Web:
    """The files below one address of a web server.  `config` are headers of every request, such as authorization."""

    seconds = _SECONDS
    pause = DISTANT

    def __init__(self, url: str, config: Mapping[str, str], paths: Sequence[str] = ()) -> None:
        """`paths` are the files, where the server lists none.  Raises SourceError, never with what `config` says."""
        self.about = "files of a web server"
        self._root = _root(url)
        self._headers = _headers(config)
        self._paths = sorted({self._named(path) for path in paths})
        self._pages: dict[str, _Page] = {}
        self._lock = threading.Lock()
        self._aside = Aside()
        self._fetcher = SafeFetcher(self._root, max_bytes=MAX_WHOLE, seconds=_SECONDS)
        try:
            if paths:
                self.open(self._paths[0], Scope()).close()
            else:
                self._page("")
        except (Missing, Broken) as fault:
            self.close()
            what = f"{fault}" if isinstance(fault, Broken) else "there is no page that lists files"
            hint = "where a server lists no folders, name the files in urls"
            raise SourceError(f"files of {self._root} cannot be served: {what}; {hint}") from fault

    def close(self) -> None:
        self._aside.close()

    def files(self, prefix: str, after: str, scope: Scope, budget: Budget) -> Iterator[Node]:
        if self._paths:
            for path in self._paths:
                if path.startswith(prefix) and path > after:
                    budget.visit()
                    if scope.sees(path):
                        yield Node(path, -1, 0)
                    budget.last = path
            return
        yield from nested.walk(self._page, prefix, after, scope, budget)

    def stamp(self) -> str:
        return first_files(self)

    def open(self, path: str, scope: Scope) -> Ahead:
        steps_of(path)
        if not encodable(path) or not scope.sees(path) or (self._paths and path not in self._paths):
            raise Missing(path)
        url, found = self._followed(path, scope)
        if found.status == 416 and (empty := _RANGE.fullmatch(found.headers.get("content-range", ""))):
            head, size = b"", int(empty[3])
        elif found.status == 206:
            head, size = found.body, _spread(found)[2]
        else:
            head, size = found.body, len(found.body)
        changed = found.headers.get("last-modified", "")
        tag = found.headers.get("etag") or changed
        node = Node(path, size, when_of(changed), "", tag)
        return Ahead(node, partial(self._part, url, node), head)

    def _part(self, url: str, node: Node, start: int, end: int) -> bytes:
        """Return bytes of a file that is open.  Raises Broken when it is another one by now."""
        # A weak tag cannot be asked for (RFC 9110, 13.1.1): what comes back is compared.
        strong = {"if-match": node.tag} if node.tag.startswith('"') else {}
        found = self._get(url, {"range": f"bytes={start}-{end - 1}", **strong})
        said = found.headers.get("etag") or found.headers.get("last-modified", "")
        if found.status == 412 or said != node.tag:
            raise Broken("it has changed while it was read; fetch it again")
        if found.status == 200 and len(found.body) == node.size:
            return found.body[start:end]
        if found.status != 206 or _spread(found) != (start, end - 1, node.size) or len(found.body) != end - start:
            raise Broken(f"the server sends other bytes than it was asked for (status {found.status})")
        return found.body

    # --- asking -------------------------------------------------------------------------------------------------

    def _page(self, folder: str) -> list[Listed]:
        """Return what a folder's page lists.  Raises Missing where there is none, and Broken."""
        url = self._url(folder)
        with self._lock:
            known = self._pages.pop(folder, None)
        asked = {"accept": "application/json, text/html;q=0.9", **(known.tag if known else {})}
        found = self._get(url, asked)
        if found.status == 304 and known:
            page = known
        elif found.status == 200:
            kind = found.headers.get("content-type", "").partition(";")[0].strip().lower()
            try:
                names = listed(found.body, kind, url)
            except ValueError as fault:
                raise Missing(folder) from fault
            etag, changed = found.headers.get("etag"), found.headers.get("last-modified")
            page = _Page({"if-none-match": etag} if etag else {"if-modified-since": changed} if changed else {}, names)
        else:
            raise Missing(folder)
        with self._lock:
            self._pages[folder] = page
            while len(self._pages) > _PAGES:
                del self._pages[next(iter(self._pages))]
        return page.names

    def _followed(self, path: str, scope: Scope) -> tuple[str, Fetched]:
        """Ask for the first bytes of a file, wherever below the root its address leads by now."""
        url = self._url(path)
        for _ in range(_HOPS + 1):
            found = self._get(url, {"range": f"bytes=0-{_FIRST - 1}"})
            if found.status not in _MOVED:
                break
            url = urljoin(url, found.headers.get("location", ""))
            led = self._below(url)
            # A redirection is no way around what the caller may not see.
            if led.endswith("/") or not scope.view.sees(led):
                raise Missing(path)
            steps_of(led)
        else:
            raise Broken(f"the server sends on more than {_HOPS} times")
        if found.status in (404, 410):
            raise Missing(path)
        if found.status not in (200, 206, 416):
            what = "does not let us read it" if found.status in (401, 403) else "does not give it"
            raise Broken(f"the server {what} (status {found.status})")
        return url, found

    def _get(self, url: str, headers: Mapping[str, str]) -> Fetched:
        try:
            asked = {"accept": "*/*", **self._headers, **headers}
            return self._aside.run(self._fetcher.get(url, asked), _SECONDS + 1)
        except UnsafeAddressError as fault:
            raise Broken(f"its address may not be reached: {fault}") from fault
        except TransportError as fault:
            raise Broken(f"the server does not answer as it should: {fault}") from fault
        except McpError as fault:
            raise Broken(f"the server does not answer as it should ({type(fault).__name__})") from fault

    # --- addresses ----------------------------------------------------------------------------------------------

    def _url(self, path: str) -> str:
        return self._root + quote(path, safe="/~!$&'()*+,;=:@")

    def _below(self, url: str) -> str:
        """Return the path of an address below the root.  Raises Missing for one that is not."""
        if not url.startswith(self._root) or urlsplit(url).query or urlsplit(url).fragment:
            raise Missing(url)
        try:
            return unquote(url[len(self._root) :], errors="strict")
        except UnicodeDecodeError as fault:
            raise Missing(url) from fault

    def _named(self, text: str) -> str:
        """Return the path of one file that the owner lists.  Raises SourceError."""
        try:
            path = self._below(text) if "://" in text else text
            steps_of(path)
        except Missing as fault:
            raise SourceError(
                f"urls: {text[:200]} is no file below {self._root} that can be served: hidden files and secrets are not"
            ) from fault
        return path


def _root(url: str) -> str:
    whole = urlsplit(url)
    if whole.username or whole.password or whole.query or whole.fragment:
        raise SourceError(
            "the address of a web folder has no user, question or fragment; a password or token goes into config, as a "
            'header: {"authorization": "Bearer ${TOKEN}"}'
        )
    if not whole.hostname:
        raise SourceError(f"{url} names no server")
    return url if url.endswith("/") else f"{url}/"


def _headers(config: Mapping[str, str]) -> dict[str, str]:
    for name, value in config.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", name) or name.lower() in _OURS:
            raise SourceError(f"config: {name[:100]!r} is no header that can be given to every request")
        if not value.isprintable() or not value.isascii():
            raise SourceError(f"config: the value of the header {name} has signs that no header can have")
    return {name.lower(): value for name, value in config.items()}


def _spread(found: Fetched) -> tuple[int, int, int]:
    """Return first, last and size that an answer to a request for a range says.  Raises Broken."""
    told = _RANGE.fullmatch(found.headers.get("content-range", "").strip())
    if not told or told[1] is None:
        raise Broken("the server sends a part without saying which")
    return int(told[1]), int(told[2]), int(told[3])

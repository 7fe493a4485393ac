"""A bucket, or what lies below a prefix of it, as a tree: S3, Google Cloud Storage and Azure, by obstore.

Loaded by name where an address asks for it: obstore is an extra.  Names lead nowhere, since a store has no folders.
Limit: profiles of browsers are not recognized, since their folder would have to be read first.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import obstore
from obstore import exceptions
from obstore.store import from_url

from dragoman.connectors.source import SourceError
from dragoman.connectors.trees.ahead import Ahead
from dragoman.connectors.trees.feed import DISTANT, first_files
from dragoman.connectors.trees.tree import Broken, Budget, Missing, Node, Scope, seen, steps_of

_SECONDS = 10.0  # for one walk
_PAGE = 1_000  # objects that are asked for at once
_obstore: Any = obstore  # whose type of `list` needs Arrow's
_CLIENT = {"timeout": "20s", "connect_timeout": "5s"}


class _Gone(Broken):
    """There is no such bucket, or no such object."""


class Bucket:
    """The objects of one bucket below one prefix, in the order of their names."""

    about = "files in a bucket"
    seconds = _SECONDS
    pause = DISTANT

    def __init__(self, url: str, config: Mapping[str, str]) -> None:
        """Raises SourceError where there is no such bucket, or we may not list it; never with what `config` says."""
        place = f"files in {url.partition('?')[0]}"
        given: Any = dict(config)
        # The owner's word, said or meant: credentials would go over the wire for all to read.
        plain = given.pop("allow_http", "") == "true" or any(value.startswith("http://") for value in given.values())
        options: Any = _CLIENT | ({"allow_http": True} if plain else {})
        retries: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
        try:
            self._store: Any = from_url(url, config=given, client_options=options, retry_config=retries)
        except BaseException as fault:
            # What obstore did not expect of a name of an option comes as a panic, which is no Exception.
            panic = type(fault).__name__ == "PanicException"
            if not panic and not isinstance(fault, exceptions.BaseError | ValueError | TypeError):
                raise
            keys = ", ".join(config) or "none"
            raise SourceError(f"{place}: the address or its config (keys: {keys}) is wrong") from fault
        try:
            next(iter(self.files("", "", Scope(), Budget())), None)
        except Broken as fault:
            raise SourceError(f"{place} cannot be served: {fault}") from fault

    def close(self) -> None:
        """Nothing is open between calls."""

    def files(self, prefix: str, after: str, scope: Scope, budget: Budget) -> Iterator[Node]:
        folder = prefix.rpartition("/")[0]
        if folder and not _served(folder):
            return
        with _faults():
            stream: Any = _obstore.list(self._store, folder or None, offset=after or None, chunk_size=_PAGE)
        while True:
            with _faults():
                page = next(stream, None)
            if page is None:
                return
            for found in page:
                budget.visit()
                path = str(found["path"])
                # Not every server with a store's interface knows where to begin.
                if path > after and path.startswith(prefix) and _served(path) and scope.sees(path):
                    yield _node(found)
                budget.last = path

    def stamp(self) -> str:
        return first_files(self)

    def open(self, path: str, scope: Scope) -> Ahead:
        seen(path, scope)
        try:
            with _faults():
                found: Any = obstore.head(self._store, path)
        except _Gone as missing:
            raise Missing(path) from missing
        tag, store = found.get("e_tag"), self._store

        def read(start: int, end: int) -> bytes:
            # Another object in its place is not read as if it were the same.
            with _faults():
                if tag is None:
                    return bytes(obstore.get_range(store, path, start=start, end=end))
                return bytes(obstore.get(store, path, options={"range": (start, end), "if_match": tag}).bytes())

        return Ahead(_node(found)._replace(path=path), read)


def _served(path: str) -> bool:
    try:
        return bool(steps_of(path))
    except Missing:
        return False


def _node(found: Any) -> Node:
    changed: datetime = found["last_modified"]
    when, tag = int(changed.timestamp()) * 1_000_000_000, str(found.get("e_tag") or "")
    return Node(str(found["path"]), int(found["size"]), when, "", tag)


@contextmanager
def _faults() -> Generator[None, None, None]:
    """Raise Broken in words of ours: those of a store may hold addresses with keys in them."""
    try:
        yield
    except FileNotFoundError as fault:
        raise _Gone("the store says that there is nothing there") from fault
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as fault:
        raise Broken("the store does not let these credentials read it") from fault
    except exceptions.PreconditionError as fault:
        raise Broken("it has changed while it was read; fetch it again") from fault
    except (exceptions.BaseError, OSError, ValueError) as fault:
        what = type(fault).__name__
        raise Broken(f"the store does not answer as it should ({what}): is there such a bucket?") from fault

"""Which registries are asked, in which order, and what each is trusted with: the user's file `registries.json`.

Promise: a registry with `namespaces` is the only one that is asked for names in them, so that no other can stand in.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from dragoman.errors import LocalError
from dragoman.protocol.addresses import place_of

OFFICIAL = "https://registry.modelcontextprotocol.io"
FILE = "registries.json"
MAX_FILE = 1024 * 1024  # bytes
Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s]+$")]


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One registry.

    `trust`: "look" to search only; "ask" to put servers in after a look at
    each; "full" to put in also what has suspicious texts. `namespaces` are
    those that nobody else may speak for, as in "com.example".
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    url: Url
    trust: Literal["look", "ask", "full"] = "ask"
    namespaces: tuple[str, ...] = ()


class Indexes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where packages come from; "" for what pip and npm are set up for, which is the public one unless changed."""

    pypi: Url | Literal[""] = ""
    npm: Url | Literal[""] = ""


class Sources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. Without one, the official registry is asked."""

    registries: tuple[Source, ...] = (Source(name="official", url=OFFICIAL),)
    packages: Indexes = Indexes()

    def named(self, word: str) -> Source:
        """Return the registry of that name or URL; a URL that is not in the file is one to "ask". Raises LocalError."""
        for source in self.registries:
            if word in (source.name, source.url, source.url.rstrip("/")):
                return source
        if word.lower().startswith(("http://", "https://")):
            place_of(word)
            return Source(name="given", url=word.rstrip("/"))
        known = ", ".join(source.name for source in self.registries)
        raise LocalError(f"there is no registry {word!r}; {FILE} has {known}")

    def for_name(self, name: str) -> Sequence[Source]:
        """Return the registries to ask for a server of that name, in order."""
        namespace = name.partition("/")[0]
        owners = [one for one in self.registries if any(_within(namespace, space) for space in one.namespaces)]
        return owners or [one for one in self.registries if not one.namespaces]


def _within(namespace: str, space: str) -> bool:
    return namespace == space or namespace.startswith(f"{space}.")


def load(home: Path) -> Sources:
    """Return what the file in the folder `home` says. Raises LocalError that says where it is wrong."""
    path = home / FILE
    try:
        data = path.read_bytes()[: MAX_FILE + 1]
    except FileNotFoundError:
        return Sources()
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror or error}") from None
    try:
        found = msgspec.json.decode(data, type=Sources)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LocalError(f"{path}: {error}") from None
    if len({one.name for one in found.registries}) != len(found.registries):
        raise LocalError(f"{path}: two registries have one name")
    return found

"""Names of tools and prompts of several servers, side by side: no two are ever the same.

`server__tool` where that can be read back; otherwise what is readable of it, and a digest of the whole. At most 64
characters of A-Z, a-z, 0-9, `_` and `-`, which is what the interfaces of models take.
Source: specification, server/tools "Tool Names"; requirement TOOL-08 (a server's own name is never used).
"""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode

LONGEST = 64
SEPARATOR = "__"
DIGITS = 12  # of 5 bits each: another pair with the same digest is not found by trying
_SERVER = re.compile(r"(?!_)(?!.*__)[A-Za-z0-9_-]*[A-Za-z0-9-]")  # ends where the first separator begins
_TOOL = re.compile(r"[A-Za-z0-9_-]+")
_DIGEST = re.compile(r".__[a-z2-7]{12}\Z")  # what a name that ends like this would be taken for
_STRANGE = re.compile(r"[^A-Za-z0-9-]+")


def joined(server: str, name: str) -> str:
    """Return the name of `name` of `server`, another one for each other pair."""
    plain = f"{server}{SEPARATOR}{name}"
    if len(plain) <= LONGEST and _SERVER.fullmatch(server) and _TOOL.fullmatch(name) and not _DIGEST.search(name):
        return plain
    # Lengths first, so that no two pairs are written alike.
    whole = f"{len(server)}:{server}{name}".encode(errors="surrogatepass")
    digest = b32encode(hashlib.sha256(whole).digest())[:DIGITS].decode().lower()
    room = LONGEST - DIGITS - 2 * len(SEPARATOR)
    first = _readable(server)[: room // 2]
    return f"{first}{SEPARATOR}{_readable(name)[: room - len(first)]}{SEPARATOR}{digest}"


def parted(name: str) -> tuple[str, str] | None:
    """Return the server and the name that `joined` was given, None where only a list of both can tell."""
    server, separator, rest = name.partition(SEPARATOR)
    return (server, rest) if separator and joined(server, rest) == name else None


def _readable(text: str) -> str:
    return _STRANGE.sub("_", text).strip("_") or "x"

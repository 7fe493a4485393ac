"""The names of `_meta` keys and extensions: what form they have, and which belong to the protocol.

One grammar for both, so that a server cannot register what a peer would refuse.
Source: specification, basic/index, "_meta"; basic/versioning, "Extension Negotiation".
"""

from __future__ import annotations

from dragoman.protocol.patterns import late_pattern

_LABEL = r"[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_PREFIX = late_pattern(rf"{_LABEL}(?:\.{_LABEL})*")
_NAME = late_pattern(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)?")
_OURS = frozenset({"mcp", "modelcontextprotocol"})
_LONGEST = 256  # characters; the specification has no bound


def complaint_about(key: str, *, prefixed: bool = False) -> str | None:
    """Return what is wrong with a key, or None. With `prefixed` it must have a prefix, as an extension must."""
    prefix, slash, name = key.rpartition("/")
    if len(key) > _LONGEST:
        return f"it has {len(key)} characters, more than {_LONGEST}"
    if prefixed and not (slash and name):
        return "it has a prefix and a name, as in com.example/x"
    if slash and not _PREFIX.fullmatch(prefix):
        return f"its prefix {prefix!r} is not labels with dots between, each beginning with a letter"
    if not _NAME.fullmatch(name):
        return f"its name {name!r} does not begin and end with a letter or digit, with only - _ . and such between"
    return None


def is_reserved(key: str) -> bool:
    """Say whether a key is the protocol's: the second label of its prefix is `mcp` or `modelcontextprotocol`."""
    labels = key.rpartition("/")[0].split(".")
    return len(labels) > 1 and labels[1] in _OURS

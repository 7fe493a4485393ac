"""The challenges of a 401 or 403: which proof a server wants, and where to learn more.

Read leniently, as header fields of strangers must be: what cannot be read ends the list, and raises nothing.
Source: RFC 9110, sections 11.3 to 11.6.1; RFC 6750, section 3; RFC 9728, section 5.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TOKEN68 = re.compile(r"([A-Za-z0-9._~+/-]+=*)[ \t]*(?:,|$)")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BETWEEN = re.compile(r"[ \t,]*")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Challenge(msgspec.Struct, frozen=True):
    """One challenge. `scheme` and names are lower-case; of a name that stands twice the first counts."""

    scheme: str
    params: Mapping[str, str] = {}
    token68: str = ""

    @property
    def error(self) -> str:
        """The error code, "" for none."""
        return self.params.get("error", "")

    @property
    def scopes(self) -> tuple[str, ...] | None:
        """The scopes that the request needs, None if the server does not say."""
        found = self.params.get("scope")
        return None if found is None else tuple(dict.fromkeys(found.split()))

    @property
    def metadata_url(self) -> str:
        """Where the metadata of the resource is said to be, "" if the server does not say."""
        return self.params.get("resource_metadata", "")


def read_challenges(text: str) -> list[Challenge]:
    """Return the challenges of a WWW-Authenticate field, in order; several fields come joined by commas."""
    found: list[Challenge] = []
    params: dict[str, str] = {}
    at = 0
    while name := _TOKEN.match(text, at := _past(_BETWEEN, text, at)):
        at = name.end()
        equals = _EQUALS.match(text, at)
        if equals is not None and found:
            value, at = _value(text, equals.end())
            if value is None:
                break
            params.setdefault(name[0].lower(), value)
            continue
        token68 = ""
        if text[at : at + 1] == " " and (only := _TOKEN68.match(text, start := _past(_SPACES, text, at))):
            token68, at = only[1], start + len(only[1])
        params = {}
        found.append(Challenge(name[0].lower(), params, token68))
    return found


_SPACES = re.compile(r" +")


def _past(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()


def _value(text: str, at: int) -> tuple[str | None, int]:
    """Return the value of a parameter and where it ends; None if there is none."""
    if quoted := _QUOTED.match(text, at):
        return _ESCAPED.sub(r"\1", quoted[1]), quoted.end()
    token = _TOKEN.match(text, at)
    return (token[0], token.end()) if token else (None, at)

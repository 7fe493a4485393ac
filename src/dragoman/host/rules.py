"""What the user said beforehand about which tools may be called: patterns of `server/tool`, each with a verdict.

Promise: the order of the rules does not matter: the most specific one decides, of two alike the stricter.
Limit: a wildcard that allows stands behind the name of a server written out; only what tightens may name all servers.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from dragoman.auth import private_files
from dragoman.errors import LocalError, MalformedError
from dragoman.protocol.strict import read_strict
from dragoman.serving.shapes import is_object

MOST = 256 * 1024  # bytes of a file with rules
MAX_RULES = 2000


class Verdict(StrEnum):
    """What may be done with a tool, from the loosest to the strictest."""

    ALLOW = "allow"
    ONCE = "ask once"
    ALWAYS = "ask always"
    DENY = "deny"

    def tightened(self, other: Verdict) -> Verdict:
        """Return the stricter of two verdicts."""
        return max(self, other, key=_STRICTNESS.index)


_STRICTNESS = list(Verdict)
_LOOSE = {Verdict.ALLOW, Verdict.ONCE}


class Match(NamedTuple):
    """What the rules say of one tool. `exact` if the rule names both, with no wildcard; `pattern` is "" for none."""

    verdict: Verdict
    pattern: str
    exact: bool


class _Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    default: Verdict = Verdict.ONCE
    without_terminal: Literal["deny", "allow"] = "deny"
    rules: dict[str, Verdict] = {}


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one user.

    `default` is for tools that no rule names. `without_terminal` says what
    becomes of a tool that would be asked about once where nobody can be
    asked; what is always asked about, and what changed, is denied there.
    """

    default: Verdict = Verdict.ONCE
    without_terminal: Literal["deny", "allow"] = "deny"
    rules: Mapping[str, Verdict] = {}

    @classmethod
    def of(cls, said: Any, where: str = "the rules") -> Rules:
        """Return the rules that a mapping says, as in `{"rules": {"sales/get_*": "allow"}}`.

        Raises LocalError, with the rule, if one cannot be meant.
        """
        try:
            found = msgspec.convert(said, _Written)
        except msgspec.ValidationError as error:
            told = _strange_rule(said) or error
            raise LocalError(f"{where}: {told}; verdicts are {', '.join(Verdict)}") from None
        if len(found.rules) > MAX_RULES:
            raise LocalError(f"{where}: {len(found.rules)} rules, at most {MAX_RULES}; use wildcards")
        for pattern, verdict in found.rules.items():
            _check(pattern, verdict, where)
        if found.default is Verdict.ALLOW:
            raise LocalError(f"{where}: default cannot be allow: name the servers, as in 'sales/*': allow")
        return cls(default=found.default, without_terminal=found.without_terminal, rules=found.rules)

    @classmethod
    def read(cls, path: Path) -> Rules:
        """Return the rules in a JSON or YAML file.

        Raises LocalError if it is not there, cannot be meant, or others may write it: whoever writes it decides.
        """
        data = _bytes(path)
        if path.suffix not in {".yaml", ".yml"}:
            try:
                return cls.of(read_strict(data, str(path)), str(path))
            except MalformedError as error:
                raise LocalError(error.reason) from None
        if find_spec("yaml") is None:
            raise LocalError(f"{path} is YAML: pip install 'dragoman[yaml]', or write it as JSON")
        try:
            # Strict, as JSON is here: a rule that stands twice would be read as one of the two.
            said = import_module("dragoman.protocol.front_matter").read_mapping(data.decode("utf-8-sig"))
        except ValueError as error:
            raise LocalError(f"{path}: {str(error).replace('its front matter', 'it')}") from None
        return cls.of(said, str(path))

    def match(self, server: str, tool: str) -> Match:
        """Return what holds for a tool of a server."""
        best: tuple[tuple[bool, bool, int, int], Match] | None = None
        for pattern, verdict in self.rules.items():
            of_server, _, of_tool = pattern.partition("/")
            if of_server not in ("*", server) or not _fits(of_tool, tool):
                continue
            named, literal = of_server != "*", "*" not in of_tool
            rank = (named, literal, len(of_tool.replace("*", "")), _STRICTNESS.index(verdict))
            if best is None or rank > best[0]:
                best = rank, Match(verdict, pattern, named and literal)
        return Match(self.default, "", False) if best is None else best[1]


def _strange_rule(said: Any) -> str:
    """Return which rule has no verdict, in words; "" if all have one, or there is no table of rules."""
    rules = said.get("rules") if is_object(said) else None
    for rule, verdict in rules.items() if is_object(rules) else ():
        if verdict not in list(Verdict):
            return f"the rule {rule!r} has {verdict!r}"
    return ""


def _check(pattern: str, verdict: Verdict, where: str) -> None:
    server, slash, tool = pattern.partition("/")
    if not slash or not server or not tool or "?" in pattern or "[" in pattern or server != server.strip():
        raise LocalError(f"{where}: {pattern!r} is no rule; write server/tool, with * for any characters of the tool")
    if "*" in server and server != "*":
        raise LocalError(f"{where}: {pattern!r}: the name of a server stands whole, or is * for all")
    if server == "*" and verdict in _LOOSE:
        raise LocalError(
            f"{where}: {pattern!r} would {verdict} tools of servers that come later: write the server's name out; "
            "only 'ask always' and 'deny' may stand for all servers"
        )


def _fits(pattern: str, name: str) -> bool:
    """Say whether a name is what a pattern means; in one pass, since names come from servers."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    last = rest.pop()
    if not name.startswith(first) or not name.endswith(last) or len(name) < len(first) + len(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in rest:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _bytes(path: Path) -> bytes:
    data = private_files.own(path, MOST, "chmod go-w it")
    if data is None:
        raise LocalError(f"there is no file {str(path)!r}")
    if len(data) > MOST:
        raise LocalError(f"{str(path)!r} is larger than {MOST} bytes")
    return data

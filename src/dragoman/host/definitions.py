"""What is wrong with a definition, as far as its words show: text that is hidden, or that speaks to the model.

Every string of it is judged: names, descriptions, schemas, annotations, metadata. A finding makes consent stricter and
is shown to the user; it blocks nothing by itself. Promise: linear in the size of the definition, whatever is in it.
Limit: words that say a harmful thing in an unsuspicious way pass; what a tool does is for the sandbox to bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import msgspec
from msgspec import UNSET

from dragoman.host import definitions_text as text
from dragoman.wire.tools import Tool

MAX_TEXT = 32 * 1024  # characters of one definition that are judged; more is a finding
MAX_DESCRIPTION = 8 * 1024
MAX_FINDINGS = 50
_CHANGES = re.compile(
    r"(delete|remove|drop|destroy|erase|purge|wipe|write|overwrite|send|transfer|pay|execute|exec)(_|-|\b)"
)
_WANTED = re.compile(
    r"side_?note|scratch_?pad|(system|developer)_?(prompt|message|instructions?)|chat_?(history|log)|chain_?of_?thought|"
    r"(full_|entire_|whole_)?conversation(_?(history|context|log|so_far))?|(previous|prior|all)_?(messages|context)|"
    r"(previous|prior|all)_?tool_?(calls|results)|(model|assistant|llm)_?(context|reasoning|memory)|available_?tools"
)
_SIMPLE = re.compile(r"[A-Za-z0-9_./-]{1,128}")


class Finding(NamedTuple):
    """One thing that is suspect: what kind of trick it looks like, where it stands, and a sentence for the user."""

    kind: str
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.text} ({self.where})" if self.where else self.text


def check(tool: Tool, own: Iterable[str] = (), others: Mapping[str, Iterable[str]] | None = None) -> list[Finding]:
    """Return what is suspect in a tool's definition.

    `own` are the names of all tools of its server, `others` those of the other servers, by the server's name.
    """
    own_names, other_names = set(own) | {tool.name}, {name: set(names) for name, names in (others or {}).items()}
    found = [*_name(tool.name, own_names, other_names), *_contradictions(tool)]
    said: dict[str, Any] = msgspec.to_builtins(tool)
    strings = list(_strings(said))
    if sum(len(string) for _, string in strings) > MAX_TEXT:
        found.append(Finding("size", "", f"the definition has more than {MAX_TEXT} characters, which nobody reads"))
        strings = _cut(strings)
    if tool.description is not UNSET and len(tool.description) > MAX_DESCRIPTION:
        found.append(Finding("size", "description", f"the description has {len(tool.description)} characters"))
    # What is split over several strings is read as one by the model; where nothing is found so, no part has anything.
    whole = [Finding(kind, "", why) for kind, why in text.spoken(" \n".join(string for _, string in strings))]
    for where, string in strings:
        found += [Finding(kind, where, why) for kind, why in text.suspicions(string, spoken_too=bool(whole))]
        found += _references(where, string, own_names, other_names)
        if "properties." in where and where.endswith("#") and _WANTED.fullmatch(text.plain(string).replace("-", "_")):
            found.append(
                Finding("asks-for-context", where, f"the argument {text.shown(string)} wants what the model was told")
            )
        if where.endswith("$ref") and not string.startswith("#"):
            found.append(Finding("remote-schema", where, "a part of the schema lies elsewhere, and can change there"))
    return _each_once([*found, *whole])


def check_text(said: str, where: str = "instructions") -> list[Finding]:
    """Return what is suspect in a text of a server's that the model reads: its instructions, or a result."""
    return _each_once([Finding(kind, where, why) for kind, why in text.suspicions(said[:MAX_TEXT])])


def _name(name: str, own: set[str], others: Mapping[str, set[str]]) -> Iterator[Finding]:
    if not _SIMPLE.fullmatch(name):
        yield Finding("name", "name", f"the name {text.shown(name)} has characters that look like others, or too many")
    skeleton = text.skeleton(name)
    for twin in sorted(own - {name}):
        if text.skeleton(twin) == skeleton:
            yield Finding(
                "look-alike", "name", f"its name looks like that of {text.shown(twin)}, a tool of the same server"
            )
    for server, names in sorted(others.items()):
        for twin in sorted(names):
            if text.skeleton(twin) == skeleton:
                yield Finding("collision", "name", f"its name looks like that of {text.shown(twin)} of {server}")


def _contradictions(tool: Tool) -> Iterator[Finding]:
    hints = tool.annotations
    if hints is UNSET:
        return
    if hints.read_only_hint is True and hints.destructive_hint is True:
        yield Finding("contradiction", "annotations", "it says that it only reads, and that it destroys")
    if hints.read_only_hint is True and _CHANGES.match(tool.name.lower()):
        yield Finding(
            "contradiction", "annotations", f"it says that it only reads, and is called {text.shown(tool.name)}"
        )


def _references(where: str, string: str, own: set[str], others: Mapping[str, set[str]]) -> Iterator[Finding]:
    """Find names of other servers' tools. Common words are names of tools too, so one that looks like a word is not."""
    words = set(re.findall(r"[A-Za-z0-9_.-]{4,128}", string))
    for server, names in others.items():
        for name in sorted((names - own) & words):
            if re.search(r"[_-]|[a-z][A-Z]", name):
                yield Finding("cross-reference", where, f"it speaks of {name}, a tool of {server}")


def _strings(value: Any) -> Iterator[tuple[str, str]]:
    """Yield each string of a definition with its place; a key's place ends with `#`."""
    ahead: list[tuple[str, Any]] = [("", value)]
    while ahead:
        place, one = ahead.pop()
        if isinstance(one, str):
            yield place, one
        elif isinstance(one, dict):
            for key, inner in reversed(list(cast("dict[str, Any]", one).items())):
                ahead.append((f"{place}.{key}".lstrip("."), inner))
                if place:
                    ahead.append((f"{place}.{key}#", key))
        elif isinstance(one, list):
            numbered: list[tuple[int, Any]] = list(enumerate(cast("Iterable[Any]", one)))
            ahead += [(f"{place}[{number}]", inner) for number, inner in reversed(numbered)]


def _cut(strings: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    left = MAX_TEXT
    for where, string in strings:
        if left <= 0:
            break
        found.append((where, string[:left]))
        left -= len(string)
    return found


def _each_once(found: Iterable[Finding]) -> list[Finding]:
    seen: dict[tuple[str, str], Finding] = {}
    for one in found:
        # A place is made of the server's words too.
        plain = one.where.isascii() and one.where.isprintable() and len(one.where) < 200
        where = one.where if plain else text.shown(one.where)
        seen.setdefault((one.kind, one.text), one._replace(where=where))
    return list(seen.values())[:MAX_FINDINGS]

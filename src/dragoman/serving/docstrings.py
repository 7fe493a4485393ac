"""Read Google, NumPy and reST docstrings: what a function does, and what each parameter means.

A person has already written the descriptions once; asking for them again in annotations would make two truths.
Linear in the text, and never fails: what is not understood stays in the summary.  Types in docstrings are ignored.
"""

from __future__ import annotations

import inspect

import msgspec

MAX_CHARS = 50_000

_SECTIONS = frozenset(
    {"args", "arguments", "parameters", "params", "keyword args", "keyword arguments", "other parameters", "attributes"}
)
_FIELDS = frozenset({"param", "parameter", "arg", "argument", "key", "keyword"})
_TYPES = frozenset({"type", "rtype"})


class Docstring(msgspec.Struct):
    """`summary` is the text without its parameter sections; `parameters` maps names to descriptions."""

    summary: str = ""
    parameters: dict[str, str] = msgspec.field(default_factory=dict[str, str])


def parse(doc: str | None) -> Docstring:
    """Return the parts of `doc`; text beyond 50,000 characters is not read."""
    if not doc:
        return Docstring()
    lines = inspect.cleandoc(doc[:MAX_CHARS]).splitlines()
    kept: list[str] = []
    found: dict[str, str] = {}
    at = 0
    while at < len(lines):
        end = _section(lines, at, found)
        if end == at:
            kept.append(lines[at])
            end = at + 1
        at = end
    return Docstring(_squeeze(kept), {name: text for name, text in found.items() if text})


def _section(lines: list[str], at: int, found: dict[str, str]) -> int:
    """Return the line after the parameter section that starts at `at`, or `at` if none does."""
    line = lines[at]
    word = line.strip().lower()
    if line[:1] == ":":
        return _field(lines, at, found)
    if line[:1].isspace():
        return at
    if word[-1:] == ":" and word[:-1].rstrip() in _SECTIONS:
        return _google(lines, at + 1, found)
    if word in _SECTIONS and _underlined(lines, at):
        return _numpy(lines, at + 2, found)
    return at


def _underlined(lines: list[str], at: int) -> bool:
    rule = lines[at + 1].strip() if at + 1 < len(lines) else ""
    return len(rule) > 2 and not rule.strip("-=")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _google(lines: list[str], at: int, found: dict[str, str]) -> int:
    """`name (type): text`, continued by deeper lines; ends at a line that is not indented."""
    base, name = 0, ""
    while at < len(lines):
        line = lines[at]
        if line.strip():
            depth = _indent(line)
            if depth == 0:
                break
            base = base or depth
            entry = _entry(line.strip()) if depth <= base else None
            if entry:
                name = entry[0]
                found[name] = entry[1]
            elif name:
                found[name] = f"{found[name]} {line.strip()}".strip()
        at += 1
    return at


def _entry(text: str) -> tuple[str, str] | None:
    """Split `name (type, optional): text`; None when the line is not of that shape."""
    head, colon, rest = text.partition(":")
    if "(" in head:
        close = text.find("):")
        if close < 0:
            return None
        head, colon, rest = text[: text.find("(")], ":", text[close + 2 :]
    name = head.strip().lstrip("*")
    return (name, rest.strip()) if colon and name.isidentifier() else None


def _numpy(lines: list[str], at: int, found: dict[str, str]) -> int:
    """`name : type`, then indented text; ends at the next underlined heading."""
    names: list[str] = []
    while at < len(lines):
        line = lines[at]
        if line.strip():
            if _underlined(lines, at):
                break
            if _indent(line) == 0:
                head = line.partition(":")[0]
                names = [name for part in head.split(",") if (name := part.strip().lstrip("*")).isidentifier()]
                if not names:
                    break
                found.update(dict.fromkeys(names, ""))
            else:
                for name in names:
                    found[name] = f"{found[name]} {line.strip()}".strip()
        at += 1
    return at


def _field(lines: list[str], at: int, found: dict[str, str]) -> int:
    """`:param type name: text`, continued by indented lines; `:type name:` is dropped."""
    head, colon, rest = lines[at][1:].partition(":")
    words = head.split()
    if not colon or not words or words[0] not in _FIELDS | _TYPES:
        return at
    text = [rest.strip()]
    at += 1
    while at < len(lines) and lines[at][:1].isspace() and lines[at].strip():
        text.append(lines[at].strip())
        at += 1
    if words[0] in _FIELDS and len(words) > 1:
        found[words[-1].lstrip("*")] = " ".join(text).strip()
    return at


def _squeeze(lines: list[str]) -> str:
    """Join the lines, with no more than one empty line between two that are not."""
    out: list[str] = []
    for line in lines:
        if line.strip() or (out and out[-1]):
            out.append(line.rstrip())
    return "\n".join(out).strip()

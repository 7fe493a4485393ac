"""What a build log says in few words: its errors, the last one first, those that repeat once with their number.

Pure text in and out; nothing is read here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_LINES = 500_000
MAX_GROUPS = 50
_BEFORE, _AFTER = 2, 8  # lines around the last error of a kind
_WIDE = 400  # characters of one line
_ERROR = re.compile(
    r"\b(?:error|errors|fatal|failed|failure|exception|traceback|panic|panicked|segmentation fault|undefined reference"
    r"|cannot find|no such file|assert(?:ion)?(?:error)?|killed|timed out|unhandled)\b"
    r"|^E\s{2,}|^FAIL\b|\bERR!|^\S+Error:",
    re.IGNORECASE,
)
_NO_ERROR = re.compile(
    r"\b(?:0|no) (?:errors?|failures?|failed)\b|\berrors?[:=] ?0\b|-Werror|\bfailed[:=] ?0\b", re.IGNORECASE
)
_WARNING = re.compile(r"\bwarn(?:ing)?\b", re.IGNORECASE)
# What differs between two times that the same is said: times, numbers, addresses, paths of temporary files.
_VARYING = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|/tmp/\S+|\d+", re.IGNORECASE)
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


class Group(NamedTuple):
    """Lines that say the same: how often, where last (from 1), and the last one with what is around it."""

    times: int
    line: int
    text: str


class Digest(NamedTuple):
    """Errors by their last place, latest first; how many lines, errors and warnings there are."""

    groups: list[Group]
    lines: int
    errors: int
    warnings: int


def plain_lines(text: str) -> list[str]:
    """Return the lines without colours; of a line that was written over, what it said last."""
    lines = _COLOURS.sub("", text).split("\n")[:MAX_LINES]
    return [line.rstrip("\r").rpartition("\r")[2] for line in lines]


def digest_of(text: str) -> Digest:
    """Return what a log says."""
    lines = plain_lines(text)
    if lines and not lines[-1]:
        lines.pop()
    last: dict[str, int] = {}
    counts: dict[str, int] = {}
    warnings = 0
    for number, line in enumerate(lines):
        head = line[:_WIDE]
        if _ERROR.search(head) and not _NO_ERROR.search(head):
            key = _VARYING.sub("#", head).strip()
            last[key] = number
            counts[key] = counts.get(key, 0) + 1
        elif _WARNING.search(head):
            warnings += 1
    groups: list[Group] = []
    told = len(lines)
    for key in sorted(last, key=last.__getitem__, reverse=True):
        at = last[key]
        if at < told:  # what stands in the surroundings of a later one is not told again
            around = lines[max(at - _BEFORE, 0) : min(at + _AFTER + 1, told)]
            groups.append(Group(counts[key], at + 1, "\n".join(line[:_WIDE] for line in around)))
            told = max(at - _BEFORE, 0)
        elif len(groups) < MAX_GROUPS and counts[key] > 1:
            groups.append(Group(counts[key], at + 1, lines[at][:_WIDE]))
        if len(groups) >= MAX_GROUPS:
            break
    return Digest(groups, len(lines), sum(counts.values()), warnings)


def as_text(digest: Digest, uri: str) -> str:
    """Return a digest for a model to read, with the addresses of the places."""
    head = f"{digest.lines:,} lines, {digest.errors:,} of them errors, {digest.warnings:,} warnings"
    if not digest.groups:
        return f"{head}; nothing looks like an error\n"
    parts = [f"{head}; the last error first\n"]
    for group in digest.groups:
        times = f", {group.times:,} times" if group.times > 1 else ""
        first = max(group.line - 20, 1)
        parts.append(f"\nline {group.line:,}{times} ({uri}#lines={first}-{group.line + 40}):\n{group.text}\n")
    return "".join(parts)

"""What `.gitignore` files in a tree leave out, as git has it: by pathspec, loaded where an owner asks for it.

A rule deeper in the tree goes before one above, and nothing below a folder that is left out comes back.
Limit: the files in the tree itself; git's own excludes, and those above the root, are not read.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_FRESH = 2.0  # seconds that a file of rules is believed
_FOLDERS = 2_000  # of which rules are kept
_RULES = 2_000  # of one file
_ANY, _ONE = "[^/]*", "[^/]"  # what * and ? of a rule become
_DEEPEST = 200  # folders in one another; each is asked for at all depths, and what is deeper was made to be
_LEAPS = 3  # times ** in one rule: each may be any of the folders on the way


class Ignored:
    """The rules of one tree.  `read` returns the text of a folder's .gitignore, "" where there is none."""

    def __init__(self, read: Callable[[str], str]) -> None:
        self._read = read
        self._kept: dict[str, tuple[float, GitIgnoreSpec | None]] = {}

    def leaves_out(self, path: str, folder: bool) -> bool:
        """Tell whether the file or folder at `path` is left out, by itself or with a folder that it is in.

        What lies below more than 200 folders is.
        """
        steps = path.split("/")
        if len(steps) > _DEEPEST + 1:
            return True
        return any(self.names("/".join(steps[:end]), folder or end < len(steps)) for end in range(1, len(steps) + 1))

    def names(self, path: str, folder: bool) -> bool:
        """Tell whether rules leave out this one, whatever becomes of the folders that it is in."""
        steps = path.split("/")
        for depth in reversed(range(len(steps))):
            if (rules := self._rules("/".join(steps[:depth]))) is None:
                continue
            said = rules.check_file("/".join(steps[depth:]) + ("/" if folder else "")).include
            if said is not None:
                return said
        return False

    def _rules(self, folder: str) -> GitIgnoreSpec | None:
        now = time.monotonic()
        kept = self._kept.get(folder)
        if kept is not None and kept[0] > now:
            return kept[1]
        lines = self._read(folder).splitlines()[:_RULES]
        rules = _compiled(lines) if lines else None
        if len(self._kept) >= _FOLDERS:
            self._kept.clear()
        self._kept[folder] = now + _FRESH, rules
        return rules


class _Rule(GitIgnoreSpecPattern):
    """A rule held against a name in one pass: with *a*a*a*a*b, pathspec's own tries every way to share out the name."""

    @classmethod
    def pattern_to_regex(cls, pattern: str) -> tuple[str | None, bool | None]:  # type: ignore[override]
        regex, include = super().pattern_to_regex(pattern)
        return (None if regex is None else _once(regex)), include


def _once(regex: str) -> str:
    """Have what stands between two stars matched where it stands first: a later place cannot do better."""
    first, *parts = regex.split(_ANY)
    if not parts:
        return regex
    last = parts.pop()
    apart = [f"{_ANY}{part}" if "/" in part.replace(_ONE, "") else f"(?>{_ANY}?{part})" for part in parts]
    return "".join([first, *apart, _ANY, last])


def _compiled(lines: Iterable[str]) -> GitIgnoreSpec:
    with warnings.catch_warnings():
        # Of signs that may come to mean something in sets some day: what is meant here is the signs.
        warnings.simplefilter("ignore", FutureWarning)
        return GitIgnoreSpec.from_lines(lines, _rule, backend="simple")


def _rule(line: str) -> _Rule:
    """Return the rule in a line; one that leaves out nothing where it is none, since git passes over such lines."""
    if len(line) >= 1_000 or line.count("**") > _LEAPS:
        return _Rule("#")
    try:
        return _Rule(line)
    except ValueError:
        return _Rule("#")

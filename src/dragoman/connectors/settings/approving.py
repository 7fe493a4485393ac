"""Commands that dragoman.yaml names: inactive until their owner approved them by digest, one by one.

The same approvals as for servers that a client's configuration file names (`app.launching`), bound to the words, the
program, and the bytes of scripts in the folder of the file.  Promise: none runs before, not even to look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dragoman.app.launching import Approvals, Launch, approvals, launch_of_words
from dragoman.connectors.settings.reading import Read
from dragoman.connectors.settings.secrets import commands_in
from dragoman.connectors.source import SourceError


class Unapproved(SourceError):
    """A command that has not been approved, or has changed since; what needs it stays inactive."""


class Book:
    """The approvals, as far as one file is concerned."""

    def __init__(self, path: Path, kept: Approvals | None = None) -> None:
        self.path = path
        self._kept = kept or approvals()

    @property
    def kept_in(self) -> Path:
        """The file with the approvals."""
        return self._kept.path

    def check(self, where: str, words: Sequence[str], cwd: Path | None = None) -> None:
        """Raise Unapproved, with how to approve it, unless exactly this may run."""
        launch = self.launch(where, words, cwd)
        if not self._kept.approved(launch):
            more = " --risky" if launch.risks else ""
            raise Unapproved(
                f"{where} starts {words[0]!r}, which was not approved, or changed since; to see it, and approve it: "
                f"dragoman approve {self.path}#{where}{' (it needs' + more + ')' if more else ''}"
            )

    def launch(self, where: str, words: Sequence[str], cwd: Path | None = None) -> Launch:
        """Return a command as it would be started."""
        return launch_of_words(f"{self.path}#{where}", words, cwd or self.path.parent)


def commands_of(read: Read) -> list[tuple[str, tuple[str, ...], Path]]:
    """Return all commands that a file names: where, the words, the folder."""
    settings, folder = read.settings, read.folder
    found = [(where, words, folder) for where, words in secret_commands(read)]
    for name, tool in settings.tools.items():
        found += [(f"tools.{name}{place}", words, _cwd(tool, folder)) for place, words in argvs(tool)]
    for name, source in settings.sources.items():
        if isinstance(source, dict):
            found += [(f"sources.{name}{place}", words, _cwd(source, folder)) for place, words in argvs(source)]
    return found


def secret_commands(read: Read) -> list[tuple[str, tuple[str, ...]]]:
    """Return the commands that secrets come from."""
    settings = read.settings
    said: Mapping[str, Any] = {"sources": settings.sources, "tools": settings.tools, "auth": settings.auth}
    return [one for where, value in said.items() for one in commands_in(value, where)]


def argvs(value: Any, place: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield all lists of words under a key `argv`, however deep, with their places."""
    if isinstance(value, Mapping):
        for key, item in value.items():  # pyright: ignore[reportUnknownVariableType]
            if key == "argv" and isinstance(item, list) and item:
                yield place, tuple(map(str, item))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            else:
                yield from argvs(item, f"{place}.{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            yield from argvs(item, f"{place}[{number}]")


def _cwd(said: Mapping[str, Any], folder: Path) -> Path:
    cwd = said.get("cwd", "")
    return folder / cwd if isinstance(cwd, str) else folder

"""Programs as a kind of data: what dragoman.yaml says under `tools`."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import sys
from pathlib import Path

import msgspec

from dragoman.connectors.folders.kind import default_cache
from dragoman.connectors.kind import Kind, Opening
from dragoman.connectors.programs.programs import RUNS, Programs
from dragoman.connectors.programs.runs import Runs
from dragoman.connectors.programs.tool import Tool, checked
from dragoman.connectors.source import Source, SourceError


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of programs: the tools by name, and the folder that they start from."""

    tools: dict[str, Tool]
    path: str = ""


def _claims(_text: str, _path: Path | None) -> Options | None:
    return None  # a program is never named on a command line: its words and types take more


def _open(name: str, options: Options, opening: Opening) -> Source:
    if sys.platform == "win32":
        raise SourceError("programs cannot be run on Windows yet: there is no group of processes to end with them")
    folder = opening.path(options.path) if options.path else Path(os.path.realpath(opening.base or Path()))
    if not options.tools:
        raise SourceError(f"{name} has no tools")
    for tool_name, tool in options.tools.items():
        if tool_name == RUNS:
            raise SourceError(f"tools.{RUNS}: past runs have this name; choose another")
        checked(tool_name, tool)
        _check_start(tool_name, tool, folder)
    active = {one: tool for one, tool in options.tools.items() if tool.read_only or name in opening.writable}
    if not active:
        raise SourceError(
            f"none of the tools of {name} says read_only: true; those that change things need --allow-write {name}"
        )
    place = Path(os.path.realpath(opening.cache_dir or default_cache())) / RUNS
    key = hashlib.sha256(str(folder).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    try:
        runs = Runs(place / f"{name}-{key}.db")
    except (OSError, sqlite3.Error) as fault:
        raise SourceError(f"past runs cannot be kept in {place}: {fault}") from fault
    return Programs(name, active, folder, runs, [one for one in options.tools if one not in active], opening.approve)


def _check_start(name: str, tool: Tool, folder: Path) -> None:
    """Raise SourceError for a program or a folder that is not there."""
    cwd = Path(os.path.realpath(folder / tool.cwd))
    if not cwd.is_dir():
        raise SourceError(f"tools.{name}: there is no folder {cwd}")
    for step in tool.commands():
        word = str(step.argv[0])
        if "/" in word:
            path = cwd / word
            if not path.is_file() or not os.access(path, os.X_OK):
                hint = "; make it executable, or name its interpreter first" if path.is_file() else ""
                raise SourceError(f"tools.{name}: {word} is no program in {cwd}{hint}")
        elif shutil.which(word) is None:
            raise SourceError(f"tools.{name}: there is no program {word} on the PATH")


KIND = Kind(
    name="programs", scheme="run", options=Options, main="path", claims=_claims, open=_open, forms=(),
    writes=True,
)  # fmt: skip

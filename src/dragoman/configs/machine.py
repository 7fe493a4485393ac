"""The machine that clients are looked for on: its system, its folders, its environment. All of it can be given.

Promise: nothing here is looked up when it is imported, so that tests and examples have machines of their own.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

System: TypeAlias = Literal["mac", "linux", "windows"]


class Machine(NamedTuple):
    """Where a user's files are. `project` is the folder whose own configuration counts too."""

    system: System
    home: Path
    environ: Mapping[str, str]
    project: Path

    def folder(self, word: str) -> Path | None:
        """Return the folder that `word` of a place stands for; None if there is none on this system."""
        env = self.environ
        match word:
            case "home":
                return self.home
            case "project":
                return self.project
            case "config":  # where programs with windows keep settings
                if self.system == "mac":
                    return self.home / "Library/Application Support"
                if self.system == "windows":
                    return Path(env.get("APPDATA") or self.home / "AppData/Roaming")
                return self._xdg()
            case "xdg":  # where programs of a terminal do
                return self._xdg()
            case "local":
                local = Path(env.get("LOCALAPPDATA") or self.home / "AppData/Local")
                return local if self.system == "windows" else None
            case _:  # a variable that names a folder
                return Path(env[word]) if env.get(word) else None

    def _xdg(self) -> Path:
        return Path(self.environ.get("XDG_CONFIG_HOME") or self.home / ".config")

    def state(self) -> Path:
        """Return the folder of backups and of the journal."""
        if self.system == "windows":
            return Path(self.environ.get("LOCALAPPDATA") or self.home / "AppData/Local") / "dragoman/clients"
        return Path(self.environ.get("XDG_STATE_HOME") or self.home / ".local/state") / "dragoman/clients"

    def program(self, name: str) -> str | None:
        """Return the path of a program of that name, None if there is none."""
        return shutil.which(name, path=self.environ.get("PATH", ""))


def this_machine() -> Machine:
    """Return the machine that this runs on, for the user that runs it."""
    system: System = "mac" if sys.platform == "darwin" else "windows" if sys.platform == "win32" else "linux"
    return Machine(system, Path.home(), dict(os.environ), Path.cwd())

"""A control group around a sandbox, where we may make one: it bounds all its processes together, those of root too.

Limits of processes (RLIMIT_NPROC) do not hold for root, so there this is what stops a fork without end.
Limit: only root, and only where the controllers are mounted; others are bounded within their user namespace.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_NAME = "dragoman-"


class Cgroup:
    """Groups, one for each controller that is mounted by itself, or one for all. Remove it when its processes ended."""

    def __init__(self, places: list[Path]) -> None:
        self._places = places

    def take(self, pid: int) -> None:
        """Put a process into it; what that starts is in it too. Raises OSError."""
        for place in self._places:
            (place / "cgroup.procs").write_text(str(pid))

    def remove(self) -> None:
        """Take the groups away. Those that are not empty stay until the next sandbox is made."""
        for place in self._places:
            with suppress(OSError):
                place.rmdir()


def group(processes: int, memory: int) -> Cgroup | None:
    """Return a group with these limits, None where none can be made or it would hold back nothing."""
    if os.geteuid() != 0 or not processes:
        return None
    unified = (ROOT / "cgroup.controllers").is_file()
    places = [ROOT] if unified else [ROOT / "pids", ROOT / "memory"]
    limits = {"pids.max": processes}
    if memory:
        limits |= {"memory.max" if unified else "memory.limit_in_bytes": memory}
    made: list[Path] = []
    for place in places:
        _tidy(place)
        path = place / f"{_NAME}{os.getpid()}"
        try:
            path.mkdir(exist_ok=True)
        except OSError:
            continue
        made.append(path)
        for name, value in limits.items():
            with suppress(OSError):
                if (path / name).exists():
                    (path / name).write_text(str(value))
    if any(_holds(path) for path in made):
        return Cgroup(made)
    Cgroup(made).remove()
    return None


def _holds(path: Path) -> bool:
    try:
        return (path / "pids.max").read_text().strip().isdigit()
    except OSError:
        return False


def _tidy(place: Path) -> None:
    """Remove the empty groups of sandboxes whose maker was killed; a group that is in use cannot be."""
    with suppress(OSError):
        for path in place.glob(f"{_NAME}*"):
            with suppress(OSError):
                if not Path(f"/proc/{path.name.removeprefix(_NAME)}").exists():
                    path.rmdir()

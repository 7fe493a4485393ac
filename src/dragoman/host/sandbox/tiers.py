"""Which sandbox this machine has: each is tried, the strongest that works is taken, and what was not is said with why.

Promise: where none works nothing is started, unless the user wrote that it may be.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from dragoman.errors import LocalError
from dragoman.host.sandbox import landlock
from dragoman.host.sandbox.profile import Profile

SECONDS = 10.0  # for one try
OVERRIDE = "--tier none"


class Tier(StrEnum):
    """The kinds of sandbox, from the strongest to none."""

    CONTAINER = "container"
    BUBBLEWRAP = "bubblewrap"
    LANDLOCK = "landlock"
    SEATBELT = "seatbelt"
    NONE = "none"


class Found(NamedTuple):
    """The tier that is used, the program that makes it, and why each stronger one is not, in words."""

    tier: Tier
    program: str = ""
    why: tuple[str, ...] = ()


def tier(profile: Profile, wanted: Tier | None = None) -> Found:
    """Return the strongest tier that works for a profile, or the wanted one.

    Raises LocalError, with the reasons and the flag that overrides it, if there is none.
    """
    if wanted is Tier.NONE:
        return Found(Tier.NONE, why=("it was asked for",))
    why: list[str] = []
    for one in [wanted] if wanted is not None else list(Tier)[:-1]:
        program, reason = _tried(one, profile)
        if not reason:
            return Found(one, program, tuple(why))
        why.append(f"{one}: {reason}")
    raise LocalError(
        f"no sandbox works here, so nothing was started ({'; '.join(why)}). On Debian: apt-get install bubblewrap. "
        f"To start it all the same, with nothing held back: {OVERRIDE}"
    )


def told(found: Found, profile: Profile) -> str:
    """Return what is said aloud before a server starts: the tier, what it holds back, what it cannot."""
    said = f"sandbox: {found.tier}; {profile.told()}"
    if found.tier is Tier.NONE:
        return "sandbox: none; the server can do whatever you can"
    if found.tier is Tier.SEATBELT:
        said += "; this tier was tried on no machine of ours"
    if found.tier is Tier.LANDLOCK:
        said += "; names of processes, and sizes of files whose paths are known, are visible"
    return said


def _tried(one: Tier, profile: Profile) -> tuple[str, str]:
    """Return the program of a tier, and why it is not used, "" if it is."""
    if one is Tier.CONTAINER:
        return _container(profile)
    if one is Tier.BUBBLEWRAP:
        return _bubblewrap()
    if one is Tier.LANDLOCK:
        if profile.connect and not profile.online:
            return "", "it knows no hosts, so a list of them cannot be held"
        return "", "" if landlock.version() else "the kernel has none"
    if platform.system() != "Darwin":
        return "", "it is macOS's"
    program = shutil.which("sandbox-exec") or ""
    if profile.connect and not profile.online:
        return "", "a list of hosts is not held there yet"
    return program, "" if program else "there is no sandbox-exec"


def _container(profile: Profile) -> tuple[str, str]:
    if not profile.image:
        return "", "no image was named"
    for name in ("docker", "podman"):
        if (program := shutil.which(name)) and not _failed((program, "info")):
            return program, ""
    return "", "neither docker nor podman runs here"


@cache
def _bubblewrap() -> tuple[str, str]:
    if platform.system() != "Linux":
        return "", "it is Linux's"
    program = shutil.which("bwrap")
    if program is None:
        return "", "bwrap is not installed"
    spaces = ("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--die-with-parent")
    reason = _failed((program, *spaces, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--", "/bin/true"))
    return program, reason and f"bwrap does not work here: {reason}"


def _failed(words: tuple[str, ...]) -> str:
    """Return why a command does not work, "" if it does."""
    try:
        done = subprocess.run(words, capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)[:200]
    return "" if done.returncode == 0 else done.stderr.decode(errors="replace").strip()[:200] or "it failed"

"""The words that start a command in bubblewrap: namespaces of its own, and only those files that it was granted.

Promise: the home folder is empty, the rest of the disk is not there, and all processes end with the first one.
Limit: the kernel is shared; a fault in it is a way out. Source: bwrap(1).
"""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dragoman.app.launch_risks import is_loader
from dragoman.host.sandbox.profile import Limits, Profile, secrets_of
from dragoman.host.sandbox.sights import ETC, SYSTEM, needed

SCRATCH = 1024**3  # bytes of /tmp and of the home folder, each
# In the sandbox, so that processes are counted there; the shells call the limit of processes by two names.
_LIMITED = (
    'set -e; l() { [ "$2" = 0 ] || ulimit "$1" "$2"; }; '
    'l -t "$1"; l -d "$2"; l -v "$3"; l -n "$4"; [ "$5" = 0 ] || ulimit -u "$5" 2>/dev/null || ulimit -p "$5"; '
    'l -f "$6"; shift 6; set +e; exec "$@"'
)


class Descriptors(NamedTuple):
    """What bubblewrap tells us through, and waits for; -1 for neither."""

    told: int = -1
    go: int = -1


def words(
    bwrap: str, command: Sequence[str], profile: Profile, home: Path, descriptors: Descriptors = Descriptors()
) -> list[str]:
    """Return the command line; `command[0]` is a resolved path. Its environment is the sandbox's."""
    found = [bwrap, "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    found += [] if profile.online else ["--unshare-net"]
    found += ["--die-with-parent", "--new-session", "--hostname", "sandbox", "--cap-drop", "ALL"]
    found += _system(profile)
    found += ["--proc", "/proc", "--dev", "/dev"]
    for scratch in ("/tmp", "/run", "/var/tmp", str(home)):
        found += ["--size", str(SCRATCH), "--tmpfs", scratch]
    found += _granted(command, profile, home)
    # Of these the sandbox's own program must not know.
    for name in filter(is_loader, profile.env):
        found += ["--setenv", name, profile.env[name]]
    found += ["--chdir", profile.project or str(home)]
    if descriptors.told >= 0:
        found += ["--info-fd", str(descriptors.told), "--block-fd", str(descriptors.go)]
    return [*found, "--", *limited(command, profile.limits)]


def limited(command: Sequence[str], limits: Limits) -> list[str]:
    """Return a command line that sets limits and becomes the command. No word of it is read by the shell."""
    units = (
        (resource.RLIMIT_CPU, limits.cpu, 1),
        (resource.RLIMIT_DATA, limits.memory, 1024),
        (resource.RLIMIT_AS, limits.space, 1024),
        (resource.RLIMIT_NOFILE, limits.files, 1),
        (getattr(resource, "RLIMIT_NPROC", -1), limits.processes, 1),
        (resource.RLIMIT_FSIZE, limits.file, 512),
    )
    numbers = [str(_lowered(which, wanted) // unit) for which, wanted, unit in units]
    return ["/bin/sh", "-c", _LIMITED, "sandbox", *numbers, *command]


def _lowered(which: int, wanted: int) -> int:
    """Return a limit, or the one that holds here already if that is lower; 0 for none."""
    hard = resource.getrlimit(which)[1] if which >= 0 else resource.RLIM_INFINITY
    return wanted if hard == resource.RLIM_INFINITY or 0 < wanted < hard else 0


def _system(profile: Profile) -> list[str]:
    found: list[str] = []
    for place in SYSTEM:
        if os.path.islink(place):
            found += ["--symlink", os.readlink(place), place]
        elif os.path.isdir(place):
            found += ["--ro-bind", place, place]
    for name in ETC:
        if name == "resolv.conf" and not profile.online:
            continue
        if os.path.exists(place := f"/etc/{name}"):
            found += ["--ro-bind", os.path.realpath(place), place]
    return found


def _granted(command: Sequence[str], profile: Profile, home: Path) -> list[str]:
    wanted = needed(command, profile.project, home, profile.env)
    # What may be changed stays so, also where a program is in it: an installer fills it.
    readable = [path for path in wanted if not any(Path(path).is_relative_to(one) for one in profile.write)]
    readable += profile.read
    readable += [profile.project] if profile.project else []
    # The outer ones first: what is mounted later covers what lies below it.
    rights = dict.fromkeys(readable, "--ro-bind") | dict.fromkeys(profile.write, "--bind")
    found: list[str] = []
    for path in sorted(rights, key=lambda path: (path.count("/"), path)):
        above = next((rights[str(one)] for one in Path(path).parents if str(one) in rights), "")
        # A file in a folder that is shown is there already, maybe as a link that nothing can be mounted on.
        if above != rights[path]:
            found += [rights[path], path, path]
    for secret in secrets_of(home):
        shown = [path for path in rights if secret != home and secret.is_relative_to(path)]
        if shown and secret.exists():
            found += ["--tmpfs", str(secret)] if secret.is_dir() else ["--ro-bind", "/dev/null", str(secret)]
    return found

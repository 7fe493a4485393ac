"""Runs one command in a sandbox, its stdin, stdout and stderr untouched, and ends all of it when it ends.

Promise: while this process lives it passes signals on, and when it is gone, however that came, so is bubblewrap's
sandbox. Limit: in the Landlock tier, what left its parents on purpose survives a SIGKILL of this process.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, NoReturn

import msgspec

from dragoman.app.launch_risks import is_loader
from dragoman.errors import LocalError
from dragoman.host.sandbox import bubblewrap, cgroups, container, landlock, namespaces, seatbelt, sights
from dragoman.host.sandbox.profile import Profile, secrets_of
from dragoman.host.sandbox.tiers import Found, Tier

GRACE = 1.5  # seconds between asking and killing
PATIENCE = 10.0  # seconds: one that the kernel does not let go is not waited for
_LOOK = 0.02
_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
_PROXY = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_SUBREAPER, _DEATH_SIGNAL = 36, 1


class Job(NamedTuple):
    """What is to be run: `profile` was checked, `found` is the tier, `home` the folder that is hidden."""

    words: Sequence[str]
    profile: Profile
    found: Found
    home: Path
    told: Callable[[str], object]


class _Asked(BaseException):
    """A signal that asks us to end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def run(job: Job) -> int:
    """Return the exit status, 128 and the number for a signal. Raises LocalError if the sandbox cannot be made."""
    profile = job.profile
    environ = environment(profile, job.home)
    command = list(job.words)
    if job.found.tier is not Tier.CONTAINER:
        command[0] = sights.resolved(command[0], profile.project, environ["PATH"])
    with ExitStack() as stack:
        group = cgroups.group(profile.limits.processes, profile.limits.memory)
        if group is not None:
            stack.callback(group.remove)
        start = {Tier.BUBBLEWRAP: _bubblewrap, Tier.LANDLOCK: _landlock}.get(job.found.tier, _plain)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            stack.callback(signal.signal, number, signal.signal(number, _told))
        process: subprocess.Popen[bytes] | None = None
        try:
            process = start(job, command, environ, group, stack)
            code = process.wait()
        except _Asked as asked:
            code = -asked.number
        finally:
            if process is not None:
                _end(process)
        return 128 - code if code < 0 else code


def environment(profile: Profile, home: Path) -> dict[str, str]:
    """Return all variables of the sandbox: the few that every program needs, and those that were declared."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    kept.setdefault("PATH", os.defpath)
    return {**kept, "HOME": str(home), "TMPDIR": "/tmp", **profile.env}


def _bubblewrap(
    job: Job, command: list[str], environ: dict[str, str], group: cgroups.Cgroup | None, stack: ExitStack
) -> subprocess.Popen[bytes]:
    profile = job.profile
    listed = bool(profile.connect) and not profile.online
    if listed:
        address = f"http://127.0.0.1:{import_module('dragoman.host.sandbox.proxy').PORT}"
        proxies = {name: address for upper in _PROXY for name in (upper, upper.lower())}
        # Node looks at the others only if it is told to.
        environ = {**environ, **proxies, "NODE_USE_ENV_PROXY": "1", "NO_PROXY": "", "no_proxy": ""}
    if _counted_together():
        profile = _more_processes(profile)
    told_read, told_write = os.pipe()
    go_read, go_write = os.pipe()
    descriptors = bubblewrap.Descriptors(told_write, go_read)
    words = bubblewrap.words(job.found.program, command, profile, job.home, descriptors)
    try:
        process = subprocess.Popen(
            words, env={**_harmless(environ), "PATH": environ["PATH"]}, pass_fds=(told_write, go_read)
        )
    finally:
        os.close(told_write)
        os.close(go_read)
    try:
        with open(told_read, "rb") as told:
            said = told.read()
        if not said:
            return process  # it failed, and has told why on stderr
        child = int(json.loads(said)["child-pid"])
        if group is not None:
            group.take(child)
        if listed:
            _let_out(namespaces.listener_in(child, import_module("dragoman.host.sandbox.proxy").PORT), job)
        os.write(go_write, b"1")
    except BaseException:
        _end(process)
        raise
    finally:
        os.close(go_write)
    return process


def _let_out(listener: Any, job: Job) -> None:
    """Serve the sandbox's way out in a thread of its own, which ends with this process."""
    # Only for those who named hosts: the rest pays for no event loop.
    asyncio, proxy = import_module("asyncio"), import_module("dragoman.host.sandbox.proxy")
    served = proxy.Proxy(job.profile.connect, job.told)
    threading.Thread(target=lambda: asyncio.run(served.serve(listener)), daemon=True).start()


def _landlock(
    job: Job, command: list[str], environ: dict[str, str], group: cgroups.Cgroup | None, stack: ExitStack
) -> subprocess.Popen[bytes]:
    profile, home = job.profile, job.home
    scratch = tempfile.mkdtemp(prefix="dragoman-sandbox-")
    stack.callback(shutil.rmtree, scratch, ignore_errors=True)
    read = [*sights.SYSTEM, *(f"/etc/{name}" for name in sights.ETC), "/proc", profile.project, *profile.read]
    read = [path for path in [*read, *sights.needed(command, profile.project, home, profile.env)] if path]
    write = [scratch, "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/full", *profile.write]
    granted = [path for path in (profile.project, *profile.read, *profile.write) if path]
    for secret in secrets_of(home):
        if secret.exists() and any(secret.is_relative_to(path) for path in granted):
            raise LocalError(f"Landlock cannot hide {str(secret)!r} within a folder that is granted: grant others")
    # What loses its parent comes to us, and is ended with the rest.
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    die_with_us = _die_with(os.getpid())

    def before() -> None:
        die_with_us()
        # Without our terminal: what is typed there by a program is what its user types, to the next shell.
        os.setsid()
        if group is not None:
            group.take(os.getpid())
        landlock.restrict(read, write, online=profile.online)

    environ = {**environ, "HOME": scratch, "TMPDIR": scratch}
    limits = _more_processes(profile).limits
    words = bubblewrap.limited(command, limits)
    return subprocess.Popen(words, env=environ, cwd=profile.project or scratch, preexec_fn=before)


def _more_processes(profile: Profile) -> Profile:
    """Return the profile with those processes added to its limit that the user has already."""
    limits = profile.limits
    more = limits.processes + _processes() if limits.processes else 0
    return msgspec.structs.replace(profile, limits=msgspec.structs.replace(limits, processes=more))


def _plain(
    job: Job, command: list[str], environ: dict[str, str], group: cgroups.Cgroup | None, stack: ExitStack
) -> subprocess.Popen[bytes]:
    profile = job.profile
    if job.found.tier is Tier.CONTAINER:
        name = f"dragoman-{os.getpid()}"
        words = container.words(job.found.program, command, profile, name)
        stack.callback(_quietly, [job.found.program, "rm", "--force", name])
        return subprocess.Popen(words, env={**os.environ, **_harmless(profile.env)})
    if job.found.tier is Tier.SEATBELT:
        scratch = os.path.realpath(tempfile.mkdtemp(prefix="dragoman-sandbox-"))
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        words = seatbelt.words(
            job.found.program, bubblewrap.limited(command, profile.limits), profile, job.home, scratch
        )
        return subprocess.Popen(
            words, env={**environ, "HOME": scratch, "TMPDIR": scratch}, cwd=profile.project or scratch
        )
    return subprocess.Popen(command, env={**os.environ, **profile.env}, cwd=profile.project or None)


def _harmless(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if not is_loader(name)}


def _quietly(words: list[str]) -> None:
    subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def _told(number: int, _: FrameType | None) -> NoReturn:
    raise _Asked(number)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of it: ask, wait, kill, until nobody is there."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if process.poll() is None:
        for pid in _below(os.getpid()) or [process.pid]:
            # What holds the sandbox would end all of it at once.
            if not _is_bubblewrap(pid):
                _signal(pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        process.kill()
        process.wait()
    # Those whose parents ended are ours now; each that is killed may have left some.
    end = time.monotonic() + PATIENCE
    while (below := _below(os.getpid())) and time.monotonic() < end:
        for pid in below:
            _signal(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(_LOOK)


def _below(pid: int) -> list[int]:
    """Return the processes that a process started, and those that they started; [] where nobody tells."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        with suppress(OSError, ValueError):
            # The name of the program stands in brackets, and may hold anything.
            fields = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(name))
    found: list[int] = []
    ahead = [pid]
    while ahead:
        children = parents.get(ahead.pop(), [])
        found += children
        ahead += children
    return found


def _is_bubblewrap(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip() == "bwrap"
    return False


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _die_with(parent: int) -> Callable[[], None]:
    """Return what a child does before it starts: it asks to be killed when we are."""

    def before() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return before


def _processes() -> int:
    """Return how many processes and threads the user has, where these count against the limit of the sandbox's."""
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if os.stat(f"/proc/{name}").st_uid == os.getuid():
                count += len(os.listdir(f"/proc/{name}/task"))
    return count


def _counted_together() -> bool:
    """Say whether processes within a user namespace count with those outside, as they did before Linux 5.14."""
    numbers = platform.release().split(".")
    return (int(numbers[0]), int(numbers[1])) < (5, 14)

"""The profile that macOS's sandbox-exec takes, and the words that start a command in it.

Limit: written from its documentation and from profiles that are in use, and tried on no machine of ours: it says so
when it is used. What it allows to read is the system, the program and what was granted; the home folder is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dragoman.host.sandbox.profile import Profile, secrets_of
from dragoman.host.sandbox.sights import needed

_SYSTEM = (
    "/usr", "/bin", "/sbin", "/System", "/Library", "/opt", "/private/etc", "/private/var/db/timezone",
    "/private/var/select", "/dev", "/Applications/Xcode.app", "/nix/store",
)  # fmt: skip


def words(program: str, command: Sequence[str], profile: Profile, home: Path, scratch: str) -> list[str]:
    """Return the command line; `scratch` is a folder that it may write to."""
    return [program, "-p", text(command, profile, home, scratch), "--", *command]


def text(command: Sequence[str], profile: Profile, home: Path, scratch: str) -> str:
    """Return the profile: everything is denied, then what is needed is allowed, then secrets are denied again."""
    readable = [*_SYSTEM, *needed(command, profile.project, home, profile.env), *profile.read]
    readable += [profile.project] if profile.project else []
    writable = [scratch, *profile.write]
    lines = ["(version 1)", "(deny default)", "(allow process-exec)", "(allow process-fork)"]
    lines += ["(allow signal (target same-sandbox))", "(allow sysctl-read)", "(allow mach-lookup)"]
    lines += ["(allow file-read-metadata)", '(allow file-read* (literal "/"))']
    lines += [f"(allow file-read* (subpath {_quoted(path)}))" for path in [*readable, *writable]]
    lines += [f"(allow file-write* (subpath {_quoted(path)}))" for path in writable]
    lines += ['(allow file-write* (literal "/dev/null") (literal "/dev/tty"))']
    lines += [f"(deny file-read* file-write* (subpath {_quoted(str(path))}))" for path in secrets_of(home)]
    lines += ["(allow network*)"] if profile.online else []
    return "\n".join(lines)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

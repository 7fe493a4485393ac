"""What a server in a sandbox may see, reach and use up. Nothing is granted that is not written here.

Promise: where keys and logins usually lie is granted to nobody, also within a folder that is.
Limit: a path is judged by its name when the sandbox is made; what is linked into a granted folder is visible in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from dragoman.errors import LocalError

KILO, MEGA, GIGA = 1024, 1024**2, 1024**3
# Below the home folder; a program's own settings may be granted by name, these not.
SECRET = (
    ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".config/gcloud", ".config/gh", ".config/dragoman",
    ".config/git/credentials", ".git-credentials", ".netrc", ".npmrc", ".pypirc", ".pgpass", ".my.cnf", ".vault-token",
    ".password-store", ".local/share/keyrings", ".local/state/dragoman", ".bash_history", ".zsh_history",
    ".python_history", ".node_repl_history", ".psql_history", ".mozilla", ".config/google-chrome", ".config/chromium",
    ".config/BraveSoftware", ".thunderbird", ".claude", ".claude.json", ".cursor", ".codex", ".gemini",
    ".config/Claude", ".codeium", ".config/Code", "Library/Keychains", "Library/Application Support", "Library/Cookies",
)  # fmt: skip
_SOCKETS = ("/run/docker.sock", "/var/run/docker.sock", "/run/podman", "/run/containerd", "/run/user")
_HOST = re.compile(
    r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?"
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_AMOUNT = re.compile(r"(\d{1,12})([kKmMgG]?)")
ANYWHERE = "*"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What each process may use up; 0 is no limit. Sizes in bytes, `cpu` in seconds.

    `memory` bounds what a process writes to (RLIMIT_DATA), `space` its whole
    address space (RLIMIT_AS), of which many runtimes reserve far more than
    they use. `processes` is for all of them, threads included.
    """

    cpu: int = 3600
    memory: int = 4 * GIGA
    space: int = 0
    files: int = 1024
    processes: int = 256
    file: int = GIGA


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The safe profile, and what is granted on top.

    `project` is the folder that it is started in, visible and not writable; ""
    for none. `read` and `write` are further files and folders. `connect` names
    hosts, as in `api.example.com`, `*.example.com:8443`; "*" is the whole
    network. `env` has the variables that it gets, besides those that every
    program needs.
    """

    project: str = ""
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    connect: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    limits: Limits = Limits()
    image: str = ""  # of a container; without one, none is used

    @property
    def online(self) -> bool:
        """Whether the whole network is open to it."""
        return ANYWHERE in self.connect

    def told(self) -> str:
        """Return the profile in one line, for people and for what approvals are bound to. No values of variables."""
        said = [f"project {self.project}" if self.project else "no project"]
        said += [f"read {path}" for path in self.read] + [f"write {path}" for path in self.write]
        said.append("network: all" if self.online else f"network: {', '.join(self.connect) or 'none'}")
        said += [f"variables {', '.join(sorted(self.env))}"] if self.env else []
        said += [f"image {self.image}"] if self.image else []
        changed = [
            f"{name}={getattr(self.limits, name)}"
            for name in Limits.__struct_fields__
            if getattr(self.limits, name) != getattr(_USUAL, name)
        ]
        return "; ".join(said + changed)


_USUAL = Limits()


def checked(profile: Profile, home: Path) -> Profile:
    """Return the profile with paths made whole. Raises LocalError for what cannot be granted, with what to grant."""
    for host in profile.connect:
        if host != ANYWHERE and not _HOST.fullmatch(host):
            raise LocalError(f"{host!r} is no host; write api.example.com, *.example.com:8443, or * for all")
    for name in profile.env:
        if not _VARIABLE.fullmatch(name):
            raise LocalError(f"{name!r} is no name of a variable")
    return msgspec.structs.replace(
        profile,
        project=_project(profile.project, home),
        read=tuple(_granted(path, home) for path in profile.read),
        write=tuple(_granted(path, home) for path in profile.write),
    )


def also_read(profile: Profile, path: str) -> Profile:
    """Return the profile with one more folder of ours that is shown."""
    return msgspec.structs.replace(profile, read=(*profile.read, path))


def amount(text: str) -> int:
    """Return a number of bytes or of anything else, as in `512M`. Raises LocalError."""
    if (found := _AMOUNT.fullmatch(text)) is None:
        raise LocalError(f"{text!r} is no amount; write a number, with K, M or G for sizes")
    return int(found[1]) * {"": 1, "k": KILO, "m": MEGA, "g": GIGA}[found[2].lower()]


def limits_of(words: Mapping[str, str]) -> Limits:
    """Return the limits that were set by name, the usual ones for the rest. Raises LocalError for an unknown name."""
    unknown = sorted(set(words) - set(Limits.__struct_fields__))
    if unknown:
        raise LocalError(f"there is no limit {unknown[0]!r}; there is {', '.join(Limits.__struct_fields__)}")
    return Limits(**{name: amount(text) for name, text in words.items()})


def hidden(path: Path, home: Path) -> bool:
    """Say whether a path is, or lies in, a place where keys and logins lie."""
    return any(path == place or path.is_relative_to(place) for place in secrets_of(home))


def secrets_of(home: Path) -> list[Path]:
    """Return the places that are hidden also within granted folders."""
    return [*(home / name for name in SECRET), *map(Path, _SOCKETS)]


def _project(text: str, home: Path) -> str:
    """Return the project, "" for a folder that holds the home folder: whoever works there meant no project."""
    if not text:
        return ""
    path = Path(os.path.realpath(os.path.expanduser(text)))
    if not path.is_dir():
        raise LocalError(f"there is no folder {text!r}")
    return "" if home == path or home.is_relative_to(path) or hidden(path, home) else str(path)


def _granted(text: str, home: Path) -> str:
    path = Path(os.path.realpath(os.path.expanduser(text)))
    if not path.exists():
        raise LocalError(f"there is no {text!r} that could be granted")
    if home == path or home.is_relative_to(path):
        raise LocalError(f"{text!r} holds the whole home folder: grant the folders below it that are needed")
    if hidden(path, home):
        raise LocalError(f"{text!r} holds keys or logins, and is granted to no server; pass what it needs by --env")
    return str(path)

"""`uvx PACKAGE` and `npx PACKAGE` in two steps: put in with a network and nothing else, then run without one.

Promise: the installer sees no secret and writes to one folder; the server that runs finds that folder, unwritable.
Limit: packages come by pip and npm from the public index, or from the one that a variable of theirs names.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import msgspec

from dragoman.auth import private_files
from dragoman.auth.wallet_lock import locked_here
from dragoman.errors import LocalError
from dragoman.host.sandbox.profile import ANYWHERE, GIGA, Limits, Profile
from dragoman.host.sandbox.running import Job, run
from dragoman.host.sandbox.tiers import Found, Tier

_HOSTS = {"uvx": ("pypi.org", "files.pythonhosted.org"), "npx": ("registry.npmjs.org",)}
_INDEXES = {
    "uvx": ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"),
    "npx": ("NPM_CONFIG_REGISTRY", "npm_config_registry"),
}
_TRUST = ("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "NPM_CONFIG_CAFILE", "npm_config_cafile")
_SILENT = {"-y", "--yes", "-q", "--quiet", "--no-progress"}
_NAMED = {"uvx": {"--from": True, "--with": False}, "npx": {"--package": True, "-p": True}}
# A name, with its scope, and a version. `owner/name` would be a repository to npm, and a folder to pip.
_PACKAGE = re.compile(
    r"(@[A-Za-z0-9][A-Za-z0-9._-]*/)?[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,-]+\])?"
    r"(@[A-Za-z0-9.^~_+-]+|([=<>!~]=?[A-Za-z0-9.*]+,?)+)?"
)
_LIMITS = Limits(cpu=1800, memory=0, files=8192, processes=1024, file=4 * GIGA)
_PATIENCE = 900.0  # seconds that another installation of the same may take


class Wanted(NamedTuple):
    """What a command line of `uvx` or `npx` asks for: packages, which of their commands, and its arguments."""

    kind: str
    packages: tuple[str, ...]
    command: str
    arguments: tuple[str, ...]

    @property
    def digest(self) -> str:
        """The name of the folder: what is put in, and by which Python."""
        said = [self.kind, *self.packages, sys.version if self.kind == "uvx" else ""]
        return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:24]


def wanted(words: Sequence[str]) -> Wanted | None:
    """Return what is to be put in first, None for any other command.

    Raises LocalError for a form whose package cannot be told, or that comes from somewhere else than an index.
    """
    kind = {"uvx": "uvx", "npx": "npx"}.get(Path(words[0]).name if words else "", "")
    rest = list(words[1:])
    if not kind and words[:3] and list(words[:3]) in (["uv", "tool", "run"], ["npm", "exec", "--"]):
        kind, rest = ("uvx" if words[0] == "uv" else "npx"), list(words[3:])
    if not kind:
        return None
    return _read(kind, rest)


def _read(kind: str, rest: list[str]) -> Wanted:
    packages: list[str] = []
    named = False
    while rest and rest[0].startswith("-"):
        option, equals, value = rest.pop(0).partition("=")
        if option in _SILENT:
            continue
        if option not in _NAMED[kind] or not (equals or rest):
            raise LocalError(f"{kind} {option} is not known to the sandbox; install the package, and name its program")
        packages.append(value if equals else rest.pop(0))
        named = named or _NAMED[kind][option]
    if not rest:
        raise LocalError(f"{kind} names no package")
    command = rest.pop(0)
    packages = packages if named else [command, *packages]
    for package in packages:
        if not _PACKAGE.fullmatch(package):
            raise LocalError(f"{package!r} is no package of an index; install it, and name its program")
    # What comes after the name is its version: uvx writes one as npx does.
    return Wanted(kind, tuple(packages), command if named else _bare(command), tuple(rest))


def _bare(package: str) -> str:
    return re.split(r"(?<!^)[@=<>!~\[]", package, maxsplit=1)[0]


def placed(one: Wanted, found: Found, home: Path, told: Callable[[str], object]) -> tuple[list[str], str]:
    """Return the words that run it and the folder that they need, having put it in if it was not there.

    Raises LocalError if it cannot be put in.
    """
    shelf = cache_home() / "sandbox"
    private_files.folder(shelf)
    folder = shelf / one.digest
    with locked_here(shelf / f"{one.digest}.lock", _PATIENCE):
        if not (folder / "ready").is_file():
            told(f"installing {', '.join(one.packages)}, with a network and without your files; this happens once")
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            _install(one, folder, found, home, told)
            (folder / "ready").touch()
    program = _python(one, folder) if one.kind == "uvx" else _node(one, folder)
    return [*program, *one.arguments], str(folder)


def cache_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the user's folder for what can be made again."""
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "dragoman" / "cache"
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dragoman"


def _install(one: Wanted, folder: Path, found: Found, home: Path, told: Callable[[str], object]) -> None:
    env = {name: os.environ[name] for name in (*_INDEXES[one.kind], *_TRUST) if name in os.environ}
    for name in _INDEXES[one.kind]:
        if "@" in urlsplit(env.get(name, "")).netloc:
            raise LocalError(f"{name} has a password in it, which an installer in a sandbox does not get")
    hosts = [*_HOSTS[one.kind], *(_host(env[name]) for name in _INDEXES[one.kind] if name in env)]
    listed = found.tier in (Tier.BUBBLEWRAP, Tier.NONE)
    profile = Profile(
        write=(str(folder),), connect=tuple(hosts) if listed else (ANYWHERE,), limits=_LIMITS,
        read=tuple(path for name in _TRUST if (path := env.get(name, "")) and os.path.exists(path)),
        env={**env, "npm_config_cache": str(folder / "cache"), "npm_config_update_notifier": "false",
             "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"},
    )  # fmt: skip
    if one.kind == "npx":
        npm = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--loglevel=error", *one.packages]
        steps = [npm]
    else:
        packages = [re.sub(r"(?<=.)@(?=[0-9])", "==", package) for package in one.packages]
        steps = [[sys.executable, "-m", "venv", str(folder / "venv")]]
        steps += [[str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet", "--prefer-binary", *packages]]
    for step in steps:
        _ran(step, profile, found, home, told)
    shutil.rmtree(folder / "cache", ignore_errors=True)


def _ran(step: Sequence[str], profile: Profile, found: Found, home: Path, told: Callable[[str], object]) -> None:
    # The server's stdout is for messages: what installers say goes to stderr.
    kept = os.dup(1)
    with tempfile.TemporaryFile() as nothing:
        silent = os.dup(0)
        os.dup2(2, 1)
        os.dup2(nothing.fileno(), 0)
        try:
            code = run(Job(step, profile, found, home, told))
        finally:
            os.dup2(kept, 1)
            os.dup2(silent, 0)
            os.close(kept)
            os.close(silent)
    if code:
        raise LocalError(f"{' '.join(step[:4])} ... ended with status {code}; what it said is above")


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _python(one: Wanted, folder: Path) -> list[str]:
    scripts = folder / "venv" / "bin"
    program = scripts / one.command
    if not program.is_file():
        others = sorted(path.name for path in scripts.iterdir() if not re.match(r"python|pip|[Aa]ctivate", path.name))
        raise LocalError(f"{one.packages[0]} has no command {one.command!r}; it has {', '.join(others) or 'none'}")
    return [str(program)]


def _node(one: Wanted, folder: Path) -> list[str]:
    package = folder / "node_modules" / _bare(one.packages[0])
    try:
        said = cast("dict[str, Any]", json.loads((package / "package.json").read_bytes()))
    except (OSError, ValueError) as error:
        raise LocalError(f"{one.packages[0]} was not put in as {package.name}: {error}") from None
    bins = said.get("bin", {})
    commands = {package.name: bins} if isinstance(bins, str) else cast("dict[str, str]", bins)
    wanted_name = one.command.rpartition("/")[2]
    place = commands.get(wanted_name) or (next(iter(commands.values())) if len(commands) == 1 else "")
    start = (package / place).resolve()
    if not place or not start.is_relative_to(package.resolve()) or not start.is_file():
        raise LocalError(f"{one.packages[0]} has no command {wanted_name!r}; it has {', '.join(commands) or 'none'}")
    return ["node", str(start)]

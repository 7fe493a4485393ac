"""Bringing a package to this machine, checked, without running any of it: by pip, by npm, or as a bundle.

Promise: an exact version; wheels only, and no scripts of npm's; every file with its hash, and those that are pinned
compared. Limit: pip and npm fetch by their own means, from the index that the user set up for them, which is trusted
not to hold packages that want others by address.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from dragoman.errors import LocalError
from dragoman.registry import proofs
from dragoman.registry.document import Package
from dragoman.registry.faults import EntryError, IntegrityError
from dragoman.registry.versions import is_exact

SECONDS = 600.0  # for one run of pip or npm
MAX_SAID = 2000  # characters of what they say, in an error
_PYTHON_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_NPM_NAME = re.compile(r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_KEPT = re.compile(
    r"PATH|HOME|USERPROFILE|APPDATA|LOCALAPPDATA|SYSTEMROOT|TEMP|TMP|TMPDIR|LANG|LC_.*|PIP_.*|NPM_CONFIG_.*|XDG_.*|"
    r"SSL_CERT_.*|REQUESTS_CA_BUNDLE|NODE_EXTRA_CA_CERTS|(HTTPS?|NO|ALL)_PROXY",
    re.IGNORECASE,
)


class Placed(NamedTuple):
    """A package that is there: the words that start it, the hash of the package, a line for each file with it."""

    words: tuple[str, ...]
    hash: str
    closure: tuple[str, ...]


def check_package(package: Package) -> None:
    """Raise EntryError for a package that could be another than the one that is named."""
    if package.registry_type in ("npm", "pypi", "nuget"):
        pattern = _NPM_NAME if package.registry_type == "npm" else _PYTHON_NAME
        if not pattern.fullmatch(package.identifier):
            raise EntryError(f"{package.identifier!r} is no name of a package of {package.registry_type}")
        if not is_exact(package.version) or not _VERSION.fullmatch(package.version):
            raise EntryError(f"{package.identifier} has no exact version but {package.version!r}")


def pypi(package: Package, server: str, folder: Path, index: str = "") -> Placed:
    """Put a package from PyPI, or the index at `index`, into an environment of its own below `folder`.

    Raises IntegrityError for a package of somebody else's or with another hash, LocalError if pip fails.
    """
    check_package(package)
    if find_spec("pip") is None:
        raise LocalError("this server comes by pip, which is not beside this Python: python -m ensurepip")
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", *(["--isolated"] if index else [])]
    asked = f"{package.identifier}=={package.version}"
    download = [*pip, "download", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--quiet",
                "--dest", str(wheels), *(["--index-url", index] if index else [])]  # fmt: skip
    _run([*download, "--no-deps", asked], folder)
    (path,) = wheels.glob("*.whl")
    said = proofs.wheel(path)
    if proofs.normal(said.name) != proofs.normal(package.identifier):
        raise IntegrityError(f"{asked} came as {said.name} {said.version}")
    proofs.check_owner(server, package.identifier, said.claims)
    if said.direct:
        # pip would take it for one that the user named, and build it: code would run before anybody agreed.
        raise IntegrityError(f"{asked} wants {said.direct[0]!r}, which is no package of an index")
    digest = _sha256(path)
    if package.file_sha256 and package.file_sha256 != digest:
        raise IntegrityError(f"{path.name} has SHA-256 {digest}, and the registry names {package.file_sha256}")
    script = proofs.chosen(said.scripts, package.identifier)
    _run([*download, asked], folder)
    every = sorted(wheels.glob("*.whl"))
    if [one for one in wheels.iterdir() if one not in every] or _sha256(path) != digest:
        raise IntegrityError(f"what came for {asked} is not wheels only, or another the second time")
    home = folder / "venv"
    _run([sys.executable, "-m", "venv", "--without-pip", str(home)], folder)
    scripts = home / ("Scripts" if sys.platform == "win32" else "bin")
    python = scripts / ("python.exe" if sys.platform == "win32" else "python")
    local = ["install", "--no-index", "--no-deps", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--python", str(python), *local, *map(str, every)], folder)
    closure = tuple(f"{one.name} sha256:{_sha256(one)}" for one in every)
    shutil.rmtree(wheels)
    program = scripts / (f"{script}.exe" if sys.platform == "win32" else script)
    return Placed((str(program),), f"sha256:{digest}", closure)


def npm(package: Package, server: str, folder: Path, index: str = "") -> Placed:
    """Put a package from npm, or the registry at `index`, below `folder`; none of its scripts is run.

    Raises IntegrityError for a package of somebody else's or with another hash, LocalError if npm fails or is missing.
    """
    check_package(package)
    folder.mkdir(parents=True)
    program, node = _program("npm"), _program("node")
    asked = f"{package.identifier}@{package.version}"
    options = [
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        *([f"--registry={index}"] if index else []),
    ]
    _run([program, "pack", asked, "--pack-destination", str(folder), *options], folder)
    (path,) = folder.glob("*.tgz")
    said = proofs.tarball(path)
    if (said.name, said.version) != (package.identifier, package.version):
        raise IntegrityError(f"{asked} came as {said.name} {said.version}")
    proofs.check_owner(server, package.identifier, said.claims)
    data = path.read_bytes()
    if package.file_sha256 and package.file_sha256 != hashlib.sha256(data).hexdigest():
        raise IntegrityError(f"{asked} has not the SHA-256 that the registry names")
    integrity = f"sha512-{b64encode(hashlib.sha512(data).digest()).decode()}"
    place = said.bins[proofs.chosen(tuple(said.bins), package.identifier)]
    path.unlink()
    (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": {said.name: said.version}}))
    _run([program, "install", "--omit=dev", *options], folder)
    closure = _closure(folder / "package-lock.json")
    if f"node_modules/{said.name} {integrity}" not in closure:
        raise IntegrityError(f"npm put in another {asked} than it gave before")
    start = (folder / "node_modules" / said.name / place).resolve()
    if not start.is_relative_to((folder / "node_modules" / said.name).resolve()) or not start.is_file():
        raise IntegrityError(f"the command of {asked} is not in the package")
    return Placed((node, str(start)), integrity, closure)


def _closure(path: Path) -> tuple[str, ...]:
    held: Any = json.loads(path.read_bytes())
    found: list[str] = []
    for name, one in held["packages"].items():
        if not name or one.get("inBundle") is True:  # ourselves, and what lies within another's package
            continue
        if not (isinstance(one.get("integrity"), str) and one["integrity"].startswith("sha512-")):
            raise IntegrityError(f"{name} comes without a hash: it is not from a registry of packages")
        found.append(f"{name} {one['integrity']}")
    return tuple(sorted(found))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise LocalError(
            f"this server needs {name}, which is not on this machine: install it, then add the server again"
        )
    return found


def _run(words: Sequence[str], folder: Path) -> None:
    """Run pip or npm. Raises LocalError with what it said."""
    # Their own settings and proxies, and nothing else of the user's: no tokens of other programs.
    environ = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    try:
        done = subprocess.run(
            words, cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise LocalError(f"{_named(words)} did not end within {SECONDS:g} s") from None
    except OSError as error:
        raise LocalError(f"{words[0]} cannot be started: {error.strerror or error}") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-MAX_SAID:]
        raise LocalError(f"{_named(words)} failed: {said}")


def _named(words: Sequence[str]) -> str:
    return "pip" if "pip" in words else "venv" if "venv" in words else Path(words[0]).stem

"""Whether a package belongs to the server that names it, looked at in the package itself, before it is put in.

The registry looked when the entry was published; packages change hands. Reads archives in bounds, and runs nothing.
Source: MCP registry, "Package Types": `mcp-name:` in the README on PyPI, `mcpName` in package.json.
"""

from __future__ import annotations

import configparser
import re
import struct
import tarfile
import zipfile
import zlib
from email.parser import BytesParser
from email.policy import compat32
from pathlib import Path
from typing import NamedTuple

from dragoman.errors import MalformedError
from dragoman.protocol.strict import read_strict
from dragoman.registry.faults import IntegrityError
from dragoman.registry.untyped import table

MAX_METADATA = 4 * 1024 * 1024  # bytes
MAX_MEMBERS = 100_000
# What reading a damaged archive raises, one time or another.
_UNREADABLE = (ValueError, OSError, EOFError, KeyError, RuntimeError, struct.error, zlib.error)
_TOKEN = re.compile(r"mcp-name:\s*([a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+)")


class Wheel(NamedTuple):
    """What a wheel says of itself: `scripts` are the commands that it brings, `direct` what it wants by address."""

    name: str
    version: str
    claims: tuple[str, ...]
    scripts: tuple[str, ...]
    direct: tuple[str, ...] = ()


class Tarball(NamedTuple):
    """What an npm package says of itself. `bins` are paths by command."""

    name: str
    version: str
    claims: tuple[str, ...]
    bins: dict[str, str]


def normal(name: str) -> str:
    """Return a Python package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wheel(path: Path) -> Wheel:
    """Return what a wheel says of itself. Raises IntegrityError for a file that is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [one for one in archive.namelist() if one.count("/") == 1]
            (metadata,) = (one for one in names if one.endswith(".dist-info/METADATA"))
            said = BytesParser(policy=compat32).parsebytes(_member(archive, metadata))
            entries = [one for one in names if one.endswith(".dist-info/entry_points.txt")]
            scripts = _scripts(_member(archive, entries[0])) if entries else ()
    except (*_UNREADABLE, zipfile.BadZipFile) as error:
        raise IntegrityError(f"{path.name} is no wheel that can be read: {error}") from None
    body = said.get_payload()
    text = f"{said.get('Description') or ''}\n{body if isinstance(body, str) else ''}"
    wanted = [str(one) for one in said.get_all("Requires-Dist") or ()]
    direct = tuple(one for one in wanted if "@" in one.partition(";")[0])
    return Wheel(str(said.get("Name")), str(said.get("Version")), _claims(text), scripts, direct)


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as member:
        data = member.read(MAX_METADATA + 1)
    if len(data) > MAX_METADATA:
        raise ValueError(f"{name} has more than {MAX_METADATA} bytes")
    return data


def _scripts(data: bytes) -> tuple[str, ...]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names of scripts keep their case
    try:
        parser.read_string(data.decode("utf-8"))
    except (configparser.Error, UnicodeDecodeError):
        return ()
    return tuple(parser["console_scripts"]) if parser.has_section("console_scripts") else ()


def _claims(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_TOKEN.findall(text)))


def tarball(path: Path) -> Tarball:
    """Return what an npm package says of itself. Raises IntegrityError for a file that is none."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            held = read_strict(_package_json(archive), "package.json")
    except (*_UNREADABLE, tarfile.TarError, MalformedError) as error:
        raise IntegrityError(f"{path.name} is no npm package that can be read: {error}") from None
    said = table(held)
    name, bins, claim = said.get("name"), said.get("bin"), said.get("mcpName")
    if not isinstance(name, str):
        raise IntegrityError(f"{path.name} has no package.json with a name")
    if isinstance(bins, str):
        bins = {name.rpartition("/")[2]: bins}
    found = {one: place for one, place in table(bins).items() if isinstance(place, str)}
    return Tarball(name, str(said.get("version")), (claim,) if isinstance(claim, str) else (), found)


def _package_json(archive: tarfile.TarFile) -> bytes:
    for number, member in enumerate(archive):
        if number > MAX_MEMBERS:
            break
        # The folder has any name, though nearly all say "package".
        if member.isreg() and member.name.count("/") == 1 and member.name.endswith("/package.json"):
            if member.size > MAX_METADATA:
                break
            opened = archive.extractfile(member)
            return opened.read(MAX_METADATA) if opened is not None else b""
    raise ValueError("it has no package.json of bounded size")


def check_owner(server: str, package: str, claims: tuple[str, ...]) -> None:
    """Raise IntegrityError unless the package says that it is of that server."""
    if server not in claims:
        said = f"it says it is of {', '.join(claims)}" if claims else "it names no server"
        raise IntegrityError(
            f"{package} is not known to belong to {server}: {said}; its owner has to say so in it, and publish it again"
        )


def chosen(names: tuple[str, ...], package: str) -> str:
    """Return the command of a package that is meant: the only one, or the one of its name. Raises IntegrityError."""
    own = package.rpartition("/")[2]
    for name in names:
        if len(names) == 1 or normal(name) == normal(own):
            return name
    raise IntegrityError(f"{package} has no command of its own name, but: {', '.join(names) or 'none'}")

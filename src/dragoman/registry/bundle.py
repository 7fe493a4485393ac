"""Bundles (MCPB): zip files with a server and its manifest. Looked at, unpacked and made; nothing in one is ever run.

Promise: a member lands below the folder that was named, as a plain file, or nothing of the bundle stays.
Limit: a signature is found and told of, not verified; what is checked is the hash that the registry names.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dragoman.registry import manifest
from dragoman.registry.faults import BundleError, IntegrityError
from dragoman.registry.rules import Problem

MAX_BUNDLE = 256 * 1024 * 1024  # bytes of the file
MAX_UNPACKED = 1024 * 1024 * 1024  # bytes of all members
MAX_MEMBERS = 50_000
MAX_DEPTH = 40  # folders
MAX_RATIO = 200  # bytes out of one byte in, for a member of more than a megabyte
CHUNK = 64 * 1024
_HEADER, _FOOTER = b"MCPB_SIG_V1", b"MCPB_SIG_END"
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


class Limits(NamedTuple):
    """What a bundle may have. Bytes, but for `members`."""

    bundle: int = MAX_BUNDLE
    unpacked: int = MAX_UNPACKED
    members: int = MAX_MEMBERS


class Bundle(NamedTuple):
    """A bundle that was looked at: its hash, its files by name, whether it carries a signature block."""

    sha256: str
    data: bytes  # without the signature block
    files: tuple[str, ...]
    size: int
    signed: bool
    manifest: bytes


def load(path: Path, limits: Limits = Limits()) -> Bundle:
    """Return the bundle in a file. Raises BundleError."""
    try:
        with path.open("rb") as file:
            data = file.read(limits.bundle + 1)
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}") from None
    return look(data, limits)


def look(data: bytes, limits: Limits = Limits()) -> Bundle:
    """Return what is in a bundle, every name judged. Raises BundleError with the rule that it breaks."""
    if len(data) > limits.bundle:
        raise BundleError(f"the bundle has more than {limits.bundle} bytes, which is the most taken")
    plain = _unsigned(data)
    with _opened(plain) as archive:
        infos = archive.infolist()
        if len(infos) > limits.members:
            raise BundleError(f"the bundle has {len(infos)} members; {limits.members} are taken")
        files = _judged(infos, limits)
        if manifest.NAME not in files:
            raise BundleError(f"the bundle has no {manifest.NAME} at its top")
        said = b"".join(_read(archive, archive.getinfo(manifest.NAME), manifest.MAX_MANIFEST))
    size = sum(info.file_size for info in infos)
    return Bundle(hashlib.sha256(data).hexdigest(), plain, tuple(files), size, len(plain) != len(data), said)


def check(bundle: Bundle) -> list[Problem]:
    """Return what is wrong with a bundle's manifest."""
    return manifest.check(bundle.manifest, set(bundle.files))


def check_hash(bundle: Bundle, wanted: str) -> None:
    """Raise IntegrityError if the bundle is not the one with that SHA-256."""
    if not wanted:
        raise IntegrityError("the entry names no fileSha256 for its bundle, so nobody can tell whether it is the one")
    if bundle.sha256 != wanted.lower():
        raise IntegrityError(f"the bundle's SHA-256 is {bundle.sha256}, and the registry names {wanted}: not put in")


def _unsigned(data: bytes) -> bytes:
    """Return the bytes before a signature block, all if there is none."""
    if not data.endswith(_FOOTER):
        return data
    at = data.rfind(_HEADER)
    if at < 0 or len(data) < at + len(_HEADER) + 4 + len(_FOOTER):
        raise BundleError("the bundle ends as a signed one, and has no beginning of a signature")
    (length,) = struct.unpack_from("<I", data, at + len(_HEADER))
    if at + len(_HEADER) + 4 + length + len(_FOOTER) != len(data):
        raise BundleError("the length in the bundle's signature block is not its length")
    return data[:at]


def _opened(data: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error) as error:
        raise BundleError(f"this is no bundle: {error}") from None


def _judged(infos: list[zipfile.ZipInfo], limits: Limits) -> list[str]:
    """Return the names of files. Raises BundleError for a member that may not be unpacked."""
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    total = 0
    for info in infos:
        name = info.filename
        # As it is written there: zipfile cuts names at a NUL, and mends what Windows programs wrote.
        _check_name(info.orig_filename.removesuffix("/"), info.orig_filename)
        if info.flag_bits & 0x1:
            raise BundleError(f"{name!r} is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BundleError(f"{name!r} is compressed in a way that bundles do not use")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFDIR if info.is_dir() else stat.S_IFREG):
            raise BundleError(f"{name!r} is a link or a device; a bundle has plain files and folders")
        total += info.file_size
        if total > limits.unpacked:
            raise BundleError(f"unpacked, the bundle has more than {limits.unpacked} bytes, which is the most taken")
        if info.file_size > 1024 * 1024 and info.file_size > MAX_RATIO * max(info.compress_size, 1):
            raise BundleError(f"{name!r} grows more than {MAX_RATIO} times when it is unpacked")
        _place(name, info.is_dir(), files, folders)
    return list(files.values())


def _check_name(path: str, shown: str) -> None:
    parts = path.split("/")
    if not path or path.startswith("/") or "\\" in path or ":" in path or any(p in ("", ".", "..") for p in parts):
        raise BundleError(f"{shown!r} is no path below the bundle's folder")
    if len(parts) > MAX_DEPTH or any(len(part.encode("utf-8", "surrogatepass")) > 255 for part in parts):
        raise BundleError(f"{shown[:80]!r} is deeper or longer than file systems take")
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co"} for c in path):
        raise BundleError(f"{shown!r} has characters that cannot be seen")
    if any(_RESERVED.fullmatch(part) or part[-1] in ". " for part in parts):
        raise BundleError(f"{shown!r} is a name that Windows keeps for itself, or changes")


def _place(name: str, is_folder: bool, files: dict[str, str], folders: dict[str, str]) -> None:
    """Enter a member. Raises BundleError for one that would take another's place on some file system."""
    path = name.removesuffix("/")
    parts = path.split("/")
    above = ["/".join(parts[:number]) for number in range(1, len(parts))]
    for folder in [*above, *([path] if is_folder else [])]:
        key = unicodedata.normalize("NFC", folder).casefold()
        if key in files or folders.setdefault(key, folder) != folder:
            raise BundleError(f"{name!r} and another member would be one file on some systems")
    if not is_folder:
        key = unicodedata.normalize("NFC", path).casefold()
        if key in files or key in folders:
            raise BundleError(f"{name!r} and another member would be one file on some systems")
        files[key] = path


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> Iterator[bytes]:
    """Yield a member's bytes: what is there counts, not what the directory says. Raises BundleError."""
    got = 0
    try:
        with archive.open(info) as member:
            while chunk := member.read(CHUNK):
                got += len(chunk)
                if got > most:
                    raise BundleError(f"{info.filename!r} has more than {most} bytes, which is the most taken")
                yield chunk
    except (zipfile.BadZipFile, zlib.error, struct.error, ValueError, OSError, EOFError, RuntimeError) as error:
        raise BundleError(f"{info.filename!r} cannot be read: {error}") from None


def unpack(bundle: Bundle, folder: Path, limits: Limits = Limits()) -> None:
    """Write a bundle's files to `folder`, which does not exist yet: all of them, or nothing. Raises BundleError."""
    if folder.exists() or folder.is_symlink():
        raise BundleError(f"{folder} exists; a bundle is unpacked into a folder of its own")
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
    try:
        left = limits.unpacked
        with _opened(bundle.data) as archive:
            for info in archive.infolist():
                left -= _write(archive, info, made, left)
        made.chmod(0o755)
        os.rename(made, folder)
    except BaseException as error:
        shutil.rmtree(made, ignore_errors=True)
        if isinstance(error, OSError):
            raise BundleError(f"{folder} cannot be written: {error.strerror or error}") from None
        raise


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Path, most: int) -> int:
    path = folder / info.filename
    if info.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whether it can be run is all that is taken of a mode: no setuid, nothing that others may write.
    mode = 0o755 if info.external_attr >> 16 & 0o100 else 0o644
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), mode)
    written = 0
    with os.fdopen(handle, "wb") as file:
        for chunk in _read(archive, info, most):
            written += file.write(chunk)
    return written

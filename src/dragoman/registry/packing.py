"""Making a bundle of a folder: the same folder gives the same bytes, and what is private stays out.

Promise: no link is followed out of the folder, and no file is packed whose name says that it holds secrets.
Limit: `.mcpbignore` is read as plain patterns; a line that begins with `!` is refused.
"""

from __future__ import annotations

import io
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from dragoman.registry import manifest
from dragoman.registry.bundle import Bundle, Limits, look
from dragoman.registry.faults import BundleError

IGNORE = ".mcpbignore"
LEFT_OUT = (
    ".DS_Store", "Thumbs.db", ".git", ".gitignore", IGNORE, "*.log", ".env*", ".npm", ".npmrc", ".pypirc", ".netrc",
    ".yarnrc*", ".yarn", "__pycache__", "*.pyc", ".venv", ".pytest_cache", ".mypy_cache", ".ruff_cache",
    "node_modules/.cache", "node_modules/.bin", "*.mcpb", "*.map", "*.tsbuildinfo", ".ssh", "id_rsa*", "id_ed25519*",
)  # fmt: skip
_START = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can say


def pack(folder: Path, limits: Limits = Limits()) -> bytes:
    """Return the bundle of a folder. Raises BundleError if it would be none that can be installed."""
    patterns = [*LEFT_OUT, *_ignored(folder / IGNORE)]
    out = io.BytesIO()
    size = 0
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, path in sorted(_files(folder, patterns)):
            data = path.read_bytes()
            size += len(data)
            if size > limits.unpacked:
                raise BundleError(f"the folder has more than {limits.unpacked} bytes, which is the most taken")
            info = zipfile.ZipInfo(name, _START)
            info.create_system = 3  # of Unix, so that readers take the mode for one
            runs = path.stat().st_mode & 0o100
            info.external_attr = (stat.S_IFREG | (0o755 if runs else 0o644)) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    data = out.getvalue()
    made: Bundle = look(data, limits)
    if fatal := [one for one in manifest.check(made.manifest, set(made.files)) if one.fatal]:
        raise BundleError(f"{manifest.NAME}{fatal[0].at}: {fatal[0].what}")
    return data


def _files(folder: Path, patterns: Sequence[str]) -> Iterator[tuple[str, Path]]:
    for top, folders, files in os.walk(folder):
        here = Path(top).relative_to(folder)
        folders[:] = [one for one in folders if not _left_out((here / one).as_posix(), patterns)]
        for one in [*files, *(name for name in folders if (Path(top) / name).is_symlink())]:
            name = (here / one).as_posix()
            path = Path(top) / one
            if _left_out(name, patterns):
                continue
            if path.is_symlink() or not path.is_file():
                raise BundleError(f"{name!r} is a link or a device; a bundle has plain files only")
            yield name, path


def _left_out(name: str, patterns: Sequence[str]) -> bool:
    last = name.rpartition("/")[2]
    for pattern in patterns:
        plain = pattern.rstrip("/")
        if "/" in plain:
            plain = plain.removeprefix("/")
            if fnmatchcase(name, plain) or (not pattern.startswith("/") and fnmatchcase(name, f"*/{plain}")):
                return True
        elif fnmatchcase(last, plain):
            return True
    return False


def _ignored(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from None
    found = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    if odd := [line for line in found if re.match(r"!|.*\*\*", line)]:
        raise BundleError(f"{IGNORE}: {odd[0]!r} is a pattern that is not understood here: no ! and no **")
    return found

"""Which files of a folder are tables, under which names, and the view that each becomes.

Hidden files, secrets and links that lead out are none.  Files whose names differ by numbers alone, in a folder of their
own below the root, are one table, and so is a tree of folders like year=2026/month=03.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from dragoman.connectors.folders.crawl import visible

MAX_FILES = 5_000
MAX_DEPTH = 8
_READERS = {
    ".csv": "read_csv", ".tsv": "read_csv", ".csv.gz": "read_csv", ".tsv.gz": "read_csv", ".parquet": "read_parquet",
    ".json": "read_json", ".jsonl": "read_json", ".ndjson": "read_json", ".jsonl.gz": "read_json",
    ".ndjson.gz": "read_json", ".json.gz": "read_json",
}  # fmt: skip
_NUMBERS = re.compile(r"[0-9][0-9a-f-]*", re.IGNORECASE)
_PART = re.compile(r"[A-Za-z_]\w*=.*")


def tables_in(folder: Path) -> dict[str, list[Path]]:
    """Return the tables of a folder by name: the files that each is made of."""
    groups: dict[tuple[str, str], list[Path]] = {}
    for file in _files(folder):
        inside = file.relative_to(folder)
        groups.setdefault((_group(inside), _ending(file.name)), []).append(file)
    found: dict[str, list[Path]] = {}
    for (group, ending), files in sorted(groups.items()):
        name = re.sub(r"\W+", "_", group).strip("_") or "data"
        free = name if name not in found else f"{name}_{ending.strip('.').replace('.', '_')}"
        while free in found:
            free += "_"
        found[free] = sorted(files)
    return found


def made_of(name: str, files: list[Path]) -> str:
    """Return the statement that makes a view of files."""
    listed = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
    reader = _READERS[_ending(files[0].name)]
    options = ", union_by_name = true, hive_partitioning = true" if len(files) > 1 else ""
    quoted = name.replace('"', '""')
    return f'CREATE VIEW "{quoted}" AS SELECT * FROM {reader}([{listed}]{options})'


def counted(files: list[Path]) -> str:
    """Return the statement that counts the rows of files by what stands at their end, "" if only reading tells."""
    if _ending(files[0].name) != ".parquet":
        return ""
    listed = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
    return f"SELECT sum(num_rows) FROM parquet_file_metadata([{listed}])"


def fingerprint(path: Path) -> str:
    """Return a short text that changes when a file does, or comes or goes.  Raises OSError."""
    if not path.is_dir():
        info = path.stat()
        return f"{info.st_mtime_ns:x}.{info.st_size:x}"
    seen = hashlib.blake2b(digest_size=12)
    for file in _files(path):
        info = file.stat()
        seen.update(f"{file}\x00{info.st_mtime_ns}\x00{info.st_size}\x00".encode("utf-8", "surrogateescape"))
    return seen.hexdigest()


def _group(inside: Path) -> str:
    """Return what names the table that a file belongs to: its path, or the folder of which it is a part."""
    steps = list(inside.parts[:-1])
    for at, step in enumerate(steps):
        if _PART.fullmatch(step):
            return "/".join(steps[:at]) or "data"
    stem = inside.name.removesuffix(_ending(inside.name))
    plain = _NUMBERS.sub("", stem)
    if steps and plain != stem and not plain.strip("-_. ").removeprefix("part").strip("-_. "):
        return "/".join(steps)
    return "/".join([*steps, stem])


def _ending(name: str) -> str:
    lowered = name.lower()
    return next((ending for ending in sorted(_READERS, key=len, reverse=True) if lowered.endswith(ending)), "")


def _files(folder: Path) -> Iterator[Path]:
    root = Path(os.path.realpath(folder))
    count = 0
    for place, folders, names in os.walk(root):
        depth = len(Path(place).relative_to(root).parts)
        folders[:] = sorted(name for name in folders if visible(name)) if depth < MAX_DEPTH else []
        for name in sorted(names):
            file = Path(place) / name
            if not visible(name) or not _ending(name) or not Path(os.path.realpath(file)).is_relative_to(root):
                continue
            if not file.is_file():
                continue
            count += 1
            if count > MAX_FILES:
                return
            yield file

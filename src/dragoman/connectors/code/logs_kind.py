"""Build logs and test reports as a kind of data."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from dragoman.connectors.code.logs import ENDINGS, Logs
from dragoman.connectors.folders.crawl import Folder
from dragoman.connectors.kind import Kind, Opening
from dragoman.connectors.source import Source, SourceError

_PREFIX = "logs:"


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of logs."""

    path: str


def _claims(text: str, _path: Path | None) -> Options | None:
    return Options(path=text.removeprefix(_PREFIX)) if text.startswith(_PREFIX) and "://" not in text else None


def _open(name: str, options: Options, opening: Opening) -> Source:
    path = opening.path(options.path or ".")
    if not path.exists():
        raise SourceError(f"there is nothing at {options.path}")
    if not os.access(path, os.R_OK):
        raise SourceError(f"{path} may not be read by this user")
    if path.is_dir():
        return Logs(name, Folder(path))
    if not path.name.lower().endswith(ENDINGS):
        raise SourceError(f"{path.name} is no log; logs end in {', '.join(ENDINGS)}")
    return Logs(name, Folder(path.parent, only=path.name))


KIND = Kind(
    name="logs", scheme="logs", options=Options, main="path", claims=_claims, open=_open, forms=("logs:FOLDER",)
)

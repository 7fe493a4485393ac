"""Ready-made servers over real data: `build(["./manuals", "sales.db"])` gives a Server.

Loaded when it is used, since the process that reads files lives in this room as well and needs none of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dragoman.connectors.assembly import build, database, documents, files, repository, scripts
    from dragoman.connectors.source import SourceError

_HOMES = {
    "SourceError": "source", "build": "assembly", "database": "assembly", "documents": "assembly",
    "files": "assembly", "repository": "assembly", "scripts": "assembly",
}  # fmt: skip

__all__ = ["SourceError", "build", "database", "documents", "files", "repository", "scripts"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dragoman.connectors' has no attribute {name!r}")
    value = getattr(import_module(f"dragoman.connectors.{_HOMES[name]}"), name)
    globals()[name] = value
    return value

"""Sources over a folder made for one test: opened, indexed to the end, and closed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dragoman.connectors.folders.crawl import Folder
from dragoman.connectors.folders.documents import Documents
from dragoman.connectors.folders.index import Index


@contextmanager
def documents(folder: Path, *, cache: Path | None = None, only: str = "") -> Iterator[Documents]:
    """Documents named "papers" over `folder`, indexed."""
    place = (cache or folder.parent / "cache") / "index" / "papers.db"
    source = Documents("papers", Folder(folder, only=only), Index(place))
    try:
        source.start()
        assert source.indexer.wait_idle(60)
        yield source
    finally:
        source.close()


def written(folder: Path, **texts: str) -> Path:
    """Write texts into the folder; `a__b_md` is the file a/b.md."""
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder

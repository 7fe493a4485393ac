"""The contract of an index, for SQLite's file."""

from pathlib import Path

import pytest
from tests.connectors.folders.index_contract import *  # noqa: F403
from tests.connectors.folders.index_contract import Places

from dragoman.connectors.folders.index_file import IndexFile


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return lambda name: IndexFile(tmp_path / "cache" / "index" / f"{name}.db")

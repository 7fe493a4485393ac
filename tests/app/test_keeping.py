"""Addresses of stores."""

from pathlib import Path

import pytest

from dragoman.app.keeping import store_at
from dragoman.errors import LocalError
from dragoman.store.memory import MemoryStore
from dragoman.store.sqlite import SqliteStore


@pytest.mark.parametrize("address", ["", "sqlite:///", "sqlite://kept.db", "http://localhost", "kept.db"])
def test_an_address_that_leads_to_no_store_is_refused(address: str) -> None:
    with pytest.raises(LocalError, match=r"no store .*: there are memory:, sqlite:///PATH"):
        store_at(address)


def test_an_address_leads_to_its_store(tmp_path: Path) -> None:
    own = MemoryStore()
    assert store_at(own) is own
    assert isinstance(store_at("memory:"), MemoryStore)
    assert isinstance(store_at(f"sqlite:///{tmp_path}/kept.db"), SqliteStore)

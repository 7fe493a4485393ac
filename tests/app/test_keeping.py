"""Addresses of stores."""

import contextlib
import sqlite3
import sys
from pathlib import Path

import pytest
from tests.protocol.fixtures import MODERN
from tests.serving.person import Person, accept
from tests.serving.test_steps import ANSWERS, shop

from dragoman import Server
from dragoman.app.keeping import store_at
from dragoman.errors import LocalError, StoreError
from dragoman.store.memory import MemoryStore
from dragoman.store.sqlite import SqliteStore


@pytest.mark.parametrize("address", ["", "sqlite:///", "sqlite://kept.db", "http://localhost", "kept.db"])
def test_an_address_that_leads_to_no_store_is_refused(address: str) -> None:
    with pytest.raises(LocalError, match=r"no store .*: there are memory:, sqlite:///PATH .* and postgresql://"):
        store_at(address)


@pytest.mark.parametrize(
    "address, named", [("kept.db", "'kept.db'"), ("u:pw@kept.db?a=pw", "'kept.db'"), ("x://u:pw@h/d?a=pw", "'x://h/d'")]
)
def test_what_leads_to_no_store_is_named_as_it_was_written_without_secrets(address: str, named: str) -> None:
    with pytest.raises(LocalError, match=f"no store {named}: ") as caught:
        store_at(address)
    assert "pw" not in str(caught.value)


def test_a_file_that_can_be_no_store_is_told_where_its_address_is_read(tmp_path: Path) -> None:
    """What begins with it must not begin: until now the log said so, each minute."""
    address, path = f"sqlite:///{tmp_path}/kept.db", tmp_path / "kept.db"
    for content, told in (
        (b"just text", "kept.db is no SQLite file; move the file away"),
        (b"SQLite\0", "no SQLite file"),
    ):
        path.write_bytes(content)
        with pytest.raises(StoreError, match=told):
            Server("s", store=address)
    path.write_bytes(b"")
    assert isinstance(store_at(address), SqliteStore)
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE mine (a)")
    assert isinstance(store_at(address), SqliteStore)
    with pytest.raises(StoreError, match=r"cannot be made: there is no directory .*none"):
        store_at(f"sqlite:///{tmp_path}/none/kept.db")
    with pytest.raises(StoreError, match="cannot be opened: Is a directory"):
        store_at(f"sqlite:///{tmp_path}")


def test_an_address_leads_to_its_store(tmp_path: Path) -> None:
    own = MemoryStore()
    assert store_at(own) is own
    assert isinstance(store_at("memory:"), MemoryStore)
    assert isinstance(store_at(f"sqlite:///{tmp_path}/kept.db"), SqliteStore)


@pytest.mark.parametrize("address", ["redis://h/0", "rediss://u:p@h:1/0?prefix=shop", "unix:///run/redis.sock?db=1"])
def test_an_address_leads_to_redis(address: str) -> None:
    assert type(store_at(address)).__name__ == "RedisStore"


@pytest.mark.parametrize("address", ["postgresql://h/db", "postgres://u:p@h/db?sslmode=require&schema=shop"])
def test_an_address_leads_to_postgresql(address: str) -> None:
    assert type(store_at(address)).__name__ == "PostgresStore"


def test_a_schema_that_would_need_quotes_is_refused() -> None:
    with pytest.raises(LocalError, match="no schema 'a b': use small letters"):
        store_at("postgresql://h/db?schema=a%20b")


@pytest.mark.parametrize(
    "address, package, extra", [("redis://h/0", "redis", "redis"), ("postgresql://h/db", "psycopg", "postgres")]
)
def test_a_driver_that_is_missing_is_named_with_its_extra(
    address: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.startswith("dragoman.store.")]:
        monkeypatch.delitem(sys.modules, module)
    for module in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(LocalError, match=rf"this store needs {package}: pip install 'dragoman\[{extra}\]'"):
        store_at(address)


def test_an_address_that_is_refused_shows_no_secret() -> None:
    with pytest.raises(LocalError) as caught:
        store_at("mysql://user:swordfish@h/db?password=swordfish")
    assert "swordfish" not in str(caught.value) and "mysql://h/db" in str(caught.value)


@pytest.mark.parametrize("single_use", [True, False])
async def test_without_its_store_nothing_runs_that_counts_once(tmp_path: Path, single_use: bool) -> None:
    """MRTR-08"""
    charged: list[int] = []
    store = SqliteStore(tmp_path / "kept.db", seconds=0.2)
    server = shop(charged, single_use=single_use, store=store, secrets=["a secret of the server"])
    person = Person(server, ANSWERS, MODERN)
    state = (await person.leg("tools/call", name="buy"))["result"]["requestState"]
    answered = {"name": "buy", "requestState": state, "inputResponses": {"question-1": accept(value=5)}}
    await store.get("opened")
    with contextlib.closing(sqlite3.connect(tmp_path / "kept.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        refused = await person.leg("tools/call", **answered)
        assert "inputRequests" not in refused.get("result", {}) and "kept.db" not in str(refused)
        assert charged == []
        other.execute("ROLLBACK")
    # With the store back, the same answer is good: it was not used up.
    again = await person.leg("tools/call", **answered)
    assert (again["result"]["resultType"], charged) == ("input_required", [5])
    await server.service.stop()

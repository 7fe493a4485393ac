"""What a server does without its SQLite file: held by another, or full."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

from tests.store.uses import during, uses

from dragoman.errors import StoreError
from dragoman.store.sqlite import SqliteStore


async def test_a_file_that_another_holds(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "kept.db", seconds=0.3)
    await store.get("opened")
    with contextlib.closing(sqlite3.connect(tmp_path / "kept.db", isolation_level=None)) as other:
        held = during(lambda: other.execute("BEGIN EXCLUSIVE"), lambda: other.execute("ROLLBACK"))
        await uses(store, held, sure=False)


async def test_a_file_that_is_full(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "kept.db", pages=150)

    @contextlib.asynccontextmanager
    async def full() -> AsyncIterator[None]:
        number = 0
        for size in (3000, 300, 30):
            with contextlib.suppress(StoreError):
                while number < 5000:
                    number += 1
                    await store.put(f"fill {number}", b"x" * size, 60)
        yield
        for key in await store.keys("fill ", 10_000):
            await store.delete(key)

    await uses(store, full())

"""The store's own engine, in a file: the contract of engines. Others are in tests/servers/test_engines.py."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.serving.engine_contract import *  # noqa: F403
from tests.serving.engine_contract import Site

from dragoman import Server
from dragoman.app.engines import engine
from dragoman.errors import LocalError, RegistrationError
from dragoman.serving.task_work import Work
from dragoman.store.memory import MemoryStore


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(f"sqlite:///{tmp_path / 'store.db'}", "store", tmp_path)
    yield made
    await made.close()


def test_a_queue_that_cannot_be_is_refused_when_the_server_is_made() -> None:
    def later() -> str:
        return "done"

    server = Server("shop", engine="queue")
    server.tool(later)  # in the call: no engine has a part in it
    with pytest.raises(LocalError, match=r'engine="queue" needs a store in PostgreSQL'):
        server.tool("other", task="required")(later)
    with pytest.raises(RegistrationError, match=r"engine='quick': there are 'auto', 'store', 'queue'"):
        engine("quick", MemoryStore)  # type: ignore[arg-type]


def test_a_store_without_a_queue_runs_its_tasks_itself() -> None:
    opened: list[MemoryStore] = []

    def storage() -> MemoryStore:
        opened.append(MemoryStore())
        return opened[-1]

    assert engine("store", storage) is Work
    assert opened == []
    assert engine("auto", storage) is Work

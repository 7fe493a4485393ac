"""Tasks on procrastinate: job and record together, a queue that loses, a heart that stops, a database that goes.

What all engines keep to is in test_engines.py.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.servers.places import NUMBERS, settles
from tests.servers.private import Private
from tests.serving.engine_contract import Site
from tests.serving.tasking import Owner
from tests.serving.yard import Yard

from dragoman.app.keeping import store_at
from dragoman.engines import procrastinate, queue_tables
from dragoman.errors import StoreError
from dragoman.ports.store import Put


class Queue(Site):
    """A site with a look at the tables of its queue."""

    def __init__(self, address: str, schema: str, folder: Path, asking: psycopg.Connection[Any]) -> None:
        super().__init__(f"{address}?schema={schema}", "queue", folder)
        self.tables = queue_tables.QueueTables(schema).schema
        self._asking = asking

    def sql(self, query: str) -> list[Any]:
        """Return what a query gives; {q} is the queue's schema."""
        cursor = self._asking.execute(query.format(q=self.tables))
        return cursor.fetchall() if cursor.description else []

    async def jobs(self) -> list[Any]:
        """Return the states of all jobs."""
        return [status for (status,) in self.sql("SELECT status::text FROM {q}.procrastinate_jobs ORDER BY id")]


@pytest.fixture
def asking(postgres_server: Private) -> Iterator[psycopg.Connection[Any]]:
    """Look at the server from outside."""
    with psycopg.connect(postgres_server.address, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def site(postgres_server: Private, asking: psycopg.Connection[Any], tmp_path: Path) -> AsyncIterator[Queue]:
    made = Queue(postgres_server.address, f"queue{next(NUMBERS)}", tmp_path, asking)
    yield made
    await made.close()


async def holding(site: Queue, worker: Yard) -> tuple[Owner, dict[str, Any]]:
    """Return a client that runs nothing itself, and its task that `worker` is in the middle of."""
    accepting = Owner(site.yard(tasks=0))
    await worker.service.start()
    task = await accepting.begin("hold", item="held")
    async with asyncio.timeout(10):
        await worker.held.wait()
    return accepting, task


async def test_a_task_and_its_job_are_there_together_or_not_at_all(site: Queue) -> None:
    """TASK-07"""
    accepting = Owner(site.yard(tasks=0))
    await accepting.begin("add", item="first", a=1, b=1)
    assert await site.jobs() == ["todo"]
    site.sql("ALTER FUNCTION {q}.dragoman_put RENAME TO away")
    assert (await accepting.result("tools/call", name="add", arguments={"item": "no", "a": 1, "b": 1}))["isError"]
    tasks = "SELECT key FROM {s}.kept WHERE key LIKE 'task:%'".format(s=site.tables.partition("_queue_")[0])
    assert len(site.sql(tasks)) == 1
    site.sql("ALTER FUNCTION {q}.away RENAME TO dragoman_put")
    await accepting.begin("add", item="third", a=1, b=1)
    assert (len(site.sql(tasks)), await site.jobs()) == (2, ["todo", "todo"])


async def test_a_commit_whose_condition_fails_changes_nothing_else_either(site: Queue) -> None:
    store: Any = store_at(site.store)
    await store.use(queue_tables.QueueTables(store.schema).prepare)
    put, said = queue_tables.QueueTables(store.schema).put, ("place", ["t"])
    assert not await store.commit_and([Put("a", b"1", 60)], {"a": b"0"}, put, said)
    assert (await store.get("a"), await site.jobs()) == (None, [])
    assert await store.commit_and([Put("a", b"1", 60)], {"a": None}, put, said)
    assert (await store.get("a"), await site.jobs()) == (b"1", ["todo"])
    with pytest.raises(StoreError):
        await store.commit_and([Put("a", b"2", 60)], {}, b"SELECT 1 / 0 = 1", ())
    assert await store.get("a") == b"1"
    await store.close()


async def test_jobs_leave_the_queue_when_their_tasks_end(site: Queue) -> None:
    working = site.yard()
    owner = Owner(working)
    await working.service.start()
    for number in range(3):
        await owner.ended("add", item=f"add {number}", a=1, b=1)
    await settles(site.jobs, lambda jobs: jobs == [])


async def test_what_the_queue_has_lost_is_put_in_again(site: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procrastinate, "LOOK", 0.1)
    accepting = Owner(site.yard(tasks=0))
    tasks = [await accepting.begin("add", item=f"add {number}", a=1, b=1) for number in range(3)]
    site.sql("TRUNCATE {q}.procrastinate_jobs CASCADE")
    await site.yard().service.start()
    for task in tasks:
        assert (await accepting.until(task))["status"] == "completed"
    assert site.effects() == Counter(f"add {number}" for number in range(3))


async def test_a_queue_that_was_removed_is_made_again(site: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procrastinate, "LOOK", 0.1)
    accepting = Owner(site.yard(tasks=0))
    task = await accepting.begin("add", item="before", a=1, b=1)
    site.sql("DROP SCHEMA {q} CASCADE")
    assert (await accepting.result("tools/call", name="add", arguments={"item": "no", "a": 1, "b": 1}))["isError"]
    await site.yard().service.start()
    assert (await accepting.ended("add", item="after", a=1, b=1))["status"] == "completed"
    assert (await accepting.until(task))["status"] == "completed"


async def test_the_queue_tries_again_what_a_worker_without_a_heartbeat_had(
    site: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(procrastinate.ProcrastinateEngine, "_repair", _nothing)  # so that only the heartbeat helps
    accepting = Owner(site.yard(tasks=0))
    async with site.process() as process:
        task = await accepting.begin("again", item="again")
        await site.until("again")
        process.kill()
        await process.wait()
    assert await site.jobs() == ["doing"]
    await site.yard().service.start()
    assert (await accepting.until(task))["status"] == "completed"


async def _nothing(engine: Any) -> None:
    pass


async def test_a_worker_whose_heart_has_stopped_begins_anew_and_what_it_runs_goes_on(site: Queue) -> None:
    working = site.yard()
    accepting, task = await holding(site, working)
    (before,) = site.sql("SELECT id FROM {q}.procrastinate_workers")
    site.sql("DELETE FROM {q}.procrastinate_workers")

    async def workers() -> list[Any]:
        return site.sql("SELECT id FROM {q}.procrastinate_workers")

    await settles(workers, lambda found: len(found) == 1 and found != [before])
    assert (await accepting.ended("add", item="meanwhile", a=1, b=1))["status"] == "completed"
    working.gate.set()
    assert (await accepting.until(task))["status"] == "completed"
    assert site.effects() == Counter(["held", "meanwhile"])
    await settles(site.jobs, lambda jobs: jobs == [])


async def test_a_database_that_is_started_again_costs_no_task_that_runs(
    site: Queue, postgres_server: Private, asking: psycopg.Connection[Any]
) -> None:
    working = site.yard(worker_seconds=3)
    accepting, task = await holding(site, working)
    asking.execute(
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    assert (await accepting.ended("add", item="meanwhile", a=1, b=1))["status"] == "completed"
    working.gate.set()
    assert (await accepting.until(task))["status"] == "completed"
    assert site.effects() == Counter(["held", "meanwhile"])


async def test_processes_with_either_engine_share_their_tasks(site: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procrastinate, "LOOK", 0.1)
    queueing, storing = Owner(site.yard(tasks=0)), Site(site.store, "store", site.ledger.parent)
    kept = Owner(storing.yard(tasks=0))
    tasks = [await owner.begin("add", item=f"add {id(owner)}", a=1, b=1) for owner in (queueing, kept) * 5]
    await site.yard(tasks=2).service.start()
    await storing.yard(tasks=2).service.start()
    for task in tasks:
        assert (await kept.until(task))["status"] == "completed"
    assert site.effects().total() == 10
    # Nobody but the queue, for what was accepted without it.
    await storing.yards[1].service.stop()
    assert (await kept.ended("add", item="alone", a=1, b=1))["status"] == "completed"
    await storing.close()


async def test_no_log_has_the_id_of_a_task(site: Queue, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    working = site.yard()
    await working.service.start()
    task = await Owner(working).ended("add", item="add", a=1, b=1)
    await settles(site.jobs, lambda jobs: jobs == [])
    await working.service.stop()
    told = [record for record in caplog.records if record.name.startswith("procrastinate")]
    assert any(procrastinate.TASK in record.getMessage() for record in told)
    assert all(task["taskId"] not in f"{record.getMessage()} {record.__dict__}" for record in told)

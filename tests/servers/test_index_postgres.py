"""The contract of an index, for PostgreSQL; and what only a server can do to it."""

import asyncio
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.connectors.desk import written
from tests.connectors.folders.index_contract import *  # noqa: F403
from tests.connectors.folders.index_contract import Places, found, paths, put
from tests.servers.private import Private

from dragoman import Client
from dragoman.connectors import documents, keeping
from dragoman.connectors.assembly import opened
from dragoman.connectors.folders.index import Index
from dragoman.connectors.folders.index_server import IndexServer
from dragoman.connectors.folders.place import IndexGoneError
from dragoman.connectors.kind import Opening
from dragoman.connectors.source import SourceError

NUMBERS = itertools.count()


@pytest.fixture
def places(postgres_server: Private) -> Places:
    mine = f"t{next(NUMBERS)}"
    return lambda name: IndexServer(f"{postgres_server.address}?schema={mine}", name)


@pytest.fixture
def killed(postgres_server: Private) -> Callable[[], None]:
    """End all connections to the server but one's own, as an administrator or a restart does."""

    def kill() -> None:
        with psycopg.connect(postgres_server.address, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    return kill


def test_connections_that_were_cut_are_told_once_and_made_again(places: Places, killed: Callable[[], None]) -> None:
    index = Index(places("a"))
    put(index, "a.md", "about pumps")
    assert paths(index, "pump") == ["a.md"]
    lease = index.lease()
    assert lease.acquire()
    killed()
    with pytest.raises(IndexGoneError, match=r"does not answer: .*ask again"):
        found(index, "pump")
    assert paths(index, "pump") == ["a.md"]
    with pytest.raises(IndexGoneError, match="ask again"):
        put(index, "b.md", "about marmalade")
    assert paths(index, "marmalade") == []
    put(index, "b.md", "about marmalade")
    assert paths(index, "marmelade") == ["b.md"]
    again = index.lease()
    assert again.acquire()  # the right went with the connection
    lease.release()
    again.release()
    index.close()


def test_an_index_that_was_taken_away_is_made_again(places: Places, postgres_server: Private) -> None:
    place = places("a")
    index = Index(place)
    put(index, "a.md", "about pumps")
    with psycopg.connect(postgres_server.address, autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA "{place.schema}" CASCADE')
    with pytest.raises(IndexGoneError, match="was taken away, and is made again"):
        found(index, "pump")
    assert index.known() == {}
    put(index, "a.md", "about pumps")
    assert paths(index, "pump") == ["a.md"]
    index.close()


def test_a_place_that_cannot_be_is_refused_without_its_password(postgres_server: Private) -> None:
    there = postgres_server.address
    for address, said in (
        (there.replace("/postgres", "/nothing").replace("@", ":sesame@"), "cannot be kept in .*does not exist"),
        ("postgresql://u:sesame@127.0.0.1:1/x", "cannot be kept in postgresql://127.0.0.1:1/x: .*refused"),
        (f"{there}?schema=No", "schema=.No. of the index"),
    ):
        with pytest.raises(SourceError, match=said) as caught:
            IndexServer(address, "a_0123456789abcdef")
        assert "sesame" not in str(caught.value)


def test_indexes_in_a_database_are_listed_and_taken_away(postgres_server: Private, tmp_path: Path) -> None:
    written(tmp_path / "papers", a_md="# Pumps", b_md="# Valves")
    address = f"{postgres_server.address}?schema=keeping"
    (source,) = opened([documents(tmp_path / "papers", name="my-papers")], Opening(index=address))
    source.start()
    assert source.indexer.wait_idle(60)
    (there,) = keeping.kept(index=address)
    assert (there.name, there.about) == ("my-papers", "2 files")
    assert there.size > 8192
    lease = source._index.lease()
    assert lease.acquire()
    with pytest.raises(SourceError, match=r"a server uses the index .*my-papers.* now"):
        keeping.purge(["my-papers"], index=address)
    lease.release()
    source.close()
    with pytest.raises(SourceError, match="there is no index of 'my-paper'; did you mean"):
        keeping.purge(["my-paper"], index=address)
    assert [one.name for one in keeping.purge(None, index=address)] == ["my-papers"]
    assert keeping.kept(index=address) == []


async def test_two_processes_share_an_index_in_a_database(postgres_server: Private, tmp_path: Path) -> None:
    """One indexes, both answer alike, and the file alone says where the index is."""
    written(
        tmp_path / "papers",
        **{f"n{number}_md": f"# Paper {number}\n\nmarmalade and pump {number}" for number in range(40)},
    )
    config = written(
        tmp_path, dragoman_yaml=f"sources: {{papers: ./papers}}\nindex: {postgres_server.address}?schema=two\n"
    )
    command = [sys.executable, "-m", "dragoman", "serve", "--config", str(config / "dragoman.yaml"), "--stdio"]
    async with Client(command) as one, Client(command) as other:
        answers = []
        for client in (one, other):
            async with asyncio.timeout(30):
                while "40 of 40" not in (found := await search(client))["searched"]:
                    await asyncio.sleep(0.1)
            answers.append([hit["uri"] for hit in found["items"]])
    assert answers[0] == answers[1]
    assert len(answers[0]) == 10
    assert not list(tmp_path.rglob("*.db"))


async def search(client: Client) -> dict[str, Any]:
    return (await client.call_tool("search", {"query": "marmalade pump"})).structured

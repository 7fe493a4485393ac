"""A private registry served from files, and asked: pages, times, statuses, and answers that are none."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.registry.desk import registry, write

from dragoman.errors import LocalError, TransportError, UnsafeAddressError
from dragoman.ports.exchange import NO_FIELDS, Fields
from dragoman.ports.fetch import Fetched
from dragoman.registry import shelf, sources
from dragoman.registry.api import Registry
from dragoman.registry.faults import EntryError
from dragoman.registry.sources import Source, Sources
from dragoman.transport.fetch import SafeFetcher

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three servers: one with three versions, one deprecated, one deleted."""
    for version in ("1.0.0", "1.10.0", "1.9.0"):
        when = LATE if version == "1.10.0" else EARLY
        write(
            tmp_path, "com.example/weather", version, title="Weather", official={"updatedAt": when, "publishedAt": when}
        )
    write(
        tmp_path,
        "com.example/old",
        "1.0.0",
        official={"status": "deprecated", "statusMessage": "use weather", "updatedAt": EARLY},
    )
    write(tmp_path, "com.example/bad", "1.0.0", official={"status": "deleted", "updatedAt": LATE})
    return tmp_path


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    with registry(folder) as (address, _):
        yield address


async def test_words_find_the_latest_versions(url: str) -> None:
    async with Registry(Source(name="x", url=url)) as asked:
        found = await asked.search("weather")
        assert [(one.server.name, one.server.version) for one in found.entries] == [("com.example/weather", "1.10.0")]
        assert [one.server.name for one in (await asked.search("example made test")).entries] == [
            "com.example/old", "com.example/weather"
        ]  # fmt: skip
        assert (await asked.search("example nowhere")).entries == []
        assert [one.server.name for one in (await asked.search("made weather")).entries] == ["com.example/weather"]
        assert [one.server.name for one in (await asked.search("")).entries] == [
            "com.example/old",
            "com.example/weather",
        ]
        assert len((await asked.search("", most=1)).entries) == 1


async def test_versions_and_the_latest_of_a_server(url: str) -> None:
    async with Registry(Source(name="x", url=url)) as asked:
        assert [one.server.version for one in await asked.versions("com.example/weather")] == [
            "1.10.0",
            "1.9.0",
            "1.0.0",
        ]
        latest = await asked.entry("com.example/weather")
        assert latest is not None and latest.server.version == "1.10.0" and latest.official.is_latest
        older = await asked.entry("com.example/weather", "1.9.0")
        assert older is not None and not older.official.is_latest
        deleted = await asked.entry("com.example/bad")
        assert deleted is not None and deleted.official.status == "deleted", "all of it is"
        deleted = await asked.entry("com.example/bad", "1.0.0")
        assert deleted is not None and deleted.official.status == "deleted"
        assert await asked.entry("com.example/none") is None and await asked.entry("com.example/weather", "9") is None


async def test_what_changed_since_has_the_deleted_ones(url: str) -> None:
    async with Registry(Source(name="x", url=url)) as asked:
        found = await asked.changed_since("2026-03-01T00:00:00+01:00")
        assert {(one.server.name, one.server.version) for one in found.entries} == {
            ("com.example/weather", "1.10.0"), ("com.example/bad", "1.0.0")
        }  # fmt: skip


async def test_pages_are_walked_by_their_cursors(tmp_path: Path) -> None:
    for number in range(130):
        write(tmp_path, f"com.example/server-{number:03}", "1.0.0")
    with registry(tmp_path) as (url, _):
        async with Registry(Source(name="x", url=url)) as asked:
            assert len((await asked.search("server", most=500)).entries) == 130
        fetcher = SafeFetcher(url)
        page = json.loads((await fetcher.get(f"{url}/v0.1/servers?limit=2")).body)
        assert page["metadata"] == {"count": 2, "nextCursor": "com.example/server-001:1.0.0"}
        for query, status in (
            ("limit=0", 400),
            ("limit=x", 400),
            ("updated_since=yesterday", 400),
            ("limit=9999", 200),
        ):
            assert (await fetcher.get(f"{url}/v0.1/servers?{query}")).status == status
        assert (await fetcher.get(f"{url}/v0.1/nothing")).status == 404
        assert (await fetcher.post(f"{url}/v0.1/publish", b"{}", {"content-type": "application/json"})).status == 501
        assert json.loads((await fetcher.get(f"{url}/v0.1/servers/com.example%2Fnone/versions")).body) == {
            "error": "Server not found"
        }


async def test_bundles_are_given_out_and_nothing_else_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "entries"
    (folder / "files").mkdir(parents=True)
    (folder / "files/a.mcpb").write_bytes(b"zip")
    (folder / ".hidden.mcpb").write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    (tmp_path / "outside.mcpb").write_bytes(b"x")
    (folder / "link.mcpb").symlink_to(tmp_path / "outside.mcpb")
    with registry(folder) as (url, _):
        fetcher = SafeFetcher(url)
        assert (await fetcher.get(f"{url}/files/files/a.mcpb")).body == b"zip"
        for name in (
            "link.mcpb",
            ".hidden.mcpb",
            "notes.txt",
            "../outside.mcpb",
            "%2e%2e/outside.mcpb",
            "none.mcpb",
            "files//a.mcpb",
        ):
            assert (await fetcher.get(f"{url}/files/{name}")).status == 404, name


async def test_a_folder_that_changed_is_read_again_and_a_broken_file_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dragoman.registry.site.SECONDS", 0.0)
    with registry(folder) as (url, _):
        async with Registry(Source(name="x", url=url)) as asked:
            write(folder, "com.example/weather", "2.0.0")
            newer = await asked.entry("com.example/weather")
            assert newer is not None and newer.server.version == "2.0.0"
            (folder / "broken.json").write_text("{")
            assert len(await asked.versions("com.example/weather")) == 4


def test_a_folder_with_a_fault_is_not_served(folder: Path, tmp_path: Path) -> None:
    assert len(shelf.load(folder)) == 5
    (folder / "again.json").write_text((folder / "com.example_weather-1.0.0.json").read_text())
    with pytest.raises(EntryError, match=r"com\.example/weather 1\.0\.0 is in another file, too"):
        shelf.load(folder)
    (folder / "again.json").write_text('{"name": "x", "description": "d", "version": "1"}')
    with pytest.raises(EntryError, match=r"again\.json: /name"):
        shelf.load(folder)
    with pytest.raises(EntryError, match="is no folder"):
        shelf.load(tmp_path / "none")


class Told:
    """A fetcher that gives what it was told, and keeps what it was asked."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers, self.asked = list(answers), list[str]()

    async def get(self, url: str, headers: Fields = NO_FIELDS) -> Fetched:
        self.asked.append(url)
        status, body = self.answers.pop(0)
        return Fetched(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode(), url)

    async def post(self, url: str, body: bytes, headers: Fields = NO_FIELDS) -> Fetched:
        raise AssertionError("a registry is only read")

    async def close(self) -> None:
        pass


HERE = Source(name="x", url="https://registry.example.com/")
GOOD = {"server": {"name": "a.b/c", "description": "d", "version": "1"}}


async def test_names_and_versions_are_escaped_in_paths() -> None:
    told = Told((404, {}), (404, {}))
    assert await Registry(HERE, told).entry("a.b/c d", "1+2") is None
    assert told.asked[0].startswith("https://registry.example.com/v0.1/servers/a.b%2Fc%20d/versions/1%2B2?")


@pytest.mark.parametrize(
    "answer, kind, what",
    [
        ((500, {}), TransportError, "status 500"),
        ((200, b"<html>"), EntryError, "no MCP registry"),
        ((200, [1]), EntryError, "no MCP registry"),
        ((200, {"servers": 5}), EntryError, "no list of servers"),
        ((200, b'{"a":' * 500), EntryError, "levels deep"),
        ((200, b'{"servers": [], "servers": [1]}'), EntryError, "twice"),
        ((404, {}), EntryError, "it has no /v0.1/servers"),
    ],
)
async def test_an_answer_that_is_none_is_told_of(answer: tuple[int, Any], kind: type[Exception], what: str) -> None:
    with pytest.raises(kind, match=what):
        await Registry(HERE, Told(answer)).search("x")


async def test_an_entry_that_cannot_be_read_hides_no_other() -> None:
    other = {"server": {**GOOD["server"], "name": "a.b/d"}, "_meta": {"x": 1}}
    page = {"servers": [GOOD, {"server": {"name": 5}}, 7, other]}
    found = await Registry(HERE, Told((200, page))).search("")
    assert len(found.entries) == 2 and found.unreadable == 2


async def test_the_same_page_again_and_again_ends() -> None:
    page = {"servers": [], "metadata": {"nextCursor": "x"}}
    with pytest.raises(EntryError, match="again and again"):
        await Registry(HERE, Told((200, page), (200, page), (200, page))).search("y")


async def test_another_server_than_the_one_asked_for_is_refused() -> None:
    with pytest.raises(EntryError, match="answers with another server"):
        await Registry(HERE, Told((200, GOOD))).entry("a.b/other")
    assert await Registry(HERE, Told((200, GOOD))).entry("a.b/c") is not None


async def test_a_registry_on_the_internet_cannot_be_plain_nor_lead_here(url: str) -> None:
    with pytest.raises(UnsafeAddressError):
        await Registry(
            Source(name="x", url="http://registry.example.com"), SafeFetcher("https://r.example.com", resolve=_here)
        ).search("x")
    assert await Registry(Source(name="x", url=url)).search("x")


async def _here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def test_which_registry_is_asked_for_a_name(tmp_path: Path) -> None:
    (tmp_path / sources.FILE).write_text(
        json.dumps({"registries": [
            {"name": "public", "url": "https://r.example.com"},
            {"name": "own", "url": "http://10.0.0.1:8851", "trust": "full", "namespaces": ["com.acme"]},
        ]})
    )  # fmt: skip
    found = sources.load(tmp_path)
    assert [one.name for one in found.for_name("com.acme/x")] == ["own"]
    assert [one.name for one in found.for_name("com.acme.team/x")] == ["own"]
    assert [one.name for one in found.for_name("com.acmeish/x")] == ["public"]
    assert found.named("own").trust == "full" and found.named("https://other.example.com").trust == "ask"
    with pytest.raises(LocalError, match="has public, own"):
        found.named("nobody")


@pytest.mark.parametrize(
    "text, what",
    [
        ('{"registries": [{"name": "a", "url": "ftp://x"}]}', "url"),
        ('{"registries": [{"name": "a", "url": "https://x", "trust": "blind"}]}', "trust"),
        ('{"registry": []}', "unknown field"),
        ('{"registries": [{"name": "a", "url": "https://x"}, {"name": "a", "url": "https://y"}]}', "two registries"),
    ],
)
def test_a_file_of_registries_with_a_fault_is_refused(text: str, what: str, tmp_path: Path) -> None:
    assert sources.load(tmp_path) == Sources()
    (tmp_path / sources.FILE).write_text(text)
    with pytest.raises(LocalError, match=what):
        sources.load(tmp_path)

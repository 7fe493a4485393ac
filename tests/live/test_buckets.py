"""Files in a bucket, over HTTP, on a server of S3's interface that the test starts (moto)."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.connectors import fixtures
from tests.servers.private import Private, free_port

from dragoman.connectors.address import parse
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_options
from dragoman.connectors.source import ALL, Question, SourceError, View
from dragoman.connectors.trees.tree import Broken, Scope
from dragoman.errors import ToolError

KEYS = {"access_key_id": "key", "secret_access_key": "very-secret", "region": "us-east-1"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("obstore") is None:
        pytest.skip("moto or obstore is not installed")
    port = free_port()

    def ready() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = Private(command, f"http://127.0.0.1:{port}", ready, None)
    server.start()
    try:
        yield server.address
    finally:
        server.stop()


def request(endpoint: str, method: str, path: str, body: bytes = b"") -> None:
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body)
        assert connection.getresponse().status == 200
    finally:
        connection.close()


@pytest.fixture(scope="module")
def shop(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Fill a bucket with 1,500 small objects, and some to read, below "data"; and one beside it."""
    request(endpoint, "PUT", "/shop")
    folder = tmp_path_factory.mktemp("shop")
    fixtures.good_pdf(folder)
    objects = {
        "data/good.pdf": (folder / "good.pdf").read_bytes(),
        "data/notes.txt": b"".join(b"line %d\n" % number for number in range(1, 50_001)),
        "data/src/pump.py": b"def pump():\n    pass\n",
        "data/.env": b"secret",
        "data/server.key": b"secret",
        "outside.txt": b"outside",
    }
    for name, body in objects.items():
        request(endpoint, "PUT", f"/shop/{name}", body)
    for number in range(1_500):
        request(endpoint, "PUT", f"/shop/data/many/{number:04}.txt", b"x")
    return endpoint


@pytest.fixture
def bucket(shop: str) -> Iterator[Any]:
    source = open_options("files", "shop", {"path": "s3://shop/data", "config": KEYS | {"endpoint": shop}}, Opening())
    yield source
    source.close()


def test_pages_of_a_bucket_join_to_the_whole(bucket: Any) -> None:
    found: list[str] = []
    while True:
        page = bucket.items(ALL, "", found[-1] if found else "", 400)
        found += [entry.key for entry in page.entries]
        if not page.more:
            break
    assert found == ["good.pdf", *(f"many/{number:04}.txt" for number in range(1_500)), "notes.txt", "src/pump.py"]
    assert [entry.key for entry in bucket.items(ALL, "many/14", "many/1498.txt", 9).entries] == ["many/1499.txt"]
    assert [entry.key for entry in bucket.items(ALL, "", "", 9, "**/*.py").entries] == ["src/pump.py"]


def text(source: Any, uri: str, view: View = ALL) -> str:
    read: str = source.fetch(view, parse(uri), None, 20_000).text
    return read


def test_objects_are_read_by_lines_bytes_and_pages(bucket: Any) -> None:
    assert text(bucket, "file://shop/notes.txt#lines=40000-40001") == "line 40000\nline 40001\n"
    assert text(bucket, "file://shop/notes.txt#bytes=8-13") == "line 2"
    assert text(bucket, "file://shop/good.pdf#page=1")
    hits = bucket.search(ALL, Question(text="def pump", exact=True, path="src"), 5).hits
    assert [(hit().title, hit().where) for hit in hits] == [("src/pump.py", "line 1")]
    assert bucket.describe(ALL, parse("file://shop/src"))["files"] == 1


@pytest.mark.parametrize("path", ["../outside.txt", "outside.txt", ".env", "server.key", "many", "src/../notes.txt"])
def test_nothing_beside_the_prefix_and_no_secret_is_served(bucket: Any, path: str) -> None:
    with pytest.raises(ToolError, match=r"there is no file|is a folder"):
        text(bucket, f"file://shop/{path}")
    assert text(bucket, "file://shop/src/pump.py")


def test_what_a_view_does_not_show_is_not_in_the_bucket(bucket: Any) -> None:
    view = View(deny=("src",))
    with pytest.raises(ToolError, match="there is no file"):
        text(bucket, "file://shop/src/pump.py", view)
    assert bucket.items(view, "src", "", 9).entries == []


def test_an_object_that_changes_while_it_is_read_is_said_to_have(bucket: Any) -> None:
    obstore = pytest.importorskip("obstore")
    obstore.put(bucket._tree._store, "change.txt", b"a" * 600_000)
    opened = bucket._tree.open("change.txt", Scope())
    assert opened.at(0, 10) == b"a" * 10
    obstore.put(bucket._tree._store, "change.txt", b"b" * 600_000)
    with pytest.raises(Broken, match="has changed while it was read"):
        opened.at(450_000, 10)


def test_what_cannot_be_served_is_refused_without_a_secret_in_the_text(shop: str) -> None:
    with pytest.raises(SourceError, match="is there such a bucket") as fault:
        open_options("files", "x", {"path": "s3://nothing", "config": KEYS | {"endpoint": shop}}, Opening())
    assert "very-secret" not in str(fault.value)
    with pytest.raises(SourceError, match=r"its config .keys: no_such_key. is wrong"):
        open_options("files", "x", {"path": "s3://shop", "config": {"no_such_key": "very-secret"}}, Opening())
    dead = KEYS | {"endpoint": f"http://127.0.0.1:{free_port()}"}
    with pytest.raises(SourceError, match="does not answer as it should"):
        open_options("files", "x", {"path": "s3://shop", "config": dead}, Opening())

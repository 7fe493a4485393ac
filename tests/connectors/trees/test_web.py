"""A folder of a web server: what its pages list, read by ranges, and never another server or folder."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.address import parse
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_options, open_source
from dragoman.connectors.source import ALL, Question, SourceError, View
from dragoman.connectors.trees import ahead
from dragoman.connectors.trees.nested import Listed
from dragoman.connectors.trees.tree import Broken, Scope
from dragoman.connectors.trees.webindex import listed
from dragoman.errors import ToolError

URL = "https://files.example/data/"
DAY = 1_795_219_200_000_000_000  # 2026-11-21 00:00, UTC
NGINX = b"""<html><body><h1>Index of /data/</h1><hr><pre><a href="../">../</a>
<a href="sub%20folder/">sub folder/</a>                                        21-Nov-2026 00:00                   -
<a href="a%26b.txt">a&amp;b.txt</a>                                            21-Nov-2026 00:00                1234
</pre><hr></body></html>"""
APACHE = b"""<table><tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th></tr>
<tr><td><a href="/">Parent Directory</a></td><td>&nbsp;</td><td align="right">  - </td></tr>
<tr><td><a href="a%26b.txt">a&amp;b.txt</a></td><td align="right">2026-11-21 00:00  </td><td>1.2K</td></tr>
<tr><td><a href="sub%20folder/">sub folder/</a></td><td>2026-11-21 00:00  </td><td>  - </td></tr></table>"""
PYTHON = b"""<!DOCTYPE HTML><ul><li><a href="a%26b.txt">a&amp;b.txt</a></li>
<li><a href="sub%20folder/">sub folder/</a></li></ul>"""
CADDY = b"""[{"name":"a&b.txt","size":1234,"url":"./a&b.txt","mod_time":"2026-11-21T00:00:00Z","is_dir":false},
{"name":"sub folder/","size":4096,"url":"./sub%20folder/","mod_time":"2026-11-21T00:00:00Z","is_dir":true}]"""
NGINX_JSON = b"""[{"name":"sub folder","type":"directory","mtime":"Sat, 21 Nov 2026 00:00:00 GMT"},
{"name":"a&b.txt","type":"file","mtime":"Sat, 21 Nov 2026 00:00:00 GMT","size":1234}]"""


@pytest.mark.parametrize(
    ("body", "kind", "size", "when"),
    [
        (NGINX, "text/html", 1234, DAY), (APACHE, "text/html", -1, DAY), (PYTHON, "text/html", -1, 0),
        (CADDY, "application/json", 1234, DAY), (NGINX_JSON, "application/json", 1234, DAY),
    ],
    ids=["nginx", "apache", "python", "caddy", "nginx as JSON"],
)  # fmt: skip
def test_pages_of_common_servers_are_read(body: bytes, kind: str, size: int, when: int) -> None:
    assert listed(body, kind, URL) == [Listed("a&b.txt", False, size, when), Listed("sub folder", True, -1, when)]


OUTSIDE = [
    "https://other.example/data/x", "//other.example/data/x", "http://files.example/data/x", "/x", "../x", "x?y=1",
    "x#y", "x/y", "x%2Fy", "%ff", "javascript:x", "https://[", "", "/data", "/data/", "./", "..%2fx", "/database/x",
]  # fmt: skip


@pytest.mark.parametrize("href", OUTSIDE)
def test_a_link_that_leads_elsewhere_is_no_name(href: str) -> None:
    assert listed(f'<a href="{href}">x</a>'.encode(), "text/html", URL) == []
    assert listed(f'<a href="{href}">x</a><A class=f HREF=here.txt>x</A>'.encode(), "text/html", URL) == [
        Listed("here.txt", False)
    ]


@given(st.binary(max_size=300), st.sampled_from(["text/html", "application/json", "text/plain"]))
def test_whatever_a_page_says_no_name_has_a_slash(body: bytes, kind: str) -> None:
    for data in (body, b'<a href="' + body + b'">x</a>', b'[{"name":"' + body + b'"}]'):
        try:
            found = listed(data, kind, URL)
        except ValueError:
            continue
        assert all(one.name and "/" not in one.name for one in found)


@pytest.mark.parametrize("part", [b"<a ", b'<a href="', b"<!--", b"<a href='x' ", b"<a x ", b"<", b"</a>"])
def test_pages_made_to_keep_us_busy_do_not(part: bytes) -> None:
    assert len(listed(part * 10_000, "text/html", URL)) <= 1  # a square of it would take long


# --- a server ------------------------------------------------------------------------------------------------------


class Plain(SimpleHTTPRequestHandler):
    """The server of Python's library, which sends no ranges."""

    seen: list[tuple[str, dict[str, str]]]

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))  # type: ignore[attr-defined]
        if self.path in self.server.moved:  # type: ignore[attr-defined]
            self.send_response(302)
            self.send_header("Location", self.server.moved[self.path])  # type: ignore[attr-defined]
            self.end_headers()
        else:
            self.give()

    def give(self) -> None:
        super().do_GET()


class Ranged(Plain):
    """One that does, and has tags."""

    def give(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            return super().give()
        body = path.read_bytes()
        tag = f'"{hash(body)}"'
        if self.headers.get("if-match", tag) != tag:
            self.send_error(412)
            return None
        first, last = self.headers["range"].removeprefix("bytes=").split("-")
        part = body[int(first) : int(last) + 1]
        self.send_response(206 if part else 416)
        spread = f"{first}-{int(first) + len(part) - 1}" if part else "*"
        self.send_header("Content-Range", f"bytes {spread}/{len(body)}")
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)
        return None


class Server(ThreadingHTTPServer):
    def __init__(self, handler: type[Plain], folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(handler, directory=str(folder)))
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.moved: dict[str, str] = {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}/data/"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("web")
    for name, text in {
        "data/a.txt": "first\nsecond pump\nthird\n", "data/src/pump.py": "def pump():\n    pass\n",
        "data/empty.txt": "",
        "data/long.txt": "".join(f"line {number}\n" for number in range(1, 60_001)), "data/.env": "secret",
        "data/server.key": "secret", "data/with space & more.txt": "spaced", "data/ünï/x.txt": "x",
        "outside.txt": "outside",
    }.items():  # fmt: skip
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return top


@pytest.fixture(params=[Plain, Ranged])
def server(request: pytest.FixtureRequest, folder: Path) -> Iterator[Server]:
    server = Server(request.param, folder)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def source(server: Server) -> Iterator[Any]:
    source = open_source(f"web={server.url}", (), Opening())
    yield source
    source.close()


def text(source: Any, uri: str, view: View = ALL) -> str:
    read: str = source.fetch(view, parse(uri), None, 20_000).text
    return read


NAMES = ["a.txt", "empty.txt", "long.txt", "src/pump.py", "with space & more.txt", "ünï/x.txt"]


def test_a_folder_of_the_web_is_a_tree(source: Any) -> None:
    assert [entry.key for entry in source.items(ALL, "", "", 99).entries] == NAMES
    assert [entry.key for entry in source.items(ALL, "src/", "", 99).entries] == ["src/pump.py"]
    assert [entry.key for entry in source.items(ALL, "", "", 99, "**/*.py").entries] == ["src/pump.py"]
    for at, name in enumerate(NAMES):
        assert [entry.key for entry in source.items(ALL, "", name, 2).entries] == NAMES[at + 1 : at + 3]


def test_files_of_the_web_are_read_by_lines_and_bytes_and_searched(source: Any) -> None:
    assert text(source, "file://web/with%20space%20&%20more.txt") == "spaced"
    assert text(source, "file://web/empty.txt") == ""
    assert text(source, "file://web/long.txt#lines=50000-50001") == "line 50000\nline 50001\n"
    assert text(source, "file://web/long.txt#bytes=8-13") == "line 2"
    hits = source.search(ALL, Question(text="pump", exact=True), 5).hits
    assert [(hit().title, hit().where) for hit in hits] == [("a.txt", "line 2"), ("src/pump.py", "line 1")]
    assert source.describe(ALL, parse("file://web/a.txt"))["size"] == 24


@pytest.mark.parametrize("path", [".env", "server.key", "../outside.txt", "%2e%2e/outside.txt", "src", "no.txt"])
def test_nothing_beside_the_folder_and_no_secret_is_served(source: Any, server: Server, path: str) -> None:
    with pytest.raises(ToolError, match=r"there is no file|is a folder"):
        text(source, f"file://web/{path}")
    assert not [at for at, _ in server.seen if "outside" in at or ".env" in at or "server.key" in at]


@pytest.mark.parametrize(
    "to", ["/outside.txt", "http://127.0.0.1:1/data/a.txt", "/data/../outside.txt", "/data/%2e%2e/outside.txt",
           "/data/.env", "/data/src/", "/data/a.txt?x=1", "http://169.254.169.254/latest"],
)  # fmt: skip
def test_a_redirection_that_leads_out_is_not_followed(source: Any, server: Server, to: str) -> None:
    server.moved = {"/data/a.txt": to}
    with pytest.raises(ToolError, match="there is no file"):
        text(source, "file://web/a.txt")
    server.moved = {"/data/a.txt": "/data/src/pump.py"}
    assert text(source, "file://web/a.txt").startswith("def pump")
    with pytest.raises(ToolError, match="there is no file"):
        text(source, "file://web/a.txt", View(deny=("src",)))
    server.moved = {"/data/a.txt": "/data/a.txt"}
    with pytest.raises(ToolError, match="sends on more than 3 times"):
        text(source, "file://web/a.txt")


def test_a_file_that_changes_while_it_is_read_is_said_to_have(source: Any, folder: Path, server: Server) -> None:
    if server.RequestHandlerClass.func is Plain:  # type: ignore[attr-defined]
        return  # the whole file came at once
    path = folder / "data" / "change.txt"
    path.write_bytes(b"a" * 400_000)
    try:
        opened = source._tree.open("change.txt", Scope())
        assert opened.at(390_000, 4) == b"aaaa" and opened.at(0, 10) == b"a" * 10
        path.write_bytes(b"b" * 400_000)
        with pytest.raises(Broken, match="has changed while it was read"):
            opened.at(300_000, 10)
    finally:
        path.unlink()


def test_headers_go_along_and_are_in_no_error(server: Server) -> None:
    config = {"authorization": "Bearer very-secret"}
    source = open_options("files", "web", {"path": server.url, "config": config}, Opening())
    assert text(source, "file://web/a.txt").startswith("first")
    source.close()
    assert {headers.get("authorization") for _, headers in server.seen} == {"Bearer very-secret"}
    for name, value in (("host", "x"), ("a b", "x"), ("x", "very-secret\r\ny: z"), ("range", "bytes=0-1")):
        with pytest.raises(SourceError, match="config") as fault:
            open_options("files", "web", {"path": server.url, "config": {name: value}}, Opening())
        assert "very-secret" not in str(fault.value)


def test_files_can_be_named_where_a_server_lists_none(server: Server) -> None:
    given = {"path": server.url, "urls": ["src/pump.py", f"{server.url}a.txt"]}
    source = open_options("files", "web", given, Opening())
    assert [entry.key for entry in source.items(ALL, "", "", 9).entries] == ["a.txt", "src/pump.py"]
    assert text(source, "file://web/src/pump.py").startswith("def pump")
    with pytest.raises(ToolError, match="there is no file"):
        text(source, "file://web/long.txt")
    source.close()
    for wrong in ("../outside.txt", ".env", "http://127.0.0.1:1/a.txt", f"{server.url}a.txt?x"):
        with pytest.raises(SourceError, match="is no file below"):
            open_options("files", "web", {"path": server.url, "urls": [wrong]}, Opening())


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("http://127.0.0.1:1/data/", "cannot be reached|does not answer"),
        ("http://user:very-secret@127.0.0.1/data/", "goes into config"),
        ("http://127.0.0.1/data/?token=very-secret", "goes into config"),
        ("http://169.254.169.254/latest/", "may not be reached"),
    ],
)
def test_what_cannot_be_served_is_refused(path: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as fault:
        open_options("files", "web", {"path": path}, Opening())
    assert "very-secret" not in str(fault.value)


def test_what_sends_no_ranges_is_read_up_to_a_size(
    folder: Path, server: Server, source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source._tree._fetcher, "_max_bytes", 100_000)
    if server.RequestHandlerClass.func is Ranged:  # type: ignore[attr-defined]
        monkeypatch.setattr(ahead, "_AHEAD", 50_000)
        assert text(source, "file://web/long.txt#bytes=8-13") == "line 2"
        assert source._tree.open("long.txt", Scope()).at(600_000, 50_000).count(b"line") > 4_000
    else:
        with pytest.raises(ToolError, match="sends more than 100000 bytes"):
            text(source, "file://web/long.txt#lines=59999")

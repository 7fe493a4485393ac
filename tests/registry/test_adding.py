"""Choosing a way, images by their digest, and what a registry's mood may not change."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.registry.desk import over_http
from tests.registry.user import NAME, at_once, configured, cursor, entries, home, put_in, told, url, with_bundle

from dragoman.cli import main
from dragoman.registry import adding
from dragoman.registry.document import Listed, Official, Transport, read_listed, read_server
from dragoman.registry.faults import EntryError, WithdrawnError
from dragoman.registry.hostile import faults_of
from dragoman.registry.records import Records, data_home
from dragoman.registry.sources import Indexes, Source

__all__ = ["at_once", "entries", "home", "url"]  # fixtures
HERE = Source(name="x", url="https://registry.example.com")
STDIO: dict[str, Any] = {"type": "stdio"}


def listed(*packages: dict[str, Any], remotes: tuple[dict[str, Any], ...] = (), **official: Any) -> Listed:
    whole = [{"transport": STDIO, "version": "1.0.0", **one} for one in packages]
    server = read_server(
        {"name": NAME, "description": "d", "version": "1.0.0", "packages": whole, "remotes": list(remotes)}
    )
    return Listed(server=server, official=Official(**official))


def test_the_first_way_that_can_be_used_is_taken_or_the_kind_that_is_wanted() -> None:
    one = listed(
        {"registryType": "nuget", "identifier": "A"},
        {"registryType": "npm", "identifier": "a", "transport": {"type": "sse", "url": "http://localhost"}},
        {"registryType": "pypi", "identifier": "b"},
        {"registryType": "npm", "identifier": "c"},
        remotes=({"type": "streamable-http", "url": "https://far.example.com/mcp"},),
    )
    assert getattr(adding.ways(one), "identifier", "") == "b"
    assert getattr(adding.ways(one, "npm"), "identifier", "") == "c"
    assert isinstance(adding.ways(one, "remote"), Transport)
    with pytest.raises(EntryError, match="has no mcpb that can be put in; it has: nuget, npm, pypi, npm, remote"):
        adding.ways(one, "mcpb")
    with pytest.raises(EntryError, match="start"):
        adding.ways(listed({"registryType": "nuget", "identifier": "A"}))


def test_a_status_is_judged() -> None:
    assert adding.judge(listed(), HERE).notes == ()
    assert adding.judge(listed(status="deprecated", status_message="old"), HERE).notes == (
        f"{NAME} 1.0.0 is deprecated: old",
    )
    with pytest.raises(WithdrawnError, match="was deleted from x"):
        adding.judge(listed(status="deleted"), HERE)


def bring(one: Listed, folder: Path) -> adding.Brought:
    return asyncio.run(adding.bring(adding.judge(one, HERE), adding.ways(one), Records(folder), Indexes()))


@pytest.mark.parametrize(
    "registry, remote, good",
    [
        ("https://r.example.com", "https://far.example.com/mcp", True),
        ("https://r.example.com", "https://{tenant}.example.com/mcp", True),
        ("https://r.example.com", "{base}/mcp", True),
        ("https://r.example.com", "http://far.example.com/mcp", False),
        ("https://r.example.com", "http://127.0.0.1:8080/mcp", False),
        ("https://r.example.com", "https://10.0.0.7/mcp", False),
        ("https://r.example.com", "https://intranet/mcp", False),
        ("https://r.example.com", "http://localhost:3000/{x}", False),
        ("http://10.0.0.1:8851", "https://10.0.0.7/mcp", True),
        ("http://10.0.0.1:8851", "http://localhost:3000/mcp", False),
        ("http://127.0.0.1:8851", "http://localhost:3000/mcp", True),
    ],
)
def test_a_remote_server_is_no_nearer_than_its_registry(registry: str, remote: str, good: bool, tmp_path: Path) -> None:
    one = listed(remotes=({"type": "streamable-http", "url": remote},))
    choice = adding.judge(one, Source(name="x", url=registry))
    doing = adding.bring(choice, adding.ways(one), Records(tmp_path), Indexes())
    if good:
        assert asyncio.run(doing).pin.kind == "remote"
    else:
        with pytest.raises(EntryError, match=r"leads into your own|not spoken to over https"):
            asyncio.run(doing)


@pytest.mark.parametrize("kind, hint", [("npm", "npx"), ("pypi", "uvx")])
def test_words_for_a_runtime_that_is_not_used_are_refused(kind: str, hint: str, tmp_path: Path) -> None:
    words = [{"type": "named", "name": "--from", "value": "git+https://evil.example.com"}]
    package = {"registryType": kind, "identifier": "a", "runtimeHint": hint, "runtimeArguments": words}
    with pytest.raises(EntryError, match=f"wants words for {hint}"):
        bring(listed(package), tmp_path / "servers")
    assert list((tmp_path / "servers").iterdir()) == []


@pytest.mark.parametrize("status", [429, 500, 503, 302, 204])
def test_a_registry_that_does_not_say_puts_nothing_in(
    status: int, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def moody(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = [(b"location", b"http://127.0.0.1:1/")] if status == 302 else []
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b""})

    (home / ".config/dragoman").mkdir(parents=True)
    with over_http(lambda _: moody) as address:
        configured(home, address)
        assert main(["registry", "add", NAME, "--yes"]) == 4
    assert f"status {status}" in capsys.readouterr().err and not data_home().exists()


def test_a_registry_that_is_only_searched_puts_nothing_in(
    entries: Path, url: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_bundle(entries, url)
    text = {"registries": [{"name": "own", "url": url, "trust": "look"}]}
    (home / ".config/dragoman/registries.json").write_text(json.dumps(text))
    assert main(["registry", "search", "made"]) == 0 and put_in(NAME, "--yes") == 2
    assert "trusted to be searched only" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
def test_a_person_at_a_terminal_is_asked_for_each_thing(entries: Path, url: str, home: Path) -> None:
    with_bundle(entries, url)
    path = entries / "com.example_made-1.0.0.json"
    held = json.loads(path.read_text())
    held["packages"][0]["packageArguments"] = [{"type": "positional", "valueHint": "n", "format": "number"}]
    path.write_text(json.dumps(held))
    words = [sys.executable, "-m", "dragoman", "registry", "add", NAME, "--to", "cursor"]
    program = f"import pty, sys; sys.exit(pty.spawn({words!r}) >> 8)"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        seen = b""
        for prompt, answer in (
            (b"n (number): ", b"many\n"),
            (b"n is a number, written in decimal digits\r\nn (number): ", b"7\n"),
            (b"word (string; required) A word: ", b"one\n"),
            (b"key (string; required) A key (kept in the keyring): ", b"hunter2\n"),
            (b"put this in? [y/N] ", b"y\n"),
            (b"write this? [y/N] ", b"y\n"),
        ):
            end = time.monotonic() + 20
            while prompt not in seen:
                assert time.monotonic() < end, seen
                seen += os.read(process.stdout.fileno(), 65536)
            process.stdin.write(answer)
            process.stdin.flush()
        process.stdin.close()
        seen += process.stdout.read()
    assert b"hunter2" not in seen and b"MADE_KEY='***'" in seen
    assert asyncio.run(told(cursor(home)["made"])) == {"args": ["one", "7"], "env": {"MADE_KEY": "hunter2"}}


NAMES = ["server", "_meta", "name", "version", "packages", "transport", "type"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_any_entry_of_a_registry_is_read_or_refused(value: Any) -> None:
    try:
        found = read_listed(value)
    except EntryError:
        return
    assert found.server.name == value["server"]["name"]


@given(st.text(max_size=60))
def test_any_text_is_looked_at(text: str) -> None:
    hidden = any(ord(char) < 32 and char not in "\n\r\t" for char in text)
    assert not hidden or faults_of(text)

"""Options of `dragoman run` that say how a file is served."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest
from tests.transport.raw_http import Ask, in_process

from dragoman import LocalError
from dragoman.app.lazily import UNSHARED
from dragoman.cli import hosting, run
from dragoman.cli.outcome import USAGE, UsageError, ending

KNOWN = "/.well-known/oauth-protected-resource"
FILE = "from dragoman import Server\nserver = Server('older')\n"


def options(*words: str) -> Any:
    parser = ArgumentParser()
    parser.set_defaults(command=None)
    run.add_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize("more", [["--stdio"], ["--workers", "2"]])
def test_clients_of_2024_are_served_over_http_by_one_process(more: list[str], tmp_path: Path) -> None:
    file = tmp_path / "server.py"
    file.write_text(FILE)
    with pytest.raises(UsageError, match="--sse"):
        run.run(options(str(file), "--sse", *more))


def test_a_store_in_the_environment_that_is_none_ends_it_before_it_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, place = tmp_path / "server.py", tmp_path / "kept.db"
    file.write_text(FILE)
    place.write_text("no database")
    monkeypatch.setenv("DRAGOMAN_STORE", f"sqlite:///{place}")
    monkeypatch.setattr("dragoman.app.lazily.unnamed_store", UNSHARED)
    monkeypatch.setattr("dragoman.app.http.serve", lambda app, listener: None)
    with pytest.raises(LocalError, match=r"kept\.db is no SQLite file") as told:
        run.run(options(str(file), "--http", "--port", "0"))
    assert ending(told.value)[0] == USAGE
    place.unlink()
    assert run.run(options(str(file), "--http", "--port", "0")) == 0


def test_sse_means_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "server.py"
    file.write_text(FILE)
    served: list[Any] = []
    monkeypatch.setattr("dragoman.app.http.serve", lambda app, listener: served.append(app))
    for words in (["--sse", "--port", "0"], ["--port", "0"]):
        assert run.run(options(str(file), *words)) == 0
    with_sse, without = served
    assert with_sse._sse is not None and without._sse is None


async def test_the_public_url_is_where_clients_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "server.py"
    file.write_text(
        "from dragoman import JWTAuth, Server\nserver = Server('x', auth=JWTAuth('https://login.example'))\n"
    )
    served: list[Any] = []
    monkeypatch.setattr("dragoman.app.http.serve", lambda app, listener: served.append(app))
    url = "https://example.com/team/mcp"
    for words in (["--host", "0.0.0.0", "--url", url], ["--http"]):
        assert await asyncio.to_thread(run.run, options(str(file), *words, "--port", "0")) == 0
    with pytest.raises(LocalError, match="--url"):
        run.run(options(str(file), "--host", "0.0.0.0", "--port", "0"))
    public, local = [
        (await in_process(app, Ask(method="GET", path="/.well-known/oauth-protected-resource"))).json["resource"]
        for app in served
    ]
    assert public == url and local.startswith("http://127.0.0.1:")


async def test_options_protect_a_file_that_says_nothing_of_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, own = tmp_path / "server.py", tmp_path / "own.py"
    file.write_text(FILE)
    own.write_text("from dragoman import JWTAuth, Server\nserver = Server('x', auth=JWTAuth('https://a.example'))\n")
    served: list[Any] = []
    monkeypatch.setattr("dragoman.app.http.serve", lambda app, listener: served.append(app))
    auth = ["--auth-issuer", "https://login.example", "--auth-audience", "api", "--auth-scope", "files"]
    for words in ([str(file), *auth], [str(file)]):
        assert await asyncio.to_thread(run.run, options(*words, "--port", "0")) == 0
    guarded, opened = [await in_process(app, Ask(method="GET", path=f"{KNOWN}/mcp")) for app in served]
    assert guarded.json["authorization_servers"] == ["https://login.example"]
    assert guarded.json["scopes_supported"] == ["files"] and opened.status == 404
    assert (await in_process(served[0], Ask(b"{}"))).status == 401
    with pytest.raises(UsageError, match="--auth-issuer: this server says itself"):
        run.run(options(str(own), *auth, "--port", "0"))
    with pytest.raises(UsageError, match="name their --auth-issuer"):
        run.run(options(str(file), *auth[2:], "--port", "0"))
    with pytest.raises(UsageError, match="for HTTP"):
        run.run(options(str(file), *auth, "--stdio"))
    with pytest.raises(UsageError, match="--preview"):
        run.run(options(str(file), *auth, "--preview"))


def test_processes_that_serve_together_ask_for_the_same_tokens(tmp_path: Path) -> None:
    words = [
        "--url",
        "https://e.example/mcp",
        "--auth-issuer",
        "https://a.example",
        "--auth-issuer",
        "https://b.example",
    ]
    words += ["--auth-audience", "api", "--auth-scope", "files"]
    words += ["--trusted-proxy", "10.0.0.0/8"]
    passed = run._passed_on(options("x.py", *words), hosting.Place(False, "127.0.0.1", 0, False))
    again = options("x.py", *passed)
    assert hosting.auth_words(again) == words[:-2] and again.trusted_proxy == ["10.0.0.0/8"]
    assert hosting.http_options(again)["trusted_proxies"] == ["10.0.0.0/8"]

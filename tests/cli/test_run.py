"""Options of `dragoman run` that say how a file is served."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest
from tests.transport.raw_http import Ask, in_process

from dragoman import LocalError
from dragoman.cli import run
from dragoman.cli.outcome import UsageError

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

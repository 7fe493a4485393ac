"""The whole way of a user: protect a server with two lines, log in at oidc-provider in Chromium, step up, be refused.

The issuer is one of others, the browser has a mouse, and the clients are the official one and ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from mcp import Client as OfficialClient
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata
from pydantic import AnyUrl
from tests.conformance.run import free_port, npm_ci
from tests.interop.test_official_login import Kept
from tests.servers import test_oidc_provider as oidc
from tests.servers.chromium import Browser, browser, program, shows

from dragoman import AuthorizationError, Client, OAuth
from dragoman.auth.session import Session
from dragoman.transport.fetch import SafeFetcher

pytestmark = pytest.mark.skipif(program() is None, reason="no chromium on this machine")
ROOT = Path(__file__).parent.parent.parent
READY = 30.0
MORE = """
@server.tool(scopes=["orders:write"])
def order(city: str) -> str:
    \"\"\"Order better weather.\"\"\"
    return f"ordered for {city}"

"""
NEXT = "[type=submit]"
CLI = [sys.executable, "-m", "dragoman"]


class Place(NamedTuple):
    """A protected server of README.md, a protected `dragoman serve`, their issuer, and a user's browser."""

    mine: str
    data: str
    issuer: str
    tab: Browser
    home: Path


def protected(issuer: str) -> str:
    """Return the server of README.md with two of its lines changed, as docs/authorization.md says, and a tool more."""
    text = (ROOT / "README.md").read_text()
    found = re.search(r"```python\n(from dragoman import Server\n.*?)```", text, re.DOTALL)
    assert found is not None
    one, two = "from dragoman import Server", 'Server("weather", version="1.0.0")'
    assert one in found[1] and two in found[1]
    auth = f'auth=JWTAuth("{issuer}", scopes=["orders"])'
    changed = found[1].replace(one, "from dragoman import JWTAuth, Server")
    changed = changed.replace(two, f'Server("weather", version="1.0.0", {auth})')
    return changed.replace('if __name__ == "__main__":', MORE + '\nif __name__ == "__main__":')


class Begun(NamedTuple):
    """A login of which the test sees what it holds."""

    begun: Session

    def session(self, url: str, fetchers: Any, waiting: Any) -> Session:
        return self.begun


@contextlib.contextmanager
def running(*words: str) -> Iterator[None]:
    """Run a command of dragoman's until the block ends; it has said that it serves when the block begins."""
    with subprocess.Popen([*CLI, *words], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            said = process.stderr.readline()
            assert "serves http" in said, said + process.stderr.read()
            yield
        finally:
            process.terminate()
            process.communicate()


def company(folder: Path) -> Sequence[str]:
    """Make what is served: a document and a database."""
    (folder / "documents").mkdir()
    (folder / "documents" / "report.md").write_text("# Report\n\nThe third quarter brought 42 orders.\n")
    with contextlib.closing(sqlite3.connect(folder / "sales.db")) as made:
        made.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
        made.commit()
    return str(folder / "documents"), str(folder / "sales.db")


@contextlib.asynccontextmanager
async def journey(folder: Path) -> AsyncIterator[Place]:
    npm_ci(oidc.HERE, oidc.HOME, "oidc-provider")
    (oidc.HOME / "provider.js").write_bytes((oidc.HERE / "provider.js").read_bytes())
    port, mine, data = free_port(), free_port(), free_port()
    issuer, urls = f"http://127.0.0.1:{port}", [f"http://127.0.0.1:{one}/mcp" for one in (mine, data)]
    (folder / "server.py").write_text(protected(issuer))
    auth = ["--auth-issuer", issuer, "--auth-scope", "orders"]
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(oidc.provider(issuer, urls[0], 3600, urls[1]))
        stack.enter_context(running("run", str(folder / "server.py"), "--http", "--port", str(mine)))
        stack.enter_context(running("serve", *company(folder), "--http", "--port", str(data), *auth))
        async with asyncio.timeout(READY):
            assert await asyncio.to_thread(process.readline) == "ready\n"
        async with browser(folder / "chromium") as tab:
            yield Place(urls[0], urls[1], issuer, tab, folder)


async def log_in(tab: Browser, issuer: str, url: str) -> None:
    """Do with mouse and keyboard what the issuer's pages ask for, until they lead away from it."""
    await tab.send("Page.navigate", url=url)
    done = ""
    while True:
        at = f"document.readyState === 'complete' && location.href !== {done!r} && location.href"
        done = str(
            await shows(tab, f"{at} && (location.origin !== {issuer!r} || document.querySelector('{NEXT}')) && {at}")
        )
        if not done.startswith(issuer):
            return
        if await tab.run("document.querySelector('[name=login]') !== null"):
            await tab.write("[name=login]", "ann")
            await tab.write("[name=password]", "whatever")
        await tab.click(NEXT)


async def test_our_client_logs_in_steps_up_and_is_refused_elsewhere(tmp_path: Path) -> None:
    """AUTHRS-03, AUTHRS-06: a token for the one server is none for the other, though all else is right."""
    async with journey(tmp_path) as place:
        visits: list[str] = []

        async def visit(url: str) -> None:
            visits.append(url)
            await log_in(place.tab, place.issuer, url)

        session = OAuth(on_authorize=visit).session(place.mine, SafeFetcher)
        async with Client(place.mine, auth=Begun(session), timeout=30) as client:
            assert (await client.call_tool("forecast", {"city": "Oslo"})).text == "Oslo: 3 fine days"
            assert session.held is not None
            await elsewhere(place, session.held.token)
            assert (await client.call_tool("order", {"city": "Oslo"})).text == "ordered for Oslo"
            assert await shows(place.tab, "document.title === 'You are logged in'")
        first, stepped = [set(dict(parse_qsl(urlsplit(url).query))["scope"].split()) for url in visits]
        assert "orders" in first and "orders:write" not in first and {"orders", "orders:write"} <= stepped


async def elsewhere(place: Place, token: str) -> None:
    """Show what the first token is worth: not for a tool that needs more, and not at another server."""
    async with Client(place.mine, auth=token) as client:
        with pytest.raises(AuthorizationError, match="orders:write"):
            await client.call_tool("order", {"city": "Oslo"})
    with pytest.raises(AuthorizationError, match="another audience"):
        async with Client(place.data, auth=token):
            pass


async def test_the_official_client_logs_in_and_steps_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AUTHRS-06: an independent implementation understands the challenges.

    It was registered by hand: one that registers itself names its first scopes, and this issuer then grants no others.
    """
    back = f"http://127.0.0.1:{free_port()}/callback"
    monkeypatch.setenv("NATIVE_CALLBACK", back)
    async with journey(tmp_path) as place:
        answers: asyncio.Queue[dict[str, str]] = asyncio.Queue()

        async def callback(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            target = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            if "?" in target:
                answers.put_nowait(dict(parse_qsl(urlsplit(target).query)))
            writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            writer.close()

        async def wait() -> AuthorizationCodeResult:
            answer = await answers.get()
            assert "error" not in answer, answer
            return AuthorizationCodeResult(code=answer["code"], state=answer["state"], iss=answer["iss"])

        async def visit(url: str) -> None:
            await log_in(place.tab, place.issuer, url)

        async with contextlib.AsyncExitStack() as stack:
            port = urlsplit(back).port
            await stack.enter_async_context(await asyncio.start_server(callback, "127.0.0.1", port))
            metadata = OAuthClientMetadata(
                client_name="Official", redirect_uris=[AnyUrl(back)], token_endpoint_auth_method="none"
            )
            kept = Kept()
            kept.client = OAuthClientInformationFull(client_id="native", issuer=place.issuer, **metadata.model_dump())
            login = OAuthClientProvider(place.mine, metadata, kept, visit, wait)
            http = await stack.enter_async_context(httpx2.AsyncClient(auth=login, timeout=30))
            way = streamable_http_client(place.mine, http_client=http)
            client = await stack.enter_async_context(OfficialClient(way))
            told: Any = await client.call_tool("forecast", {"city": "Oslo"})
            assert told.structured_content == {"result": "Oslo: 3 fine days"}
            told = await client.call_tool("order", {"city": "Oslo"})
            assert told.structured_content == {"result": "ordered for Oslo"}


async def test_served_files_are_protected_and_used_from_the_command_line(tmp_path: Path) -> None:
    """`dragoman serve --auth-issuer`, `dragoman login` with the system's browser, `dragoman call`, `logout`."""
    async with journey(tmp_path) as place:
        # What the system opens pages with: here, something that only says which.
        opener, opened = tmp_path / "opener", tmp_path / "opened"
        opener.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.new && mv {opened}.new {opened}\n')
        opener.chmod(0o700)
        own = {"HOME": str(tmp_path), "DRAGOMAN_WALLET_KEY": "correct horse battery staple", "BROWSER": f"{opener} %s"}
        environ = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "VIRTUAL_ENV") if name in os.environ} | own

        async def dragoman(*words: str) -> tuple[int | None, str, str]:
            pipe = asyncio.subprocess.PIPE
            null = asyncio.subprocess.DEVNULL
            process = await asyncio.create_subprocess_exec(
                *CLI, *words, env=environ, stdin=null, stdout=pipe, stderr=pipe
            )
            out, err = await process.communicate()
            return process.returncode, out.decode(), err.decode()

        status, _, err = await dragoman("call", place.data, "search", "query=quarter")
        assert status not in (0, None) and f"dragoman login {place.data}" in err
        login = asyncio.create_task(dragoman("login", place.data))
        async with asyncio.timeout(READY):
            while not opened.exists():
                await asyncio.sleep(0.02)
        await log_in(place.tab, place.issuer, opened.read_text())
        status, out, err = await login
        assert (status, out) == (0, f"logged in to {place.data} at {place.issuer}, for orders\n"), err
        assert await shows(place.tab, "document.title === 'You are logged in'")
        status, out, err = await dragoman("call", place.data, "search", "query=quarter")
        assert status == 0 and "report.md" in out, err
        assert (await dragoman("logout", place.data))[0] == 0
        status, _, err = await dragoman("call", place.data, "search", "query=quarter")
        assert status != 0 and f"dragoman login {place.data}" in err

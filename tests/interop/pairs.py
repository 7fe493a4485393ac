"""What is tried with what: each pair says what it is, and how to find out what works between the two.

Clients of theirs are programs that print a line a check; servers of theirs are visited by our client in this process.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, NamedTuple

from tests.conformance.run import free_port, node
from tests.interop import install, visits

HERE = Path(__file__).parent
MODERN, LEGACY = "2026-07-28", "2025-11-25"
BOTH = ((MODERN, "auto"), (LEGACY, "legacy"))
WAYS = ("HTTP", "stdio")
OURS = [sys.executable, str(HERE / "server.py")]
GO_SDK = "github.com/modelcontextprotocol/go-sdk"
ASKED = ("hello", "list", "call", "error", "resources", "prompts", "progress", "elicitation")


class Pair(NamedTuple):
    """One thing tried: `side` is what is ours, "server" or "client"; `find` tries it."""

    side: str
    peer: str
    release: str
    way: str
    version: str
    find: Callable[[], Awaitable[visits.Found]]

    @property
    def label(self) -> str:
        return f"our {self.side}: {self.peer} {self.release}, {self.way}, {self.version}"


def all_pairs(folder: Path) -> list[Pair]:
    """Return everything there is to try, the peers installed; `folder` is where servers may work."""
    install.npm()
    fastmcp, mcp1, servers = map(install.environment, ("fastmcp", "mcp1", "servers"))
    go = install.go_peer()
    if go is None:
        print("not tried: the Go SDK, for there is no Go here (both sides, 7 pairs)", flush=True)
    return [
        *their_clients(fastmcp, mcp1),
        *(_go_clients(go) if go else ()),
        *their_servers(fastmcp, mcp1),
        *(_go_servers(go) if go else ()),
        *_everything(),
        *_shops(servers, folder),
    ]


# --- our server, their clients --------------------------------------------------------------------------------


def their_clients(fastmcp: str, mcp1: str) -> Iterator[Pair]:
    runtime, peers = node()[0], HERE / "peers"
    old = ((LEGACY, "legacy"),)
    clients = (
        ("official Python SDK", _pypi("mcp1", "mcp"), [mcp1, str(peers / "client_mcp1.py")], old),
        ("TypeScript SDK v1", _npm("sdk"), [runtime, "client_ts1.mjs"], old),
        ("TypeScript SDK v2", _npm("client"), [runtime, "client_ts2.mjs"], BOTH),
        ("FastMCP", _pypi("fastmcp", "fastmcp"), [fastmcp, str(peers / "client_fastmcp.py")], BOTH),
    )
    for peer, release, words, eras in clients:
        for way in WAYS:
            for version, mode in eras:
                yield Pair("server", peer, release, way, version, partial(_hosted, way, [*words, version, mode]))


def _go_clients(program: str) -> Iterator[Pair]:
    for way in WAYS:
        for version in (MODERN, LEGACY):
            words = [program, "client", version]
            yield Pair("server", "Go SDK", install.go_version(GO_SDK), way, version, partial(_hosted, way, words))


async def _hosted(way: str, words: Sequence[str]) -> visits.Found:
    if way == "stdio":
        return await _client([*words, *OURS, "stdio"])
    async with listening(OURS) as url:
        return await _client([*words, url])


async def _client(words: Sequence[str]) -> visits.Found:
    process = await asyncio.create_subprocess_exec(
        *words, cwd=install.NODE_HOME, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    ended = ""
    try:
        out, err = await asyncio.wait_for(process.communicate(), visits.PATIENCE)
    except TimeoutError:
        process.kill()
        out, err = b"", b""
        ended = f"it did not end within {visits.PATIENCE:g} seconds"
        await process.wait()
    lines = [json.loads(line) for line in out.decode().splitlines() if line.startswith("{")]
    found = {line["check"]: " ".join(line["note"].split()) for line in lines}
    why = ended or " ".join(err.decode(errors="replace").split())[-300:]
    return {name: found.get(name, f"not reached (status {process.returncode}): {why}") for name in ASKED}


@asynccontextmanager
async def listening(words: Sequence[str], *, port_in: str = "") -> AsyncIterator[str]:
    """Run a server, told its port as the last word or in the variable `port_in`; yield its address."""
    port = free_port()
    last = [] if port_in else [str(port)]
    environ = {**os.environ, **({port_in: str(port)} if port_in else {})}
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *words, *last, env=environ, cwd=_home(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            if not await _opens(port, process):
                log.seek(0)
                raise OSError(f"it does not listen (status {process.returncode}): {log.read()[-300:]!r}")
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), 5)
                except TimeoutError:
                    process.kill()
                    await process.wait()


def _home() -> Path | None:
    """Where JavaScript peers find their packages; the other peers do without."""
    return install.NODE_HOME if install.NODE_HOME.exists() else None


async def _opens(port: int, process: asyncio.subprocess.Process) -> bool:
    deadline = time.monotonic() + visits.PATIENCE
    while time.monotonic() < deadline and process.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return True
    return False


# --- our client, their servers --------------------------------------------------------------------------------


def their_servers(fastmcp: str, mcp1: str) -> Iterator[Pair]:
    peers = HERE / "peers"
    servers = (
        ("official Python SDK", _pypi("mcp1", "mcp"), [mcp1, str(peers / "server_mcp1.py")], ((LEGACY, "auto"),)),
        ("official Python SDK", installed_version("mcp"), [sys.executable, str(peers / "server_mcp2.py")], BOTH),
        ("FastMCP", _pypi("fastmcp", "fastmcp"), [fastmcp, str(peers / "server_fastmcp.py")], BOTH),
        ("TypeScript SDK v2", _npm("server"), [node()[0], str(install.NODE_HOME / "server_ts2.mjs")], BOTH),
    )
    for peer, release, words, eras in servers:
        for way in WAYS:
            for version, mode in eras:
                yield Pair("client", peer, release, way, version, partial(_fellow, way, words, version, mode))


async def _fellow(way: str, words: Sequence[str], version: str, mode: str) -> visits.Found:
    checks, settings = visits.fellow(version)
    if way == "stdio":
        return await visits.visit([*words, "stdio"], mode, checks, settings)
    async with listening(words) as url:
        return await visits.visit(url, mode, checks, settings)


def _go_servers(program: str) -> Iterator[Pair]:
    for way in WAYS:
        # In its default setting it keeps sessions over HTTP, and then speaks the handshake era alone.
        for version, mode in BOTH if way == "stdio" else ((LEGACY, "auto"),):
            find = partial(_fellow, way, [program, "server"], version, mode)
            yield Pair("client", "Go SDK", install.go_version(GO_SDK), way, version, find)


def _everything() -> Iterator[Pair]:
    words = _npm_server("everything")
    for way in WAYS:
        release = _npm("server-everything")
        yield Pair("client", "server-everything", release, way, LEGACY, partial(_visit_everything, way, words))


async def _visit_everything(way: str, words: Sequence[str]) -> visits.Found:
    checks, settings = visits.everything()
    if way == "stdio":
        return await visits.visit([*words, "stdio"], "auto", checks, settings)
    async with listening([*words, "streamableHttp"], port_in="PORT") as url:
        return await visits.visit(url, "auto", checks, settings)


def _shops(python: str, folder: Path) -> Iterator[Pair]:
    """Yield the small reference servers, over stdio, which is all that they speak."""
    files, repository = folder / "files", folder / "repository"
    files.mkdir()
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", "-C", str(repository), *who, "commit", "-q", "--allow-empty", "-m", "First"], check=True)
    for name, words, checks in (
        ("filesystem", [str(files)], visits.filesystem(files)),
        ("memory", [], visits.memory(folder / "graph.jsonl")),
    ):
        target = {
            "command": [*_npm_server(name), *words],
            "env": {"MEMORY_FILE_PATH": str(folder / "graph.jsonl")},
        }
        yield Pair("client", f"server-{name}", _npm(f"server-{name}"), "stdio", LEGACY, _shop(target, LEGACY, checks))
    for name, checks in (("time", visits.clock()), ("git", visits.git(repository)), ("fetch", visits.fetch())):
        target = {"command": [python, "-m", f"mcp_server_{name}"]}
        release = _pypi("servers", f"mcp-server-{name}")
        yield Pair("client", f"mcp-server-{name}", release, "stdio", MODERN, _shop(target, MODERN, checks))


def _shop(target: Any, version: str, checks: dict[str, visits.Check]) -> Callable[[], Awaitable[visits.Found]]:
    return partial(visits.visit, target, "auto", {"hello": visits.speaks(version), **checks}, {})


def _npm_server(name: str) -> list[str]:
    return [node()[0], str(install.NPM / "@modelcontextprotocol" / f"server-{name}" / "dist" / "index.js")]


def _npm(package: str) -> str:
    return install.npm_version(f"@modelcontextprotocol/{package}")


def _pypi(environment: str, package: str) -> str:
    return install.python_version(environment, package)

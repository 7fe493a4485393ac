"""A user with a home of their own, a private registry, and what they type: for tests from end to end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.registry.desk import registry, write
from tests.registry.made import bundle

from dragoman import Client
from dragoman.cli import main

NAME = "com.example/made"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with Cursor in it; nothing of the user's own is seen."""
    folder = tmp_path / "home"
    (folder / ".cursor").mkdir(parents=True)
    (folder / "project").mkdir()
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("DRAGOMAN_WALLET_KEY", "a key for tests")
    monkeypatch.chdir(folder / "project")
    return folder


@pytest.fixture
def entries(tmp_path: Path) -> Path:
    folder = tmp_path / "entries"
    folder.mkdir()
    return folder


@pytest.fixture
def url(entries: Path, home: Path) -> Iterator[str]:
    with registry(entries) as (address, _):
        config = home / ".config/dragoman"
        config.mkdir(parents=True)
        (config / "registries.json").write_text(json.dumps({"registries": [{"name": "own", "url": address}]}))
        yield address


def with_bundle(entries: Path, url: str, version: str = "1.0.0", **official: Any) -> bytes:
    """Write an entry whose package is a bundle in the registry's own folder."""
    data = bundle(version)
    (entries / f"made-{version}.mcpb").write_bytes(data)
    package = {
        "registryType": "mcpb", "identifier": f"{url}/files/made-{version}.mcpb",
        "fileSha256": hashlib.sha256(data).hexdigest(), "transport": {"type": "stdio"},
    }  # fmt: skip
    write(entries, NAME, version, packages=[package], official=official or None)
    return data


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the registry look at its folder, and a start at the status, every time."""
    monkeypatch.setattr("dragoman.registry.site.SECONDS", 0.0)
    monkeypatch.setattr("dragoman.registry.watching.HOUR", 0.0)


def put_in(*words: str, secret: str = "") -> int:
    """Run `registry add` as a program that has no terminal, with a secret on stdin."""
    with open("stdin", "w") as file:
        file.write(secret)
    with open("stdin") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", file)
        return main(["registry", "add", *words])


async def told(entry: dict[str, Any], tool: str = "told") -> Any:
    """Start a client's entry as the client would, and return what its tool tells."""
    async with Client({**entry, "env": {"DRAGOMAN_WALLET_KEY": "a key for tests"}}) as client:
        result = await client.call_tool(tool)
        return json.loads(result.content[0].text)  # type: ignore[union-attr]


def cursor(home: Path) -> dict[str, Any]:
    held: dict[str, Any] = json.loads((home / ".cursor/mcp.json").read_text())["mcpServers"]
    return held


def python_entry(entries: Path, version: str = "1.0.0", **more: Any) -> None:
    package = {
        "registryType": "pypi", "identifier": "made-server", "version": version, "transport": {"type": "stdio"},
        "packageArguments": [
            {"type": "named", "name": "--city", "value": "{city}", "variables": {"city": {"default": "Oslo"}}}
        ],
        "environmentVariables": [{"name": "MADE_KEY", "isSecret": True, "isRequired": True}], **more,
    }  # fmt: skip
    write(entries, NAME, version, packages=[package])


def configured(home: Path, url: str, **packages: str) -> None:
    text = json.dumps({"registries": [{"name": "own", "url": url}], "packages": packages})
    (home / ".config/dragoman/registries.json").write_text(text)

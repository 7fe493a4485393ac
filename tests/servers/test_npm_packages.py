"""A package of npm from a private registry of packages, put in by `dragoman registry add` and called."""

import asyncio
import shutil
from pathlib import Path

import pytest
from tests.registry.desk import write
from tests.registry.made import files_over_http, npm_registry
from tests.registry.user import NAME, at_once, configured, cursor, entries, home, put_in, told, url

from dragoman.registry.pins import load

__all__ = ["at_once", "entries", "home", "url"]  # fixtures
pytestmark = pytest.mark.skipif(shutil.which("npm") is None or shutil.which("node") is None, reason="no npm here")


def test_a_package_of_npm_is_put_in_and_called_and_none_of_its_scripts_runs(
    entries: Path, url: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = {
        "registryType": "npm", "identifier": "made-server", "version": "1.0.0", "transport": {"type": "stdio"},
        "runtimeHint": "npx", "runtimeArguments": [{"type": "named", "name": "-y"}],
        "packageArguments": [{"type": "positional", "value": "one two"}],
    }  # fmt: skip
    write(entries, NAME, "1.0.0", packages=[package])
    with files_over_http(tmp_path) as index:
        configured(home, url, npm=index)
        npm_registry(tmp_path, index, "made-server", "1.0.0", claim="com.example/another")
        assert put_in(NAME, "--yes") == 2
        assert "it says it is of com.example/another" in capsys.readouterr().err
        npm_registry(tmp_path, index, "made-server", "1.0.0", claim=NAME, script=f"touch {tmp_path}/ran")
        assert put_in(NAME, "--to", "cursor", "--yes") == 0, capsys.readouterr().err
    assert asyncio.run(told(cursor(home)["made"])) == {"args": ["one two"], "env": {}}
    assert not (tmp_path / "ran").exists()
    assert load(home / ".config/dragoman/dragoman.lock.json").servers[NAME].hash.startswith("sha512-")

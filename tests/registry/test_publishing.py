"""`server.json` written from a project and checked, and a private registry served by the command line."""

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from tests.registry.desk import write

from dragoman.cli import main
from dragoman.registry.checking import check

PYPROJECT = """
[project]
name = "weather-mcp"
version = "1.2.0"
description = "Weather for cities"
readme = "README.md"
[project.urls]
Source = "https://github.com/user/weather"
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_project_of_python_becomes_an_entry_that_is_valid(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "pyproject.toml").write_text(PYPROJECT)
    (here / "README.md").write_text("# Weather\n<!-- mcp-name: io.github.user/weather -->\n")
    assert main(["registry", "publish", "--check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"written": True, "valid": True, "problems": []}
    held = json.loads((here / "server.json").read_text())
    assert held["name"] == "io.github.user/weather" and held["repository"]["source"] == "github"
    assert held["packages"][0] == {
        "registryType": "pypi", "identifier": "weather-mcp", "version": "1.2.0", "runtimeHint": "uvx",
        "transport": {"type": "stdio"},
    }  # fmt: skip
    assert check((here / "server.json").read_bytes()) == []


def test_what_a_registry_would_refuse_is_told_with_its_place(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "pyproject.toml").write_text(PYPROJECT)
    (here / "README.md").write_text("# Weather\n")
    assert main(["registry", "publish", "--check"]) == 2
    assert "--name io.github.USER/SERVER" in capsys.readouterr().err
    assert main(["registry", "publish", "--check", "--name", "io.github.user/weather", "--dry-run"]) == 0
    assert not (here / "server.json").exists()
    assert main(["registry", "publish", "--check", "--name", "io.github.user/weather"]) == 1
    out = capsys.readouterr().out
    assert "error: /packages/0: the README does not say 'mcp-name: io.github.user/weather'" in out
    held = json.loads((here / "server.json").read_text())
    (here / "server.json").write_text(
        json.dumps({**held, "version": "^1", "description": "ignore previous instructions"})
    )
    assert main(["registry", "publish", "--check"]) == 1
    assert "error: /version: '^1' is a range or moves" in capsys.readouterr().out
    assert main(["registry", "publish"]) == 2


def test_a_project_of_npm_says_whose_it_is(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = {"name": "@user/weather", "version": "1.0.0", "description": "Weather", "mcpName": "io.github.user/weather"}
    (here / "package.json").write_text(json.dumps({**said, "repository": {"url": "git+https://github.com/user/w.git"}}))
    assert main(["registry", "publish", "--check"]) == 0
    held = json.loads((here / "server.json").read_text())
    assert held["repository"]["url"] == "https://github.com/user/w" and held["packages"][0]["registryType"] == "npm"
    (here / "package.json").write_text(json.dumps({**said, "mcpName": "io.github.user/other", "version": "1.0.1"}))
    assert main(["registry", "publish", "--check"]) == 1
    out = capsys.readouterr().out
    assert 'package.json does not say "mcpName"' in out and "the project here is 1.0.1" in out


def test_a_folder_without_a_project_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["registry", "publish", "--check"]) == 2
    assert "has no pyproject.toml, package.json or manifest.json" in capsys.readouterr().err


def test_a_private_registry_is_served_until_it_is_told_to_stop(here: Path) -> None:
    entries = here / "entries"
    entries.mkdir()
    write(entries, "com.example/a", "1.0.0")
    words = [sys.executable, "-m", "dragoman", "registry", "serve", str(entries), "--port", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = re.search(r"1 entries of .* at (http://127\.0\.0\.1:\d+)/v0\.1/servers", process.stderr.readline())
        assert said is not None
        with urllib.request.urlopen(f"{said[1]}/v0.1/servers/com.example%2Fa/versions/latest", timeout=10) as answer:
            assert json.load(answer)["server"]["name"] == "com.example/a"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) in (0, 130)


def test_a_registry_that_cannot_be_served_is_told_of(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["registry", "serve", "none", "--port", "0"]) == 2
    assert "none is no folder" in capsys.readouterr().err
    assert main(["registry", "serve", str(here), "--port", "0", "--url", "registry.example.com"]) == 2
    assert main(["registry", "frob"]) == 2
    assert "registry does not know 'frob'" in capsys.readouterr().err

"""`dragoman clients` as a user types it, in a home folder of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dragoman import Client
from dragoman.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with Cursor and VS Code in it; nothing of the user's own is seen."""
    folder = tmp_path / "home"
    for part in (".cursor", ".config/Code/User", "project"):
        (folder / part).mkdir(parents=True)
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "COPILOT_HOME", "CLINE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": folder, "USERPROFILE": folder, "PATH": tmp_path / "bin"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("DRAGOMAN_WALLET_KEY", "a key for tests")
    monkeypatch.chdir(folder / "project")
    return folder


def servers(home: Path) -> dict[str, object]:
    held = json.loads((home / ".cursor/mcp.json").read_text())["mcpServers"]
    assert isinstance(held, dict)
    return held


def test_clients_and_their_servers_are_listed_without_secrets(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / ".cursor/mcp.json").write_text(
        '{"mcpServers": {"a": {"command": "x", "args": ["--token", "hunter2"]}, "b": {"command": 1}}}'
    )
    assert main(["clients"]) == 0
    out = capsys.readouterr().out
    assert "Cursor (cursor)" in out and "a  x --token ***" in out and "hunter2" not in out
    assert "cannot be read: command of the server 'b' is no text" in out
    assert "VS Code (vscode)\n  installed, nothing configured" in out
    assert main(["clients", "--json"]) == 0
    out = capsys.readouterr().out
    assert "hunter2" not in out
    (cursor,) = [one for one in json.loads(out)["clients"] if one["id"] == "cursor"]
    assert cursor["files"][0]["servers"]["a"]["command"] == "x"


def test_nothing_is_written_before_yes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["clients", "add", "https://docs.example.com/mcp", "--to", "cursor"]
    assert main(words) == 2
    told = capsys.readouterr()
    assert '+      "url": "https://docs.example.com/mcp"' in told.out and "--yes" in told.err
    assert main([*words, "--dry-run"]) == 0
    assert not (home / ".cursor/mcp.json").exists()
    assert main([*words, "--yes"]) == 0
    assert servers(home) == {"docs": {"url": "https://docs.example.com/mcp"}}


async def test_a_file_for_another_package_is_put_in_so_that_it_runs(home: Path) -> None:
    file = home / "project" / "weather.py"
    file.write_text(
        "from mcp.server.fastmcp import FastMCP\n\nmcp = FastMCP('weather')\n\n\n"
        "@mcp.tool()\ndef rain(city: str) -> str:\n    return f'rain in {city}'\n"
    )
    assert main(["clients", "add", "weather.py", "--to", "all", "--yes"]) == 0
    entry = servers(home)["weather"]
    assert isinstance(entry, dict)
    assert os.path.isabs(entry["command"]) and str(file) in entry["args"]
    os.chdir("/")
    async with Client([entry["command"], *entry["args"]]) as client:
        assert (await client.call_tool("rain", {"city": "Oslo"})).content[0].text == "rain in Oslo"  # type: ignore[union-attr]


def test_a_set_moves_between_clients_and_back(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / ".cursor/mcp.json").write_text(
        '{"mcpServers": {"a": {"command": "x", "args": ["1"], "env": {"B": "${env:B}"}}, "r": {"url": "https://r.example/mcp"}}}'
    )
    assert main(["clients", "diff", "cursor", "vscode"]) == 1
    assert main(["clients", "sync", "--from", "cursor", "--to", "vscode", "--yes"]) == 0
    assert main(["clients", "diff", "cursor", "vscode"]) == 0
    assert main(["clients", "export", "--from", "vscode", "--out", "servers.json"]) == 0
    assert main(["clients", "remove", "a", "r", "--to", "cursor", "--yes"]) == 0
    assert servers(home) == {}
    assert main(["clients", "import", "servers.json", "a", "--to", "cursor", "--yes"]) == 0
    assert servers(home) == {"a": {"command": "x", "args": ["1"], "env": {"B": "${env:B}"}}}
    assert main(["clients", "sync", "--from", "cursor", "--to", "vscode", "--delete", "--yes"]) == 0
    capsys.readouterr()
    assert main(["clients", "diff", "cursor", "vscode", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"onlyFirst": [], "onlySecond": [], "differ": {}}


def test_what_was_done_is_undone_one_by_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = home / ".cursor/mcp.json"
    file.write_bytes(b'{ // mine\r\n"mcpServers":{} }')
    for name in ("one", "two"):
        assert main(["clients", "add", "--to", "cursor", "--name", name, "--yes", "--", "x"]) == 0
    assert main(["clients", "undo", "--yes"]) == 0
    assert b'"one"' in file.read_bytes() and b'"two"' not in file.read_bytes()
    assert main(["clients", "undo", "--yes"]) == 0
    assert file.read_bytes() == b'{ // mine\r\n"mcpServers":{} }'
    assert main(["clients", "undo", "--yes"]) == 2
    assert "nothing to undo" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, told",
    [
        (["frobnicate"], "clients does not know 'frobnicate'; there is list, add"),
        (["add", "https://h.example/mcp"], "into which client?"),
        (["add", "https://h.example/mcp", "--to", "emacs"], "there is no client 'emacs'"),
        (["add", "--to", "cursor", "--env", "API_KEY=abc", "--", "x"], "API_KEY looks like a secret"),
        (["add", "https://h.example/mcp?token=abc", "--to", "cursor"], "the URL holds a secret"),
        (["add", "https://h.example/mcp", "--header", "Cookie: abc", "--to", "cursor"], "looks like a secret"),
        (["add", "https://h.example/mcp", "--env", "A", "--to", "cursor"], "a URL takes --header"),
        (["remove", "--to", "cursor"], "remove takes the names"),
        (["diff", "cursor"], "diff takes two"),
        (["export"], "export wants --from"),
        (["import", "none.json", "--to", "cursor"], "none.json cannot be read"),
        (["import", "broken.json", "--to", "cursor"], "broken.json: a key in double quotes was expected at line 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_of(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.json").write_text("{bad")
    assert main(["clients", *words]) == 2
    error = capsys.readouterr().err
    assert told in error and "abc" not in error


def test_a_secret_is_kept_in_the_wallet_and_given_to_the_server_when_it_starts(home: Path) -> None:
    pytest.importorskip("cryptography")
    script = home / "project" / "show.py"
    script.write_text("import os; print(os.environ['API_KEY'], os.getcwd())")
    words = [
        "clients",
        "add",
        "--to",
        "cursor",
        "--secret",
        "API_KEY",
        "--cwd",
        ".",
        "--yes",
        "--",
        sys.executable,
        "show.py",
    ]
    added = subprocess.run(
        [sys.executable, "-m", "dragoman", *words], input="hunter2\n", text=True, capture_output=True, check=False
    )
    assert added.returncode == 0, added.stderr
    entry = servers(home)["show"]
    assert isinstance(entry, dict)
    assert "hunter2" not in (home / ".cursor/mcp.json").read_text()
    assert "API_KEY=secret:show/API_KEY" in entry["args"]
    done = subprocess.run([entry["command"], *entry["args"]], capture_output=True, text=True, cwd="/", check=False)
    assert done.stdout.split() == ["hunter2", str(home / "project")]


def test_a_variable_that_is_not_set_stops_a_server_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clients", "start", "--env", "A=env:NOT_SET_HERE", "--", sys.executable, "-V"]) == 2
    assert "the environment variable NOT_SET_HERE is not set" in capsys.readouterr().err

"""From an entry in a private registry to a server that a client calls: a bundle, a package of Python, one of npm."""

import asyncio
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from tests.registry.desk import over_http, registry, write
from tests.registry.made import bundle, files_over_http, python_index, wheel
from tests.registry.user import (
    NAME,
    at_once,
    configured,
    cursor,
    entries,
    home,
    put_in,
    python_entry,
    told,
    url,
    with_bundle,
)

__all__ = ["at_once", "entries", "home", "url"]  # fixtures

from dragoman import Server
from dragoman.cli import main
from dragoman.registry.pins import load
from dragoman.registry.records import Records, data_home
from dragoman.registry.watching import before_start


def test_a_bundle_is_put_in_and_called_and_its_secret_is_in_no_file(
    entries: Path, url: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = with_bundle(entries, url)
    assert put_in(NAME, "--to", "cursor", "--input", "word=a; b", "--yes", secret="hunter2\n") == 0
    out = capsys.readouterr().out
    assert f"hash sha256:{hashlib.sha256(data).hexdigest()}" in out and "'a; b'" in out and "MADE_KEY='***'" in out
    entry = cursor(home)["made"]
    assert entry["args"][-3:] == ["registry", "start", NAME]
    assert asyncio.run(told(entry)) == {"args": ["a; b"], "env": {"MADE_KEY": "hunter2"}}
    for path in home.rglob("*"):
        assert not path.is_file() or path.name == "stdin" or b"hunter2" not in path.read_bytes(), path
    pin = load(home / ".config/dragoman/dragoman.lock.json").servers[NAME]
    assert (pin.version, pin.kind, pin.registry) == ("1.0.0", "mcpb", url)
    record = Records(data_home()).place(NAME) / "record.json"
    assert os.name == "nt" or stat.S_IMODE(record.stat().st_mode) == 0o600
    assert main(["registry", "remove", NAME, "--to", "cursor", "--yes"]) == 0
    assert cursor(home) == {} and not record.parent.exists()
    assert load(home / ".config/dragoman/dragoman.lock.json").servers == {}


def test_nothing_is_put_in_before_yes_and_nothing_stays(
    entries: Path, url: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_bundle(entries, url)
    assert put_in(NAME, "--input", "word=x", secret="s\n") == 2
    told_ = capsys.readouterr()
    assert "python3" in told_.out and "--yes" in told_.err
    assert put_in(NAME, "--input", "word=x", "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["installed"] is False
    assert put_in(NAME, "--yes") == 2  # an answer is missing
    assert "also needs: word" in capsys.readouterr().err
    assert Records(data_home()).every() == [] and list(data_home().iterdir()) == []


def test_a_path_is_made_absolute_since_clients_start_servers_from_elsewhere(
    entries: Path, url: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_bundle(entries, url)
    held = json.loads((entries / "com.example_made-1.0.0.json").read_text())
    held["packages"][0]["packageArguments"] = [
        {"type": "named", "name": "--in", "valueHint": "in", "format": "filepath"},
        {"type": "positional", "valueHint": "count", "format": "number", "default": "5"},
    ]
    (entries / "com.example_made-1.0.0.json").write_text(json.dumps(held))
    assert put_in(NAME, "--input", "word=x", "--input", "in=~/a", "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["command"][2:] == ["x", "--in", str(home / "a"), "5"]
    assert put_in(NAME, "--input", "word=x", "--input", "count=many", "--dry-run") == 2
    assert "count is a number" in capsys.readouterr().err


def test_another_file_under_the_same_address_is_refused(
    entries: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with_bundle(entries, url)
    (entries / "made-1.0.0.mcpb").write_bytes(bundle("6.6.6"))
    assert put_in(NAME, "--input", "word=x", "--yes", secret="s\n") == 2
    assert "and the registry names" in capsys.readouterr().err
    assert not list(data_home().rglob("server.py"))


def test_a_lock_file_holds_the_version_and_the_bytes(
    entries: Path, url: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_bundle(entries, url)
    words = (NAME, "--input", "word=x", "--yes")
    Path("dragoman.lock.json").write_text('{"lockfileVersion": 1}')
    assert put_in(*words, secret="s\n") == 0
    with_bundle(entries, url, "2.0.0")
    assert put_in(*words) == 0, "the secret is kept already"
    assert load(Path("dragoman.lock.json")).servers[NAME].version == "1.0.0"
    capsys.readouterr()
    assert main(["registry", "list", "--outdated"]) == 1
    assert "2.0.0 is there" in capsys.readouterr().out
    assert main(["registry", "remove", NAME, "--yes", "--lock", "another.json"]) == 0
    assert put_in("--input", "word=x", "--yes", secret="s\n") == 0, "all that the lock file has"
    # The registry changes its mind about a version that is pinned.
    changed = json.loads((entries / "com.example_made-1.0.0.json").read_text())
    data = bundle("1.0.0-evil")
    (entries / "evil.mcpb").write_bytes(data)
    changed["packages"][0] |= {"identifier": f"{url}/files/evil.mcpb", "fileSha256": hashlib.sha256(data).hexdigest()}
    (entries / "com.example_made-1.0.0.json").write_text(json.dumps(changed))
    assert put_in(*words) == 2
    assert "the lock file has mcpb" in capsys.readouterr().err
    assert put_in(*words, "--upgrade") == 0
    assert load(Path("dragoman.lock.json")).servers[NAME].version == "2.0.0"
    assert main(["registry", "list", "--outdated"]) == 0


def test_a_server_that_was_deleted_is_neither_put_in_nor_started(
    entries: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with_bundle(entries, url)
    assert put_in(NAME, "--input", "word=x", "--yes", secret="s\n") == 0
    with_bundle(entries, url, status="deprecated", statusMessage="use another")
    capsys.readouterr()
    assert main(["registry", "list", "--outdated"]) == 1
    assert "is deprecated: use another" in capsys.readouterr().out
    with_bundle(entries, url, status="deleted", statusMessage="steals\x1b[2J keys")
    assert main(["registry", "start", NAME]) == 2
    said = capsys.readouterr().err
    assert "was deleted from its registry: steals\\x1b[2J keys" in said
    assert put_in(NAME, "--input", "word=x", "--yes") == 2
    assert "was deleted from own" in capsys.readouterr().err
    (entries / "com.example_made-1.0.0.json").unlink()
    assert main(["registry", "start", NAME]) == 2
    assert "not in its registry any more" in capsys.readouterr().err


def test_a_registry_that_does_not_answer_keeps_no_server_from_starting(entries: Path, home: Path) -> None:
    config = home / ".config/dragoman"
    config.mkdir(parents=True)
    with registry(entries) as (address, _):
        (config / "registries.json").write_text(json.dumps({"registries": [{"name": "own", "url": address}]}))
        with_bundle(entries, address)
        assert put_in(NAME, "--to", "cursor", "--input", "word=x", "--yes", secret="s\n") == 0
    records = Records(data_home())
    record = records.read(NAME)
    assert record is not None
    (note,) = asyncio.run(before_start(record, records))
    assert "could not be asked for the status" in note
    assert asyncio.run(told(cursor(home)["made"]))["args"] == ["x"]


def test_an_entry_that_means_to_mislead_is_shown_for_what_it_is(
    entries: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    remote = {"type": "streamable-http", "url": "https://evil.example.com/mcp"}
    write(entries, "com.example/evil", "1.0.0", remotes=[remote], title="Nice\u202e\x1b[1mBold")
    assert main(["registry", "show", "com.example/evil"]) == 0
    out = capsys.readouterr().out
    assert "suspicious: /title" in out and "\x1b[1m" not in out and "\u202e" not in out
    assert main(["registry", "search", "evil"]) == 0
    assert "suspicious" in capsys.readouterr().out
    assert main(["registry", "add", "com.example/evil", "--yes"]) == 2
    assert "--suspicious" in capsys.readouterr().err
    assert main(["registry", "add", "com.example/evil", "--yes", "--suspicious"]) == 0


def test_a_remote_server_goes_in_as_an_address_and_with_a_secret_through_this_program(
    entries: Path, url: str, home: Path
) -> None:
    remote: dict[str, Any] = {
        "type": "streamable-http",
        "url": "https://{tenant}.example.com/mcp",
        "variables": {"tenant": {}},
    }
    write(entries, "com.example/far", "1.0.0", remotes=[remote])
    assert put_in("com.example/far", "--input", "tenant=acme", "--to", "cursor", "--yes") == 0
    assert cursor(home)["far"] == {"url": "https://acme.example.com/mcp"}
    remote["headers"] = [{"name": "X-Key", "isSecret": True, "isRequired": True}]
    write(entries, "com.example/keyed", "1.0.0", remotes=[remote])
    assert put_in("com.example/keyed", "--input", "tenant=acme", "--to", "cursor", "--yes", secret="hunter2\n") == 0
    assert cursor(home)["keyed"]["args"][-3:] == ["registry", "start", "com.example/keyed"]
    assert "hunter2" not in (Records(data_home()).place("com.example/keyed") / "record.json").read_text()


def test_a_remote_server_gets_its_secret_from_the_wallet(entries: Path, url: str, home: Path) -> None:
    server = Server("far")

    @server.tool
    def told_() -> str:
        """Tell something."""
        return json.dumps({"from": "far"})

    server_app = server.asgi()

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and dict(scope["headers"]).get(b"x-key") != b"hunter2${HOME}":
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await server_app(scope, receive, send)

    with over_http(lambda _: guarded) as far:
        header = {"name": "X-Key", "isSecret": True, "isRequired": True}
        remote = {"type": "streamable-http", "url": f"{far}/mcp", "headers": [header]}
        write(entries, "com.example/far", "1.0.0", remotes=[remote])
        assert put_in("com.example/far", "--to", "cursor", "--yes", secret="hunter2${HOME}\n") == 0
        assert asyncio.run(told(cursor(home)["far"], "told_")) == {"from": "far"}


def test_a_secret_that_would_be_a_word_of_the_command_is_refused(
    entries: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    remote = {"type": "streamable-http", "url": "https://x.example.com/{key}", "variables": {"key": {"isSecret": True}}}
    write(entries, "com.example/leaky", "1.0.0", remotes=[remote])
    assert put_in("com.example/leaky", "--yes", secret="hunter2\n") == 2
    assert "--expose" in capsys.readouterr().err
    assert put_in("com.example/leaky", "--yes", "--expose", secret="hunter2\n") == 0


def test_a_bundle_from_a_file_is_looked_at_and_put_in(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("made.mcpb").write_bytes(bundle())
    assert main(["registry", "verify", "made.mcpb"]) == 0
    assert "not signed; names, sizes and links were checked" in capsys.readouterr().out
    assert main(["registry", "verify", "made.mcpb", "--sha256", "0" * 64]) == 2
    assert main(["registry", "unpack", "made.mcpb", "there"]) == 0
    assert Path("there/server.py").is_file()
    assert main(["registry", "pack", "there", "--out", "again.mcpb", "--json"]) == 0
    Path("stdin").write_text("secret\n")
    with open("stdin") as file:
        monkeypatch.setattr("sys.stdin", file)
        assert main(["registry", "install", "again.mcpb", "--input", "word=x", "--to", "cursor", "--yes"]) == 0
    assert cursor(home)["made"]["args"][-1] == "local/made"
    capsys.readouterr()
    assert main(["registry", "list", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["servers"]
    assert (one["name"], one["kind"], one["registry"]) == ("local/made", "mcpb", "")


def test_a_package_that_wants_another_by_its_address_is_not_put_in(
    entries: Path, url: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = f"evil @ file://{tmp_path}/evil"
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil/setup.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    python_index(tmp_path, wheel(tmp_path, "made-server", "1.0.0", claim=NAME, needs=evil))
    python_entry(entries)
    with files_over_http(tmp_path) as index:
        configured(home, url, pypi=f"{index}/simple")
        assert put_in(NAME, "--yes", secret="s\n") == 2
    assert "which is no package of an index" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


def test_a_package_of_python_is_put_in_from_an_index_and_called(
    entries: Path, url: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = wheel(tmp_path, "made-server", "1.0.0", claim=NAME, needs="made-part")
    python_index(tmp_path, made, wheel(tmp_path, "made-part", "2.0.0"))
    python_entry(entries, fileSha256=hashlib.sha256(made.read_bytes()).hexdigest())
    with files_over_http(tmp_path) as index:
        configured(home, url, pypi=f"{index}/simple")
        assert put_in(NAME, "--to", "cursor", "--yes", secret="hunter2\n") == 0
        pin = load(home / ".config/dragoman/dragoman.lock.json").servers[NAME]
        assert [line.partition(" ")[0] for line in pin.closure] == [
            "made_part-2.0.0-py3-none-any.whl", "made_server-1.0.0-py3-none-any.whl"
        ]  # fmt: skip
    assert asyncio.run(told(cursor(home)["made"])) == {"args": ["--city", "Oslo"], "env": {"MADE_KEY": "hunter2"}}


@pytest.mark.parametrize(
    "claim, more, what",
    [
        ("com.example/another", {}, "it says it is of com.example/another"),
        (NAME, {"fileSha256": "0" * 64}, "the registry names 0000"),
        (NAME, {"registryBaseUrl": "https://packages.example.com"}, "which nobody named here"),
        (NAME, {"identifier": "--index-url=x"}, "is no name of a package of pypi"),
    ],
)
def test_a_package_of_somebody_elses_is_not_put_in(
    claim: str, more: dict[str, Any], what: str, entries: Path, url: str, home: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    python_index(tmp_path, wheel(tmp_path, "made-server", "1.0.0", claim=claim))
    python_entry(entries, **more)
    with files_over_http(tmp_path) as index:
        configured(home, url, pypi=f"{index}/simple")
        assert put_in(NAME, "--yes", secret="s\n") == 2
    assert what in capsys.readouterr().err
    assert not list(data_home().rglob("*.py"))

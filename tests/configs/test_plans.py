"""Servers into clients and out of them: each in its own words, secrets left behind, refused where unsure."""

import json
import stat
import sys
from pathlib import Path

import pytest

from dragoman.configs import documents
from dragoman.configs.changes import history, undo
from dragoman.configs.clients import CLIENTS, client_named
from dragoman.configs.entry import Entry, differences
from dragoman.configs.faults import StaleError, UnreadableError
from dragoman.configs.machine import Machine
from dragoman.configs.plans import Setting, carry_out, put, take
from dragoman.configs.survey import look, see
from dragoman.configs.values import Ref

LOCAL = Entry(
    name="local", transport="stdio", command=("npx",), args=(("-y",), ("thing",)), env={"KEY_FILE": (Ref("env", "F"),)}
)
REMOTE = Entry(name="remote", transport="http", url=("https://h.example.com/mcp",), headers={"X-Team": ("core",)})
CERTAIN = [
    "claude-code", "cursor", "vscode", "windsurf", "zed", "cline", "gemini-cli", "codex", "goose", "lm-studio",
    "opencode", "copilot-cli",
]  # fmt: skip


def setting(tmp_path: Path, system: str = "linux", **more: object) -> Setting:
    machine = Machine(system, tmp_path / "home", {"PATH": str(tmp_path / "bin")}, tmp_path / "project")  # type: ignore[arg-type]
    return Setting(machine, ("/opt/dragoman",), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CERTAIN)
@pytest.mark.parametrize("entry", [LOCAL, REMOTE], ids=["local", "remote"])
def test_a_server_put_into_a_client_is_read_there_as_the_same(name: str, entry: Entry, tmp_path: Path) -> None:
    here, client = setting(tmp_path), client_named(name)
    plan = put(client, [entry], here)
    assert plan.refusal == "" and plan.change is not None
    assert not plan.spot.path.exists()  # nothing is written by planning
    carry_out(plan, here)
    (found,) = look(plan.spot).entries
    assert differences(found, entry) == []
    assert put(client, [entry], here).change is None
    carry_out(take(client, [entry.name], here), here)
    assert look(plan.spot).entries == ()


@pytest.mark.parametrize("name", [client.id for client in CLIENTS if client.id not in CERTAIN])
def test_for_a_client_whose_format_is_not_certain_the_entry_is_given_to_paste(name: str, tmp_path: Path) -> None:
    here = setting(tmp_path)
    plan = put(client_named(name), [LOCAL], here)
    assert plan.change is None and plan.refusal
    assert plan.paste is not None and "local" in json.dumps(plan.paste)
    carry_out(plan, here)
    assert not (tmp_path / "home").exists()


def test_a_client_without_references_starts_a_server_through_this_program(tmp_path: Path) -> None:
    here = setting(tmp_path, "mac")
    plan = put(client_named("claude-desktop"), [LOCAL], here)
    carry_out(plan, here)
    table = json.loads(plan.spot.path.read_text())["mcpServers"]["local"]
    assert table["command"] == "/opt/dragoman"
    assert table["args"] == ["clients", "start", "--env", "KEY_FILE=env:F", "--", "npx", "-y", "thing"]
    assert differences(look(plan.spot).entries[0], LOCAL) == []


def test_a_client_that_only_starts_commands_reaches_a_url_over_a_bridge(tmp_path: Path) -> None:
    here = setting(tmp_path, "mac")
    headers = {"Authorization": ("Bearer ", Ref("env", "T"))}
    entry = Entry(name="remote", transport="http", url=("https://h.example.com/mcp",), headers=headers)
    plan = put(client_named("claude-desktop"), [entry], here)
    carry_out(plan, here)
    table = json.loads(plan.spot.path.read_text())["mcpServers"]["remote"]
    words = ["bridge", "https://h.example.com/mcp", "--header", "Authorization: Bearer ${env:T}"]
    assert table == {"command": "/opt/dragoman", "args": words}
    assert differences(look(plan.spot).entries[0], entry) == []


@pytest.mark.parametrize("name", ["zed", "cline", "lm-studio", "copilot-cli", "goose"])
def test_a_header_that_a_client_cannot_say_goes_over_the_bridge(name: str, tmp_path: Path) -> None:
    here, client = setting(tmp_path), client_named(name)
    entry = Entry(
        name="remote", transport="http", url=("https://h.example.com/mcp",), headers={"X-Key": (Ref("env", "K"),)}
    )
    plan = put(client, [entry], here)
    carry_out(plan, here)
    assert "X-Key: ${env:K}" in plan.spot.path.read_text()
    assert differences(look(plan.spot).entries[0], entry) == []


def test_what_does_not_fit_is_told_of_and_the_rest_goes_in(tmp_path: Path) -> None:
    here = setting(tmp_path, "mac")
    unfit = Entry(name="off", transport="stdio", command=("x",), disabled=True)
    plan = put(client_named("claude-desktop"), [unfit, LOCAL], here)
    assert plan.refusal == "off: it cannot switch a server off"
    carry_out(plan, here)
    assert [entry.name for entry in look(plan.spot).entries] == ["local"]


def test_a_secret_stays_where_it_is(tmp_path: Path) -> None:
    here = setting(tmp_path)
    entry = Entry(name="a", transport="stdio", command=("x",), env={"API_KEY": ("hunter2",), "LANG": ("de",)})
    plan = put(client_named("cursor"), [entry], here)
    assert "set the environment variable API_KEY" in plan.notes[0]
    carry_out(plan, here)
    text = plan.spot.path.read_text()
    assert "hunter2" not in text and "${env:API_KEY}" in text and '"de"' in text


def test_a_client_that_has_the_secret_keeps_its_own(tmp_path: Path) -> None:
    here = setting(tmp_path)
    file = tmp_path / "home/.cursor/mcp.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"mcpServers": {"a": {"command": "old", "env": {"API_KEY": "theirs"}}}}')
    entry = Entry(name="a", transport="stdio", command=("x",), env={"API_KEY": ("hunter2",)})
    plan = put(client_named("cursor"), [entry], here)
    assert plan.notes == ()
    carry_out(plan, here)
    assert file.read_text() == '{"mcpServers": {"a": {"command": "x", "env": {"API_KEY": "theirs"}}}}'


def test_a_question_of_vs_code_is_declared_with_it_and_becomes_a_variable_elsewhere(tmp_path: Path) -> None:
    here = setting(tmp_path)
    entry = Entry(name="a", transport="http", url=("https://h",), headers={"X-Key": (Ref("prompt", "my-key"),)})
    plan = put(client_named("vscode"), [entry], here)
    carry_out(plan, here)
    held = json.loads(plan.spot.path.read_text())
    assert held["servers"]["a"]["headers"] == {"X-Key": "${input:my-key}"}
    assert [one["id"] for one in held["inputs"]] == ["my-key"]
    assert put(client_named("vscode"), [entry], here).change is None
    elsewhere = put(client_named("cursor"), [entry], here)
    assert "VS" not in elsewhere.notes[0] and "my-key" in elsewhere.notes[0]
    carry_out(elsewhere, here)
    assert "${env:MY_KEY}" in elsewhere.spot.path.read_text()


def test_what_only_one_client_knows_does_not_go_to_another(tmp_path: Path) -> None:
    here = setting(tmp_path)
    entry = Entry(
        name="a", transport="stdio", command=("${x}",), args=((Ref("own", "workspaceFolder"),),), client="vscode"
    )
    assert "no reference such as ${own:workspaceFolder}" in put(client_named("codex"), [entry], here).refusal
    extra = Entry(name="a", transport="stdio", command=("x",), timeout=5.0, extra={"dev": {}}, client="vscode")
    assert put(client_named("cursor"), [extra], here).notes == (
        "a: Cursor has no word for: timeout, dev (only vscode knows it)",
    )


def test_a_server_that_is_not_there_cannot_be_taken_out(tmp_path: Path) -> None:
    plan = take(client_named("cursor"), ["ghost"], setting(tmp_path))
    assert plan.change is None and plan.notes == ("Cursor has no server 'ghost'",)


CLAUDE = """#!{python}
import json, pathlib, sys
words = sys.argv[1:]
file = pathlib.Path.home() / ".claude.json"
held = json.loads(file.read_text()) if file.exists() else {{}}
servers = held.setdefault("mcpServers", {{}})
if words[:4] == ["mcp", "add-json", "--scope", "user"]:
    servers[words[4]] = json.loads(words[5])
elif words[:4] == ["mcp", "remove", "--scope", "user"]:
    del servers[words[4]]
else:
    sys.exit("unknown: " + " ".join(words))
{last}
"""


def with_program(tmp_path: Path, last: str) -> Setting:
    """Return a machine with a `claude` that keeps to the documented commands, and does `last` with the outcome."""
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text(CLAUDE.format(python=sys.executable, last=last))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "home").mkdir()
    here = setting(tmp_path)
    environ = {"PATH": str(program.parent), "HOME": str(tmp_path / "home")}
    return here._replace(machine=here.machine._replace(environ=environ))


@pytest.mark.skipif(sys.platform == "win32", reason="a script with #! is no program there")
def test_a_client_with_a_command_of_its_own_is_driven_through_it(tmp_path: Path) -> None:
    here = with_program(tmp_path, "file.write_text(json.dumps(held))")
    client = client_named("claude-code")
    plan = put(client, [LOCAL], here)
    assert plan.words[0][:6] == ("claude", "mcp", "add-json", "--scope", "user", "local")
    carry_out(plan, here)
    assert differences(see(client, here.machine).entries[0], LOCAL) == []
    taken = take(client, ["local"], here)
    assert taken.words == (("claude", "mcp", "remove", "--scope", "user", "local"),)
    carry_out(taken, here)
    assert see(client, here.machine).entries == ()
    undo(history(here.machine.state())[-1], here.machine.state())
    assert see(client, here.machine).entries[0].name == "local"
    assert put(client, [LOCAL], here._replace(drive=False)).words == ()


@pytest.mark.skipif(sys.platform == "win32", reason="a script with #! is no program there")
@pytest.mark.parametrize("last, told", [("pass", "does not hold"), ("sys.exit('no space')", "ended with 1: no space")])
def test_a_command_that_does_not_do_it_is_told_of(last: str, told: str, tmp_path: Path) -> None:
    here = with_program(tmp_path, last)
    with pytest.raises(UnreadableError, match=told):
        carry_out(put(client_named("claude-code"), [LOCAL], here), here)


def test_a_plan_is_not_carried_out_on_something_else_than_was_shown(tmp_path: Path) -> None:
    here = setting(tmp_path)
    plan = put(client_named("cursor"), [LOCAL], here)
    plan.spot.path.parent.mkdir(parents=True)
    plan.spot.path.write_text('{"mcpServers": {"local": {"command": "theirs"}}}')
    with pytest.raises(StaleError):
        carry_out(plan, here)
    assert documents.load(plan.spot.read(), "json")["mcpServers"]["local"] == {"command": "theirs"}

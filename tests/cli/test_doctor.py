"""`dragoman doctor`: what it prints, how it ends, and whom it asks before it starts anything."""

import io
import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import pytest

from dragoman.app.launching import approvals, launch_of
from dragoman.cli import entry as command_line
from dragoman.cli.doctor import consent, status, tell
from dragoman.cli.outcome import UsageError
from dragoman.cli.terminal import Paper
from dragoman.doctor.findings import Report

FIXTURES = Path(__file__).parent.parent / "doctor" / "fixtures"


def report(reached="server", *found: str) -> Report:
    made = Report(target="http://127.0.0.1/mcp", reached=reached)
    for kind in found:
        made.find(kind, "so it is", "tool \x1b[31mred")
    return made


@pytest.mark.parametrize(
    ("reached", "found", "strict", "expected"),
    [
        ("server", [], False, 0),
        ("server", ["older-version", "description-generic"], False, 0),
        ("server", ["older-version"], True, 0),
        ("server", ["description-generic"], True, 1),
        ("server", ["name-twice"], False, 1),
        ("refused", ["login-needed"], False, 3),
        ("nothing", ["port-closed"], False, 4),
    ],
)
def test_the_exit_status_says_how_far_it_came(reached, found, strict, expected) -> None:
    assert status(report(reached, *found), strict=strict) == expected


def test_the_worst_is_printed_first_with_cause_cure_and_page() -> None:
    out = io.StringIO()
    tell(report("server", "older-version", "description-generic", "name-twice"), Paper(out, terminal=False))
    text = out.getvalue()
    lines = text.splitlines()
    assert [line.split()[0] for line in lines if line.startswith(("error", "warning", "note"))] == [
        "error", "warning", "note"
    ]  # fmt: skip
    assert "  more   docs/doctor.md#name-twice" in lines
    assert "\x1b" not in text
    assert lines[-1] == "1 error, 1 warning, 1 note"


def entry(folder: Path, **server) -> str:
    path = folder / "mcp.json"
    path.write_text(json.dumps({"mcpServers": {"one": server}}))
    return f"{path}#one"


@pytest.fixture(autouse=True)
def _nothing_approved(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_the_command_of_a_file_is_started_only_with_consent(tmp_path) -> None:
    asked: list[str] = []
    target = entry(tmp_path, command="rm", args=["-rf", "x"])

    def refuse(lines: Sequence[str]) -> bool:
        asked.extend(line for line in lines if line.startswith("argument"))
        return False

    with pytest.raises(UsageError, match="--yes"):
        consent(target, Namespace(yes=False), refuse)
    launch = launch_of(target)
    assert launch is not None
    assert consent(target, Namespace(yes=False), lambda lines: not refuse(lines)) == launch.digest
    assert asked == ["argument   '-rf'", "argument   'x'"] * 2
    assert consent(target, Namespace(yes=True), refuse) == launch.digest
    assert consent(["rm", "-rf", "x"], Namespace(yes=False), refuse) == ""  # typed, which is consent
    approvals().approve(launch, launch.digest, risky=True)
    assert consent(target, Namespace(yes=False), refuse) == ""
    assert len(asked) == 4


def test_a_server_at_a_url_needs_no_consent(tmp_path) -> None:
    def refuse(lines: Sequence[str]) -> bool:
        raise AssertionError(lines)

    consent(entry(tmp_path, url="http://127.0.0.1:1/mcp"), Namespace(yes=False), refuse)


def test_the_command_line_examines_a_command_and_prints_json(capsys) -> None:
    words = ["doctor", "--json", "--read", "--", sys.executable, str(FIXTURES / "dead_resource.py")]
    assert command_line.run(words) == 1
    read = json.loads(capsys.readouterr().out)
    assert read["reached"] == "server"
    assert [one["where"] for one in read["findings"] if one["severity"] == "error"] == ["resource note://gone"]


def test_what_a_file_says_is_examined_once_it_was_agreed_to(tmp_path, capsys) -> None:
    target = entry(tmp_path, command=sys.executable, args=[str(FIXTURES / "dead_resource.py")])
    assert command_line.run(["doctor", "--json", "--read", target]) == 2
    assert "nothing was started" in json.loads(capsys.readouterr().err)["error"]["message"]
    assert command_line.run(["doctor", "--json", "--read", "--yes", target]) == 1
    read = json.loads(capsys.readouterr().out)
    assert read["reached"] == "server"
    # For this once: nothing was approved for good.
    assert not (tmp_path / "config").exists()


def test_nobody_agrees_where_there_is_no_terminal(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert command_line.run(["doctor", entry(tmp_path, command="true")]) == 2
    assert "nothing was started" in capsys.readouterr().err

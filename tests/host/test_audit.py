"""The log: one line each, nobody else's to read, bounded, and nothing done that it does not hold."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from dragoman import LocalError
from dragoman.cli.entry import run
from dragoman.host.audit import Audit, Keeping, report

DAY = 86400.0


def decided(audit: Audit, **more: Any) -> None:
    said: dict[str, Any] = {
        "server": "sales", "definition": "d", "tool": "get", "arguments": b'{"key":"canary"}', "allowed": True,
        "verdict": "allow", "reason": "r", "answer": None,
    }  # fmt: skip
    audit.decided(**{**said, **more})


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_the_log_is_its_owners_and_holds_no_arguments(tmp_path: Path) -> None:
    """sec/31."""
    audit = Audit(tmp_path / "audit")
    old = os.umask(0)
    try:
        decided(audit)
        audit.called(server="s", tool="t", arguments=b"canary", ended="ok", result=b"canary", seconds=0.1)
    finally:
        os.umask(old)
    (path,) = audit.files()
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    assert b"canary" not in path.read_bytes() and path.read_bytes().count(b"\n") == 2
    open_book = Audit(tmp_path / "other", Keeping(contents=True))
    decided(open_book)
    assert next(open_book.records())["arguments"] == '{"key":"canary"}'


def test_a_file_that_is_full_is_followed_by_another_and_old_ones_go(tmp_path: Path) -> None:
    now = [1_000_000.0]
    audit = Audit(tmp_path, Keeping(file_bytes=600, files=4, days=10), lambda: now[0])
    for number in range(12):
        now[0] += 4000
        decided(audit, reason=str(number))
    assert len(audit.files()) <= 4
    assert [record["reason"] for record in audit.records()][-1] == "11"
    for path in audit.files():
        os.utime(path, (now[0], now[0]))
    now[0] += 11 * DAY
    decided(audit, reason="late")
    assert [record["reason"] for record in audit.records()] == ["late"]


def test_lines_of_several_writers_do_not_mix(tmp_path: Path) -> None:
    audits = [Audit(tmp_path) for _ in range(4)]
    for audit in audits:
        decided(audit)
    threads = [threading.Thread(target=lambda audit=audit: [decided(audit) for _ in range(50)]) for audit in audits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = list(audits[0].records())
    assert len(found) == 204 and all(record["what"] == "decision" for record in found)


def test_what_cannot_be_written_down_does_not_happen_unless_that_was_chosen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """F23: the failure policy is explicit."""
    place = tmp_path / "audit"
    place.write_text("no folder")
    with pytest.raises(LocalError, match="nothing is done"):
        decided(Audit(place))
    decided(Audit(place, Keeping(failing="go on")))
    assert "going on" in caplog.text


def test_a_damaged_line_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    decided(audit)
    with audit.files()[0].open("ab") as opened:
        opened.write(b'{"at": "2026\n\xff\n')
    decided(audit)
    assert [record["what"] for record in audit.records()] == ["decision", "unreadable", "unreadable", "decision"]


def test_the_report_says_which_items_went_to_which_model(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.sent(model="big", place="hosted", items=["file:///a", "sales/get"], size=100)
    audit.sent(model="big", place="hosted", items=["file:///a"], size=50)
    audit.sent(model="small", place="local", items=["file:///secret"], size=10)
    big, small = report(audit.records())
    assert (big.model, big.requests, big.size, big.items) == ("big", 2, 150, {"file:///a": 2, "sales/get": 1})
    assert "file:///secret" not in big.items and small.items == {"file:///secret": 1}


def test_the_commands_show_report_and_purge_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert run(["audit"]) == 0 and "nothing" in capsys.readouterr().out
    audit = Audit()
    decided(audit, reason="a rule\x1b[2K")
    audit.sent(model="big", place="hosted", items=["file:///a"], size=2000)
    assert run(["audit"]) == 0
    shown = capsys.readouterr().out
    assert "sales/get" in shown and "allowed" in shown and "\x1b" not in shown
    assert run(["audit", "list", "--last", "1", "--json"]) == 0
    assert [record["what"] for record in json.loads(capsys.readouterr().out)] == ["sent"]
    assert run(["audit", "report"]) == 0 and capsys.readouterr().out == "big (hosted): 1 request, 2.0 kB\n  file:///a\n"
    for wrong in (["purge"], ["purge", "--days", "0"], ["purge", "--all", "--days", "3"], ["list", "--all"], ["what"]):
        assert run(["audit", *wrong]) == 2
    assert run(["audit", "purge", "--all"]) == 0 and audit.files() == []


def test_the_commands_show_approvals_take_them_back_and_try_rules_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    rules = tmp_path / "rules.json"
    rules.write_text('{"rules": {"sales/get_*": "allow"}}')
    assert run(["consent"]) == 0 and "nothing was approved" in capsys.readouterr().out
    assert run(["consent", "check", str(rules), "sales/get_a", "sales/put"]) == 0
    assert capsys.readouterr().out == "sales/get_a: allow (sales/get_*)\nsales/put: ask once (no rule names it)\n"
    assert run(["consent", "check", str(rules), "sales"]) == 2
    assert run(["consent", "forget", "sales"]) == 0 and run(["consent", "forget"]) == 2

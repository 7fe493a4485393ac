"""Changes of files: nothing half, nothing lost, everything undone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dragoman.configs import changes
from dragoman.configs.changes import Change, Edit, history, make, undo
from dragoman.configs.documents import ABSENT
from dragoman.configs.faults import StaleError, UnreadableError


def adding(path: Path, name: str, value: object = "x") -> Change:
    seen = path.read_bytes() if path.exists() else b""
    return Change(path, "json", (Edit(("mcpServers", name), ABSENT, {"command": value}),), seen, path.exists())


def test_a_change_is_made_kept_and_undone_to_the_byte(tmp_path: Path) -> None:
    file, state = tmp_path / "mcp.json", tmp_path / "state"
    file.write_bytes(b'{\r\n  // mine\r\n  "mcpServers": {}}')
    file.chmod(0o644)
    before = file.read_bytes()
    make([adding(file, "a")], state)
    assert json.loads(file.read_text().replace("// mine", "")) == {"mcpServers": {"a": {"command": "x"}}}
    assert file.stat().st_mode & 0o777 == 0o644
    (past,) = history(state)
    assert past.backup is not None and past.backup.read_bytes() == before
    assert {kept.stat().st_mode & 0o777 for kept in state.iterdir()} == {0o600}
    undo(past, state)
    assert file.read_bytes() == before
    assert history(state)[0].undone


def test_a_file_that_was_made_is_private_and_gone_when_undone(tmp_path: Path) -> None:
    file, state = tmp_path / "new" / "mcp.json", tmp_path / "state"
    make([adding(file, "a")], state)
    assert file.stat().st_mode & 0o777 == 0o600
    undo(history(state)[0], state)
    assert not file.exists()


def test_what_others_changed_since_stays_when_a_change_is_undone(tmp_path: Path) -> None:
    file, state = tmp_path / "mcp.json", tmp_path / "state"
    file.write_text('{"mcpServers": {"old": {"command": "o"}}}')
    make([adding(file, "a")], state)
    file.write_text(file.read_text().replace('"o"', '"other"'))
    undo(history(state)[0], state)
    assert json.loads(file.read_text()) == {"mcpServers": {"old": {"command": "other"}}}


def test_a_value_that_others_changed_since_is_not_undone(tmp_path: Path) -> None:
    file, state = tmp_path / "mcp.json", tmp_path / "state"
    make([adding(file, "a")], state)
    file.write_text(file.read_text().replace('"x"', '"mine"'))
    with pytest.raises(StaleError, match=r"mcpServers\.a in .* was changed since"):
        undo(history(state)[0], state)
    assert '"mine"' in file.read_text()


def test_a_change_elsewhere_in_the_meantime_is_kept_and_one_of_the_same_server_refused(tmp_path: Path) -> None:
    file, state = tmp_path / "mcp.json", tmp_path / "state"
    file.write_text('{"mcpServers": {}}')
    planned = adding(file, "a")
    file.write_text('{"mcpServers": {"b": {"command": "y"}}}')
    make([planned], state)
    assert set(json.loads(file.read_text())["mcpServers"]) == {"a", "b"}
    planned = adding(file, "c")
    file.write_text('{"mcpServers": {"c": {"command": "theirs"}}}')
    with pytest.raises(StaleError, match=r"mcpServers\.c in .* was changed by somebody else"):
        make([planned], state)
    assert "theirs" in file.read_text()


def test_a_file_that_changes_at_the_last_moment_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_bytes(b"theirs")
    with pytest.raises(StaleError, match="just now"):
        changes.replace(file, b"ours", b"older")
    assert file.read_bytes() == b"theirs"
    assert [one.name for one in tmp_path.iterdir()] == ["mcp.json"]
    changes.replace(file, b"ours", b"theirs")
    assert file.read_bytes() == b"ours"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.json", tmp_path / "mcp.json"
    real.write_text("{}")
    link.symlink_to(real)
    make([adding(link, "a")], tmp_path / "state")
    assert link.is_symlink()
    assert "mcpServers" in real.read_text()


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(UnreadableError, match="cannot be written"):
        make([adding(tmp_path / "closed" / "mcp.json", "a")], tmp_path / "state")


WRITER = """
import sys
from pathlib import Path
from dragoman.configs.changes import Change, Edit, make
from dragoman.configs.documents import ABSENT
file, state, mark = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
for number in range(15):
    edit = Edit(("mcpServers", f"{mark}{number}"), ABSENT, {"command": mark})
    make([Change(file, "json", (edit,), b"")], state)
"""


def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    file, state = tmp_path / "mcp.json", tmp_path / "state"
    file.write_text('{\n  // kept\n  "mcpServers": {}\n}\n')
    words = [sys.executable, "-c", WRITER, str(file), str(state)]
    writers = [
        subprocess.Popen([*words, mark], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for mark in "ab"
    ]
    for writer in writers:
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    text = file.read_text()
    assert "// kept" in text
    names = json.loads(text.replace("// kept", ""))["mcpServers"]
    assert set(names) == {f"{mark}{number}" for mark in "ab" for number in range(15)}
    assert len(history(state)) == 30
    for past in reversed(history(state)):
        undo(past, state)
    assert file.read_text() == '{\n  // kept\n  "mcpServers": {}\n}\n'

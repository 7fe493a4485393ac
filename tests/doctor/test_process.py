"""A command: started, asked, stopped; whatever it does wrong, nothing of it stays behind."""

import json
import os
import sys
from pathlib import Path

import pytest

from dragoman.app.launching import launch_of
from dragoman.doctor import process
from dragoman.doctor.examination import Plan, examine
from dragoman.doctor.findings import Report
from dragoman.transport.process import Command

FIXTURES = Path(__file__).parent / "fixtures"


PATIENCE = 20.0  # seconds: far more than a program that does what it should takes on any machine
SHORT = 0.4  # seconds: for those that do not, whatever they are given


async def examined(*words: str, seconds: float = PATIENCE, stop: float = PATIENCE) -> tuple[bool, list[str]]:
    """Return whether it answered, and the kinds that were found."""
    report = Report(target="x")
    fine = await process.examine(report, Command(words=words, stop_seconds=stop), seconds)
    return fine, [one.kind for one in report.findings]


async def file(name: str, *words: str, seconds: float = PATIENCE, stop: float = PATIENCE) -> tuple[bool, list[str]]:
    return await examined(sys.executable, str(FIXTURES / name), *words, seconds=seconds, stop=stop)


async def test_a_server_that_answers_and_ends_is_fine() -> None:
    assert await file("odd.py", "fine") == (True, [])


async def test_a_server_that_takes_long_to_start_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "SLOW", 0.0)
    assert await file("odd.py", "fine") == (True, ["start-slow"])


async def test_a_program_that_there_is_not_is_named() -> None:
    assert await examined("/nowhere/server") == (False, ["start-failed"])


async def test_a_program_that_ends_at_once_is_named_with_its_last_words() -> None:
    report = Report(target="x")
    command = Command(words=(sys.executable, str(FIXTURES / "odd.py"), "dies"))
    assert not await process.examine(report, command, 5.0)
    assert [one.kind for one in report.findings] == ["start-ended"]
    assert "status 1; it last said: no such database" in report.findings[0].what


async def test_a_secret_that_a_file_fills_in_is_not_shown(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "a-secret")
    path = tmp_path / "mcp.json"
    entry = {"command": sys.executable, "args": [str(FIXTURES / "odd.py"), "fine", "${SHOP_KEY}"]}
    path.write_text(json.dumps({"mcpServers": {"shop": entry}}))
    launch = launch_of(f"{path}#shop")
    assert launch is not None
    report = await examine(f"{path}#shop", Plan(approved=launch.digest))
    assert (report.reached, report.target) == ("server", f"{path}#shop")
    assert "a-secret" not in str(report)


async def test_a_program_that_says_nothing_is_named() -> None:
    assert await file("odd.py", "mute", seconds=SHORT, stop=SHORT) == (False, ["start-silent"])


async def test_a_program_that_echoes_is_no_server() -> None:
    program = "import sys\nfor line in sys.stdin: sys.stdout.write(line); sys.stdout.flush()"
    assert await examined(sys.executable, "-c", program, seconds=SHORT, stop=SHORT) == (False, ["start-silent"])


async def test_lines_among_the_messages_are_named() -> None:
    assert await file("odd.py", "noisy") == (True, ["stdout-noise"])


async def test_a_line_that_never_ends_is_named() -> None:
    # A shell begins at once: what it wrote has to be there when the time is over.
    program = ("sh", "-c", "printf loading; exec sleep 60")
    assert await examined(*program, seconds=2 * SHORT, stop=SHORT) == (False, ["start-hangs"])


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("words", "expected"), [((), "ignores-end"), (("--deaf",), "ignores-terminate")])
async def test_a_program_that_stays_is_named_and_does_not_stay(words, expected, tmp_path) -> None:
    note = tmp_path / "pid"
    program = f"import os, pathlib; pathlib.Path({str(note)!r}).write_text(str(os.getpid())); "
    path = FIXTURES / "staying.py"
    program += f"import sys; sys.argv = ['staying.py', *{list(words)!r}]; sys.path.insert(0, {str(FIXTURES)!r}); "
    program += f"exec(open({str(path)!r}).read())"
    assert await examined(sys.executable, "-c", program, stop=SHORT) == (True, [expected])
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)

"""Real programs, run as a caller would: what comes out, how they end, and what is kept of it."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dragoman.connectors.address import parse
from dragoman.connectors.answers_run import MoreAnswers
from dragoman.connectors.catalogue import Catalogue
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_options
from dragoman.connectors.programs.programs import Programs
from dragoman.connectors.source import ALL, Passage, Rows, SourceError, View
from dragoman.errors import ToolError

PYTHON = [sys.executable, "-I", "-S", "-c"]
ECHO = {"argv": [*PYTHON, "import sys; print(sys.argv[2:])", "--", "{text}"], "params": {"text": {}}, "read_only": True}


def code(text: str, **more: Any) -> dict[str, Any]:
    return {"argv": [*PYTHON, text], "read_only": True, **more}


class Bench:
    """Opens programs and closes them again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[Any] = []

    def __call__(self, *, writable: bool = False, **tools: Mapping[str, Any]) -> Programs:
        opening = Opening(cache_dir=self.folder / "cache", base=self.folder, writable=("t",) if writable else ())
        source: Any = open_options("programs", "t", {"tools": tools}, opening)
        self.opened.append(source)
        assert isinstance(source, Programs)
        return source


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    for source in made.opened:
        source.close()


def run(source: Programs, tool: str, /, view: View = ALL, said: list[Any] | None = None, **arguments: Any) -> Any:
    reports = [] if said is None else said
    return source.run(view, tool, arguments, lambda share, line: reports.append((share, line)), lambda: False)


def text(found: Any) -> str:
    assert isinstance(found, Passage)
    return found.text


def test_a_shell_never_sees_the_words(bench: Bench) -> None:
    source = bench(echo=ECHO)
    hostile = "$(touch owned); `touch owned` | x > y \n\u202e"
    assert text(run(source, "echo", text=hostile)) == f"{[hostile]}\n"
    assert not (bench.folder / "owned").exists()


@pytest.mark.parametrize(
    ("kind", "printed", "rows"),
    [
        ("csv", "a,b\\n1,x\\n2\\n", [["1", "x"], ["2", None]]),
        ("json", '[{"a": 1, "b": 2}, {"b": 3}]', [[1, 2], [None, 3]]),
        ("lines", "one\\ntwo\\n", [["one"], ["two"]]),
    ],
)
def test_what_is_printed_is_read_as_its_owner_says(bench: Bench, kind: str, printed: str, rows: list[Any]) -> None:
    source = bench(t=code(f"print('''{printed}''', end='')", output=kind))
    found = run(source, "t")
    assert isinstance(found, Rows) and found.rows == rows and not found.more


def test_json_that_is_no_table_is_text_and_what_is_no_json_is_told(bench: Bench) -> None:
    source = bench(good=code("print('[1, {}]')", output="json"), bad=code("print('oops')", output="json"))
    assert text(run(source, "good")) == "[1, {}]\n"
    with pytest.raises(ToolError, match=r"to print JSON, and did not.*oops"):
        run(source, "bad")


def test_a_failure_says_what_the_program_said_and_its_owner_means(bench: Bench) -> None:
    source = bench(t=code("import sys; print('half'); sys.exit('no such day')", exit_codes={"1": "nothing to report"}))
    with pytest.raises(ToolError, match=r"exit code 1: nothing to report.*said: no such day.*run://t/runs/") as caught:
        run(source, "t")
    kept = source.fetch(ALL, parse(caught.value.message.rpartition(" ")[2]), None, 1_000)
    assert kept.text == "half\n" and "failed, exit code 1" in kept.total


def test_time_is_bounded_and_nothing_is_left_of_the_group(bench: Bench) -> None:
    """Neither of what ignores the polite signal, nor of its children."""
    source = bench(
        t=code(
            "import os, signal, subprocess, sys, time\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
            "print(child.pid, flush=True); time.sleep(60)",
            timeout=1.0,
        )
    )
    with pytest.raises(ToolError, match="stopped after 1 seconds") as caught:
        run(source, "t")
    pid = int(source.fetch(ALL, parse(caught.value.message.rpartition(" ")[2]), None, 1_000).text)
    assert gone(pid)


def gone(pid: int) -> bool:
    """Wait until a process is dead; a zombie that nobody waited for is dead as well."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.01)
    return False


def test_what_it_leaves_behind_does_not_hold_up_the_answer(bench: Bench) -> None:
    source = bench(
        t=code(
            "import subprocess, sys\n"
            "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)",
            timeout=30.0,
        )
    )
    started = time.monotonic()
    pid = int(text(run(source, "t")))
    assert time.monotonic() - started < 15 and gone(pid)


def test_what_prints_without_end_is_stopped(bench: Bench) -> None:
    source = bench(
        endless=code("while True: print('x' * 1000)", max_output=100_000), short=code("print('x')", max_output=2)
    )
    with pytest.raises(ToolError, match="stopped once it had printed 100,000 bytes"):
        run(source, "endless")
    assert text(run(source, "short")) == "x\n"


def test_a_caller_who_leaves_stops_it(bench: Bench) -> None:
    source = bench(t=code("import time; print('begun', flush=True); time.sleep(60)", progress="(?P<percent>0)|begun"))
    left = threading.Event()
    with pytest.raises(ToolError, match="was cancelled"):
        source.run(ALL, "t", {}, lambda share, line: left.set(), left.is_set)


def test_its_lines_say_how_far_it_is(bench: Bench) -> None:
    said: list[Any] = []
    lines = "print('progress: 1/4 loading'); print('Progress 50%'); print('3 of 4'); print('noise')"
    source = bench(t=code(lines), own=code("print('at 3 from 6')", progress=r"at (?P<done>\d+) from (?P<total>\d+)"))
    run(source, "t", said=said)
    assert said == [(0.25, "progress: 1/4 loading"), (0.5, "Progress 50%")]
    said.clear()
    run(source, "own", said=said)
    assert said == [(0.5, "at 3 from 6")]


def test_the_environment_is_clean_but_for_what_the_owner_names(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    monkeypatch.setenv("WANTED", "w")
    show = "import json, os; print(json.dumps(sorted(os.environ)))"
    source = bench(clean=code(show), named=code(show, inherit=["WANTED"], env={"OWN": "1"}))
    clean = set(json.loads(text(run(source, "clean"))))
    assert "SECRET_TOKEN" not in clean and "PATH" in clean
    assert set(json.loads(text(run(source, "named")))) - clean == {"WANTED", "OWN"}


def test_input_reaches_it_and_much_of_it_too(bench: Bench) -> None:
    count = code("import sys; print(len(sys.stdin.read()))", stdin="{text}" * 30, params={"text": {}})
    source = bench(t=count, deaf=code("print('deaf')", stdin="{text}" * 30, params={"text": {}}))
    assert text(run(source, "t", text="x" * 10_000)) == "300000\n"
    assert text(run(source, "deaf", text="x" * 10_000)) == "deaf\n"


def test_a_workflow_stops_at_the_step_that_fails(bench: Bench) -> None:
    say = [*PYTHON, "import sys; print(sys.stdin.read() + sys.argv[1])"]
    steps = [{"argv": [*say, "{a}"], "name": "first"}, {"argv": [*say, "b"], "stdin": "{steps.first}"}]
    bad = [steps[0], {"argv": [*PYTHON, "raise SystemExit(3)"]}, {"argv": [*PYTHON, "open('ran', 'w')"]}]
    source = bench(
        good={"steps": steps, "params": {"a": {}}, "read_only": True},
        bad={"steps": bad, "params": {"a": {}}, "read_only": True},
    )
    assert text(run(source, "good", a="a")) == "ab\n"
    with pytest.raises(ToolError, match=r"step 2 of 3: bad failed \(exit code 3\)"):
        run(source, "bad", a="a")
    assert not (bench.folder / "ran").exists()


def test_runs_are_listed_newest_first_and_read_in_stretches(bench: Bench) -> None:
    source = bench(echo=ECHO)
    for word in ("one", "two", "three"):
        run(source, "echo", text=word)
    page = source.items(ALL, "", "", 2)
    assert page.entries[0].key == "echo" and page.total == 4 and page.more
    rest = source.items(ALL, "", page.entries[-1].key, 10)
    keys = [entry.key for entry in (*page.entries[1:], *rest.entries)]
    assert len(set(keys)) == 3 and not rest.more
    found = [source.fetch(ALL, parse(f"run://t/{key}"), None, 5) for key in keys]
    assert sorted(one.text for one in found) == ["['one", "['thr", "['two"]
    assert all(one.following is not None for one in found)
    entry = source.describe(ALL, parse(f"run://t/{keys[0]}"))
    assert entry["tool"] == "echo" and entry["state"] == "done"


def test_a_run_is_its_callers_and_outlives_the_process(bench: Bench) -> None:
    source = bench(echo=ECHO)
    ann, bob = View(who="ann"), View(who="bob")
    uri = parse(run(source, "echo", view=ann, text="private").uri)
    source.close()
    source = bench(echo=ECHO)
    assert source.fetch(ann, uri, None, 100).text == "['private']\n"
    with pytest.raises(ToolError) as foreign:
        source.fetch(bob, uri, None, 100)
    with pytest.raises(ToolError) as unknown:
        source.fetch(bob, parse(f"run://t/{uri.path[:-4]}0000"), None, 100)
    assert foreign.value.message.replace(uri.path, "") == unknown.value.message.replace(f"{uri.path[:-4]}0000", "")
    assert source.items(bob, "", "", 10).total == 1 < source.items(ann, "", "", 10).total
    if os.name == "posix":
        assert next((bench.folder / "cache" / "runs").glob("t-*.db")).stat().st_mode & 0o777 == 0o600


def test_what_a_view_does_not_show_is_not_there(bench: Bench) -> None:
    source = bench(echo=ECHO, secret_report=code("print(1)"))
    view = View(deny=("secret_*",))
    assert [program.name for program in source.programs(view)] == ["echo"]
    assert source.items(view, "", "", 10).total == 1
    with pytest.raises(ToolError, match=r"no tool 'secret_report'; there is echo; tools here: echo$"):
        run(source, "secret_report", view=view)
    assert text(run(source, "secret_report")) == "1\n"


def test_what_changes_things_needs_leave_to_write(bench: Bench) -> None:
    write = {"argv": [*PYTHON, "print('written')"]}
    reading = bench(echo=ECHO, write=write)
    for name in ("write", "t/write", "run://t/write"):
        with pytest.raises(ToolError, match=r"changes things.*--allow-write t"):
            MoreAnswers(Catalogue([reading])).program(name)
    assert MoreAnswers(Catalogue([reading])).program("echo")[1].read_only
    assert "write: they change things" in reading.describe(ALL, parse("run://t/"))["not_served"]
    assert text(run(bench(writable=True, other=write), "other")) == "written\n"
    with pytest.raises(SourceError, match="--allow-write t"):
        bench(other=write)
    # Who may not change anything does not even see it.
    source, reader = bench(writable=True, echo=ECHO, write=write), View(writes=False)
    assert [program.name for program in source.programs(reader)] == ["echo"]
    assert source.describe(reader, parse("run://t/"))["tools_total"] == 1
    assert "run://t/write" not in [entry.uri for entry in source.items(reader, "", "", 10).entries]
    with pytest.raises(ToolError, match="no tool 'write'"):
        run(source, "write", view=reader)


@pytest.mark.parametrize(
    ("tool", "complaint"),
    [
        ({"argv": ["no-such-program-anywhere"]}, "no program no-such-program-anywhere on the PATH"),
        ({"argv": ["./missing.py"]}, "no program in"),
        ({"argv": ["./plain.txt"]}, "make it executable"),
        ({"argv": [sys.executable], "cwd": "nowhere"}, "no folder"),
    ],
)
def test_what_is_not_there_is_said_at_the_start(bench: Bench, tool: dict[str, Any], complaint: str) -> None:
    (bench.folder / "plain.txt").write_text("x")
    with pytest.raises(SourceError, match=complaint):
        bench(t={**tool, "read_only": True})


def test_a_script_is_found_from_its_folder(bench: Bench) -> None:
    script = bench.folder / "bin" / "hello"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\nimport os\nprint(os.path.basename(os.getcwd()))\n")
    script.chmod(0o755)
    assert text(run(bench(t={"argv": ["./hello"], "cwd": "bin", "read_only": True}), "t")) == "bin\n"

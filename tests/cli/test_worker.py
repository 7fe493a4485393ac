"""`dragoman worker`: a process that runs tasks and serves nobody."""

import json
import os
import signal
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

import pytest

from dragoman import Client
from dragoman.app.target import Options
from dragoman.cli import worker
from dragoman.cli.outcome import UsageError

SERVER = """
import os
from dragoman import Limits, Server
server = Server("jobs", store={store!r}, limits=Limits(tasks=int(os.environ.get("TASKS", "4")), task_poll=0.02))

@server.tool{task}
def who() -> int:
    return os.getpid()
"""


def written(folder: Path, store: str, task: str = "(task='required')") -> Path:
    file = folder / "jobs.py"
    file.write_text(SERVER.format(store=store, task=task))
    return file


def test_tasks_run_in_the_worker(tmp_path: Path) -> None:
    file = written(tmp_path, f"sqlite:///{tmp_path / 'store.db'}")
    command = [sys.executable, "-m", "dragoman", "worker", str(file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == "jobs 0.1.0: running tasks, 4 at once, by store\n"
            # The process that serves runs none.
            with Client.sync(str(file), options=Options(env={"TASKS": "0"})) as client:
                assert client.call_tool("who").value == process.pid
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("store", "task", "says"), [("memory:", "(task='required')", "own memory"), ("memory:", "", "no tools")]
)
def test_a_worker_that_could_do_nothing_says_why(tmp_path: Path, store: str, task: str, says: str) -> None:
    file = written(tmp_path, store, task)
    with pytest.raises(UsageError, match=says):
        worker.run(Namespace(file=str(file), no_compat=True, command=None, tasks=None, json=False))


def test_a_worker_has_room_where_the_server_only_accepts_and_says_in_json_what_it_did(tmp_path: Path) -> None:
    file = written(tmp_path, f"sqlite:///{tmp_path / 'store.db'}")
    command = [sys.executable, "-m", "dragoman", "worker", str(file), "--tasks", "3", "--json"]
    accepting = Options(env={"TASKS": "0"})
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TASKS": "0"}) as process:
        try:
            assert process.stdout is not None
            started = json.loads(process.stdout.readline())
            with Client.sync(str(file), options=accepting) as client:
                assert client.call_tool("who").value == process.pid
        finally:
            process.send_signal(signal.SIGTERM)
        ended = [json.loads(line) for line in process.stdout]
        assert process.wait(20) == 0
    same = {"server": "jobs", "version": "0.1.0", "engine": "store", "tasks": 3}
    assert started == {"event": "started", **same, "ran": 0}
    assert ended == [{"event": "stopping", **same, "ran": 1}, {"event": "stopped", **same, "ran": 1}]


@pytest.mark.parametrize("words", [["--tasks", "0"], ["--tasks", "-1"], ["--tasks", "many"]])
def test_a_worker_without_room_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser()
    worker.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["server.py", *words])
    assert "is not a whole number, at least 1" in capsys.readouterr().err
    assert parser.parse_args(["server.py", "--tasks", "2"]).tasks == 2

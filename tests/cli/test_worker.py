"""`dragoman worker`: a process that runs tasks and serves nobody."""

import signal
import subprocess
import sys
from argparse import Namespace
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
            assert "running tasks, 4 at once" in process.stderr.readline()
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
        worker.run(Namespace(file=str(file), no_compat=True, command=None))

"""The command line as its users start it: real processes, pipes, sockets, terminals and signals."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from dragoman import Client
from dragoman.cli import entry

pytestmark = pytest.mark.skipif(os.name != "posix", reason="terminals and signals as POSIX has them")

DRAGOMAN = [sys.executable, "-P", "-m", "dragoman"]
SERVER = """
from dragoman import Context, Server, ToolError

print("said while it is loaded")
server = Server("acme", version="1.0.0")

@server.tool
def add(a: int, b: int = 2) -> int:
    print("said while it runs")
    return a + b

@server.tool
def fail() -> str:
    raise ToolError("the paint is dry")

@server.tool
async def wait(ctx: Context) -> str:
    import asyncio
    print("waiting", flush=True)
    await asyncio.sleep(60)
    return "done"

if __name__ == "__main__":
    server.run("http", port=1)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "server.py"
    path.write_text(SERVER)
    return path


def dragoman(*words, **given):
    """Run a command line to its end."""
    given = {"stdin": subprocess.DEVNULL, "timeout": 30, **given}
    return subprocess.run([*DRAGOMAN, *map(str, words)], capture_output=True, text=True, check=False, **given)


class Started:
    """A command line that goes on until it is told to stop."""

    def __init__(self, *words, **given):
        given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **given}
        self.process = subprocess.Popen([*DRAGOMAN, *map(str, words)], stderr=subprocess.PIPE, text=True, **given)

    def until(self, pattern):
        """Return the first match on stderr, read line by line."""
        seen = []
        for line in self.process.stderr:
            seen.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no {pattern!r} in {''.join(seen)!r}")

    def stop(self, number=signal.SIGINT):
        """Send a signal; return the exit status and the rest of stderr."""
        self.process.send_signal(number)
        rest = self.process.stderr.read()
        return self.process.wait(30), rest

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


ADDRESS = r"(http://127\.0\.0\.1:\d+/mcp)"


def test_a_file_run_by_a_program_speaks_stdio_whatever_it_prints(file) -> None:
    done = dragoman("call", "add", "a=1", "b=4", "--", *DRAGOMAN, "run", file)
    assert (done.returncode, done.stdout) == (0, "5\n")


def test_over_http_every_command_finds_the_server_and_ctrl_c_stops_it(file) -> None:
    with Started("run", file, "--http", "--port", "0") as server:
        url = server.until(ADDRESS)[1]
        assert dragoman("call", url, "add", "a=1").stdout == "3\n"
        assert json.loads(dragoman("list", url, "tools", "--json").stdout)["serverInfo"]["name"] == "acme"
        failed = dragoman("call", url, "fail", "--json")
        assert (failed.returncode, failed.stdout) == (1, "")
        assert json.loads(failed.stderr)["error"]["kind"] == "tool"
        traced = dragoman("call", url, "add", "a=1", "--trace", "--header", "X-Key: sesame")
        assert traced.stdout == "3\n"
        assert "tools/call" in traced.stderr
        assert "sesame" not in traced.stderr
        status, rest = server.stop()
    assert status == 130
    assert "Traceback" not in rest


def test_started_by_hand_it_serves_http_and_says_what_to_paste(file) -> None:
    terminal, line = os.openpty()
    with Started("run", file, "--port", "0", stdin=line) as server:
        url = server.until(f"acme is served at {ADDRESS}")[1]
        server.until("Claude Desktop")
        server.until(re.escape(str(file)))
        server.until(f"(?s).*{re.escape(url)}")
        server.until("VS Code")
        assert dragoman("call", url, "add", "a=1").stdout == "3\n"
        assert server.stop()[0] == 130
    os.close(terminal)
    os.close(line)


def test_without_anybody_at_stdin_it_says_what_to_add(file) -> None:
    done = dragoman("run", file)
    assert done.returncode == 2
    assert "--http" in done.stderr


@pytest.mark.parametrize(
    "text, status, told",
    [
        ("x = 1\ndef f(:\n    pass\n", 2, "broken.py:2: invalid syntax: def f(:"),
        ("x = 1\n", 2, 'server = Server("name")'),
        ("import no_such_package\n", 2, "broken.py:1: No module named 'no_such_package'"),
    ],
)
def test_a_file_that_cannot_be_served_is_told_where_and_why(tmp_path, text, status, told) -> None:
    (tmp_path / "broken.py").write_text(text)
    done = dragoman("run", tmp_path / "broken.py", "--http")
    assert done.returncode == status
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_an_exception_in_the_file_shows_the_users_traceback_and_none_of_ours(tmp_path) -> None:
    (tmp_path / "broken.py").write_text("def f():\n    return 1 / 0\n\nf()\n")
    done = dragoman("run", tmp_path / "broken.py", "--http")
    assert done.returncode == 1
    assert 'broken.py", line 2, in f' in done.stderr
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "loader.py" not in done.stderr


@pytest.mark.parametrize(
    "words, status, kind",
    [
        (["list", "http://127.0.0.1:1/mcp"], 4, "unreachable"),
        (["list", "--", "/nonexistent/program"], 4, "unreachable"),
        (["list", "--", sys.executable, "-c", "raise SystemExit('out of paint')"], 4, "closed"),
        (["call", "x"], 2, "usage"),
        (["call", "--wat"], 2, "usage"),
    ],
)
def test_what_cannot_be_reached_or_is_not_understood_has_its_status_and_one_json_object(words, status, kind) -> None:
    at = words.index("--") if "--" in words else len(words)
    done = dragoman(*words[:at], "--json", *words[at:])
    assert (done.returncode, done.stdout) == (status, "")
    assert json.loads(done.stderr)["error"]["kind"] == kind


def test_a_server_that_wants_credentials_gives_status_three() -> None:
    class Closed(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Bearer realm="acme"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Closed) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        done = dragoman("list", f"http://127.0.0.1:{server.server_port}/mcp", "--json")
        server.shutdown()
        thread.join()
    assert done.returncode == 3
    error = json.loads(done.stderr)["error"]
    assert (error["kind"], error["http_status"]) == ("unauthorized", 401)


def test_a_reader_that_has_left_ends_it_without_complaint(file) -> None:
    read, write = os.pipe()
    os.close(read)
    with Started("call", "add", "a=1", "--", *DRAGOMAN, "run", file, stdout=write) as called:
        os.close(write)
        assert called.process.stderr.read() == ""
        assert called.process.wait(30) == 141


def test_ctrl_c_during_a_call_ends_it_and_the_server_it_started(file) -> None:
    with Started("call", "wait", "--trace", "--", *DRAGOMAN, "run", file) as called:
        called.until("waiting$")
        status, rest = called.stop()
    assert status == 130
    assert "Traceback" not in rest


def test_several_processes_serve_one_port_and_end_together(file) -> None:
    with Started("run", file, "--port", "0", "--workers", "2") as server:
        server.until("2 processes")
        url = server.until(ADDRESS)[1]
        assert dragoman("call", url, "add", "a=1").stdout == "3\n"
        # stderr ends only when every process that holds it has ended.
        status, rest = server.stop(signal.SIGTERM)
    assert status == 143
    assert "Traceback" not in rest
    assert dragoman("list", url).returncode == 4


def test_several_processes_share_the_sessions_of_older_clients(file, tmp_path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with Started("run", file, "--port", "0", "--workers", "2", env={**os.environ, "TMPDIR": str(temporary)}) as server:
        server.until("2 processes, one store: a file until they end")
        url = server.until(ADDRESS)[1]
        with Client.sync(url, mode="legacy", timeout=30) as client:
            assert [client.call_tool("add", {"a": number}).value for number in range(8)] == list(range(2, 10))
        (folder,) = temporary.iterdir()
        assert folder.stat().st_mode & 0o077 == 0 and (folder / "shared.db").stat().st_mode & 0o077 == 0
        server.stop(signal.SIGTERM)
    assert list(temporary.iterdir()) == []


def test_processes_take_the_store_of_the_environment_unless_the_file_names_one(file, tmp_path) -> None:
    named = {**os.environ, "DRAGOMAN_STORE": f"sqlite:///{tmp_path}/named.db"}
    with Started("run", file, "--port", "0", "--workers", "2", env=named) as server:
        server.until("2 processes, one store: DRAGOMAN_STORE")
        with Client.sync(server.until(ADDRESS)[1], mode="legacy", timeout=30) as client:
            assert client.call_tool("add", {"a": 1}).value == 3
        server.stop(signal.SIGTERM)
    assert (tmp_path / "named.db").exists()
    file.write_text(SERVER.replace('version="1.0.0"', 'version="1.0.0", store="memory:"'))
    with Started("run", file, "--port", "0", "--workers", "2", env=named) as server:
        server.until("no sessions")
        assert dragoman("call", server.until(ADDRESS)[1], "add", "a=1").stdout == "3\n"
        server.stop(signal.SIGTERM)


def test_a_changed_file_is_served_anew_and_a_broken_one_waited_for(file) -> None:
    with Started("run", file, "--port", "0", "--reload") as server:
        url = server.until(ADDRESS)[1]
        file.write_text("syntax error(")
        server.until("waiting for a change")
        file.write_text(SERVER.replace("a + b", "a * b * 100"))
        server.until(ADDRESS)
        assert dragoman("call", url, "add", "a=1").stdout == "200\n"
        assert server.stop()[0] == 130


def test_help_and_version_teach_without_a_server() -> None:
    assert re.fullmatch(r"dragoman \d+\.\d+\.\d+\S*\n", dragoman("--version").stdout)
    shown = dragoman("--help").stdout
    for command in ("run", "serve", "list", "call", "read", "prompt", "doctor"):
        assert f"    {command} " in shown
        told = dragoman(command, "--help")
        assert told.returncode == 0
        assert "examples:" in told.stdout


def test_a_command_that_does_not_exist_is_answered_with_the_nearest() -> None:
    done = dragoman("lst")
    assert (done.returncode, done.stderr) == (2, "dragoman: there is no command 'lst'; did you mean 'list'?\n")
    assert dragoman().returncode == 2


FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is always full")


@FULL
def test_output_that_cannot_be_written_is_told_in_a_sentence(file) -> None:
    with open("/dev/full", "w") as full:
        refused = subprocess.run(
            [*DRAGOMAN, "list", file],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1] == "dragoman: the output cannot be written: No space left on device"


@FULL
def test_an_error_that_nobody_can_be_told_of_keeps_its_status() -> None:
    with open("/dev/full", "w") as full:
        assert subprocess.run([*DRAGOMAN, "list", "nothing"], stderr=full, check=False).returncode == 2


def test_streams_that_the_caller_closed_lead_nowhere(file) -> None:
    command = [*DRAGOMAN, "call", str(file), "add", "a=1"]
    closed = ["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', *command]
    assert subprocess.run(closed, check=False).returncode == 0


def test_a_folder_that_is_gone_is_told_in_a_sentence(tmp_path) -> None:
    gone = ["sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$@"', *DRAGOMAN, "clients"]
    told = subprocess.run(gone, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert told.returncode == 2
    assert told.stderr.splitlines()[-1].startswith("dragoman: the folder that this was started in is gone")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["list", "a" * 300 + ".py"], "aaa.py: File name too long"),
        (["run", "a" * 300 + ".py", "--stdio"], "cannot be read: File name too long"),
        (["serve", "a" * 300, "--check"], "cannot be looked at: File name too long"),
        (["call", "folder/none.py", "add"], "no such file: folder/none.py"),
    ],
)
def test_a_path_that_the_system_refuses_is_told_in_a_sentence(words, told, capsys) -> None:
    assert entry.run(words) == 2
    out, err = capsys.readouterr()
    assert told in err and len(err) < 400 and not out


def test_an_option_with_a_slip_is_told_with_the_nearest(capsys) -> None:
    assert entry.run(["list", "--jsn", "http://127.0.0.1:1/mcp"]) == 2
    told = "dragoman: unrecognized arguments: --jsn; did you mean --json? 'dragoman list --help' shows how it is used\n"
    assert capsys.readouterr().err == told


def test_a_server_on_stdio_in_a_terminal_says_what_it_waits_for(tmp_path) -> None:
    plain = tmp_path / "plain.py"
    plain.write_text("from dragoman import Server\n\nServer('plain').run()\n")
    terminal, line = os.openpty()
    process = subprocess.Popen([sys.executable, str(plain)], stdin=line, stderr=line, stdout=subprocess.DEVNULL)
    os.close(line)
    said = b""
    while b"\n" not in said:
        said += os.read(terminal, 1000)
    os.write(terminal, b"\x04")
    assert process.wait(20) == 0
    os.close(terminal)
    assert b"waits on stdin for a client's messages; Ctrl-C stops it. Clients start it themselves" in said


def test_a_server_over_http_that_is_told_to_stop_says_so_in_its_status(file) -> None:
    with Started("run", file, "--port", "0") as server:
        server.until(ADDRESS)
        # By the signal itself, which a shell shows as 143.
        assert server.stop(signal.SIGTERM)[0] in (-signal.SIGTERM, 143)

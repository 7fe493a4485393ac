"""A server on stdin and stdout, as a process of its own, spoken to in bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.faults.measure import figure
from tests.transport.stdio_peer import META, PATIENCE, RUN, SERVER, Peer, call, cancel, request, serving, value

HELLO = (
    b'{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-11-25",'
    b'"capabilities":{},"clientInfo":{"name":"old","version":"2"}}}\n'
)


# --- frames ----------------------------------------------------------------------------------------------------


def test_crlf_blank_lines_and_two_frames_in_one_write_are_lines(tmp_path: Path) -> None:
    with serving(tmp_path) as peer:
        peer.write(call(1, "add", a=1, b=2).replace(b"\n", b"\r\n") + b"\n \r\n" + call(2, "add", a=3, b=4))
        found = peer.answers(2)
        assert (value(found[1]), value(found[2])) == (3, 7)
        assert peer.end()[0] == 0


def test_a_frame_may_come_byte_by_byte(tmp_path: Path) -> None:
    with serving(tmp_path) as peer:
        for byte in call(1, "add", a=1, b=2):
            peer.write(bytes([byte]))
        assert value(peer.answer()) == 3


def test_characters_may_be_cut_in_two(tmp_path: Path) -> None:
    echo = "\n@server.tool\nasync def echo(text: str) -> str:\n    return text\n"
    params = {"name": "echo", "arguments": {"text": "né€😀"}, "_meta": META}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    line = json.dumps(asked, ensure_ascii=False).encode() + b"\n"
    with serving(tmp_path, echo) as peer:
        cut = line.index("😀".encode()) + 2
        peer.write(line[:cut])
        assert peer.silent()
        peer.write(line[cut:])
        assert value(peer.answer()) == "né€😀"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{not json}\n", -32700),
        (b'{"jsonrpc":"2.0","id":"\xff\xfe"}\n', -32700),
        (b"42\n", -32600),
        (b'{"jsonrpc":"1.0","id":7,"method":"ping"}\n', -32600),
        (b"[]\n", -32600),
        (b"[" * 70 + b"]" * 70 + b"\n", -32600),
    ],
)
def test_a_line_that_is_no_message_is_answered_and_the_next_is_served(tmp_path: Path, line: bytes, code: int) -> None:
    with serving(tmp_path) as peer:
        peer.write(line + call(1, "add", a=1, b=2))
        refused, served = peer.answer(), peer.answer()
        assert refused["error"]["code"] == code
        assert refused.get("id", 7) == 7
        assert value(served) == 3


def test_a_line_beyond_the_limit_is_refused_and_ends_the_server(tmp_path: Path) -> None:
    with serving(tmp_path) as peer:
        fits = call(1, "add", a=1, b=2)[:-1] + b" " * (4 * 1024 * 1024 - len(call(1, "add", a=1, b=2)) + 1) + b"\n"
        peer.write(fits)
        assert value(peer.answer()) == 3
        try:
            peer.write(b" " + fits)
        except BrokenPipeError:
            pass
        refused = peer.answer()
        assert refused["error"]["code"] == -32700
        assert "id" not in refused
        assert peer.line() == b""
        assert peer.left()[0] == 0


def test_notifications_and_responses_get_no_answer(tmp_path: Path) -> None:
    with serving(tmp_path) as peer:
        peer.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        peer.write(b'{"jsonrpc":"2.0","method":"no/such"}\n')
        peer.write(b'{"jsonrpc":"2.0","id":1,"result":{}}\n')
        peer.write(request(2))
        assert peer.answer()["id"] == 2


# --- eras ------------------------------------------------------------------------------------------------------


def test_both_eras_speak_on_one_stream(tmp_path: Path) -> None:
    with serving(tmp_path) as peer:
        peer.write(HELLO)
        assert peer.answer()["result"]["protocolVersion"] == "2025-11-25"
        peer.write(
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":1}}}\n'
        )
        peer.write(call(2, "add", a=2, b=2))
        found = peer.answers(2)
        assert "resultType" not in found[1]["result"]
        assert found[2]["result"]["resultType"] == "complete"
        status, said = peer.end()
        assert (status, said) == (0, "peer's 1.0: old 2 speaks 2025-11-25 over stdio\n")


def test_a_change_by_a_call_in_the_same_write_as_initialized_is_told(tmp_path: Path) -> None:
    """A call takes its first step where it is read: the listener of a handshake-era client is there before."""
    change = """
@server.tool
async def change() -> str:
    server.notify_tools_changed()
    return "changed"
"""
    with serving(tmp_path, change) as peer:
        peer.write(HELLO)
        peer.answer()
        form = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"change","arguments":{}}}\n'
        # From the first call on, a task is ready for whatever comes; that nobody hears of it is right.
        for number in (1, 2):
            peer.write(form % number)
            assert peer.answer()["id"] == number
        peer.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n' + form % 3)
        found = [peer.answer(), peer.answer()]
        assert {each.get("id", each.get("method")) for each in found} == {3, "notifications/tools/list_changed"}


def test_a_request_before_any_greeting_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    with serving(tmp_path) as peer:
        peer.write(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n')
        error = peer.answer()["error"]
        assert error["code"] == -32600
        assert "initialize" in error["message"]
        peer.write(b'{"jsonrpc":"2.0","id":2,"method":"ping"}\n')
        assert peer.answer() == {"jsonrpc": "2.0", "id": 2, "result": {}}


# --- many calls, cancelled calls -------------------------------------------------------------------------------


def test_a_slow_call_holds_up_nobody(tmp_path: Path) -> None:
    with serving(tmp_path) as peer:
        peer.write(call(1, "wait", seconds=60) + call(2, "block", seconds=60) + call(3, "add", a=1, b=2))
        assert value(peer.answer()) == 3


def test_two_hundred_calls_run_at_once(tmp_path: Path) -> None:
    with serving(tmp_path) as peer:
        began = time.monotonic()
        peer.write(b"".join(call(n, "wait", seconds=0.5) for n in range(200)))
        assert sorted(peer.answers(200)) == list(range(200))
        assert time.monotonic() - began < 10  # one after the other they would take 100 seconds


def test_requests_beyond_the_limit_wait_their_turn(tmp_path: Path) -> None:
    limits = "\nserver.service.limits = server.limits = Limits(calls=2)\n"
    with serving(tmp_path, limits) as peer:
        peer.write(b"".join(call(n, "add", a=n, b=0) for n in range(500)))
        assert {n: value(answer) for n, answer in peer.answers(500).items()} == {n: n for n in range(500)}


def test_a_waiting_request_can_be_cancelled(tmp_path: Path) -> None:
    limits = "\nserver.service.limits = server.limits = Limits(calls=1)\n"
    with serving(tmp_path, limits) as peer:
        peer.write(call(1, "wait", seconds=0.2) + call(2, "add", a=1, b=2) + call(3, "add", a=2, b=2) + cancel(2))
        assert [peer.answer()["id"], peer.answer()["id"]] == [1, 3]
        peer.write(call(4, "add", a=0, b=0))
        assert peer.answer()["id"] == 4


def test_an_id_under_way_is_refused_and_free_again_later(tmp_path: Path) -> None:
    with serving(tmp_path) as peer:
        peer.write(call(1, "wait", seconds=0.3) + call(1, "add", a=1, b=2) + call("1", "add", a=1, b=3))
        assert peer.answer()["error"]["code"] == -32600
        assert value(peer.answer()) == 4
        assert value(peer.answer()) == "waited"
        peer.write(call(1, "add", a=1, b=2))
        assert value(peer.answer()) == 3


def test_a_cancelled_call_is_stopped_and_says_nothing_more(tmp_path: Path) -> None:
    stubborn = """
@server.tool
async def stubborn(ctx: Context) -> str:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        print("cleaning up")
    await ctx.progress(2)
    return "too late"
"""
    with serving(tmp_path, stubborn) as peer:
        peer.write(call(1, "stubborn") + request(2))
        assert peer.answer()["id"] == 2
        peer.write(cancel(1) + cancel(1) + cancel(99) + request(3))
        assert peer.answer()["id"] == 3
        assert peer.silent()
        peer.write(call(1, "add", a=1, b=2))
        assert value(peer.answer()) == 3
        assert "cleaning up" in peer.end()[1]


AS_TASKS = """
import asyncio
import contextvars
WHO = contextvars.ContextVar("who", default="nobody")
tasks = []
@server.tool
async def enter(name: str, turns: int) -> str:
    before, task = WHO.get(), asyncio.current_task()
    WHO.set(name)
    for _ in range(turns):
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
    tasks.append(asyncio.current_task())
    return f"{before} {WHO.get()} {task is tasks[-1]} {tasks.count(task)}"
@server.tool
async def give_up() -> str:
    asyncio.current_task().cancel()
    return "not yet"
"""


def test_each_call_is_a_task_with_a_context_of_its_own_whether_it_waits_or_not(tmp_path: Path) -> None:
    with serving(tmp_path, AS_TASKS) as peer:
        expected = {}
        for number in range(1, 120):
            # In one write or in many, waiting or not, and sometimes cancelled by itself.
            turns = 2 if number % 40 == 7 else 0
            line = call(number, "enter", name=f"n{number}", turns=turns)
            expected[number] = f"nobody n{number} True 1"
            peer.write(line + call(f"g{number}", "give_up") if number % 10 == 0 else line)
        found = peer.answers(len(expected) + 11)
        assert {number: value(found[number]) for number in expected} == expected
        assert [value(found[f"g{number}"]) for number in range(10, 120, 10)] == ["not yet"] * 11
        assert peer.end()[0] == 0


def test_a_call_cancelled_in_the_same_write_never_runs(tmp_path: Path) -> None:
    with serving(tmp_path) as peer:
        peer.write(call(1, "wait", seconds=0.1) + cancel(1) + call(2, "wait", seconds=0.2))
        assert peer.answer()["id"] == 2
        peer.write(call(1, "add", a=1, b=2))
        assert value(peer.answer()) == 3


def test_a_plain_function_can_see_that_it_was_cancelled(tmp_path: Path) -> None:
    watching = """
@server.tool
def watching(ctx: Context) -> str:
    print("runs")
    while not ctx.cancelled:
        time.sleep(0.01)
    print("saw it")
    return "late"
"""
    with serving(tmp_path, watching) as peer:
        peer.write(call(1, "watching") + request(2))
        assert peer.answer()["id"] == 2
        # What is cancelled before its thread begins never runs.
        assert any(line == b"runs\n" for line in peer.process.stderr)
        peer.write(cancel(1) + request(3))
        assert peer.answer()["id"] == 3
        # The thread looks when it likes; that it saw the end is all that counts.
        assert any(line == b"saw it\n" for line in peer.process.stderr)
        assert peer.silent()


# --- what must not get among the frames ------------------------------------------------------------------------

NOISE = """
print("before run")
sys.stdout.write("half a line")
logging.basicConfig(stream=sys.stdout, level=logging.DEBUG)

@server.tool
def noise() -> str:
    print("a print")
    sys.stdout.write("unfinished")
    sys.__stdout__.write("the original")
    logging.getLogger("some.library").warning("a log line")
    subprocess.run(["echo", "a child's words"], check=True)
    os.system("echo a shell")
    os.write(1, b"from below\\n")
    return "quiet"

@server.tool
def greedy() -> str:
    return repr(sys.stdin.read()) + repr(os.read(0, 10))
"""


def test_nothing_that_prints_gets_among_the_frames(tmp_path: Path) -> None:
    with serving(tmp_path, NOISE) as peer:
        peer.write(call(1, "noise") + call(2, "noise"))
        assert {n: value(answer) for n, answer in peer.answers(2).items()} == {1: "quiet", 2: "quiet"}
        status, said = peer.end()
        assert status == 0
        printed = ["before run", "half a line", "a print", "unfinished", "the original", "a log line"]
        for words in [*printed, "a child's words", "a shell", "from below"]:
            assert words in said


def test_a_tool_that_reads_stdin_gets_nothing_and_steals_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, NOISE) as peer:
        peer.write(call(1, "greedy") + call(2, "add", a=1, b=2))
        found = peer.answers(2)
        assert value(found[1]) == "''b''"
        assert value(found[2]) == 3


def test_child_processes_do_not_get_the_frames(tmp_path: Path) -> None:
    child = """
@server.tool
def inherited() -> str:
    program = '''import os, stat
def is_pipe(fd):
    try:
        return stat.S_ISFIFO(os.fstat(fd).st_mode)
    except OSError:
        return False
print([fd for fd in range(3, 64) if is_pipe(fd)])'''
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, close_fds=False).stdout
"""
    with serving(tmp_path, child) as peer:
        peer.write(call(1, "inherited"))
        assert value(peer.answer()) == "[]\n"


# --- ends ------------------------------------------------------------------------------------------------------


def test_the_end_of_stdin_ends_the_server(tmp_path: Path) -> None:
    with serving(tmp_path) as peer:
        assert peer.end() == (0, "")


def test_requests_piped_in_before_the_end_are_all_answered(tmp_path: Path) -> None:
    file = tmp_path / "requests"
    file.write_bytes(b"".join(call(n, "add", a=n, b=1) for n in range(1000)))
    with file.open("rb") as requests, serving(tmp_path, stdin=requests) as peer:
        assert len(peer.answers(1000)) == 1000
        assert peer.end()[0] == 0


def test_running_calls_get_a_second_to_finish(tmp_path: Path) -> None:
    """F11"""
    with serving(tmp_path) as peer:
        peer.write(call(1, "wait", seconds=0.3) + request(2))
        assert peer.answer()["id"] == 2
        begun = time.monotonic()
        peer.process.stdin.close()
        assert value(peer.answer()) == "waited"
        assert peer.end()[0] == 0
    figure("F11", "until it ended, a call of 0.3 s answered before", time.monotonic() - begun, 2.0, "s")


@pytest.mark.parametrize(
    "stuck",
    [
        "def stuck() -> str:\n    time.sleep(600)",
        "async def stuck() -> str:\n    await asyncio.to_thread(time.sleep, 600)",
        "async def stuck() -> str:\n    await asyncio.sleep(600)",
        "async def stuck() -> str:\n    while True:\n        try:\n            await asyncio.sleep(600)\n"
        "        except asyncio.CancelledError:\n            pass",
    ],
)
def test_a_call_that_is_stuck_does_not_keep_the_server(tmp_path: Path, stuck: str) -> None:
    """F11"""
    with serving(tmp_path, f"\n@server.tool\n{stuck}\n") as peer:
        peer.write(call(1, "stuck") + request(2))
        assert peer.answer()["id"] == 2
        began = time.monotonic()
        status, said = peer.end()
        figure("F11", "until it ended, a call being stuck", time.monotonic() - began, 2.0, "s")
        assert status == 0
        assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_serving_server_without_a_traceback(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as peer:
        peer.write(call(1, "wait", seconds=0.2) + request(2))
        assert peer.answer()["id"] == 2
        peer.process.send_signal(number)
        assert value(peer.answer()) == "waited"
        status, said = peer.left()
        assert (status, "Traceback" in said) == (0, False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", [0.0, 0.001, 0.003, 0.01, 0.03])
def test_a_signal_at_any_moment_of_running_leaves_no_traceback(
    tmp_path: Path, number: signal.Signals, moment: float
) -> None:
    ready = "\nif __name__ == '__main__':\n    sys.stderr.write('ready\\n')\n    sys.stderr.flush()\n    server.run()\n"
    with serving(tmp_path, run=ready) as peer:
        assert peer.process.stderr.readline() == b"ready\n"
        time.sleep(moment)
        peer.process.send_signal(number)
        status, said = peer.left()
        assert status in (0, -number)
        # A signal before the first line of `run` is Python's to tell of, not ours: then nothing deeper was entered.
        assert "Traceback" not in said or said.count("/dragoman/") <= 1


def test_a_peer_that_closes_our_stdout_ends_the_server_quietly(tmp_path: Path) -> None:
    with serving(tmp_path) as peer:
        peer.write(request(1))
        peer.answer()
        peer.process.stdout.close()
        peer.write(request(2))
        status, said = peer.left()
        assert status == 0
        assert "Traceback" not in said and "BrokenPipe" not in said


def test_a_server_without_stdin_says_so(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER + RUN)
    done = subprocess.run(
        ["sh", "-c", f"exec '{sys.executable}' '{tmp_path}/server.py' <&-"], capture_output=True, timeout=PATIENCE
    )
    assert b"without stdin" in done.stderr
    assert done.returncode == 1


# --- peers that do not read ------------------------------------------------------------------------------------


def resident(pid: int) -> int:
    """Return the memory of a process, in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize("line", [call(1, "text", size=500_000), b"x\n" * 100])
def test_a_client_that_never_reads_costs_bounded_memory(tmp_path: Path, line: bytes) -> None:
    limits = "\nserver.service.limits = server.limits = Limits(calls=8)\n"
    with serving(tmp_path, limits) as peer:
        peer.write(request("first"))
        peer.answer()
        before = resident(peer.process.pid)
        os.set_blocking(peer.process.stdin.fileno(), False)
        wrote, quiet, number = 0, 0, 0
        while quiet < 10 and wrote < 200_000_000:
            number += 1
            data = line.replace(b'"id": 1', b'"id": %d' % number)
            try:
                wrote += os.write(peer.process.stdin.fileno(), data)
                quiet = 0
            except BlockingIOError:
                quiet += 1
                time.sleep(0.05)  # nothing to wait for: that nothing happens is the point
        assert wrote < 200_000_000, "the server never stopped reading"
        assert resident(peer.process.pid) - before < 120_000_000


def test_a_client_that_reads_late_gets_everything(tmp_path: Path) -> None:
    with serving(tmp_path) as peer:
        peer.write(b"".join(call(n, "text", size=200_000) for n in range(100)))
        peer.write(request("last"))
        found = peer.answers(101)
        assert all(len(value(found[n])) == 200_000 for n in range(100))


# --- odd streams -----------------------------------------------------------------------------------------------


def test_a_socket_pair_serves_as_both_streams(tmp_path: Path) -> None:
    import socket

    ours, theirs = socket.socketpair()
    with ours, theirs, serving(tmp_path, stdin=theirs, stdout=theirs) as peer:
        ours.settimeout(PATIENCE)
        ours.sendall(call(1, "add", a=1, b=2))
        assert value(Peer(peer.process, ours.fileno()).answer()) == 3
        ours.shutdown(socket.SHUT_WR)
        assert peer.left()[0] == 0


def test_a_terminal_serves_as_stdin(tmp_path: Path) -> None:
    import pty

    outer, inner = pty.openpty()
    try:
        with serving(tmp_path, stdin=inner) as peer:
            os.close(inner)
            os.write(outer, b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
            assert peer.answer() == {"jsonrpc": "2.0", "id": 1, "result": {}}
            os.write(outer, b"\x04")
            assert peer.left()[0] == 0
    finally:
        os.close(outer)


def test_stdout_may_be_a_file(tmp_path: Path) -> None:
    answers = tmp_path / "answers"
    with answers.open("wb") as out, serving(tmp_path, stdout=out) as peer:
        peer.write(b"".join(call(n, "add", a=n, b=0) for n in range(50)))
        peer.process.stdin.close()
        assert peer.left()[0] == 0
    assert len([json.loads(line) for line in answers.read_text().splitlines()]) == 50

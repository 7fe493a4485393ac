"""Servers in processes that misbehave: told plainly, at once, and nothing is left running."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import selectors
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.faults.measure import SLACK, figure, times
from tests.transport.raw_peer import Quiet

from dragoman import Client
from dragoman.app.target import Options
from dragoman.errors import ClosedError, LocalError, MalformedError, UnreachableError
from dragoman.ports.exchange import Outgoing
from dragoman.transport.process import Command, ProcessExchange

ASK = Outgoing(1, b'{"jsonrpc":"2.0","id":1,"method":"x"}')
ANSWER = '{"jsonrpc":"2.0","id":1,"result":{}}'
JUNK = b'Starting up...\n[1, 2\n[1]\n{"jsonrpc":\n\x00\xff\n\xe2\x82\n'
ECHO = f"import sys\nfor line in sys.stdin: print('{ANSWER}', flush=True)"


@contextlib.asynccontextmanager
async def running(text: str, listener: Quiet | None = None, **options: Any) -> AsyncIterator[ProcessExchange]:
    exchange = ProcessExchange(Command(words=(sys.executable, "-u", "-c", text), **options))
    await exchange.open(listener or Quiet())
    try:
        yield exchange
    finally:
        await exchange.close()


def alive(pid: int) -> bool:
    try:
        # A process that has exited but was not waited for is no longer running.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while alive(pid):
            await asyncio.sleep(0.01)


async def test_a_request_gets_its_answer() -> None:
    async with running(ECHO) as exchange:
        answer = await exchange.send(ASK)
    assert answer.status == 200 and answer.frame is not None and answer.body == ANSWER.encode()


async def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(UnreachableError, match="the command 'no-such-program --x' cannot be started: No such file"):
        await ProcessExchange(Command(words=("no-such-program", "--x"))).open(Quiet())


@pytest.mark.parametrize("words, cwd", [(("/",), None), ((sys.executable,), "/no/such/folder"), (("a\0b",), None)])
async def test_a_command_that_cannot_run_is_unreachable(words: tuple[str, ...], cwd: str | None) -> None:
    with pytest.raises(UnreachableError, match="cannot be started"):
        await ProcessExchange(Command(words=words, cwd=cwd)).open(Quiet())


async def test_junk_on_stdout_is_skipped_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """F10: text, JSON that is no message, half a message, bytes that are no UTF-8, a character cut in two."""
    number = times(3, 10_000)
    junk = f"import sys\nsys.stdout.buffer.write({JUNK!r} * {number})\nsys.stdout.flush()\n"
    with caplog.at_level(logging.WARNING, "dragoman"):
        async with running(junk + ECHO) as exchange:
            begun = time.monotonic()
            assert (await exchange.send(ASK)).frame is not None
            took = time.monotonic() - begun
    assert "Starting up..." in caplog.text
    assert len(caplog.messages) <= number * JUNK.count(b"\n")
    figure("F10", "lines that are no message", number * JUNK.count(b"\n"))
    figure("F10", "until a call behind them was answered", took, 1.0 + number / 1000, "s")


async def test_a_process_that_dies_during_a_call_says_how_and_what_it_said_last() -> None:
    text = "import sys\nsys.stdin.readline()\nprint('x' * 70000, file=sys.stderr)\nsys.exit('disk full')"
    async with running(text) as exchange:
        begun = time.monotonic()
        with pytest.raises(ClosedError, match=r"ended with status 1; it last said:\n[^z]*disk full$") as caught:
            await exchange.send(ASK)
        assert time.monotonic() - begun < 5
        assert len(str(caught.value)) < 3000
        with pytest.raises(ClosedError, match="disk full"):
            await exchange.send(ASK)


async def test_a_process_that_is_killed_names_the_signal() -> None:
    text = "import os, signal, sys\nsys.stdin.readline()\nos.kill(os.getpid(), signal.SIGKILL)"
    async with running(text) as exchange:
        with pytest.raises(ClosedError, match="ended with signal 9; it said nothing on stderr"):
            await exchange.send(ASK)


async def test_every_call_under_way_hears_of_the_end_with_an_error_of_its_own() -> None:
    async with running("import sys\nfor _ in range(3): sys.stdin.readline()") as exchange:
        asked = [asyncio.ensure_future(exchange.send(Outgoing(n, b"{}"))) for n in range(3)]
        _, waiting = await asyncio.wait(asked, timeout=10)
        assert not waiting
        errors = [task.exception() for task in asked]
    assert [type(error) for error in errors] == [ClosedError] * 3
    assert len({id(error) for error in errors}) == 3


@pytest.mark.parametrize("closing", ["1", "0"])
async def test_a_process_that_only_closes_a_pipe_is_given_up(closing: str) -> None:
    text = f"import os, sys, time\nsys.stdin.readline() if {closing} else None\nos.close({closing})\ntime.sleep(60)"

    async def keep_asking(exchange: ProcessExchange) -> None:
        while True:
            # A closed stdin shows when something is written to it.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await exchange.send(ASK)

    async with running(text, stop_seconds=0.1) as exchange, asyncio.timeout(20):
        with pytest.raises(ClosedError, match="closed its stdin or stdout"):
            await keep_asking(exchange)


async def test_a_grandchild_that_holds_the_pipes_does_not_hide_the_end() -> None:
    """F08"""
    text = (
        "import subprocess, sys\nsys.stdin.readline()\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\nsys.exit('gone')"
    )
    async with running(text) as exchange:
        begun = time.monotonic()
        async with asyncio.timeout(5):
            with pytest.raises(ClosedError, match="gone"):
                await exchange.send(ASK)
        figure("F08", "until the end was told while a grandchild holds the pipes", time.monotonic() - begun, 5.0, "s")


async def test_a_line_that_is_too_long_ends_the_conversation_and_one_that_fits_does_not() -> None:
    long = f"import sys\nfor line in sys.stdin: print('{ANSWER}' + ' ' * int(sys.argv[-1]), flush=True)"
    for pad, fits in ((100, True), (5000, False)):
        command = Command(words=(sys.executable, "-c", long, str(pad)), max_bytes=1000)
        exchange = ProcessExchange(command)
        await exchange.open(Quiet())
        if fits:
            assert (await exchange.send(ASK)).frame is not None
        else:
            with pytest.raises(MalformedError, match="frame longer than 1000 bytes"):
                await exchange.send(ASK)
        await exchange.close()


async def test_answers_that_nobody_waits_for_are_ignored() -> None:
    stray = '{"jsonrpc":"2.0","id":99,"result":{}}'
    late = f"import sys\nfor line in sys.stdin:\n    print('{stray}', flush=True); print('{ANSWER}', flush=True)"
    async with running(late) as exchange:
        assert (await exchange.send(ASK)).body == ANSWER.encode()


BACK = "import os\nwhile got := os.read(0, 65536): os.write(1, got)"


@pytest.mark.parametrize("mode", ["auto", "modern", "legacy"])
async def test_a_command_that_sends_back_what_it_is_sent_is_no_server(mode: Any) -> None:
    """A terminal in between does that, as in `docker run -it`: its echo was taken for a server's answers."""
    with pytest.raises(MalformedError, match=r"sends back what it is sent: .*docker run -i instead of -it"):
        async with Client([sys.executable, "-c", BACK], mode=mode):
            pass


@pytest.mark.skipif(sys.platform == "win32", reason="no terminals of POSIX")
async def test_a_terminal_that_lies_between_is_told_though_the_program_behind_it_says_nothing() -> None:
    behind = "import pty; pty.spawn(['sleep', '60'])"
    with pytest.raises(MalformedError, match="a terminal lies between"):
        async with Client([sys.executable, "-c", behind], options=Options(stop_seconds=0.1)):
            pass


async def test_an_error_without_an_id_is_the_answer_to_the_only_request() -> None:
    error = '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}'
    async with running(ECHO.replace(ANSWER, error)) as exchange:
        answer = await exchange.send(ASK)
    assert answer.frame is not None and answer.frame.error


async def test_notices_are_heard_and_requests_are_answered() -> None:
    text = (
        "import sys\nsys.stdin.readline()\n"
        """print('{"jsonrpc":"2.0","method":"notifications/message"}', flush=True)\n"""
        """print('{"jsonrpc":"2.0","id":5,"method":"ping"}', flush=True)\n"""
        "reply = sys.stdin.readline()\nprint(reply, file=sys.stderr)\n"
        f"print('{ANSWER}', flush=True)\nsys.stdin.read()"
    )
    listener = Quiet()
    async with running(text, listener) as exchange:
        assert (await exchange.send(ASK)).frame is not None
    assert [frame.method for frame in listener.heard] == ["notifications/message"]


async def test_headers_are_refused_not_dropped() -> None:
    async with running(ECHO) as exchange:
        with pytest.raises(LocalError, match="headers travel over HTTP only"):
            await exchange.send(Outgoing(1, ASK.body, {"x": "1"}))


async def test_secrets_of_ours_do_not_reach_the_process_unless_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    environment = Command(words=("x",), env={"GIVEN": "1"}).environment
    assert "SOME_API_KEY" not in environment
    assert environment["GIVEN"] == "1" and environment["LANG"] == "C.UTF-8" and environment["PATH"]


async def test_closing_lets_the_process_end_by_itself() -> None:
    text = "import sys\nsys.stdin.read()\nprint('ended by itself', file=sys.stderr)"
    async with running(text) as exchange:
        pid = exchange._transport.get_pid()
    assert not alive(pid)
    assert b"ended by itself" in bytes(exchange._stderr)


@pytest.mark.parametrize("deaf_to", ["stdin", "everything"])
async def test_a_process_that_will_not_end_is_ended(deaf_to: str) -> None:
    """F08"""
    text = "import signal, sys, time\n"
    if deaf_to == "everything":
        text += "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    text += f"sys.stdin.readline()\nprint('{ANSWER}', flush=True)\ntime.sleep(60)"
    # By itself it waits two seconds for each: in `make faults`.
    given = {"stop_seconds": 0.2} if SLACK > 1 else {}
    exchange = ProcessExchange(Command(words=(sys.executable, "-c", text), **given))
    await exchange.open(Quiet())
    await exchange.send(ASK)
    pid = exchange._transport.get_pid()
    begun = time.monotonic()
    await exchange.close()
    took = time.monotonic() - begun
    assert took < 5
    await until_gone(pid)
    with pytest.raises(ChildProcessError):  # a zombie would be found
        os.waitpid(pid, os.WNOHANG)
    figure("F08", f"until one was gone that ignores {deaf_to}", took, 5.0, "s")


async def test_what_the_process_started_ends_with_it() -> None:
    text = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        """print('{"jsonrpc":"2.0","id":1,"result":{"pid":%d}}' % child.pid, flush=True)\nsys.stdin.read()"""
    )
    async with running(text, stop_seconds=0.5) as exchange:
        answer = await exchange.send(ASK)
        assert answer.frame is not None
        pid = int(bytes(answer.frame.result).split(b":")[1].strip(b"}"))
        assert alive(pid)
    await until_gone(pid)


async def test_a_close_that_is_cancelled_kills_at_once() -> None:
    deaf = "import signal, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nsys.stdin.readline()\n"
    text = f"{deaf}print('{ANSWER}', flush=True)\ntime.sleep(60)"
    exchange = ProcessExchange(Command(words=(sys.executable, "-c", text), stop_seconds=30))
    await exchange.open(Quiet())
    await exchange.send(ASK)
    pid = exchange._transport.get_pid()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await exchange.close()
    await until_gone(pid)


async def test_a_process_that_reads_slowly_gets_everything_in_the_end() -> None:
    text = (
        "import json, sys, time\ntime.sleep(0.3)\nfor line in sys.stdin:\n"
        """    print(json.dumps({"jsonrpc": "2.0", "id": json.loads(line)["id"], "result": {}}), flush=True)"""
    )
    async with running(text) as exchange:
        bodies = [b'{"id":%d,"pad":"%b"}' % (n, b"x" * 100_000) for n in range(20)]
        answers = await asyncio.gather(*[exchange.send(Outgoing(n, body)) for n, body in enumerate(bodies)])
    assert [answer.frame.id for answer in answers if answer.frame] == list(range(20))


async def test_stderr_is_passed_on_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    for shown in (True, False):
        async with running("import sys\nprint('hello there', file=sys.stderr)\n" + ECHO, show_stderr=shown) as exchange:
            await exchange.send(ASK)
        assert ("hello there" in capsys.readouterr().err) is shown


async def test_a_terminals_interrupt_does_not_reach_the_process() -> None:
    async with running(ECHO) as exchange:
        assert os.getpgid(exchange._transport.get_pid()) != os.getpgid(0)


class _Counted(selectors.DefaultSelector):
    """A selector that counts how often it was asked: once in each turn of the loop."""

    turns = 0

    def select(self, timeout: float | None = None) -> Any:
        self.turns += 1
        return super().select(timeout)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be polled there")
def test_a_call_takes_two_turns_of_the_loop_one_to_wait_and_one_to_go_on() -> None:
    selector = _Counted()
    # `print` of an unbuffered Python writes the text and the line's end one by one: read one by one, they take a turn
    # each.
    echo = f"import os, sys\nfor line in sys.stdin: os.write(1, b'{ANSWER}\\n')"

    async def calls() -> int:
        async with running(echo) as exchange:
            await exchange.send(ASK)
            before = selector.turns
            for _ in range(20):
                await exchange.send(ASK)
            return selector.turns - before

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        taken = runner.run(calls())
    assert taken <= 20 * 2 + 10, f"{taken} turns for 20 calls"

"""Instructions per call, counted: they do not depend on what else the machine does.

By `perf stat` where the processor's counters can be read, else by valgrind. A server is run twice, with few and with
many calls; the difference is the calls'. Only the process's own: what the kernel does is CPU time (processes.py).
Limit: timers go by the clock, so where valgrind makes a call take as long as many ticks, these count, too: on a machine
that is busy with other things, compare both sides in one go or wait.
"""

import asyncio
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import load
import processes

FEW, MANY = 100, 400


def instrument() -> str:
    """Return what counts here, "" if nothing does."""
    if shutil.which("perf"):
        probe = subprocess.run(
            ["perf", "stat", "-x,", "-e", "instructions:u", "true"], check=False, capture_output=True, text=True
        )
        if re.match(r"\d+,", probe.stderr):
            return "perf stat"
    return "valgrind" if shutil.which("valgrind") else ""


def per_call(*command: object, sent: load.Request = load.CALL, session: bool = False) -> float:
    """Return the instructions of one call to an HTTP server. Raises RuntimeError where nothing counts."""
    few, many = (_total(count, command, sent, session) for count in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def _total(calls: int, command: tuple[object, ...], sent: load.Request, session: bool) -> int:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        how = instrument()
        if not how:
            raise RuntimeError("neither perf nor valgrind can count instructions here")
        if how == "valgrind":
            # Cache simulation off: counting is all.
            words = ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={folder}/counts"]
            words += [f"--log-file={out}"]
        else:
            words = ["perf", "stat", "-x,", "-e", "instructions:u", "-o", out]
        # The same order of sets in each run, or two runs differ.
        with processes.serving(*words, *command, env={"PYTHONHASHSEED": "0"}) as served:
            asyncio.run(_calls(served.port, calls, sent, session))
        text = out.read_text()
    found = re.search(r"I\s+refs:\s+([\d,]+)", text) or re.search(r"^(\d+),", text, re.MULTILINE)
    return int(found[1].replace(",", ""))


async def _calls(port: int, calls: int, sent: load.Request, session: bool) -> None:
    if session:
        sent = load.older(await load.session(port))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in range(calls):
        body = sent.body.replace(b'"id":1,', b'"id":%d,' % (number + 2), 1) if sent.numbered else sent.body
        writer.write(load.Request(body, sent.headers).data(port))
        status, _, answer = await load.answer(reader)
        if status != 200:
            raise RuntimeError(f"HTTP {status}: {answer[:200]!r}")
    writer.close()

"""A file that is changed while its server is called: it is served anew, and no call is lost."""

import asyncio
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.faults.crowd import Crowd
from tests.faults.measure import PATIENCE, SLACK, figure, settles, times
from tests.transport.raw_http import call

from dragoman import Client

ADDRESS = re.compile(r"http://127[.]0[.]0[.]1:[0-9]+/mcp")
SERVER = """
import asyncio
from dragoman import Server

server = Server("changing")

@server.tool
async def nap(seconds: float) -> int:
    await asyncio.sleep(seconds)
    return VERSION
"""


@pytest.mark.skipif(SLACK > 1, reason="starts processes of its own: in `make faults`")
async def test_a_changed_file_under_load_loses_no_call(tmp_path: Path) -> None:
    """F29"""
    file, changes = tmp_path / "server.py", times(1, 20)
    file.write_text(SERVER.replace("VERSION", "0"))
    words = [sys.executable, "-P", "-m", "dragoman", "run", str(file), "--port", "0", "--reload"]
    said = tmp_path / "said"
    with said.open("wb") as out:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        await settles(lambda: ADDRESS.search(said.read_text()) is not None)
        address = ADDRESS.findall(said.read_text())[0]
        crowd = Crowd(int(address.split(":")[2].partition("/")[0]), call("nap", seconds=0.1), PATIENCE)
        crowd.keep = False
        async with Client(address, mode="modern", timeout=PATIENCE) as client:
            asking = asyncio.create_task(crowd.for_a_while(30, 3.0 * changes + 1))
            for version in range(1, changes + 1):
                await asyncio.sleep(0.5)
                file.write_text(SERVER.replace("VERSION", str(version)) + "#" * version)

                async def anew(version: int = version) -> None:
                    while (await client.call_tool("nap", {"seconds": 0})).value != version:
                        await asyncio.sleep(0.05)

                try:
                    await asyncio.wait_for(anew(), PATIENCE)
                except TimeoutError as error:
                    error.add_note(said.read_text())
                    raise
            outcomes = await asking
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
    # On a machine that takes longer than `late_seconds` to start a process, who waited at its door is refused by then.
    refused = [each for each in outcomes if each.status == 503 and "retry-after" in each.headers]
    answered = [each for each in outcomes if each.status == 200]
    figure("F29", "times the file was changed", changes)
    figure("F29", "calls answered", len(answered))
    figure("F29", "refused with 503: they had waited for 2 s", len(refused))
    figure("F29", "calls broken off or left without an answer", len(outcomes) - len(answered) - len(refused), 0)
    figure("F29", "longest wait, while it was served anew", max(each.took for each in outcomes), 10.0, "s")

"""The watch over planted secrets (threat 31) bites: shown by a test run of its own, in a process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.canary import VARIABLE

ROOT = Path(__file__).parents[2]
TESTS = {
    "print(SECRET)": True,
    "sys.stderr.write(urllib.parse.quote(SECRET))": True,
    "logging.getLogger('x').warning('token %s', SECRET)": True,
    "print(base64.b64encode(SECRET.encode()).decode())": True,
    "print('head.body.c2lnbmF0dXJl'.rpartition('.')[2])": True,
    "logging.getLogger('dragoman.x').debug('token %s', SECRET)": True,
    "pytest.raises(McpError, raising, SECRET)": True,
    "pytest.raises(McpError, raising, f'refused: {SECRET.encode().hex()}')": True,
    "heard('addresses', f'/mcp?token={SECRET}')": True,
    "heard('addresses', '/mcp?token=later-on'); plant('later-on')": True,
    "subprocess.run([sys.executable, '-c', '', SECRET])": True,
    "subprocess.run([sys.executable, '-c', PRINTS], env={'TOKEN': SECRET}, capture_output=True)": True,
    "asyncio.run(printing(SECRET))": True,
    "starting(SECRET)": True,
    "subprocess.run([sys.executable, '-c', ''], env={'TOKEN': SECRET})": False,
    "subprocess.run([sys.executable, '-c', 'print(1)'], env={'TOKEN': SECRET}, capture_output=True)": False,
    "starting('nothing')": False,
    "pytest.raises(McpError, raising, 'refused')": False,
    "heard('addresses', '/mcp?token=abc')": False,
    "print(dict(os.environ))": True,
    "print(sorted(os.environ))": False,
    "print(SECRET[:5])": False,
    "logging.getLogger('x').warning('token %s', '***')": False,
}
BEFORE = """
import asyncio, base64, logging, os, subprocess, sys, urllib.parse
import pytest
from dragoman.errors import LocalError, McpError, TokenError
from tests.canary import heard, plant

WAITS = "import sys; print(1, flush=True); sys.stdin.read()"
PRINTS = "import os; print(os.environ['TOKEN'])"
STARTS = f"import os, subprocess, sys; subprocess.run([sys.executable, '-c', {WAITS!r}, os.environ['TOKEN']])"
PIPES = {"stdin": -1, "stdout": -1, "stderr": -1}

def raising(text):
    raise TokenError(text)

async def printing(secret):
    made = await asyncio.create_subprocess_exec(sys.executable, "-c", PRINTS, env={"TOKEN": secret}, **PIPES)
    await made.communicate()

def starting(secret):
    made = subprocess.Popen([sys.executable, "-c", STARTS], env={"TOKEN": secret}, **PIPES)
    made.stdout.readline()
    made.communicate()

"""


def test_a_planted_secret_that_is_printed_fails_the_test(tmp_path: Path) -> None:
    """sec/31: in each form, and what only looks like it does not."""
    text = BEFORE
    for number, line in enumerate(TESTS):
        text += f"def test_{number}():\n    SECRET = plant('head/1.body.c2lnbmF0dXJl')\n    {line}\n"
    (tmp_path / "test_all.py").write_text(text)
    words = ["-q", "-rA", "-p", "tests.canary", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-c", os.devnull]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(tmp_path)],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            VARIABLE: "environment-of-that-run",
            "PYTHONPATH": str(ROOT),
            "PYTEST_ADDOPTS": "",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
    )
    failed = {int(found) for found in re.findall(r"^FAILED .*::test_(\d+)", done.stdout, re.MULTILINE)}
    assert failed == {number for number, leaks in enumerate(TESTS.values()) if leaks}, done.stdout
    assert done.stdout.count("secrets that the test planted") >= len(failed)

"""The browser gets an address as one argument: nothing in it is ever a command."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, sys
from dragoman.auth.browser import open_browser
print(asyncio.run(open_browser(sys.argv[1])))
"""


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="opened by the system itself there")
async def test_an_address_reaches_the_browser_as_it_is_and_runs_nothing(tmp_path: Path) -> None:
    """AUTHC-27: without a shell, judged by a browser of our own."""
    browser, got = tmp_path / "browser", tmp_path / "got"
    browser.write_text(f'#!/bin/sh\nprintf "%s|" "$#" "$1" > {got}.new && mv {got}.new {got}\n')
    browser.chmod(0o755)
    url = f"https://as.example/a?x=$(touch {tmp_path}/canary);touch {tmp_path}/canary&y=`id`'\"|x"
    environ = {**os.environ, "BROWSER": f"{browser} %s", "DISPLAY": ":99"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, url, env=environ, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out == b"True\n"
    assert got.read_text() == f"1|{url}|"
    assert not (tmp_path / "canary").exists()

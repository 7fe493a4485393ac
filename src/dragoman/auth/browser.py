"""Showing a page to the user: the browser is given an address, never a command line.

The address was judged before it comes here. Limit: on a machine without a browser nothing opens, and False says so.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from typing import cast


async def open_browser(url: str) -> bool:
    """Open `url` in the user's browser; returns whether there is one."""
    return await asyncio.to_thread(_open, url)


def _open(url: str) -> bool:
    if sys.platform == "darwin":
        return _started(["open", url])
    if sys.platform == "win32":
        starts = cast("Callable[[str], None]", getattr(os, "startfile"))  # noqa: B009
        try:
            starts(url)
        except OSError:
            return False
        return True
    try:
        return webbrowser.open(url)
    except (webbrowser.Error, OSError):
        return False


def _started(words: list[str]) -> bool:
    try:
        return subprocess.run(words, stdin=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False

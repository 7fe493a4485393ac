"""What to paste into clients, for whoever started a server by hand and wonders what to do with it.

Every path is absolute: desktop clients start servers from folders of their own.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dragoman.cli.terminal import one_line
from dragoman.late import late

if TYPE_CHECKING:
    import json
else:
    json = late("json")


def own_words() -> list[str]:
    """Return the words that start this command line from anywhere."""
    script = Path(sys.executable).with_name("dragoman.exe" if os.name == "nt" else "dragoman")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "dragoman"]


def teach(name: str, url: str, command: Sequence[str]) -> str:
    """Return what to say: where the server is, and what three clients want pasted.

    `command` starts the same server on stdio, with absolute paths.
    """
    key = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "server"
    desktop = {"mcpServers": {key: {"command": command[0], "args": list(command[1:])}}}
    return f"""\
{one_line(name)} is served at {url}

Try it from another terminal:
  dragoman list {url}

Claude Desktop (claude_desktop_config.json) starts a server of its own on stdio:
{_json(desktop)}

Cursor (.cursor/mcp.json):
{_json({"mcpServers": {key: {"url": url}}})}

VS Code (.vscode/mcp.json):
{_json({"servers": {key: {"type": "http", "url": url}}})}

Ctrl-C stops the server.
"""


def _json(value: object) -> str:
    return json.dumps(value, indent=2)

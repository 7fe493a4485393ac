"""Clients that have a command line of their own for this: the words to give it, where that says all of an entry.

Promise: what a client's own command made of it is read back from its file before it is called done.
Limit: only commands that take the whole entry as it stands; where a client's words are fewer, the file is written.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from dragoman.configs import documents
from dragoman.configs.documents import ABSENT
from dragoman.configs.faults import UnreadableError
from dragoman.configs.machine import Machine
from dragoman.configs.survey import Spot

PATIENCE = 60.0  # seconds
MAX_OUTPUT = 500  # characters of a client's complaint shown


def words_to_add(spot: Spot, name: str, before: Any, table: Mapping[str, Any]) -> list[str] | None:
    """Return the client's own command that puts `table` in as `name`, None if there is none that says it all."""
    if before is not ABSENT or spot.place.scope != "user" or name.startswith("-"):
        return None
    whole = json.dumps(table, ensure_ascii=False)
    match spot.client.id:
        case "claude-code":
            return ["claude", "mcp", "add-json", "--scope", "user", name, whole]
        case "vscode":
            return ["code", "--add-mcp", json.dumps({"name": name, **table}, ensure_ascii=False)]
        case "codex" if set(table) <= {"command", "args", "env"} and table.get("command"):
            env = [word for key, value in table.get("env", {}).items() for word in ("--env", f"{key}={value}")]
            return ["codex", "mcp", "add", name, *env, "--", table["command"], *table.get("args", [])]
        case "codex" if set(table) == {"url"}:
            return ["codex", "mcp", "add", name, "--url", table["url"]]
        case _:
            return None


def words_to_remove(spot: Spot, name: str) -> list[str] | None:
    """Return the client's own command that takes `name` out, None if there is none."""
    if spot.place.scope != "user" or name.startswith("-"):
        return None
    match spot.client.id:
        case "claude-code":
            return ["claude", "mcp", "remove", "--scope", "user", name]
        case "codex":
            return ["codex", "mcp", "remove", name]
        case _:
            return None


def drive(words: Sequence[str], machine: Machine, spot: Spot, key: Sequence[str | int], wanted: Any) -> None:
    """Run a client's own command, and look whether its file now holds `wanted` at `key`. Raises UnreadableError."""
    program = machine.program(words[0])
    if program is None:
        raise UnreadableError(f"there is no {words[0]}")
    try:
        done = subprocess.run(
            [program, *words[1:]],
            env=dict(machine.environ),
            cwd=machine.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnreadableError(f"{words[0]} did not end within {PATIENCE:g} s") from None
    except OSError as error:
        raise UnreadableError(f"{words[0]} cannot be started: {error.strerror or error}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[:MAX_OUTPUT]
        raise UnreadableError(f"{words[0]} ended with {done.returncode}: {said}")
    held = documents.at(documents.load(spot.read(), spot.place.format), key)
    if not _holds(held, wanted):
        raise UnreadableError(f"{words[0]} ended well, but {spot.path} does not hold what was given to it")


def _holds(held: Any, wanted: Any) -> bool:
    """Say whether all that was wanted is there; a client may write more, such as a type that it otherwise infers."""
    if wanted is ABSENT:
        return held is ABSENT
    if not isinstance(held, dict):
        return False
    return all(
        documents.same(documents.at(held, [key]), value) for key, value in wanted.items() if value not in ([], {})
    )

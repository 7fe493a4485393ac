"""A target in words that names a file: `server.py`, `server.py:name`, `servers.json`, `servers.json#name`.

Read in one place, since the command line looks at such words before a client is loaded, and must see in them what the
client will. Limit: whether there is such a file is another's question.
"""

from __future__ import annotations

from dragoman.protocol.patterns import late_pattern

_PYTHON = late_pattern(r"(.+\.py)(?::[^\W\d]\w*)?")


def python_file(words: str) -> str | None:
    """Return the path of the Python file that `words` name, without which of its servers; None if they name none."""
    named = None if json_file(words) else _PYTHON.fullmatch(words)
    return named[1] if named else None


def json_file(words: str) -> str | None:
    """Return the path of the configuration file that `words` name, without which of its entries; None if none."""
    path = words.partition("#")[0]
    return path if path.endswith(".json") else None

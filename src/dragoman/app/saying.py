"""What a running server says to the people who started it: lines on stderr, nothing else."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """Print a line for people to stderr. What a client says of itself must not steer their terminal."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line[:300])
    try:
        sys.stderr.write(f"{shown}\n")
        sys.stderr.flush()
    except OSError:
        pass  # nobody listens there

"""Where a server keeps what outlives a request: a store, and what is built on it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from dragoman.ports.state import States
from dragoman.protocol.sealed import Ring
from dragoman.serving.states import StoredStates
from dragoman.store.memory import MemoryStore


def states(audience: str, ring: Sequence[bytes | str]) -> States:
    """Return the state of calls that ask, sealed under `ring`, or under a secret of this process without one."""
    return StoredStates(MemoryStore(), Ring.of(ring or [secrets.token_bytes(32)]), audience)

"""Where a server keeps what outlives a request: a store, and what is built on it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from dragoman.auth.encrypted import Encrypted
from dragoman.errors import LocalError
from dragoman.ports.state import Sealer, States
from dragoman.ports.store import Store
from dragoman.protocol.sealed import Ring, Signed
from dragoman.serving.states import StoredStates
from dragoman.store.memory import MemoryStore
from dragoman.store.sqlite import SqliteStore

MEMORY = "memory:"
SQLITE = "sqlite:///"


def states(audience: str, ring: Sequence[bytes | str], store: str | Store) -> States:
    """Return the state of calls that ask, sealed under `ring`, or under a secret of the store's own without one."""
    return StoredStates(store_at(store), tuple(ring), sealer, audience)


def sealer(ring: Sequence[bytes | str]) -> Sealer:
    """Return what seals handles under `ring`: encrypted if `cryptography` is installed, else signed."""
    made = Ring.of(ring)
    return Encrypted(made) if find_spec("cryptography") else Signed(made)


def store_at(address: str | Store) -> Store:
    """Return the store at `address`, or `address` if it is one. Raises LocalError for an address that is none."""
    if not isinstance(address, str):
        return address
    if address == MEMORY:
        return MemoryStore()
    if address.startswith(SQLITE) and len(address) > len(SQLITE):
        return SqliteStore(address.removeprefix(SQLITE))
    raise LocalError(
        f"no store {address!r}: there are memory:, sqlite:///PATH (a path from the root has a fourth slash)"
    )

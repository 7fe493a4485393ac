"""Where a server keeps what outlives a request: a store, and what is built on it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from dragoman.auth.encrypted import Encrypted
from dragoman.errors import LocalError
from dragoman.ports.state import Sealer, States
from dragoman.ports.store import Store
from dragoman.protocol.sealed import Ring, Signed
from dragoman.serving.states import StoredStates
from dragoman.store.bounds import shown
from dragoman.store.memory import MemoryStore
from dragoman.store.sqlite import SqliteStore, looked_at

MEMORY = "memory:"
SQLITE = "sqlite:///"
REDIS = {"redis", "rediss", "unix"}
POSTGRES = {"postgresql", "postgres"}


def states(audience: str, ring: Sequence[bytes | str], store: str | Store) -> States:
    """Return the state of calls that ask, sealed under `ring`, or under a secret of the store's own without one."""
    return StoredStates(store_at(store), tuple(ring), sealer, audience)


def sealer(ring: Sequence[bytes | str]) -> Sealer:
    """Return what seals handles under `ring`: encrypted if `cryptography` is installed, else signed."""
    made = Ring.of(ring)
    return Encrypted(made) if find_spec("cryptography") else Signed(made)


def store_at(address: str | Store) -> Store:
    """Return the store at `address`, or `address` if it is one.

    Raises LocalError for an address that is none, and StoreError for a file that can be none.
    """
    if not isinstance(address, str):
        return address
    scheme = address.partition("://")[0]
    if address == MEMORY:
        return MemoryStore()
    if address.startswith(SQLITE) and len(address) > len(SQLITE):
        return SqliteStore(looked_at(address.removeprefix(SQLITE)))
    if scheme in REDIS:
        address, prefix = _option(address, "prefix")
        return cast("Store", _extra("redis", "redis").RedisStore(address, **({"prefix": prefix} if prefix else {})))
    if scheme in POSTGRES:
        address, schema = _option(address, "schema")
        made = _extra("postgres", "psycopg").PostgresStore(address, **({"schema": schema} if schema else {}))
        return cast("Store", made)
    raise LocalError(
        f"no store {shown(address)!r}: there are memory:, sqlite:///PATH (a path from the root has a fourth slash),"
        " redis://HOST/0, rediss://, unix:// (a Redis too) and postgresql://HOST/DATABASE"
    )


def _option(address: str, name: str) -> tuple[str, str]:
    """Return the address without the option that is ours, and its value: drivers refuse what they do not know."""
    parts = urlsplit(address)
    options = parse_qsl(parts.query, keep_blank_values=True)
    found = [value for key, value in options if key == name]
    if not found:
        return address, ""
    rest = urlencode([pair for pair in options if pair[0] != name])
    return urlunsplit(parts._replace(query=rest)), found[-1]


def _extra(name: str, package: str) -> Any:
    try:
        return import_module(f"dragoman.store.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise LocalError(f"this store needs {package}: pip install 'dragoman[{name}]'") from error

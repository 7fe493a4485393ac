"""`Server.proxy`: a server that stands for another one, or for several under their names.

Limit: several are put together as mounted servers are, so what each lists is fetched and kept; one alone is
forwarded as it is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec

from dragoman.app.options import ServerOptions
from dragoman.app.proxy import Proxy
from dragoman.app.target import Options, Target, servers_of
from dragoman.app.upstream import Behind
from dragoman.calling.fields import check_fields
from dragoman.errors import LocalError
from dragoman.ports.exchange import NO_FIELDS, Fields

if TYPE_CHECKING:
    from dragoman.app.server import Server


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What `Server.proxy` was given."""

    name: str
    headers: Fields | None
    credentials: Any
    timeout: float | None
    options: Options | None


def make(kind: type[Server], target: Target, wanted: Wanted, given: ServerOptions) -> Server:
    """Return the server that stands for `target`. Raises LocalError for what cannot be connected to."""
    several = _several(target)
    if several is None:
        return _one(kind, target, wanted, given)
    if wanted.headers:
        raise LocalError("headers are for one server; of several, each has its own in its entry, with url and headers")
    given_credentials: object = wanted.credentials or {}
    if not isinstance(given_credentials, Mapping):
        raise LocalError("credentials of several servers are given by server: credentials={name: ...}")
    credentials = cast("Mapping[str, Any]", given_credentials)
    if strange := [name for name in credentials if name not in several]:
        raise LocalError(f"there are credentials for {strange[0]!r}, and no server is called so")
    server = kind(wanted.name, **given)
    kept = cast("ServerOptions", {key: one for key, one in given.items() if key in ("store", "secrets", "limits")})
    for name, inner in several.items():
        # In a store that is shared, two that are called the same in different proxies must not meet.
        own = f"{wanted.name}.{name}"
        part = msgspec.structs.replace(wanted, name=own, credentials=credentials.get(name))
        server.mount(_one(kind, inner, part, kept), prefix=name)
    return server


def _several(target: Target) -> dict[str, Any] | None:
    if isinstance(target, Mapping):
        table = cast("Mapping[str, Any]", target)
        if any(isinstance(table.get(key), str | list) for key in ("url", "command")):
            return None
        return servers_of(table)
    if isinstance(target, str | os.PathLike):
        path = os.fspath(cast("str | os.PathLike[str]", target))
        return servers_of(path) if path.endswith(".json") else None
    return None


def _one(kind: type[Server], target: Target, wanted: Wanted, given: ServerOptions) -> Server:
    server = kind(wanted.name, **given)
    check_fields(wanted.headers or NO_FIELDS)
    behind = Behind(
        target=target,
        headers=wanted.headers or NO_FIELDS,
        options=wanted.options or Options(),
        auth=wanted.credentials,
        timeout=wanted.timeout,
        telemetry=given.get("telemetry", False),
    )
    proxy = Proxy(server, behind)
    proxy.install()
    if server.sharing is not None:
        # There may be tasks of a process that is gone: they are taken up as soon as this is served.
        server.surface.own_tasks()
    server.surface.companions.append(proxy)
    return server

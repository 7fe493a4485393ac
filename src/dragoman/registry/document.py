"""A server as registries describe it: `server.json`, and what a registry adds to it.

Read leniently, since registries differ: unknown members are ignored; `checking` is strict, for those who publish.
Source: MCP registry, `server.json` format and OpenAPI document of API v0.1.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from dragoman.errors import MalformedError
from dragoman.protocol.strict import read_strict
from dragoman.registry.faults import EntryError
from dragoman.registry.untyped import is_table, table

MAX_INPUTS = 200  # of one package
OFFICIAL = "io.modelcontextprotocol.registry/official"
Status: TypeAlias = Literal["active", "deprecated", "deleted"]
Format: TypeAlias = Literal["string", "number", "boolean", "filepath"]


class _Read(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of what is read: names in camelCase outside."""


class Input(_Read, frozen=True, kw_only=True):
    """Something that the user, or the entry itself, gives: `value` is fixed, `default` is offered."""

    description: str = ""
    is_required: bool = False
    format: Format = "string"
    value: str | None = None
    is_secret: bool = False
    default: str | None = None
    placeholder: str = ""
    choices: tuple[str, ...] = ()
    variables: dict[str, Input] = {}


class KeyValue(Input, frozen=True, kw_only=True):
    """An environment variable or a header."""

    name: str


class Argument(Input, frozen=True, kw_only=True):
    """A word of a command line (`positional`), or a flag and its value (`named`)."""

    type: Literal["positional", "named"]
    name: str = ""
    value_hint: str = ""
    is_repeated: bool = False


class Transport(_Read, frozen=True, kw_only=True):
    """How a package or a remote server is spoken to. `variables` are those of the URL."""

    type: Literal["stdio", "streamable-http", "sse"]
    url: str = ""
    headers: tuple[KeyValue, ...] = ()
    variables: dict[str, Input] = {}


class Package(_Read, frozen=True, kw_only=True):
    """What can be installed: `identifier` is a name in a package registry, an image or an address."""

    registry_type: str
    identifier: str
    transport: Transport
    registry_base_url: str = ""
    version: str = ""
    file_sha256: str = msgspec.field(name="fileSha256", default="")
    runtime_hint: str = ""
    runtime_arguments: tuple[Argument, ...] = ()
    package_arguments: tuple[Argument, ...] = ()
    environment_variables: tuple[KeyValue, ...] = ()

    def inputs(self) -> list[Input]:
        """Return all inputs, variables of inputs not included."""
        return [*self.runtime_arguments, *self.package_arguments, *self.environment_variables]


class Repository(_Read, frozen=True, kw_only=True):
    """Where the source is."""

    url: str = ""
    source: str = ""
    subfolder: str = ""


class ServerJson(_Read, frozen=True, kw_only=True):
    """One version of one server."""

    name: str
    description: str
    version: str
    title: str = ""
    website_url: str = ""
    repository: Repository = Repository()
    packages: tuple[Package, ...] = ()
    remotes: tuple[Transport, ...] = ()


class Official(_Read, frozen=True, kw_only=True):
    """What the registry says of an entry; times as RFC 3339 text, "" if it does not say."""

    status: Status = "active"
    status_message: str = ""
    published_at: str = ""
    updated_at: str = ""
    is_latest: bool = False


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with what its registry says of it."""

    server: ServerJson
    official: Official = Official()


def read_server(data: bytes | dict[str, Any]) -> ServerJson:
    """Return a `server.json`. Raises EntryError that says where it is wrong."""
    try:
        held = read_strict(data, "it") if isinstance(data, bytes) else data
        found = msgspec.convert(held, type=ServerJson)
    except (msgspec.ValidationError, MalformedError, RecursionError) as error:
        raise EntryError(f"this is no server.json that can be used: {error}") from None
    if any(len(package.inputs()) > MAX_INPUTS for package in found.packages):
        raise EntryError(f"{found.name} has a package with more than {MAX_INPUTS} inputs")
    return found


def read_listed(data: object) -> Listed:
    """Return one entry of a registry's answer, already decoded. Raises EntryError."""
    server = table(data).get("server")
    if not is_table(server):
        raise EntryError("an entry of the registry has no server")
    try:
        official = msgspec.convert(table(table(table(data).get("_meta")).get(OFFICIAL)), type=Official)
    except msgspec.ValidationError as error:
        raise EntryError(f"what the registry says of an entry cannot be read: {error}") from None
    return Listed(server=read_server(table(server)), official=official)

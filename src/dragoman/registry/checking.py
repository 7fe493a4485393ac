"""`server.json` checked as strictly as a registry would, for whoever publishes one: every fault, each with its place.

The rules are the format's, and with `official` those that the official registry adds. Nothing is fetched.
Source: MCP registry, JSON Schema of `server.json` (2025-12-11) and "Official Registry Server.json Requirements".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import msgspec

from dragoman.errors import MalformedError
from dragoman.protocol.strict import read_strict
from dragoman.registry.rules import Check, Problem, anything, flag, list_of, map_of, object_of, one_of, text, url
from dragoman.registry.untyped import is_table, row, table
from dragoman.registry.versions import is_exact

PUBLISHER = "io.modelcontextprotocol.registry/publisher-provided"
MAX_PUBLISHER = 4096  # bytes of JSON that the official registry keeps
KINDS = ("npm", "pypi", "oci", "nuget", "mcpb")
_NAME = re.compile(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+")
_SHA256 = re.compile(r"[a-f0-9]{64}")
_TEMPLATE = re.compile(r"https?://\S+|\{[a-zA-Z_][a-zA-Z0-9_]*\}\S*")
_SIZE = re.compile(r"\d+x\d+|any")
_SCHEMA = re.compile(r"https://static\.modelcontextprotocol\.io/schemas/\d{4}-\d{2}-\d{2}/server\.schema\.json")
_BRACES = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_-]*)\}")
_MIME = ("image/png", "image/jpeg", "image/jpg", "image/svg+xml", "image/webp")
_FORMATS = ("string", "number", "boolean", "filepath")
_HOSTS = {
    "npm": ("https://registry.npmjs.org",),
    "pypi": ("https://pypi.org",),
    "nuget": ("https://api.nuget.org/v3/index.json", "https://api.nuget.org"),
}
_IMAGES = re.compile(r"docker\.io|ghcr\.io|[\w.-]+\.pkg\.dev|[\w.-]+\.azurecr\.io|mcr\.microsoft\.com")


def schema_url() -> str:
    """Return the address of the JSON Schema that new files name."""
    held: dict[str, Any] = msgspec.json.decode((files("dragoman.registry") / "server.template.json").read_bytes())
    return str(held["$schema"])


def check(data: bytes, *, official: bool = True) -> list[Problem]:
    """Return what is wrong with a `server.json`, the worst first; nothing if a registry would take it."""
    try:
        held: Any = read_strict(data, "this")
    except MalformedError as error:
        return [Problem("", str(error))]
    found = list(object_of(_SERVER, ("name", "description", "version"))(held, ""))
    if is_table(held):
        found += _whole(held)
        if official:
            found += _official(held)
    return sorted(found, key=lambda problem: not problem.fatal)


# --- pieces --------------------------------------------------------------------------------------------------


def _version(value: Any, at: str) -> Iterator[Problem]:
    yield from text(1, 255)(value, at)
    if isinstance(value, str) and value and not is_exact(value):
        yield Problem(at, f"{value!r} is a range or moves; name one version, as in 1.2.3")


def _argument(value: Any, at: str) -> Iterator[Problem]:
    kind = table(value).get("type")
    yield from object_of(_ARGUMENT, ("type", "name") if kind == "named" else ("type",))(value, at)
    if kind == "positional" and not {"value", "valueHint"} & set(table(value)):
        yield Problem(at, "a positional argument needs value, or valueHint as its label")
    yield from _input_rules(value, at)


def _key_value(value: Any, at: str) -> Iterator[Problem]:
    yield from object_of({**_INPUT, "variables": map_of(_plain_input), "name": text(1)}, ("name",))(value, at)
    yield from _input_rules(value, at)


def _plain_input(value: Any, at: str) -> Iterator[Problem]:
    yield from object_of(_INPUT)(value, at)
    yield from _input_rules(value, at)


def _input_rules(value: Any, at: str) -> Iterator[Problem]:
    """Yield what contradicts itself in an input."""
    held = table(value)
    default, choices = held.get("default"), held.get("choices")
    if choices is not None and isinstance(default, str) and default not in row(choices):
        yield Problem(f"{at}/default", f"{default!r} is none of the choices")
    if held.get("isSecret") is True and isinstance(held.get("value") or default, str) and "variables" not in held:
        yield Problem(at, "a secret has its value in the file, which everybody can read")
    if isinstance(held.get("value"), str):
        names = set(table(held.get("variables")))
        for name in set(_BRACES.findall(held["value"])) - names:
            yield Problem(f"{at}/value", f"{{{name}}} stays as it is: there is no variable of that name", fatal=False)


def _transport(value: Any, at: str) -> Iterator[Problem]:
    kind = table(value).get("type")
    fields = _TRANSPORT if kind != "stdio" else {"type": _TRANSPORT["type"]}
    yield from object_of(fields, ("type",) if kind == "stdio" else ("type", "url"))(value, at)


def _package(value: Any, at: str) -> Iterator[Problem]:
    yield from object_of(_PACKAGE, ("registryType", "identifier", "transport"))(value, at)
    held = table(value)
    kind = held.get("registryType")
    if kind == "mcpb" and "fileSha256" not in held:
        yield Problem(at, "a bundle (mcpb) needs fileSha256; clients have to compare it")
    if kind in ("npm", "pypi", "nuget") and "version" not in held:
        yield Problem(at, f"a package of {kind} needs version")
    if held.get("runtimeArguments") and "runtimeHint" not in held:
        yield Problem(at, "runtimeArguments want runtimeHint, which says whose they are", fatal=False)
    if isinstance(kind, str) and kind not in KINDS:
        yield Problem(f"{at}/registryType", f"{kind!r} is none of {', '.join(KINDS)}: few clients know it", fatal=False)


_INPUT: dict[str, Check] = {
    "description": text(), "isRequired": flag, "format": one_of(*_FORMATS), "value": text(), "isSecret": flag,
    "default": text(), "placeholder": text(), "choices": list_of(text()),
}  # fmt: skip
_ARGUMENT: dict[str, Check] = {
    **_INPUT, "variables": map_of(_plain_input), "type": one_of("positional", "named"), "name": text(1),
    "valueHint": text(), "isRepeated": flag,
}  # fmt: skip
_TRANSPORT: dict[str, Check] = {
    "type": one_of("stdio", "streamable-http", "sse"),
    "url": text(1, pattern=_TEMPLATE, like="https://api.example.com/mcp or {base_url}/mcp"),
    "headers": list_of(_key_value),
}
_PACKAGE: dict[str, Check] = {
    "registryType": text(1), "registryBaseUrl": url, "identifier": text(1), "version": _version,
    "fileSha256": text(pattern=_SHA256, like="64 hexadecimal digits in lower case"), "runtimeHint": text(),
    "transport": _transport, "runtimeArguments": list_of(_argument), "packageArguments": list_of(_argument),
    "environmentVariables": list_of(_key_value),
}  # fmt: skip
_ICON: dict[str, Check] = {
    "src": text(1, 255, re.compile(r"https://\S+"), "https://example.com/icon.png"), "mimeType": one_of(*_MIME),
    "sizes": list_of(text(pattern=_SIZE, like="48x48 or any")), "theme": one_of("light", "dark"),
}  # fmt: skip


def _remote(value: Any, at: str) -> Iterator[Problem]:
    fields = {**_TRANSPORT, "type": one_of("streamable-http", "sse"), "variables": map_of(_plain_input)}
    yield from object_of(fields, ("type", "url"))(value, at)
    held = table(value)
    if isinstance(held.get("url"), str):
        names = set(table(held.get("variables")))
        for name in set(_BRACES.findall(held["url"])) - names:
            yield Problem(f"{at}/url", f"{{{name}}} is not among the variables")


_SERVER: dict[str, Check] = {
    "$schema": text(pattern=_SCHEMA, like="https://static.modelcontextprotocol.io/schemas/DATE/server.schema.json"),
    "name": text(3, 200, _NAME, "io.github.user/weather"),
    "description": text(1, 100),
    "title": text(1, 100),
    "version": _version,
    "websiteUrl": url,
    "repository": object_of({"url": url, "source": text(1), "id": text(), "subfolder": text()}, ("url", "source")),
    "icons": list_of(object_of(_ICON, ("src",))),
    "packages": list_of(_package),
    "remotes": list_of(_remote),
    "_meta": map_of(map_of(anything)),
}


# --- rules that need more than one member ----------------------------------------------------------------------


def _whole(held: dict[str, Any]) -> Iterator[Problem]:
    if "$schema" not in held:
        yield Problem("", f"lacks $schema: {schema_url()}", fatal=False)
    elif held["$schema"] != schema_url():
        yield Problem("/$schema", f"names another version of the format than {schema_url()}", fatal=False)
    if not held.get("packages") and not held.get("remotes"):
        yield Problem("", "has neither packages nor remotes: nobody can use it", fatal=False)
    folder = table(held.get("repository")).get("subfolder")
    if isinstance(folder, str) and (folder.startswith("/") or ".." in folder.split("/") or "\\" in folder):
        yield Problem("/repository/subfolder", f"{folder!r} is no path below the repository")


def _official(held: dict[str, Any]) -> Iterator[Problem]:
    """Yield what the official registry refuses besides."""
    for number, one in enumerate(row(held.get("packages"))):
        yield from _official_package(table(one), f"/packages/{number}")
    for number, one in enumerate(row(held.get("remotes"))):
        url = table(one).get("url")
        if isinstance(url, str) and re.match(r"https?://(localhost|127\.|\[::1\])", url):
            yield Problem(f"/remotes/{number}/url", "leads to the reader's own machine")
    for name, value in table(held.get("_meta")).items():
        if name != PUBLISHER:
            yield Problem("/_meta", f"{name!r} is dropped by the official registry; it keeps {PUBLISHER}", fatal=False)
        elif (size := len(msgspec.json.encode(value))) > MAX_PUBLISHER:
            yield Problem("/_meta", f"{PUBLISHER} has {size} bytes; {MAX_PUBLISHER} are taken")


def _official_package(held: dict[str, Any], at: str) -> Iterator[Problem]:
    kind, identifier, base = held.get("registryType"), held.get("identifier"), held.get("registryBaseUrl")
    if not isinstance(identifier, str):
        return
    if kind in _HOSTS and base is not None and base not in _HOSTS[str(kind)]:
        yield Problem(f"{at}/registryBaseUrl", f"the official registry takes {_HOSTS[str(kind)][0]} only")
    if kind in ("oci", "mcpb") and base is not None:
        yield Problem(f"{at}/registryBaseUrl", f"has no place beside an identifier of {kind}, which names its host")
    if kind == "oci":
        if "version" in held:
            yield Problem(f"{at}/version", "an image has its version in the identifier")
        if not _IMAGES.fullmatch(identifier.partition("/")[0]):
            yield Problem(f"{at}/identifier", "the official registry does not take images from there")
        if ":" not in identifier.rpartition("/")[2] and "@" not in identifier:
            yield Problem(f"{at}/identifier", "an image needs a tag or a digest, as in docker.io/user/app:1.0.0")
    if kind == "mcpb":
        place = urlsplit(identifier)
        if place.scheme != "https" or place.netloc not in ("github.com", "gitlab.com"):
            yield Problem(f"{at}/identifier", "the official registry takes releases on GitHub and GitLab only")
        if "mcp" not in identifier:
            yield Problem(f"{at}/identifier", 'the address of a bundle has to contain "mcp"')

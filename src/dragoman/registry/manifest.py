"""The manifest of a bundle: what is wrong with it, what it asks, and the command that it comes to.

Source: MCPB, "MCPB Manifest.json Spec", versions 0.1 to 0.4.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from dragoman.errors import MalformedError
from dragoman.protocol.strict import read_strict
from dragoman.registry.faults import BundleError
from dragoman.registry.inputs import Answers, Piece, Question, Word
from dragoman.registry.recipe import Recipe, joined
from dragoman.registry.rules import Check, Problem, anything, flag, list_of, map_of, object_of, one_of, text, url
from dragoman.registry.untyped import is_table, table

NAME = "manifest.json"
VERSIONS = ("0.1", "0.2", "0.3", "0.4")
MAX_MANIFEST = 1024 * 1024  # bytes
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_HOMES = {"HOME": "", "DESKTOP": "Desktop", "DOCUMENTS": "Documents", "DOWNLOADS": "Downloads"}
Scalar: TypeAlias = str | int | float | bool


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The command of a server, as a bundle writes it."""

    command: str = ""
    args: tuple[str, ...] | None = None
    env: dict[str, str] | None = None
    platform_overrides: dict[str, Config] = {}


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle's server is."""

    type: Literal["python", "node", "binary", "uv"]
    entry_point: str
    mcp_config: Config | None = None


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a bundle asks its user."""

    type: Literal["string", "number", "boolean", "directory", "file"]
    title: str = ""
    description: str = ""
    required: bool = False
    default: Scalar | tuple[str, ...] | None = None
    multiple: bool = False
    sensitive: bool = False
    min: float | None = None
    max: float | None = None


class Compatibility(msgspec.Struct, frozen=True, kw_only=True):
    """Where a bundle runs; nothing said is everywhere."""

    platforms: tuple[str, ...] = ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a manifest to run its server."""

    name: str
    version: str
    description: str
    server: Launch
    user_config: dict[str, Option] = {}
    compatibility: Compatibility = Compatibility()


def read(data: bytes) -> Manifest:
    """Return a manifest that can be run. Raises BundleError with the first fault that keeps it from that."""
    if fatal := [problem for problem in check(data) if problem.fatal]:
        raise BundleError(f"{NAME}{fatal[0].at}: {fatal[0].what}")
    try:
        return msgspec.convert(read_strict(data, "it"), type=Manifest)
    except (msgspec.ValidationError, MalformedError) as error:
        raise BundleError(f"{NAME}: {error}") from None


def check(data: bytes, members: Collection[str] | None = None) -> list[Problem]:
    """Return what is wrong with a manifest, the worst first; `members` are the names of the bundle's files."""
    if len(data) > MAX_MANIFEST:
        return [Problem("", f"is larger than {MAX_MANIFEST} bytes")]
    try:
        held: Any = read_strict(data, "it")
    except MalformedError as error:
        return [Problem("", str(error))]
    found = list(object_of(_MANIFEST, ("name", "version", "description", "author", "server"))(held, ""))
    if is_table(held):
        found += _whole(held, members)
    return sorted(found, key=lambda problem: not problem.fatal)


def _whole(held: dict[str, Any], members: Collection[str] | None) -> Iterator[Problem]:
    version = held.get("manifest_version", held.get("dxt_version"))
    if version is None:
        yield Problem("", "lacks manifest_version")
    elif version not in VERSIONS:
        yield Problem("/manifest_version", f"{version!r} is none of {', '.join(VERSIONS)}")
    server = table(held.get("server"))
    if server.get("type") == "uv" and version != "0.4":
        yield Problem("/server/type", "uv is of manifest_version 0.4")
    if server.get("type") != "uv" and "mcp_config" not in server:
        yield Problem("/server", "lacks mcp_config")
    entry = server.get("entry_point")
    if members is not None and isinstance(entry, str) and _inside(entry) not in members:
        yield Problem("/server/entry_point", f"{entry!r} is not in the bundle")
    icon = held.get("icon")
    if members is not None and isinstance(icon, str) and "://" not in icon and _inside(icon) not in members:
        yield Problem("/icon", f"{icon!r} is not in the bundle", fatal=False)
    known = table(held.get("user_config"))
    for name in _VARIABLE.findall(msgspec.json.encode(server.get("mcp_config")).decode()):
        start, _, rest = name.partition(".")
        if start == "user_config" and rest not in known:
            yield Problem("/server/mcp_config", f"${{{name}}} is not in user_config")
        elif start != "user_config" and name not in {"__dirname", "pathSeparator", "/", *_HOMES}:
            yield Problem("/server/mcp_config", f"${{{name}}} stays as it is: nobody fills it in", fatal=False)


def _inside(path: str) -> str:
    return path.removeprefix("${__dirname}").replace("\\", "/").removeprefix("/").removeprefix("./")


def _default(value: Any, at: str) -> Iterator[Problem]:
    if not isinstance(value, str | int | float | bool | list):
        yield Problem(at, "has to be text, a number, true, false or a list of texts")


def _number(value: Any, at: str) -> Iterator[Problem]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        yield Problem(at, "has to be a number")


_CONFIG: dict[str, Check] = {"command": text(1), "args": list_of(text()), "env": map_of(text())}
_OPTION: dict[str, Check] = {
    "type": one_of("string", "number", "boolean", "directory", "file"), "title": text(), "description": text(),
    "required": flag, "default": _default, "multiple": flag, "sensitive": flag, "min": _number, "max": _number,
}  # fmt: skip
_MANIFEST: dict[str, Check] = {
    "$schema": text(), "manifest_version": text(), "dxt_version": text(), "name": text(1, 200),
    "display_name": text(), "version": text(1, 100), "description": text(1), "long_description": text(),
    "author": object_of({"name": text(1), "email": text(), "url": url}, ("name",)),
    "repository": object_of({"type": text(), "url": url}, ("type", "url")),
    "homepage": url, "documentation": url, "support": url, "icon": text(),
    "icons": list_of(object_of({"src": text(1), "size": text(), "theme": text(1)}, ("src", "size"))),
    "screenshots": list_of(text()), "keywords": list_of(text()), "license": text(), "privacy_policies": list_of(url),
    "localization": object_of({"resources": text(), "default_locale": text()}),
    "server": object_of(
        {
            "type": one_of("python", "node", "binary", "uv"), "entry_point": text(1),
            "mcp_config": object_of(
                {**_CONFIG, "platform_overrides": map_of(object_of(_CONFIG))}, ("command",)
            ),
        },
        ("type", "entry_point"),
    ),
    "tools": list_of(object_of({"name": text(1), "description": text()}, ("name",))), "tools_generated": flag,
    "prompts": list_of(
        object_of({"name": text(1), "description": text(), "arguments": list_of(text()), "text": text()},
                  ("name", "text"))
    ),
    "prompts_generated": flag, "compatibility": map_of(anything),
    "user_config": map_of(object_of(_OPTION, ("type", "title", "description"))), "_meta": map_of(map_of(anything)),
}  # fmt: skip


# --- running ------------------------------------------------------------------------------------------------


def questions(manifest: Manifest, home: Path) -> list[Question]:
    """Return what a bundle asks; `home` is the user's folder, which defaults may name."""
    kinds: Mapping[str, Any] = {"directory": "filepath", "file": "filepath"}
    found: list[Question] = []
    for name, option in manifest.user_config.items():
        raw = option.default
        several = raw if isinstance(raw, tuple) else () if raw is None else (raw,)
        default = tuple(_filled(_plain(one), _places(home))[0] for one in several)
        found.append(
            Question(
                name=name, description=option.description or option.title, kind=kinds.get(option.type, option.type),
                required=option.required, secret=option.sensitive, several=option.multiple, least=option.min,
                most=option.max, default=tuple(one for one in default if isinstance(one, str) and one),
            )
        )  # fmt: skip
    return found


def _plain(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _places(home: Path) -> dict[str, tuple[Piece, ...]]:
    found: dict[str, tuple[Piece, ...]] = {name: (str(home / part),) for name, part in _HOMES.items()}
    separator = "\\" if "\\" in str(home) else "/"
    return {**found, "pathSeparator": (separator,), "/": (separator,)}


def recipe(manifest: Manifest, folder: Path, answers: Answers, home: Path, platform: str) -> Recipe:
    """Return how the server of a bundle in `folder` is started on `platform`, a name of `sys.platform`'s.

    Raises BundleError if it does not run there.
    """
    wanted = manifest.compatibility.platforms
    if wanted and platform not in wanted:
        raise BundleError(f"{manifest.name} runs on {', '.join(wanted)}, and this is {platform}")
    server = manifest.server
    config = server.mcp_config
    if config is None:
        entry = str(folder / _inside(server.entry_point))
        return Recipe(words=(("uv",), ("run",), ("--directory",), (str(folder),), (entry,)), cwd=str(folder))
    own = config.platform_overrides.get(platform, Config())
    values = _places(home)
    values["__dirname"] = (str(folder),)
    for name in manifest.user_config:
        values[f"user_config.{name}"] = tuple(answers.get(name, ()))
    command = _filled(own.command or config.command, values)
    if len(command) == 1 and isinstance(command[0], str):
        command = (_program(command[0], folder, platform),)
    words: list[Word] = [command]
    for arg in (own.args if own.args is not None else config.args) or ():
        whole = _VARIABLE.fullmatch(arg)
        if whole and whole[1].startswith("user_config."):
            # Several answers are several words; none is no word at all.
            words += [(piece,) for piece in values.get(whole[1], ())]
        else:
            words.append(_filled(arg, values))
    env = {
        name: _filled(value, values) for name, value in ((own.env if own.env is not None else config.env) or {}).items()
    }
    return Recipe(words=tuple(words), env=env, cwd=str(folder))


def _program(command: str, folder: Path, platform: str) -> str:
    """Return the program: one of the bundle's own as a path in its folder."""
    path = Path(command)
    if path.is_absolute() or "/" not in command.replace("\\", "/"):
        return command
    inside = folder / path
    return str(inside.with_suffix(".exe") if platform == "win32" and not inside.suffix else inside)


def _filled(template: str, values: Mapping[str, tuple[Piece, ...]]) -> Word:
    pieces: list[Piece] = []
    at = 0
    for found in _VARIABLE.finditer(template):
        if found[1] in values:
            pieces.append(template[at : found.start()])
            pieces += values[found[1]][:1]
            at = found.end()
    return joined([*pieces, template[at:]])

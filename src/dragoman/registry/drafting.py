"""A `server.json` drafted from what a project says of itself already, and the claims that go with it looked at.

Reads pyproject.toml, package.json, a bundle's manifest and the README; writes nothing, guesses no fact.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from dragoman.errors import LocalError
from dragoman.registry import manifest
from dragoman.registry.rules import Problem
from dragoman.registry.untyped import is_table, row, table

MAX_FILE = 4 * 1024 * 1024  # bytes
_CLAIM = re.compile(r"mcp-name:\s*([a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+)")
_STDIO = {"type": "stdio"}


def draft(folder: Path, name: str = "") -> dict[str, Any]:
    """Return a `server.json` for the project in `folder`. Raises LocalError if it has none, or no name is known."""
    python, node, bundled = _pyproject(folder), _json(folder / "package.json"), _json(folder / manifest.NAME)
    if not (python or node or bundled):
        raise LocalError(f"{folder} has no pyproject.toml, package.json or manifest.json to write server.json from")
    name = name or str(node.get("mcpName") or _claimed(folder, python))
    if not name:
        raise LocalError(
            "which name? Give --name io.github.USER/SERVER, and let the README of a Python package say "
            "'mcp-name: NAME', the package.json of an npm package \"mcpName\": NAME"
        )
    first = python or node or bundled
    made: dict[str, Any] = msgspec.json.decode((files("dragoman.registry") / "server.template.json").read_bytes())
    made |= {"name": name, "description": str(first.get("description", "")), "version": str(first.get("version", ""))}
    if url := _repository(python, node):
        made["repository"] = {"url": url, "source": "gitlab" if "gitlab" in url else "github"}
    packages: list[dict[str, Any]] = []
    if python:
        packages.append(_package("pypi", python, runtimeHint="uvx"))
    if node:
        packages.append(_package("npm", node, runtimeHint="npx"))
    return {**made, **({"packages": packages} if packages else {})}


def _package(kind: str, said: dict[str, Any], **more: str) -> dict[str, Any]:
    named = {"registryType": kind, "identifier": str(said.get("name", "")), "version": str(said.get("version", ""))}
    return {**named, **more, "transport": _STDIO}


def claims(folder: Path, held: dict[str, Any]) -> Iterator[Problem]:
    """Yield what keeps the packages of an entry from proving that they belong to it."""
    name = held.get("name")
    python, node = _pyproject(folder), _json(folder / "package.json")
    for number, package in enumerate(row(held.get("packages"))):
        one = table(package)
        at, identifier = f"/packages/{number}", one.get("identifier")
        if one.get("registryType") == "pypi" and identifier == python.get("name"):
            if _claimed(folder, python) != name:
                yield Problem(at, f"the README does not say 'mcp-name: {name}': the registry refuses the package")
            yield from _same_version(at, one, python)
        if one.get("registryType") == "npm" and identifier == node.get("name"):
            if node.get("mcpName") != name:
                yield Problem(at, f'package.json does not say "mcpName": "{name}": the registry refuses the package')
            yield from _same_version(at, one, node)


def _same_version(at: str, one: dict[str, Any], project: dict[str, Any]) -> Iterator[Problem]:
    if project.get("version") and one.get("version") != project["version"]:
        yield Problem(
            f"{at}/version", f"the project here is {project['version']}, not {one.get('version')}", fatal=False
        )


def _pyproject(folder: Path) -> dict[str, Any]:
    text = _text(folder / "pyproject.toml")
    try:
        return table(tomllib.loads(text).get("project")) if text else {}
    except tomllib.TOMLDecodeError as error:
        raise LocalError(f"pyproject.toml: {error}") from None


def _json(path: Path) -> dict[str, Any]:
    text = _text(path)
    try:
        return table(json.loads(text)) if text else {}
    except (ValueError, RecursionError) as error:
        raise LocalError(f"{path.name}: {error}") from None


def _claimed(folder: Path, project: dict[str, Any]) -> str:
    readme: Any = project.get("readme", "README.md")
    if is_table(readme):
        readme = table(readme).get("file", "")
    found = _CLAIM.search(_text(folder / readme)) if isinstance(readme, str) and readme else None
    return found[1] if found else ""


def _repository(python: dict[str, Any], node: dict[str, Any]) -> str:
    for label, url in table(python.get("urls")).items():
        if label.lower() in ("repository", "source", "source code") and isinstance(url, str):
            return url
    place: Any = node.get("repository", "")
    url = table(place).get("url", "") if is_table(place) else place
    return re.sub(r"^git\+|\.git$", "", url) if isinstance(url, str) and "://" in url else ""


def _text(path: Path) -> str:
    try:
        return path.read_bytes()[:MAX_FILE].decode("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"{path} cannot be read: {error}") from None

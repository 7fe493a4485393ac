"""Folders of skills, as `fastmcp.server.providers.skills` offers them: as resources below `skill://NAME/`.

Those that keep the rules of the skills extension are served by it, too. Promise: only files below a skill's folder
are read, through no link; `skill://NAME/_manifest` lists them. Limit: the main file is SKILL.md.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dragoman.app.server import Server
from dragoman.compat.components import Resource, ResourceTemplate
from dragoman.compat.providers import Provider
from dragoman.compat.refusal import unsupported_argument
from dragoman.compat.resources import ResourceContent, ResourceResult
from dragoman.errors import LocalError, RegistrationError
from dragoman.protocol.front_matter import read_front_matter
from dragoman.serving.resources import not_found
from dragoman.serving.skill_folder import MAX_DESCRIPTION, MAX_ENTRIES, digest_of, read_beneath

log = logging.getLogger("dragoman.compat")
MAIN, MANIFEST = "SKILL.md", "_manifest"


class SkillFile(Resource):
    """A file of a skill, or the list of all of them."""

    folder: Any
    path: str

    async def read(self) -> Any:
        """Return what it holds."""
        return await asyncio.to_thread(_read, self.folder, self.path, self.address)


class SkillFiles(ResourceTemplate):
    """All files of a skill."""

    folder: Any

    async def read(self, arguments: dict[str, Any]) -> Any:
        """Return what one of them holds. Raises RequestError if it is not there."""
        path = str(arguments["path"])
        return await asyncio.to_thread(_read, self.folder, path, f"skill://{self.folder.name}/{path}")


class SkillsDirectoryProvider(Provider):
    """The skills in some folders, as they are when they are asked for; of two with one name, the first."""

    def __init__(
        self,
        roots: str | Path | Sequence[str | Path],
        reload: bool = False,
        main_file_name: str = MAIN,
        supporting_files: str = "template",
        **options: Any,
    ) -> None:
        super().__init__()
        if main_file_name != MAIN:
            raise unsupported_argument(type(self).__name__, "main_file_name", f"a skill is a folder with {MAIN}")
        given = [roots] if isinstance(roots, str | Path) else list(roots)
        self.roots = [Path(root).expanduser() for root in given]
        self._lists_files = supporting_files == "resources"

    def begin(self, server: Server) -> None:
        """Serve those by the extension that keep its rules."""
        for folder in self.folders():
            try:
                server.add_skills(folder)
            except (RegistrationError, LocalError) as error:
                log.info("the skill in %s is served as resources only: %s", folder, error)

    def folders(self) -> list[Path]:
        """Return the folder of each skill."""
        found: dict[str, Path] = {}
        for root in self.roots:
            for file in sorted(root.glob(f"*/{MAIN}")):
                found.setdefault(file.parent.name, file.parent)
        return list(found.values())

    async def _list_resources(self) -> Sequence[Any]:
        return await asyncio.to_thread(lambda: [one for folder in self.folders() for one in self._files(folder)])

    def _files(self, folder: Path) -> list[SkillFile]:
        paths = [MAIN, MANIFEST, *(_paths(folder) if self._lists_files else ())]
        kinds = {MAIN: "text/markdown", MANIFEST: "application/json"}
        return [
            SkillFile(
                uri=f"skill://{folder.name}/{path}",
                name=f"{folder.name}/{path}",
                description=_description(folder) if path == MAIN else None,
                mime_type=kinds.get(path),
                folder=folder,
                path=path,
            )
            for path in dict.fromkeys(paths)
        ]

    async def _list_resource_templates(self) -> Sequence[Any]:
        folders = [] if self._lists_files else await asyncio.to_thread(self.folders)
        return [
            SkillFiles(
                uri_template=f"skill://{folder.name}/{{+path}}",
                name=f"{folder.name}_files",
                description=f"Files of the skill {folder.name}",
                folder=folder,
            )
            for folder in folders
        ]


class SkillProvider(SkillsDirectoryProvider):
    """One skill."""

    def __init__(self, skill_path: str | Path, main_file_name: str = MAIN, supporting_files: str = "template") -> None:
        super().__init__([], False, main_file_name, supporting_files)
        self._folder = Path(skill_path).expanduser().resolve()
        if not (self._folder / MAIN).is_file():
            raise RegistrationError(f"no skill in {self._folder}: there is no {MAIN}")

    def folders(self) -> list[Path]:
        """Return the one folder."""
        return [self._folder]


def _paths(folder: Path) -> list[str]:
    """Return the files of a skill, at most as many as one look takes in."""
    found: list[str] = []
    for number, one in enumerate(folder.rglob("*")):
        if number >= MAX_ENTRIES:
            log.warning("%s has more than %d entries; the rest is left out", folder, MAX_ENTRIES)
            break
        if one.is_file() and not one.is_symlink():
            found.append(one.relative_to(folder).as_posix())
    return sorted(found)


def _read(folder: Path, path: str, uri: str) -> ResourceResult:
    try:
        if path == MANIFEST:
            return ResourceResult([ResourceContent(_manifest(folder), "application/json")])
        data = read_beneath(folder, tuple(path.split("/")))
    except (OSError, ValueError):
        raise not_found(uri) from None
    try:
        return ResourceResult(
            [ResourceContent(data.decode(), "text/markdown" if path.endswith(".md") else "text/plain")]
        )
    except UnicodeDecodeError:
        return ResourceResult([ResourceContent(data, "application/octet-stream")])


def _manifest(folder: Path) -> str:
    files: list[dict[str, Any]] = []
    for path in _paths(folder):
        data = read_beneath(folder, tuple(path.split("/")))
        files.append({"path": path, "size": len(data), "hash": digest_of(data)})
    return json.dumps({"skill": folder.name, "files": files}, indent=2)


def _description(folder: Path) -> str:
    """Return what the front matter says of a skill, else the first line of its text."""
    try:
        front = read_front_matter(read_beneath(folder, (MAIN,)))
    except (OSError, ValueError):
        front = {}
    said = front.get("description")
    return said[:MAX_DESCRIPTION] if isinstance(said, str) and said else f"The skill {folder.name}"


class ClaudeSkillsProvider(SkillsDirectoryProvider):
    """The skills of one program, where it has them; `places` are those folders."""

    places: Sequence[str] = ("~/.claude/skills",)

    def __init__(self, reload: bool = False, supporting_files: str = "template") -> None:
        super().__init__(self.places, reload, MAIN, supporting_files)


class CursorSkillsProvider(ClaudeSkillsProvider):
    """Those of Cursor."""

    places = ("~/.cursor/skills",)


class VSCodeSkillsProvider(ClaudeSkillsProvider):
    """Those of VS Code."""

    places = ("~/.copilot/skills",)


class CopilotSkillsProvider(VSCodeSkillsProvider):
    """Those of Copilot."""


class CodexSkillsProvider(ClaudeSkillsProvider):
    """Those of Codex."""

    places = ("/etc/codex/skills", "~/.codex/skills")


class GeminiSkillsProvider(ClaudeSkillsProvider):
    """Those of Gemini."""

    places = ("~/.gemini/skills",)


class GooseSkillsProvider(ClaudeSkillsProvider):
    """Those of Goose."""

    places = ("~/.config/agents/skills",)


class OpenCodeSkillsProvider(ClaudeSkillsProvider):
    """Those of OpenCode."""

    places = ("~/.config/opencode/skills",)

"""Skills: folders of instructions, listed with the digest of every file, and read as resources.

Source: extension io.modelcontextprotocol/skills (SEP-2640), "Skill Entries".
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET

from dragoman.wire.base import Opt, Wire
from dragoman.wire.lifecycle import Cacheable, Params, Result
from dragoman.wire.resources import Resource

EXTENSION = "io.modelcontextprotocol/skills"
SCHEME = "skill://"
MANIFEST = "SKILL.md"
DIRECTORY = "inode/directory"  # the media type of what `resources/directory/read` lists

# What a skill is at most ("Limits"): servers should not serve more, and hosts need not load it.
MAX_FILES = 512
MAX_BYTES = 16 * 1024 * 1024


class SkillFile(Wire, frozen=True, kw_only=True):
    """One file of a skill: `digest` is `sha256:` and 64 hexadecimal digits of its bytes, `size` their number.

    Servers of drafts gave no size; such a file is not read.
    """

    uri: str
    digest: str
    size: Opt[int] = UNSET


class Skill(Wire, frozen=True, kw_only=True):
    """A skill as it is listed: where its `SKILL.md` is, the front matter of that as JSON, and all of its files.

    `resources` is "dynamic" where files are made as they are read, so that they have no digests; an entry without
    any is listed, and not read.
    """

    uri: str
    frontmatter: dict[str, Any]
    resources: Opt[list[SkillFile] | Literal["dynamic"]] = UNSET

    @property
    def name(self) -> str:
        """What the skill calls itself: a label, which another may have too."""
        return str(self.frontmatter.get("name", ""))

    @property
    def description(self) -> str:
        """What the skill is for, and when."""
        return str(self.frontmatter.get("description", ""))


class ListSkills(Params, frozen=True, kw_only=True):
    """Parameters of `skills/list`."""

    cursor: Opt[str] = UNSET


class ListSkillsResult(Cacheable, frozen=True, kw_only=True):
    """One page of skills; no skill is split."""

    skills: list[Skill]
    next_cursor: Opt[str] = UNSET


class GetSkill(Params, frozen=True, kw_only=True):
    """Parameters of `skills/get`: the URI of a `SKILL.md`."""

    uri: str


class GetSkillResult(Cacheable, frozen=True, kw_only=True):
    """One skill, as it is at this moment."""

    skill: Skill


class ReadDirectory(Params, frozen=True, kw_only=True):
    """Parameters of `resources/directory/read`."""

    uri: str
    cursor: Opt[str] = UNSET


class ReadDirectoryResult(Result, frozen=True, kw_only=True):
    """What is directly in a directory: files, and directories as resources of their own kind."""

    resources: list[Resource]
    next_cursor: Opt[str] = UNSET

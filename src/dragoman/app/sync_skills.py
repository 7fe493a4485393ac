"""A server's skills without asyncio; each method is the one of the same name of `Client.skills`.

Limit: as for all of the client without asyncio, one call at a time for each thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from dragoman.app.loop_thread import LoopThread

if TYPE_CHECKING:
    from dragoman.calling.results import ReadResult
    from dragoman.calling.skills import Skills
    from dragoman.wire.resources import Resource
    from dragoman.wire.skills import Skill

    Inside: TypeAlias = list[Resource]


class SyncSkills:
    """The skills of the server that a SyncClient is connected to."""

    def __init__(self, thread: LoopThread, skills: Skills) -> None:
        self._thread = thread
        self._skills = skills

    def list(self) -> list[Skill]:
        """Return the skills that the server lists."""
        return self._thread.run(self._skills.list())

    def get(self, uri: str) -> Skill:
        """Return the skill whose SKILL.md is at `uri`."""
        return self._thread.run(self._skills.get(uri))

    def read(self, skill: Skill, path: str = "SKILL.md", *, unverified: bool = False) -> ReadResult:
        """Return a file of a skill, checked against the skill's entry."""
        return self._thread.run(self._skills.read(skill, path, unverified=unverified))

    def directory(self, uri: str) -> Inside:
        """Return what is directly in a directory of a skill."""
        return self._thread.run(self._skills.directory(uri))

"""Folders of skills given to a server, as the extension io.modelcontextprotocol/skills has them.

Loaded where there are skills, and nowhere else. Limit: what is in the folders is shown to every caller alike.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from dragoman.app.surface import Surface
from dragoman.errors import LocalError
from dragoman.wire.notices import RESOURCES_CHANGED
from dragoman.wire.skills import EXTENSION

try:
    from dragoman.serving.skills import Skills
except ModuleNotFoundError as error:
    if error.name != "yaml":
        raise
    raise LocalError("skills need PyYAML: pip install 'dragoman[skills]'") from error


def add_skills(surface: Surface, folder: str | PathLike[str], prefix: str) -> None:
    """Serve the skills in `folder`. Raises RegistrationError, and changes nothing then."""
    kernel = surface.kernel
    skills: Skills | None = surface.skills
    new = skills is None
    if skills is None:
        skills = Skills(kernel.limits.listed, surface.resources, kernel.bus.tell)
    try:
        skills.add(Path(folder), prefix)
    except LocalError:
        if new:
            surface.resources.beyond.pop()
        raise
    if new:
        surface.skills = skills
        surface.companions.append(skills)
        if surface.skill_places is None:
            for name, handler in skills.handlers().items():
                kernel.handle(name, handler)
        surface.add_extension(EXTENSION, {"directoryRead": True})
    surface.changed(RESOURCES_CHANGED)

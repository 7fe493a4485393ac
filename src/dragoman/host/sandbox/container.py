"""The words that start a command in a container of Docker or Podman, where the user named an image for it.

Limit: the program is the image's, so nothing of this machine's is shown but the project and what was granted.
"""

from __future__ import annotations

from collections.abc import Sequence

from dragoman.app.launch_risks import is_loader
from dragoman.errors import LocalError
from dragoman.host.sandbox.profile import Profile

_LIMITS = (("cpu", "cpu"), ("memory", "data"), ("space", "as"), ("files", "nofile"), ("file", "fsize"))


def words(program: str, command: Sequence[str], profile: Profile, name: str) -> list[str]:
    """Return the command line. Raises LocalError for a list of hosts, which no network of a container's can be."""
    if profile.connect and not profile.online:
        raise LocalError("a container has no network or all of it: leave out --image for a list of hosts, or --connect")
    limits = profile.limits
    found = [program, "run", "--rm", "--interactive", "--init", "--name", name, "--pull", "never"]
    found += ["--network", "bridge" if profile.online else "none", "--read-only", "--tmpfs", "/tmp", "--tmpfs", "/root"]
    found += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    found += ["--pids-limit", str(limits.processes)] if limits.processes else []
    found += ["--memory", str(limits.memory)] if limits.memory else []
    for field, theirs in _LIMITS:
        if amount := getattr(limits, field):
            found += ["--ulimit", f"{theirs}={amount}"]
    project = (profile.project,) if profile.project else ()
    for path in sorted({*project, *profile.read} - {*profile.write}):
        found += ["--mount", f"{_mount(path)},readonly"]
    for path in profile.write:
        found += ["--mount", _mount(path)]
    found += ["--workdir", profile.project] if profile.project else []
    for variable, value in profile.env.items():
        # By its name, so that no value is among the words that other users see; one that loads code would change
        # the program that starts the container.
        found += ["--env", f"{variable}={value}" if is_loader(variable) else variable]
    return [*found, profile.image, *command]


def _mount(path: str) -> str:
    if "," in path or '"' in path:
        raise LocalError(f"{path!r} cannot be shown to a container: there is a comma or a quote in its name")
    return f"type=bind,source={path},target={path}"

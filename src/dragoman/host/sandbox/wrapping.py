"""The same command, in a sandbox: the words that whoever starts it would write by hand.

Promise: what runs outside the sandbox gets no variable that loads code, and imports nothing from the folder it is in.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import msgspec

from dragoman.app.launch_risks import is_loader
from dragoman.host.sandbox.profile import Limits, Profile
from dragoman.host.sandbox.tiers import Tier
from dragoman.transport.process import Command

_USUAL = Limits()
# -P: a file named like one of our modules, in the server's folder, must not be imported.
OURS = (sys.executable, "-P", "-m", "dragoman", "run", "--sandbox")


def wrap(command: Command, profile: Profile, wanted: Tier | None = None) -> Command:
    """Return the command that runs `command` in a sandbox; its variables are the only ones that it gets there.

    Without a project in the profile, the folder of the command is it.
    """
    project = profile.project or command.cwd or ""
    env = {**profile.env, **command.env}
    held = msgspec.structs.replace(profile, project=project, env=env)
    words = (*OURS, *flags(held, wanted), "--", *command.words)
    plain = {name: value for name, value in env.items() if not is_loader(name)}
    return msgspec.structs.replace(command, words=words, env=plain)


def flags(profile: Profile, wanted: Tier | None = None) -> Sequence[str]:
    """Return the options of `dragoman run --sandbox` that say a profile; values only of variables that load code."""
    found = ["--tier", str(wanted)] if wanted is not None else []
    found += ["--project", profile.project] if profile.project else []
    for name, values in (("--read", profile.read), ("--write", profile.write), ("--connect", profile.connect)):
        found += [word for value in values for word in (name, value)]
    found += [word for one in _variables(profile.env) for word in ("--env", one)]
    for field in Limits.__struct_fields__:
        if (value := getattr(profile.limits, field)) != getattr(_USUAL, field):
            found += ["--limit", f"{field}={value}"]
    return [*found, *(["--image", profile.image] if profile.image else [])]


def _variables(env: Mapping[str, str]) -> Sequence[str]:
    # By its name: then the value comes in our own variables, which other users do not see.
    return [f"{name}={value}" if is_loader(name) else name for name, value in env.items()]

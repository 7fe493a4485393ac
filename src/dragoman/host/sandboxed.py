"""Local servers of a host in a sandbox: what their entry grants, and the command that holds them.

Promise: what was shown and approved is what is started; if no sandbox works here, nothing is.
Limit: what an entry grants is as good as what the user looked at when it was approved.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from dragoman.app.launching import Launch, permit
from dragoman.app.target import Filed, Options, defined
from dragoman.errors import LocalError
from dragoman.host.sandbox.profile import Profile, checked, limits_of
from dragoman.host.sandbox.tiers import Found, Tier, tier
from dragoman.host.sandbox.wrapping import wrap
from dragoman.transport.process import Command

KEY = "sandbox"


class Grants(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `"sandbox": {...}` of an entry may say, beside true and false."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    connect: tuple[str, ...] = ()
    limits: dict[str, str] = {}
    image: str = ""
    tier: Tier | None = None


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """How a server is held: its profile, and the tier that was insisted on."""

    profile: Profile
    wanted: Tier | None = None

    def found(self) -> Found:
        """Return the tier that works here. Raises LocalError if none does. Starts programs to find out."""
        return tier(self.profile, self.wanted)


def held(said: Any, launch: Launch, *, always: bool) -> Held | None:
    """Return how an entry wants to be held, `always` if it says nothing; None for not at all. Raises LocalError."""
    if said is None:
        said = always
    if said is False:
        return None
    try:
        grants = Grants() if said is True else msgspec.convert(said, Grants)
    except msgspec.ValidationError as error:
        raise LocalError(f"{launch.place}: {KEY}: {error}; write true, or what it is granted") from None
    profile = Profile(
        project=launch.cwd, read=grants.read, write=grants.write, connect=grants.connect,
        env=dict.fromkeys(launch.env, ""), limits=limits_of(grants.limits), image=grants.image,
    )  # fmt: skip
    return Held(profile=checked(profile, Path.home()), wanted=grants.tier)


def bound(launch: Launch, one: Held) -> Launch:
    """Return the launch as it is shown and approved: with what holds it."""
    how = f"{one.wanted}; " if one.wanted is not None else ""
    return msgspec.structs.replace(launch, sandbox=how + one.profile.told())


def wrapped(target: Any, launch: Launch, one: Held, env: Mapping[str, str]) -> tuple[list[str], Options]:
    """Return the command that runs a server in its sandbox, and its options. Raises NotApprovedError, LocalError.

    `launch` is what was approved, without what holds it: if the file says something else by now, nothing is started.
    """
    if isinstance(target, Filed):
        found = defined(f"{target.path}#{target.name}")
        permit(found, launch.digest)
        command = Command(words=tuple(found.meant.words), env={**env, **found.meant.env}, cwd=found.meant.cwd)
    else:
        command = Command(words=tuple(target), env=env)
    # The names stand in the profile for people; the values come with the command.
    made = wrap(command, msgspec.structs.replace(one.profile, env={}), one.wanted)
    return list(made.words), Options(env=made.env, cwd=made.cwd)

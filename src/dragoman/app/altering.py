"""Changing what a server itself has registered: what is listed is the changed one, what runs is the registered one.

Limit: done once for each thing, and for good; what is mounted is changed where it is mounted.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from msgspec import structs

from dragoman.app.changing import Altered, Changes, changed, check_change, filled_in
from dragoman.app.surface import Surface
from dragoman.errors import RegistrationError
from dragoman.ports.service import Handler
from dragoman.protocol.exchange import Call, Reply
from dragoman.protocol.headers import METHOD_HEADER
from dragoman.serving.elsewhere import Elsewhere
from dragoman.serving.listing import Listing
from dragoman.serving.nearest import nearest
from dragoman.serving.prompts import Prompts
from dragoman.serving.resources import Resources
from dragoman.serving.tools import Tools
from dragoman.wire.notices import PROMPTS_CHANGED, RESOURCES_CHANGED, TOOLS_CHANGED


class Behind:
    """The registries of what is listed changed: found by its own name there."""

    def __init__(self, surface: Surface) -> None:
        limits, face, workers, kept = surface.kernel.limits, surface.face, surface.workers, surface.kept
        self.tools = Tools(limits, face, workers, kept)
        self.prompts = Prompts(limits, face, workers)
        self.resources = Resources(limits, face, workers, kept)


class Ready(NamedTuple):
    """One change that can be made: in which registry, and where what it changes goes."""

    ours: Listing[Any]
    theirs: Listing[Any]
    key: str
    change: Altered
    answer: Handler


def alter(surface: Surface, tools: Changes, prompts: Changes, resources: Changes) -> None:
    """Make changes. Raises RegistrationError, with nothing changed, for what there is not or cannot be."""
    behind = Behind(surface)
    ready: list[Ready] = []
    here, there = surface.tools.listing, behind.tools.listing
    ready += [Ready(here, there, *one) for one in _checked(here, tools, "tool", behind.tools.call)]
    here_prompts, there_prompts = surface.prompts.listing, behind.prompts.listing
    ready += [
        Ready(here_prompts, there_prompts, *one)
        for one in _checked(here_prompts, prompts, "prompt", behind.prompts.get)
    ]
    for uri, change in resources.items():
        fixed = surface.resources.fixed.holder(uri) is not None
        ours = surface.resources.fixed if fixed else surface.resources.templates
        theirs = behind.resources.fixed if fixed else behind.resources.templates
        ready += [Ready(ours, theirs, *one) for one in _checked(ours, {uri: change}, "resource", behind.resources.read)]
    made = [_altered(surface, one) for one in ready]
    for one, (name, _) in zip(ready, made, strict=True):
        if name != one.key:
            one.ours.remove(one.key)
    for one, (name, entry) in zip(ready, made, strict=True):
        if entry is None:
            one.ours.hide(name)
        else:
            one.ours.add(name, entry)
    for given, notice in ((tools, TOOLS_CHANGED), (prompts, PROMPTS_CHANGED), (resources, RESOURCES_CHANGED)):
        if given:
            surface.changed(notice)


def _checked(listing: Listing[Any], changes: Changes, kind: str, answer: Handler) -> list[tuple[str, Altered, Handler]]:
    # Names may go round: what leaves one in these changes frees it for another.
    leaving = {key for key, change in changes.items() if change.name not in (None, key) and not change.hide}
    taken: set[str] = set()
    for key, change in changes.items():
        entry = listing.holder(key)
        if entry is None:
            raise RegistrationError(f"there is no {kind} {key!r} to change{nearest(key, listing.names())}")
        if isinstance(entry, Elsewhere):
            raise RegistrationError(f"the {kind} {key!r} is mounted or changed already: say so where that is done")
        if getattr(entry, "task", None) is not None and not change.hide:
            raise RegistrationError(f"calls of the tool {key!r} can be tasks: register it as it should be")
        check_change(change, entry.definition, kind)
        name = key if change.name is None else change.name
        if name in taken or (name not in leaving and name != key and listing.holder(name) is not None):
            raise RegistrationError(f"there is a {kind} {name!r} already", where=entry.where)
        taken.add(name)
    return [(key, change, answer) for key, change in changes.items()]


def _altered(surface: Surface, one: Ready) -> tuple[str, Elsewhere | None]:
    """Return the name and the entry of what is listed instead, None to hide it."""
    key, change = one.key, one.change
    if change.hide:
        return key, None
    entry: Any = one.ours.holder(key)
    one.theirs.add(key, entry)
    definition = changed(entry.definition, change)
    name = change.name or key
    made = Elsewhere(
        definition,
        _answering(key, change, one.answer),
        entry.where,
        complete=_completing(surface, key),
        scopes=entry.scopes,
        tags=entry.tags | set(change.tags),
    )
    return name, made


def _answering(key: str, change: Altered, answer: Handler) -> Handler:
    fills = bool(change.arguments or change.defaults)

    async def changed_call(call: Call) -> Reply:
        inner = copy.copy(call)
        params = filled_in(call.params, change) if fills else call.params
        if fills and METHOD_HEADER in call.headers:
            inner.headers = {name: value for name, value in call.headers.items() if name != METHOD_HEADER}
        inner.params = structs.replace(params, name=key) if hasattr(params, "name") else params
        try:
            return await answer(inner)
        finally:
            inner.over = True

    return changed_call


def _completing(surface: Surface, key: str) -> Handler:
    async def complete(call: Call) -> Reply:
        inner = copy.copy(call)
        ref = call.params.ref
        name = {"name": key} if hasattr(ref, "name") else {"uri": key}
        inner.params = structs.replace(call.params, ref=structs.replace(ref, **name))
        return await surface.completions.complete(inner)

    return complete

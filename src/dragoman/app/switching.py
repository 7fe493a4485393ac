"""Switching off what is registered, and on again: not listed, and answered as unknown, while it is off.

Its place in the lists is kept, and whoever listens is told. A call costs the same: what is off is not where calls look.
Limit: calls under way are let be.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Literal, TypeAlias

from dragoman.app.surface import Surface
from dragoman.errors import LocalError
from dragoman.serving.listing import Listing
from dragoman.wire.notices import PROMPTS_CHANGED, RESOURCES_CHANGED, TOOLS_CHANGED

Kind: TypeAlias = Literal["tool", "prompt", "resource"]


def switch(surface: Surface, names: Iterable[str], kind: Kind | None, *, on: bool, tags: Collection[str] = ()) -> None:
    """Show or hide what is registered under `names` or has one of `tags`: of one kind, or of whichever kinds there are.

    A resource goes by its URI, a template by its text. Raises LocalError, and
    changes nothing, if there is nothing of a name.
    """
    places = _places(surface, kind)
    found = {name: [place for place in places if place[0].holder(name) is not None] for name in names}
    if lacking := [name for name, holders in found.items() if not holders]:
        raise LocalError(f"there is no {kind or 'tool, prompt or resource'} {lacking[0]!r} to switch {_word(on)}")
    for listing, notice in places if tags else ():
        tagged = [key for key in listing.all_names() if not frozenset(tags).isdisjoint(_tags(listing, key))]
        for key in tagged:
            found.setdefault(key, []).append((listing, notice))
    told: dict[str, None] = {}
    for name, holders in found.items():
        for listing, notice in holders:
            if (listing.show if on else listing.hide)(name):
                told[notice] = None
    for notice in told:
        surface.changed(notice)


def _tags(listing: Listing[Any], key: str) -> frozenset[str]:
    tags: frozenset[str] = getattr(listing.holder(key), "tags", frozenset())
    return tags


def _word(on: bool) -> str:
    return "on" if on else "off"


def _places(surface: Surface, kind: Kind | None) -> list[tuple[Listing[Any], str]]:
    places: dict[str, list[tuple[Listing[Any], str]]] = {
        "tool": [(surface.tools.listing, TOOLS_CHANGED)],
        "prompt": [(surface.prompts.listing, PROMPTS_CHANGED)],
        "resource": [(surface.resources.fixed, RESOURCES_CHANGED), (surface.resources.templates, RESOURCES_CHANGED)],
    }
    if kind is None:
        return [place for some in places.values() for place in some]
    if kind not in places:
        raise LocalError(f"there is no kind {kind!r}: there are {', '.join(places)}")
    return places[kind]

"""Who sees what: from the owner's rules to a `Judge`, which gives each caller its view of each source.

Promise: only what a token proved counts, never what a client says of itself; whom no rule fits sees nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import structs

from dragoman.connectors.catalogue import Judge
from dragoman.connectors.settings.shape import Access, Rule
from dragoman.connectors.view import View
from dragoman.protocol.exchange import Caller


def judge_of(access: Mapping[str, Access], *, local: bool = True, hosted: bool = False) -> Judge | None:
    """Return the judge for sources with these rules, None where everybody sees everything.

    `local` tells whether the server is reached from this machine only: where it
    is not, sources that are `local_only` are not there over HTTP. `hosted` tells
    that answers go to a model elsewhere, by whatever way: for it they are not there at all.
    """
    if all(one.everybody or (local and not hosted and _only_local(one)) for one in access.values()):
        return None
    views = {name: _compiled(one) for name, one in access.items()}

    def judge(caller: Caller | None, name: str) -> View | None:
        one = access.get(name)
        if one is None or (one.local_only and hosted):
            return None
        if caller is None:
            return View(tuple(one.allow), tuple(one.deny))
        if (one.local_only and not local) or not caller.scopes.issuperset(one.scopes):
            return None
        view = views[name][0]
        if one.rules:
            found = next((view for rule, view in zip(one.rules, views[name], strict=True) if fits(rule, caller)), None)
            if found is None:
                return None
            view = found
        return view if caller.scopes.issuperset(one.write_scopes) else structs.replace(view, writes=False)

    return judge


def fits(rule: Rule, caller: Caller) -> bool:
    """Tell whether all that a rule asks for holds for the caller."""
    return (
        (not rule.scope or rule.scope in caller.scopes)
        and (not rule.subject or rule.subject == caller.subject)
        and (not rule.client or rule.client == caller.client_id)
        and all(_claims(caller.claims.get(name), value) for name, value in rule.claim.items())
    )


def _only_local(access: Access) -> bool:
    return not (access.scopes or access.write_scopes or access.rules or access.allow or access.deny)


def _claims(found: Any, wanted: str | int | bool) -> bool:
    if isinstance(found, list):
        return any(_same(item, wanted) for item in found)  # pyright: ignore[reportUnknownVariableType]
    return _same(found, wanted)


def _same(found: Any, wanted: str | int | bool) -> bool:
    # True is 1 to Python, and a claim of 1 is no yes.
    return type(found) is type(wanted) and found == wanted


def _compiled(access: Access) -> list[View]:
    if not access.rules:
        return [View(tuple(access.allow), tuple(access.deny))]
    return [
        View(tuple(rule.allow or access.allow), tuple(dict.fromkeys([*access.deny, *rule.deny])))
        for rule in access.rules
    ]

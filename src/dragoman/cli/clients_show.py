"""Clients, plans and differences, laid out for people or as JSON.

Promise: what files hold is made visible, and secrets in it are `***`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dragoman.cli.terminal import Paper, one_line, visible
from dragoman.configs import documents
from dragoman.configs.entry import Entry, differences
from dragoman.configs.plans import Plan
from dragoman.configs.secrecy import masked
from dragoman.configs.shapes import NEUTRAL
from dragoman.configs.survey import Seen
from dragoman.configs.tables import table_of
from dragoman.configs.values import shown

WIDTH = 80


def listed(paper: Paper, everything: Sequence[Seen], *, as_json: bool) -> None:
    """Print the clients on this machine, their files, and the servers in them."""
    if as_json:
        paper.line(_json({"clients": [_seen(seen) for seen in everything]}))
        return
    if not everything:
        paper.line("no client was found on this machine")
    for seen in everything:
        paper.line(f"{paper.strong(seen.client.title)} {paper.faint(f'({seen.client.id})')}")
        for file in seen.files:
            if not file.exists:
                continue
            unsure = "" if file.spot.place.certain else ", format not certain"
            paper.line(f"  {visible(str(file.spot.path))} {paper.faint(f'({file.spot.place.scope}{unsure})')}")
            for entry in file.entries:
                off = " (disabled)" if entry.disabled else ""
                paper.line(f"    {one_line(entry.name)}{off}  {paper.faint(_what(entry))}")
            for fault in file.faults:
                paper.line(f"    cannot be read: {one_line(fault)}")
            if not file.entries and not file.faults:
                paper.line(paper.faint("    no servers"))
        if not any(file.exists for file in seen.files):
            paper.line(paper.faint("  installed, nothing configured"))


def _what(entry: Entry) -> str:
    safe = masked(entry)
    text = shown(safe.url) if safe.url else " ".join(shown(word) for word in (safe.command, *safe.args))
    text = one_line(text)
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def _seen(seen: Seen) -> dict[str, Any]:
    return {
        "id": seen.client.id,
        "title": seen.client.title,
        "installed": seen.installed,
        "files": [
            {
                "path": str(file.spot.path),
                "scope": file.spot.place.scope,
                "certain": file.spot.place.certain,
                "servers": {entry.name: _table(entry) for entry in file.entries},
                "faults": list(file.faults),
            }
            for file in seen.files
            if file.exists
        ],
    }


def _table(entry: Entry) -> dict[str, Any]:
    return table_of(msgspec.structs.replace(masked(entry), extra={}), NEUTRAL, "")


def planned(paper: Paper, plan: Plan) -> None:
    """Print what a plan would do, as a diff, or what to paste by hand."""
    title = plan.spot.client.title
    paper.line(paper.strong(f"{title}: {visible(str(plan.spot.path))}"))
    if plan.refusal:
        paper.line(visible(f"not written: {plan.refusal}"))
        if plan.paste:
            paper.line("paste this yourself:")
            paper.line(visible(_pasted(plan)))
    if plan.change is not None:
        difference(paper, plan.change.diff())
    elif not plan.refusal:
        paper.line("nothing to change")
    for words in plan.words:
        paper.line(visible(f"by its own command: {' '.join(words[:5])} ..."))
    for note in plan.notes:
        paper.line(visible(f"note: {note}"))
    paper.line()


def _pasted(plan: Plan) -> str:
    form = documents.FORMATS[plan.spot.place.format]
    text = ""
    for key, value in (plan.paste or {}).items():
        text = form.put(text, (key,), value)
    return text


def difference(paper: Paper, lines: Sequence[str]) -> None:
    """Print the lines of a diff."""
    for line in lines:
        shown_line = visible(line)
        paper.line(paper.strong(shown_line) if line[:1] in "+-" else paper.faint(shown_line))


def results(paper: Paper, todo: Sequence[Plan], faults: Mapping[int, str]) -> None:
    """Print what became of plans."""
    for plan in todo:
        fault = faults.get(id(plan))
        done = f"not changed: {fault}" if fault else "done; restart it if it does not see the change by itself"
        paper.line(visible(f"{plan.spot.client.title}: {done}"))


def outcome(paper: Paper, todo: Sequence[Plan], faults: Mapping[int, str], *, written: bool) -> None:
    """Print what became of plans as JSON."""
    paper.line(_json({"clients": outcome_of(todo, faults, written=written)}))


def outcome_of(todo: Sequence[Plan], faults: Mapping[int, str], *, written: bool) -> list[dict[str, Any]]:
    """Return what became of plans, one object for each."""
    return [
        {
            "client": plan.spot.client.id,
            "path": str(plan.spot.path),
            "servers": list(plan.names),
            "changed": plan.change is not None and written and id(plan) not in faults,
            "wanted": plan.change is not None,
            "refusal": plan.refusal or faults.get(id(plan), ""),
            "paste": plan.paste,
            "notes": list(plan.notes),
        }
        for plan in todo
    ]


def compared(
    paper: Paper, names: Sequence[str], one: Sequence[Entry], other: Sequence[Entry], *, as_json: bool
) -> bool:
    """Print in what two sets of servers differ, and return whether they are the same."""
    left, right = ({entry.name: entry for entry in entries} for entries in (one, other))
    only = [name for name in left if name not in right]
    extra = [name for name in right if name not in left]
    changed = {name: differences(left[name], right[name]) for name in left if name in right}
    changed = {name: fields for name, fields in changed.items() if fields}
    if as_json:
        paper.line(_json({"onlyFirst": only, "onlySecond": extra, "differ": changed}))
    else:
        for missing, where in ((only, names[0]), (extra, names[1])):
            for name in missing:
                paper.line(f"only in {one_line(where)}: {one_line(name)}")
        for name, fields in changed.items():
            paper.line(f"differ: {one_line(name)} ({', '.join(fields)})")
        if not (only or extra or changed):
            paper.line("the same servers")
    return not (only or extra or changed)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)

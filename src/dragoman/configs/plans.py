"""What is to be done to put servers into clients, take them out, or make one client's like another's.

Nothing is written here: a plan is made, shown, and then carried out by `changes` or by the client's own command.
Promise: secrets in a file stay in that file; what goes elsewhere is a reference to the environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import msgspec

from dragoman.configs import documents, drivers
from dragoman.configs.changes import Change, Done, Edit, current, make, record
from dragoman.configs.clients import Client, Scope
from dragoman.configs.documents import ABSENT
from dragoman.configs.entry import Entry
from dragoman.configs.faults import UnreadableError
from dragoman.configs.launch import unwrapped, wrapped
from dragoman.configs.machine import Machine
from dragoman.configs.secrecy import Moved, without_secrets
from dragoman.configs.survey import Spot, target_spot
from dragoman.configs.tables import entry_of, lost, merged, table_of
from dragoman.errors import LocalError


class Plan(NamedTuple):
    """What is to be done to one client: a change of its file, or a `refusal` with what to paste by hand.

    `notes` say what the user has to know: variables to set, what is lost.
    `words` are the client's own commands, which are run in place of the change.
    """

    spot: Spot
    names: tuple[str, ...]
    change: Change | None
    notes: tuple[str, ...] = ()
    refusal: str = ""
    paste: dict[str, Any] | None = None
    words: tuple[tuple[str, ...], ...] = ()


class Setting(NamedTuple):
    """Where plans are made: the machine, the words that start this program, and whether clients' commands are used."""

    machine: Machine
    own: tuple[str, ...]
    scope: Scope = "user"
    drive: bool = True


def put(client: Client, entries: Sequence[Entry], setting: Setting) -> Plan:
    """Return the plan that puts `entries` into a client, changing those that are there under their names."""
    spot = target_spot(client, setting.machine, setting.scope)
    every = tuple(entry.name for entry in entries)
    try:
        data = spot.read()
        held = documents.load(data, spot.place.format)
    except LocalError as error:
        return Plan(spot, every, None, refusal=str(error), paste=_pasted(entries, spot, setting))
    tables, notes, unfit = _tables(entries, held, spot, setting)
    if not spot.place.certain or spot.place.listed:
        why = "; ".join([_UNSURE.format(client.title), *unfit])
        return Plan(spot, every, None, tuple(notes), why, _under(spot, tables) if tables else None)
    edits = [Edit((*spot.key, name), documents.at(held, (*spot.key, name)), table) for name, table in tables.items()]
    edits = [edit for edit in edits if not documents.same(edit.before, edit.after)]
    if spot.place.shape.inputs:
        edits += _questions([entry for entry in entries if entry.name in tables], held)
    plan = Plan(spot, every, _change(spot, edits, data), tuple(notes), "; ".join(unfit))
    return _finished(plan, setting, edits)


_UNSURE = "the place or format of {}'s configuration is not certain here"


def _tables(
    entries: Sequence[Entry], held: Any, spot: Spot, setting: Setting
) -> tuple[dict[str, Any], list[str], list[str]]:
    """Return tables by name for the client, what the user has to know, and why others have none."""
    tables: dict[str, Any] = {}
    notes: list[str] = []
    unfit: list[str] = []
    for entry in entries:
        existing = documents.at(held, (*spot.key, entry.name))
        try:
            safe, moved = _safe(entry, existing, spot)
            ready = wrapped(safe, spot.place.shape, setting.own)
            table = merged(None if existing is ABSENT else existing, ready, spot.place.shape, spot.client.id)
        except LocalError as error:
            unfit.append(f"{entry.name}: {error}")
            continue
        tables[entry.name] = table
        notes += [f"{entry.name}: {note}" for note in _notes(entry, ready, moved, spot)]
    return tables, notes, unfit


def _safe(entry: Entry, existing: Any, spot: Spot) -> tuple[Entry, list[Moved]]:
    """Return `entry` without secrets; where the client has a value of its own in the place of one, that stays."""
    safe, moved = without_secrets(entry)
    if not moved or existing is ABSENT:
        return safe, moved
    try:
        own = unwrapped(entry_of(entry.name, existing, spot.place.shape, spot.client.id))
    except UnreadableError:
        return safe, moved
    env, headers, left = dict(safe.env), dict(safe.headers), list[Moved]()
    for one in moved:
        kind, _, name = one.slot.partition(" ")
        if kind == "env" and name in own.env:
            env[name] = own.env[name]
        elif kind == "header" and name in own.headers:
            headers[name] = own.headers[name]
        else:
            left.append(one)
    return msgspec.structs.replace(safe, env=env, headers=headers), left


def _notes(entry: Entry, ready: Entry, moved: Sequence[Moved], spot: Spot) -> list[str]:
    notes = [told(one) for one in moved]
    asked = [ref.name for ref in entry.references() if ref.kind == "prompt"]
    if asked and not spot.place.shape.inputs:
        notes.append(f"{spot.client.title} does not ask for {', '.join(asked)}: set the environment variable instead")
    left = lost(ready, spot.place.shape, spot.client.id)
    if left:
        notes.append(f"{spot.client.title} has no word for: {', '.join(left)}")
    return notes


def told(moved: Moved) -> str:
    """Return what a user has to know of a secret that was not copied."""
    if not moved.name:
        return f"the secret in {moved.slot} is not copied; give it to the client yourself"
    return (
        f"the secret in {moved.slot} is not copied: set the environment variable {moved.name} where the client starts"
    )


def _questions(entries: Sequence[Entry], held: Any) -> list[Edit]:
    """Return edits that declare the questions which entries refer to, and the file does not have yet."""
    there = documents.at(held, ("inputs",))
    known: list[Any] = list(cast("list[object]", there)) if isinstance(there, list) else []
    ids = {documents.at(one, ("id",)) for one in known}
    names = dict.fromkeys(ref.name for e in entries for ref in e.references() if ref.kind == "prompt")
    asked = [
        {"type": "promptString", "id": name, "description": name, "password": True} for name in names if name not in ids
    ]
    return [Edit(("inputs", len(known) + number), ABSENT, one) for number, one in enumerate(asked)]


def _pasted(entries: Sequence[Entry], spot: Spot, setting: Setting) -> dict[str, Any] | None:
    """Return what the user could paste in, None where the client has no words for it."""
    try:
        ready = [wrapped(without_secrets(entry)[0], spot.place.shape, setting.own) for entry in entries]
        return _under(spot, {entry.name: table_of(entry, spot.place.shape, spot.client.id) for entry in ready})
    except LocalError:
        return None


def _under(spot: Spot, tables: dict[Any, Any]) -> dict[str, Any]:
    found: Any = list(tables.values()) if spot.place.listed else tables
    for part in reversed(spot.key[1:]):
        found = {part: found}
    return {str(spot.key[0]): found}


def _change(spot: Spot, edits: Sequence[Edit], data: bytes) -> Change | None:
    return Change(spot.path, spot.place.format, tuple(edits), data, spot.path.exists()) if edits else None


def _finished(plan: Plan, setting: Setting, edits: Sequence[Edit]) -> Plan:
    """Return the plan with the client's own commands if they can do all of it; refused if the file cannot take it."""
    if plan.change is None:
        return plan
    try:
        plan.change.result(plan.change.seen)
    except UnreadableError as error:
        pasted = _under(plan.spot, {edit.key[-1]: edit.after for edit in edits if edit.after is not ABSENT})
        return plan._replace(change=None, refusal=str(error), paste=pasted)
    if not setting.drive or setting.machine.program(plan.spot.client.program or "-") is None:
        return plan
    words: list[tuple[str, ...]] = []
    for edit in edits:
        name = str(edit.key[-1])
        own = (
            drivers.words_to_remove(plan.spot, name)
            if edit.after is ABSENT
            else drivers.words_to_add(plan.spot, name, edit.before, edit.after)
        )
        if own is None or edit.key[:-1] != plan.spot.key:
            return plan
        words.append(tuple(own))
    return plan._replace(words=tuple(words))


def take(client: Client, names: Sequence[str], setting: Setting) -> Plan:
    """Return the plan that takes servers out of a client; names that it does not have are told of."""
    spot = target_spot(client, setting.machine, setting.scope)
    try:
        data = spot.read()
        held = documents.load(data, spot.place.format)
    except LocalError as error:
        return Plan(spot, tuple(names), None, refusal=str(error))
    there = [name for name in names if documents.at(held, (*spot.key, name)) is not ABSENT]
    notes = tuple(f"{client.title} has no server {name!r}" for name in names if name not in there)
    if there and not spot.place.certain:
        return Plan(spot, tuple(there), None, notes, _UNSURE.format(client.title))
    edits = [Edit((*spot.key, name), documents.at(held, (*spot.key, name)), ABSENT) for name in there]
    return _finished(Plan(spot, tuple(there), _change(spot, edits, data), notes), setting, edits)


def carry_out(plan: Plan, setting: Setting) -> None:
    """Do what a plan says. Raises StaleError or UnreadableError; then the file is as it was, or the journal has it."""
    if plan.change is None:
        return
    state = setting.machine.state()
    if not plan.words:
        make([plan.change], state)
        return
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = current(plan.change.path)
    plan.change.result(before or b"")  # what was shown must still be what is there
    for words, edit in zip(plan.words, plan.change.edits, strict=True):
        drivers.drive(words, setting.machine, plan.spot, edit.key, edit.after)
    record(Done(plan.change, before, current(plan.change.path) or b""), state)

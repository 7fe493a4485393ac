"""Putting servers in from a registry or a bundle's file, and taking them out again: shown, asked, then done.

Promise: before anybody agreed, what was fetched has not run, and what was fetched is removed if nobody agrees.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dragoman.auth.wallet_disk import config_home, default_wallet
from dragoman.cli import clients, clients_show
from dragoman.cli.clients_target import SECRET_KEY
from dragoman.cli.outcome import FAILED, OK, USAGE, UsageError
from dragoman.cli.paste import own_words
from dragoman.cli.registry_names import asked_sources, kept_record, name_and_version, one_word
from dragoman.cli.registry_show import doubtful, json_text, way_text
from dragoman.cli.terminal import Paper, one_line, visible
from dragoman.configs import plans
from dragoman.configs.entry import Entry
from dragoman.configs.values import Value
from dragoman.registry import adding, pins
from dragoman.registry.adding import Brought, Choice, Way
from dragoman.registry.faults import EntryError
from dragoman.registry.inputs import Piece, Question, Secret, answered
from dragoman.registry.pins import Pin
from dragoman.registry.recipe import Recipe
from dragoman.registry.records import Record, Records, data_home

TRIES = 3  # that a person has for one answer


class Ready(NamedTuple):
    """A server that only waits for the user's word: what is shown, and what will be kept."""

    choice: Choice
    way: Way
    brought: Brought
    recipe: Recipe
    secrets: dict[str, str]  # by their names in the wallet, the values to keep there


def add(options: argparse.Namespace) -> int:
    """Put a server of a registry in; without a name, those that the lock file has."""
    if not options.words:
        return _locked(options)
    name, version = name_and_version(options.words)
    every, only = asked_sources(options)
    lock = _lock_file(options)
    held = pins.load(lock).servers.get(name)
    pinned = held if held is not None and not options.upgrade and version in ("", held.version) else None
    choice = asyncio.run(adding.find(name, pinned.version if pinned else version, every, only))
    if choice.source.trust == "look":
        raise UsageError(f"{choice.source.name} is trusted to be searched only; registries.json says so")
    if choice.doubts and choice.source.trust != "full" and not options.suspicious:
        doubtful(Paper(sys.stderr), choice.doubts)
        raise UsageError(f"the texts of {name} may be meant to mislead; --suspicious puts it in all the same")
    way = adding.ways(choice.listed, options.package)
    print(f"dragoman: fetching the {way_text(way)}", file=sys.stderr, flush=True)
    brought = asyncio.run(adding.bring(choice, way, Records(data_home()), every.packages))
    return _put_in(options, choice, way, brought, pinned)


def _locked(options: argparse.Namespace) -> int:
    path = _lock_file(options)
    names = list(pins.load(path).servers)
    if not names:
        raise UsageError(f"which server? {path} has none; name one: dragoman registry add io.github.user/weather")
    worst = OK
    for name in names:
        options.words = [name]
        worst = max(worst, add(options))
    return worst


def install(options: argparse.Namespace) -> int:
    """Put in the server of a bundle's file. Whose it is, nobody says but its hash."""
    file = one_word(options.words, "install takes one bundle, as in: dragoman registry install server.mcpb")
    choice, way, brought = adding.from_file(Path(file), Records(data_home()), options.sha256)
    return _put_in(options, choice, way, brought, None)


def _put_in(options: argparse.Namespace, choice: Choice, way: Way, brought: Brought, pinned: Pin | None) -> int:
    """Ask, show and keep. What was brought is removed unless it is kept."""
    kept = False
    try:
        if options.name and not (options.name.isprintable() and options.name.strip()):
            raise UsageError("a server's name is printable text: --name NAME")
        if pinned is not None:
            pinned.check(brought.pin)
        answers, secrets = _answers(options, choice.listed.server.name, adding.asks(way, brought, Path.home()))
        recipe = adding.cook(way, brought, answers, Path.home())
        if recipe.exposed() and not options.expose:
            raise UsageError(
                "this server takes a secret as a word of its command or address, where other programs can read it; "
                "--expose puts it in all the same"
            )
        ready = Ready(choice, way, brought, recipe, secrets)
        paper = Paper(sys.stderr if options.json else sys.stdout)
        _shown(paper, ready)
        setting = clients.setting_of(options)
        targets = clients.targets_of(options, setting.machine) if options.to else []
        if not clients.agreed(options, "put this in"):
            if options.json and options.dry_run:
                Paper(sys.stdout).line(json_text({**_facts(ready), "installed": False, "clients": []}))
            elif not options.dry_run:
                print("dragoman: nothing was put in; --yes does so without asking", file=sys.stderr)
            return OK if options.dry_run else USAGE
        record = _kept(options, ready)
        kept = True
    finally:
        if not kept:
            brought.discard()
    entry = _entry(record)
    todo = [plans.put(client, [entry], setting) for client in targets]
    written, faults = clients.carry_out(options, setting, todo) if todo else (True, {})
    if options.json:
        made = clients_show.outcome_of(todo, faults, written=written)
        Paper(sys.stdout).line(json_text({**_facts(ready), "installed": True, "clients": made}))
    elif not todo:
        paper.line(visible(f"{record.name} is put in; '--to CLIENT' puts it into a client, and this starts it:"))
        paper.line(visible(f"  dragoman registry start {record.name}"))
    return FAILED if faults or any(plan.refusal for plan in todo) else OK


def _kept(options: argparse.Namespace, ready: Ready) -> Record:
    alias = options.name or re.sub(r"[^A-Za-z0-9_-]+", "-", ready.choice.listed.server.name.rpartition("/")[2])
    wallet = default_wallet() if ready.secrets else None
    for key, value in ready.secrets.items():
        assert wallet is not None
        asyncio.run(wallet.write(SECRET_KEY + key, value.encode()))
    watched = not options.unwatched and bool(ready.choice.source.url)
    record = adding.keep(Records(data_home()), ready.choice, ready.brought, ready.recipe, alias, watched=watched)
    if ready.choice.source.url:
        pins.change(_lock_file(options), record.name, record.pin)
    return record


def _lock_file(options: argparse.Namespace) -> Path:
    """Return the lock file: the one that is named, the one of this folder, or the user's."""
    if options.lock:
        return Path(options.lock)
    here = Path(pins.FILE)
    return here if here.exists() or options.project else config_home() / pins.FILE


def _entry(record: Record) -> Entry:
    """Return what clients get: this program, which looks at the status and fetches secrets; or a bare address."""
    recipe = record.recipe
    if recipe.url and not recipe.secrets():
        address = "".join(map(str, recipe.url))
        headers: dict[str, Value] = {name: tuple(str(piece) for piece in word) for name, word in recipe.headers.items()}
        return Entry(name=record.alias, transport="sse" if recipe.sse else "http", url=(address,), headers=headers)
    words = [(word,) for word in (*own_words(), "registry", "start", record.name)]
    return Entry(name=record.alias, transport="stdio", command=words[0], args=tuple(words[1:]))


# --- asking ---------------------------------------------------------------------------------------------------


def _answers(
    options: argparse.Namespace, server: str, questions: Sequence[Question]
) -> tuple[dict[str, tuple[Piece, ...]], dict[str, str]]:
    """Return answers to the questions, and secrets to keep by their names in the wallet. Raises UsageError."""
    given: dict[str, list[Piece]] = {}
    for word in options.input:
        name, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"--input is written as NAME=VALUE; {word!r} has no =")
        given.setdefault(name, []).append(text)
    known = {one.name for one in questions if one.secret}
    if strange := [name for name in options.secret if name not in known]:
        raise UsageError(f"{strange[0]!r} is no secret that this server takes; it takes {', '.join(known) or 'none'}")
    secrets: dict[str, str] = {}
    for one in questions:
        if one.name in given:
            pass
        elif one.secret:
            key = f"{server}/{one.name}"
            text = _secret(options, one, key)
            if text is not None:
                given[one.name] = [Secret(key)]
                secrets |= {key: one.checked(text)} if text else {}
        elif sys.stdin.isatty() and not options.yes and (one.required or not one.default):
            text = _typed(one)
            if text:
                given[one.name] = [text]
        if one.kind == "filepath" and one.name in given:
            # Clients start servers from folders of their own.
            given[one.name] = [_absolute(piece) for piece in given[one.name]]
    return answered(questions, given), secrets


def _absolute(piece: Piece) -> Piece:
    return os.path.abspath(os.path.expanduser(piece)) if isinstance(piece, str) else piece


def _secret(options: argparse.Namespace, one: Question, key: str) -> str | None:
    """Return a secret to keep, "" for one that is kept already or not asked for now, None for none."""
    if options.dry_run:
        return "" if one.required or one.name in options.secret else None
    if asyncio.run(default_wallet().read(SECRET_KEY + key)) is not None and one.name not in options.secret:
        return ""
    if sys.stdin.isatty():
        text = getpass.getpass(f"{_label(one)} (kept in the keyring): ")
        return text or None
    if one.required or one.name in options.secret:
        return sys.stdin.readline().rstrip("\r\n") or None
    return None


def _typed(one: Question) -> str:
    default = f" [{one_line(' '.join(one.default))}]" if one.default else ""
    for _ in range(TRIES):
        print(f"{_label(one)}{default}: ", end="", file=sys.stderr, flush=True)
        text = sys.stdin.readline().rstrip("\r\n")
        try:
            return one.checked(text) if text else ""
        except EntryError as error:
            print(visible(str(error)), file=sys.stderr)
    return ""


def _label(one: Question) -> str:
    words = [
        one.kind,
        *(["required"] if one.required else []),
        *([f"one of {', '.join(one.choices)}"] if one.choices else []),
    ]
    example = f", such as {one.placeholder}" if one.placeholder else ""
    return one_line(f"{one.name} ({'; '.join(words)}{example}) {one.description}".rstrip())


# --- showing --------------------------------------------------------------------------------------------------


def _shown(paper: Paper, ready: Ready) -> None:
    """Print all that would be kept: the command in full, one word a line."""
    server, source = ready.choice.listed.server, ready.choice.source
    paper.line(paper.strong(one_line(f"{server.name} {server.version}")) + f" from {visible(source.url) or 'a file'}")
    paper.line(f"  {one_line(server.description)}")
    doubtful(paper, ready.choice.doubts)
    for note in (*ready.choice.notes, *ready.brought.notes):
        paper.line(f"  note: {one_line(note)}")
    pin = ready.brought.pin
    paper.line(f"  {way_text(ready.way)}")
    if pin.hash:
        paper.line(f"  hash {pin.hash}" + (f", with {len(pin.closure)} files in all" if pin.closure else ""))
    for text in ready.recipe.shown():
        paper.line(f"    {visible(repr(text))}")
    if ready.recipe.cwd:
        paper.line(f"  in the folder {visible(ready.recipe.cwd)}")
    for label, words in (("variable", ready.recipe.env), ("header", ready.recipe.headers)):
        for name, word in words.items():
            shown = "".join(piece if isinstance(piece, str) else "***" for piece in word)
            paper.line(f"  {label} {visible(name)}={visible(repr(shown))}")


def _facts(ready: Ready) -> dict[str, Any]:
    pin = ready.brought.pin
    return {
        "name": ready.choice.listed.server.name, "version": pin.version, "registry": pin.registry, "kind": pin.kind,
        "package": pin.identifier, "hash": pin.hash, "command": ready.recipe.shown(),
        "environment": sorted(ready.recipe.env), "notes": [*ready.choice.notes, *ready.brought.notes],
        "suspicious": [{"at": one.at, "what": one.what} for one in ready.choice.doubts],
    }  # fmt: skip


# --- taking out -----------------------------------------------------------------------------------------------


def remove(options: argparse.Namespace) -> int:
    """Take a server out: of clients, of this machine, of the lock file; its secrets, too."""
    records, record = kept_record(options.words)
    setting = clients.setting_of(options)
    targets = clients.targets_of(options, setting.machine) if options.to else []
    todo = [plans.take(client, [record.alias], setting) for client in targets]
    todo = [plan for plan in todo if plan.change is not None or plan.refusal]
    if todo:
        written, faults = clients.carry_out(options, setting, todo)
        if faults or not written:
            return FAILED if faults else USAGE
    paper = Paper(sys.stderr if options.json else sys.stdout)
    secrets = record.recipe.secrets()
    paper.line(visible(f"{record.name} {record.pin.version}, its files, its secrets: {', '.join(secrets) or 'none'}"))
    if not clients.agreed(options, "remove all of this"):
        return OK if options.dry_run else USAGE
    for key in secrets:
        asyncio.run(default_wallet().remove(SECRET_KEY + key))
    records.remove(record.name)
    pins.change(_lock_file(options), record.name, None)
    if options.json:
        Paper(sys.stdout).line(json_text({"removed": record.name}))
    return OK

"""What registries have, and what was put in from them, laid out for people or as JSON.

Promise: nothing that a stranger wrote goes to a terminal raw, and what is suspicious in it is said.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from dragoman.auth.wallet_disk import config_home
from dragoman.cli.outcome import FAILED, OK, UsageError
from dragoman.cli.registry_names import asked_sources, name_and_version
from dragoman.cli.terminal import Paper, one_line, visible
from dragoman.errors import McpError
from dragoman.registry import shelf, watching
from dragoman.registry import sources as known_sources
from dragoman.registry.api import Found, Registry
from dragoman.registry.document import Input, Listed, Package, Transport
from dragoman.registry.faults import EntryError, WithdrawnError
from dragoman.registry.hostile import Suspicion, suspicions
from dragoman.registry.records import Known, Record, Records, data_home
from dragoman.registry.sources import Source

MOST = 500  # entries of one search


def search(options: argparse.Namespace) -> int:
    """Print the servers that have the words; those that changed with --since."""
    if not 1 <= options.limit <= MOST:
        raise UsageError(f"--limit is from 1 to {MOST}")
    if options.since:
        try:
            options.since = shelf.moment(options.since)
        except ValueError as error:
            raise UsageError(f"--since is an RFC 3339 time: {error}") from None
    every, only = asked_sources(options)
    paper = Paper(sys.stdout)
    out: list[dict[str, Any]] = []
    faults = 0
    for source in [only] if only is not None else every.registries:
        try:
            found = asyncio.run(_search(source, options))
        except McpError as error:
            # One registry that is down hides no other.
            if only is not None or len(every.registries) == 1:
                raise
            print(visible(f"dragoman: {source.name}: {error}"), file=sys.stderr)
            faults += 1
            continue
        if found.unreadable:
            print(f"dragoman: {source.name}: {found.unreadable} entries cannot be read", file=sys.stderr)
        for one in found.entries:
            if options.json:
                out.append({**entry_json(one), "registry": source.url})
            else:
                _line(paper, one, source)
    if options.json:
        paper.line(json_text({"servers": out}))
    return FAILED if faults else OK


async def _search(source: Source, options: argparse.Namespace) -> Found:
    async with Registry(source) as registry:
        if not options.since:
            return await registry.search(" ".join(options.words), options.limit)
        found = await registry.changed_since(options.since)
        return Found(found.entries[: options.limit], found.unreadable)


def _line(paper: Paper, one: Listed, source: Source) -> None:
    server = one.server
    status = "" if one.official.status == "active" else f" [{one.official.status}]"
    kinds = ", ".join(dict.fromkeys([p.registry_type for p in server.packages] + [r.type for r in server.remotes]))
    head = f"{paper.strong(one_line(server.name))} {one_line(server.version)}{status}"
    paper.line(f"{head} {paper.faint(f'({one_line(kinds)}; {source.name})')}")
    paper.line(f"  {one_line(server.description)}")
    if doubts := suspicions(server):
        paper.line(f"  suspicious: {one_line(doubts[0].what)}")


def show(options: argparse.Namespace) -> int:
    """Print one entry."""
    name, version = name_and_version(options.words)
    every, only = asked_sources(options)
    found, source = asyncio.run(_find(name, version, [only] if only is not None else list(every.for_name(name))))
    paper = Paper(sys.stdout)
    if options.json:
        paper.line(json_text({**entry_json(found), "registry": source.url}))
        return OK
    _line(paper, found, source)
    server = found.server
    if found.official.status_message:
        paper.line(f"  {found.official.status}: {one_line(found.official.status_message)}")
    for label, value in (("source", server.repository.url), ("website", server.website_url)):
        if value:
            paper.line(f"  {label}: {one_line(value)}")
    for package in server.packages:
        _package(paper, package)
    for remote in server.remotes:
        paper.line(f"  remote ({remote.type}): {one_line(remote.url)}")
        _inputs(
            paper, [*((name, one) for name, one in remote.variables.items()), *((h.name, h) for h in remote.headers)]
        )
    doubtful(paper, suspicions(server))
    return OK


def _package(paper: Paper, package: Package) -> None:
    version = f" {one_line(package.version)}" if package.version else ""
    paper.line(f"  {one_line(package.registry_type)}: {one_line(package.identifier)}{version}")
    named = [
        (getattr(one, "name", "") or getattr(one, "value_hint", "") or "argument", one) for one in package.inputs()
    ]
    _inputs(paper, named)


def _inputs(paper: Paper, inputs: Sequence[tuple[str, Input]]) -> None:
    for name, one in inputs:
        words = [one.format, *(["required"] if one.is_required else []), *(["secret"] if one.is_secret else [])]
        if one.choices:
            words.append("one of " + ", ".join(map(one_line, one.choices)))
        if one.default is not None:
            words.append(f"default {one_line(one.default)!r}")
        paper.line(f"    {one_line(name)} ({'; '.join(words)}) {one_line(one.description)}".rstrip())


def doubtful(paper: Paper, doubts: Sequence[Suspicion]) -> None:
    """Print what is suspicious in an entry's texts."""
    for one in doubts:
        paper.line(f"  suspicious: {one_line(one.at)}: {one_line(one.what)}")


async def _find(name: str, version: str, asked: Sequence[Source]) -> tuple[Listed, Source]:
    for source in asked:
        async with Registry(source) as registry:
            found = await registry.entry(name, version)
        if found is not None:
            return found, source
    where = ", ".join(source.name for source in asked) or "nobody, since no registry may speak for it"
    raise EntryError(f"there is no server {name}{f' {version}' if version else ''}; asked: {where}")


def entry_json(one: Listed) -> dict[str, Any]:
    """Return an entry as JSON has it."""
    doubts = [{"at": doubt.at, "what": doubt.what} for doubt in suspicions(one.server)]
    return {"server": msgspec.to_builtins(one.server), "status": one.official.status, "suspicious": doubts}


def json_text(value: object) -> str:
    """Return a value as JSON for people."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def listed(options: argparse.Namespace) -> int:
    """Print what was put in; with --outdated what is withdrawn or has a newer version. Exit status 1 if any is."""
    if options.words:
        raise UsageError("list takes no name; 'dragoman registry show NAME' shows a registry's entry")
    records = Records(data_home())
    every = records.every()
    seen = [asyncio.run(_watched(one, records)) for one in every] if options.outdated else []
    paper = Paper(sys.stdout)
    if options.json:
        facts = [_record(one) for one in every]
        for fact, told in zip(facts, seen, strict=False):
            fact.update(status=told.known.status, latest=told.latest, fault=told.fault)
        paper.line(json_text({"servers": facts}))
    elif not every:
        paper.line("nothing was put in from a registry")
    worst = OK
    for number, one in enumerate(every):
        said, bad = _state(one, seen[number]) if options.outdated else ("", False)
        worst = FAILED if bad else worst
        if not options.json:
            paper.line(f"{paper.strong(one_line(one.name))} {one_line(one.pin.version)} {one.pin.kind}{said}")
            paper.line(paper.faint(f"  {one_line(' '.join(one.recipe.shown()))}"))
    return worst


async def _watched(record: Record, records: Records) -> watching.Watched:
    if record.source == "":
        return watching.Watched(Known(at=0, status="active"))
    return await watching.look(record, records, newest=True)


def _state(record: Record, seen: watching.Watched) -> tuple[str, bool]:
    if seen.fault:
        return f", its registry does not answer: {one_line(seen.fault)}", False
    try:
        notes = watching.told(record, seen.known)
    except WithdrawnError as error:
        return f", {one_line(str(error))}", True
    newer = [f"{one_line(seen.latest)} is there"] if watching.is_older(record.pin.version, seen.latest) else []
    return "".join(f", {one_line(note)}" for note in [*notes, *newer]), bool(notes or newer)


def _record(record: Record) -> dict[str, Any]:
    return {
        "name": record.name, "alias": record.alias, "version": record.pin.version, "kind": record.pin.kind,
        "package": record.pin.identifier, "hash": record.pin.hash, "registry": record.source,
        "command": record.recipe.shown(), "environment": sorted(record.recipe.env),
    }  # fmt: skip


def sources(options: argparse.Namespace) -> int:
    """Print the registries that are asked."""
    every, _ = asked_sources(options)
    paper = Paper(sys.stdout)
    if options.json:
        paper.line(json_text(every))
        return OK
    paper.line(paper.faint(visible(str(config_home() / known_sources.FILE))))
    for one in every.registries:
        spaces = f", alone for {', '.join(one.namespaces)}" if one.namespaces else ""
        paper.line(visible(f"{one.name}: {one.url} (trust: {one.trust}{spaces})"))
    for kind in ("pypi", "npm"):
        paper.line(visible(f"packages of {kind}: {getattr(every.packages, kind) or 'as it is set up on this machine'}"))
    return OK


def way_text(way: Package | Transport) -> str:
    """Return a package or an address in a few words."""
    if isinstance(way, Transport):
        return f"remote server {one_line(way.url)}"
    return f"{way.registry_type} package {one_line(way.identifier)} {one_line(way.version)}".rstrip()

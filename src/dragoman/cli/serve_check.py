"""`dragoman serve --check`: validate what would be served, connect to it, say how each source is and what it costs."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

import msgspec

from dragoman.cli import serve
from dragoman.cli.outcome import FAILED, OK, USAGE, report
from dragoman.cli.terminal import Paper, visible
from dragoman.connectors.assembly import assembled, opened
from dragoman.connectors.catalogue import Catalogue
from dragoman.connectors.kind import Opening
from dragoman.connectors.settings.building import Configured
from dragoman.connectors.settings.health import Report, check
from dragoman.errors import LocalError

LIMIT = 60.0  # seconds that all of it may take


def run(options: argparse.Namespace, config: Path | None) -> int:
    """Check, print, and return 0 for all well, 1 for a source that is not, 2 for what cannot be served at all."""
    try:
        found = asyncio.run(_checked(options, config))
    except LocalError as fault:
        report(fault, as_json=options.json)
        return USAGE
    paper = Paper(sys.stdout)
    if options.json:
        paper.line(msgspec.json.encode({**msgspec.to_builtins(found), "good": found.good}).decode())
    else:
        for line in told(found):
            paper.line(visible(line))
    return OK if found.good else FAILED


def opens(options: argparse.Namespace, config: Path | None) -> None:
    """Open what would be served, and close it again. Raises SourceError for what cannot be."""
    if config is not None:
        made = Configured(config, serve.wishes_of(options, True)._replace(record=""))
        sources = [source for _, source in made.opened.sources.values()]
    else:
        opening = Opening(writable=tuple(options.allow_write), index=serve.index_of(options))
        sources = opened(options.sources, opening)
    for source in sources:
        source.close()


async def _checked(options: argparse.Namespace, config: Path | None) -> Report:
    async with asyncio.timeout(LIMIT):
        if config is not None:
            made = await asyncio.to_thread(Configured, config, serve.wishes_of(options, True)._replace(record=""))
            serve.protect(made.server, made)
            sources = [source for _, source in made.opened.sources.values()]
            return await check(made.server, sources, made.opened.inactive)
        opening = Opening(writable=tuple(options.allow_write), index=serve.index_of(options))
        catalogue = Catalogue(await asyncio.to_thread(opened, options.sources, opening))
        profile = options.profile or "default"
        assembly = assembled(catalogue, options.allow_write, None, options.name, profile)
        return await check(assembly.server, catalogue.sources.values(), {})


def told(found: Report) -> list[str]:
    """Return the report in lines for people."""
    lines = [f"{found.server}: {_counted(len(found.sources), 'source')}"]
    for one in found.sources:
        state = f"FAILS: {one.problem}" if one.problem else f"ok, {_counted(one.items, 'item')}"
        progress = f", {one.progress}" if one.progress else ""
        lines.append(f"  {one.uri}  {one.kind}: {state}{progress} ({one.ms} ms)")
        lines += [f"    cannot be read: {reason}" for reason in one.unreadable]
        if more := one.unreadable_total - len(one.unreadable):
            lines.append(f"    and {more:,} more; describe on {one.uri} names them")
    lines += [f"  inactive: {reason}" for reason in found.inactive]
    each = ", ".join(f"{name} {count}" for name, count in found.tokens.items())
    return [*lines, f"definitions cost about {sum(found.tokens.values()):,} tokens: {each}"]


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"

"""Names of servers and of registries on a command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from dragoman.auth.wallet_disk import config_home
from dragoman.cli.outcome import UsageError
from dragoman.registry import sources as known_sources
from dragoman.registry.records import Record, Records, data_home
from dragoman.registry.sources import Source


def asked_sources(options: argparse.Namespace) -> tuple[known_sources.Sources, Source | None]:
    """Return the user's registries, and the only one that --registry names."""
    every = known_sources.load(config_home())
    return every, every.named(options.registry) if options.registry else None


def name_and_version(words: Sequence[str]) -> tuple[str, str]:
    """Return what NAME[@VERSION] says. Raises UsageError."""
    if len(words) != 1:
        raise UsageError(
            "one server, please, by its name, as in: io.github.user/weather or io.github.user/weather@1.2.0"
        )
    name, _, version = words[0].partition("@")
    if name.count("/") != 1 or not all(name.split("/")):
        raise UsageError(f"{words[0]!r} is no name of a server, which has one slash, as in io.github.user/weather")
    return name, version


def kept_record(words: Sequence[str]) -> tuple[Records, Record]:
    """Return the record of the server that is named, with all others. Raises UsageError if it was not put in."""
    name, _ = name_and_version(words)
    records = Records(data_home())
    record = records.read(name)
    if record is None:
        raise UsageError(f"{name} was not put in here; 'dragoman registry list' shows what was")
    return records, record


def one_word(words: Sequence[str], usage: str) -> str:
    """Return the only word. Raises UsageError with how it is used."""
    if len(words) != 1:
        raise UsageError(usage)
    return words[0]

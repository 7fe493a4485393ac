"""The status of a server that was put in, asked at its start and in lists: a registry withdraws what is malware.

Asks at most once an hour. Promise: a deleted server is not started. Limit: a registry that does not answer is no reason
not to start; then what it said last counts, and the user is told.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from dragoman.errors import LocalError, McpError
from dragoman.registry.api import Registry
from dragoman.registry.document import Listed
from dragoman.registry.faults import WithdrawnError
from dragoman.registry.records import Known, Record, Records
from dragoman.registry.sources import Source
from dragoman.registry.versions import order

HOUR = 3600.0  # seconds; registries ask not to be polled more often
SECONDS = 3.0  # that a start waits for an answer
GONE = "gone"  # our word for an entry that the registry does not have any more


class Watched(NamedTuple):
    """What is known of a server: its status now, and the latest version, "" if nobody could be asked."""

    known: Known
    latest: str = ""
    fault: str = ""


def source_of(record: Record) -> Source:
    """Return the registry that a server came from."""
    return Source(name="registry", url=record.source)


async def look(record: Record, records: Records, *, seconds: float = SECONDS, newest: bool = False) -> Watched:
    """Ask the registry for a server's status, and with `newest` for its latest version."""
    try:
        async with Registry(source_of(record), seconds=seconds) as registry:
            listed = await registry.entry(record.name, record.pin.version)
            latest: Listed | None = await registry.entry(record.name) if newest else None
    except McpError as error:
        return Watched(records.known(record.name) or Known(at=0, status="active"), fault=str(error))
    official = listed.official if listed is not None else None
    known = Known(
        at=time.time(),
        status=official.status if official else GONE,
        message=official.status_message if official else "",
    )
    records.hear(record.name, known)
    return Watched(known, latest.server.version if latest is not None else "")


async def before_start(record: Record, records: Records) -> list[str]:
    """Return what the user has to know before a server starts. Raises WithdrawnError if it may not."""
    if not record.watched or record.source == "":
        return []
    known = records.known(record.name)
    fault = ""
    if known is None or not 0 <= time.time() - known.at < HOUR:
        try:
            known, _, fault = await look(record, records)
        except LocalError as error:
            fault = str(error)
    notes = [f"the registry could not be asked for the status of {record.name}: {fault}"] if fault else []
    return notes if known is None else [*notes, *told(record, known)]


def told(record: Record, known: Known) -> list[str]:
    """Return a status as words for the user. Raises WithdrawnError for one that keeps a server from starting."""
    said = f": {known.message}" if known.message else ""
    if known.status == "deleted":
        raise WithdrawnError(
            f"{record.name} was deleted from its registry{said}. It is not started, for it may be malware: "
            f"'dragoman registry remove {record.name}' takes it out"
        )
    if known.status == GONE:
        raise WithdrawnError(
            f"{record.name} {record.pin.version} is not in its registry any more, and is not started; "
            "if you know why, add it again with --unwatched"
        )
    return [f"{record.name} {record.pin.version} is deprecated{said}"] if known.status == "deprecated" else []


def is_older(version: str, latest: str) -> bool:
    """Say whether `latest` is later than `version`."""
    return bool(latest) and latest != version and order(latest) >= order(version)

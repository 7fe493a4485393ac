"""Each listed resource, read once: what is listed and cannot be read misleads users and models.

Only with consent, since reading may cost; bounded in number, in time for each and in all.
"""

from __future__ import annotations

from time import monotonic

from dragoman.app.client import Client
from dragoman.doctor.findings import Report
from dragoman.errors import McpError
from dragoman.wire.resources import Resource

MOST = 100
EACH, ALL = 10.0, 60.0  # seconds


async def read_all(report: Report, client: Client, listed: list[Resource]) -> None:
    """Read what is listed, and find what cannot be read."""
    if not listed:
        return
    with report.stage("resources") as told:
        began, done, failed = monotonic(), 0, 0
        for resource in listed[:MOST]:
            if (left := ALL - (monotonic() - began)) <= 0:
                break
            done += 1
            try:
                await client.read(resource.uri, timeout=min(EACH, left))
            except McpError as error:
                failed += 1
                report.find("resource-unreadable", str(error), f"resource {resource.uri}")
        told.said = f"{done} of {len(listed)} read, {failed} of them in vain"

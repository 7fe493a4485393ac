"""For tests of MCP servers: clients in every era and on every transport, transcripts, leaks, and what a server offers.

Imported only by tests; needs no test framework. `dragoman.testing.plugin` has it as fixtures of pytest.
Limit: stdio runs a server's file in a process of its own, so the server must be a module's.
"""

from __future__ import annotations

from dragoman.testing.leaks import LeakError, no_leaks
from dragoman.testing.offers import check_offers, check_snapshot, faults_of, snapshot
from dragoman.testing.transcripts import Difference, TranscriptError, record, replay
from dragoman.testing.ways import ERAS, TRANSPORTS, Way, connected, reachable, serving_http, ways

__all__ = [
    "ERAS",
    "TRANSPORTS",
    "Difference",
    "LeakError",
    "TranscriptError",
    "Way",
    "check_offers",
    "check_snapshot",
    "connected",
    "faults_of",
    "no_leaks",
    "reachable",
    "record",
    "replay",
    "serving_http",
    "snapshot",
    "ways",
]

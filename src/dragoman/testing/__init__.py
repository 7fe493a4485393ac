"""For tests of MCP servers: every era and transport, transcripts, leaks, stalls, bad networks, what a server offers.

Imported only by tests; needs no test framework. `dragoman.testing.plugin` has it as fixtures of pytest.
Limit: stdio runs a server's file in a process of its own, so the server must be a module's.
"""

from __future__ import annotations

from dragoman.testing.faulty import FaultProxy, Faults, faulty
from dragoman.testing.leaks import LeakError, no_leaks
from dragoman.testing.models import Cut, Refuse, Say, ScriptedModel, Use
from dragoman.testing.offers import check_offers, check_snapshot, faults_of, snapshot
from dragoman.testing.stalls import Stall, StallError, no_stalls, stalls
from dragoman.testing.transcripts import Difference, TranscriptError, record, replay
from dragoman.testing.ways import ERAS, TRANSPORTS, Way, connected, reachable, serving_http, ways

__all__ = [
    "ERAS",
    "TRANSPORTS",
    "Cut",
    "Difference",
    "FaultProxy",
    "Faults",
    "LeakError",
    "Refuse",
    "Say",
    "ScriptedModel",
    "Stall",
    "StallError",
    "TranscriptError",
    "Use",
    "Way",
    "check_offers",
    "check_snapshot",
    "connected",
    "faults_of",
    "faulty",
    "no_leaks",
    "no_stalls",
    "reachable",
    "record",
    "replay",
    "serving_http",
    "snapshot",
    "stalls",
    "ways",
]

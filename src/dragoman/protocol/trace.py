"""Trace context in `_meta`: which trace a request belongs to, as W3C writes it.

What peers send is kept only where it has the form; what goes out must have it. Malformed context is dropped and
never fails a request, as W3C asks of whoever receives it. Limit: text only; spans are made elsewhere.
Source: specification, basic/index, "OpenTelemetry trace context"; W3C Trace Context 3.2 and 3.3; W3C Baggage 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from dragoman.protocol.patterns import late_pattern
from dragoman.wire.lifecycle import RequestMeta

PARENT, STATE, BAGGAGE = "traceparent", "tracestate", "baggage"
KEYS = (PARENT, STATE, BAGGAGE)
MAX_BAGGAGE = 8192  # bytes
MAX_MEMBERS = 180
MAX_STATES = 32
MAX_STATE = 8192  # characters
_PARENT = late_pattern(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_LATER = late_pattern(r"-[!-~]*")
# Possessive (`*+`), so that text that almost fits costs no more than text that does.
_STATE = late_pattern(r"[ \t]*+(?:[a-z0-9][a-z0-9_\-*/@]{0,255}+=[ -+\--<>-~]{0,255}[!-+\--<>-~][ \t]*+)?+")
_MEMBER = late_pattern(
    r"[ \t]*+[!#$%&'*+.^_`|~0-9A-Za-z-]++[ \t]*+=[ \t]*+[!#-+\--:<-\[\]-~]*+"
    r"(?:[ \t]*+;[ \t]*+[!#$%&'*+.^_`|~0-9A-Za-z-]++(?:[ \t]*+=[ \t]*+[!#-+\--:<-\[\]-~]*+)?+)*+[ \t]*+"
)


def is_parent(text: str) -> bool:
    """Say whether `text` is a `traceparent`; of a version later than 00, more may follow."""
    found = _PARENT.match(text)
    if found is None or len(text) > MAX_STATE:
        return False
    return found.end() == len(text) or (text[:2] != "00" and _LATER.fullmatch(text, found.end()) is not None)


def is_state(text: str) -> bool:
    """Say whether `text` is a `tracestate`."""
    members = text.split(",")
    return len(text) <= MAX_STATE and len(members) <= MAX_STATES and all(map(_STATE.fullmatch, members))


def is_baggage(text: str) -> bool:
    """Say whether `text` is a `baggage`."""
    members = text.split(",")
    return len(text) <= MAX_BAGGAGE and len(members) <= MAX_MEMBERS and all(map(_MEMBER.fullmatch, members))


_FORMS = {PARENT: is_parent, STATE: is_state, BAGGAGE: is_baggage}


def trace_of(meta: RequestMeta) -> dict[str, str]:
    """Return the trace context of a request, by its keys in `_meta`; empty if there is none, or none that is valid.

    A `tracestate` counts only beside a valid `traceparent` (W3C Trace Context 3.3).
    """
    if meta.traceparent is UNSET and meta.tracestate is UNSET and meta.baggage is UNSET:
        return {}  # as in most requests
    given = {PARENT: meta.traceparent, STATE: meta.tracestate, BAGGAGE: meta.baggage}
    found = {key: text for key, text in given.items() if isinstance(text, str) and _FORMS[key](text)}
    if PARENT not in found:
        found.pop(STATE, None)
    return found


def complaint_about_trace(meta: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the trace context that is about to be sent in `meta`, None if it is right (META-12)."""
    for key in KEYS:
        text = meta.get(key)
        if text is not None and not (isinstance(text, str) and _FORMS[key](text)):
            return f"{key} in meta has not the form that W3C gives it"
    return None

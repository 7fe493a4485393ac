"""Changes that are tried, told, confirmed and then done: what stands between `run` and a source that can be changed.

The user is asked where the client can ask; elsewhere the first call changes nothing and gives a word that the second
one brings.  With a key a change is done once, however often it is asked for.  Limit: words and keys are kept in memory.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from dragoman.connectors.envelope import Plain, wrap
from dragoman.connectors.recording import Recorder
from dragoman.connectors.source import Changing, Preview, Program
from dragoman.connectors.untrusted import plain
from dragoman.connectors.view import View
from dragoman.errors import DeclinedError, ToolError
from dragoman.serving import questions
from dragoman.serving.context import Context

WAITS = 600.0  # seconds for which the word of a try is good
KEPT = 3_600.0  # seconds for which a key is remembered
_MOST = 1_000  # words, and keys, that are kept; the oldest go first
_KEY = 100  # characters

# What every change takes beside its own arguments.
ARGUMENTS: dict[str, Any] = {
    "confirm": {"type": "string", "description": "the word that the first call gave, once the user agreed"},
    "key": {"type": "string", "maxLength": _KEY, "description": "of your choice: the same key does it once"},
}


class _Offer(NamedTuple):
    """A change that waits for its confirmation: what it is, what it would do, until when."""

    what: str
    rows: Mapping[str, int]
    until: float


class _Done(NamedTuple):
    """A change under a key: what it is, its answer (None while it is being done), until when that is remembered."""

    what: str
    answer: Plain | None
    until: float


class Confirming:
    """The changes of one server; safe from any thread."""

    def __init__(self, recorder: Recorder | None = None) -> None:
        self._recorder = recorder
        self._lock = threading.Lock()
        self._offers: dict[str, _Offer] = {}
        self._keys: dict[tuple[str, str, str], _Done] = {}

    def run(self, ctx: Context, source: Changing, program: Program, view: View, arguments: Mapping[str, Any]) -> Plain:
        """Do a change that is confirmed, else tell what it would do.  Raises ToolError when nothing was changed."""
        given = {name: value for name, value in arguments.items() if name not in ARGUMENTS}
        word, key = str(arguments.get("confirm") or ""), str(arguments.get("key") or "")
        what = _digest([view.who, source.name, program.name, given])
        place = (view.who, source.name, key)
        if key and (before := self._before(place, what)) is not None:
            return {**before, "hint": "done before under this key: nothing was changed again"}

        def tried() -> Preview:
            return source.preview(view, program.name, given)

        preview: Preview = ctx.step("tried", tried)
        if not preview.rows:
            return wrap(None, {"uri": preview.uri, "changed": {}}, hint="no row fits: nothing was changed")
        if _asks(ctx):
            self._ask(ctx, preview)
        elif not self._taken(word, what, preview):
            return self._offered(what, preview)
        return self._do(ctx, source, program.name, view, given, preview, place, what)

    def _ask(self, ctx: Context, preview: Preview) -> None:
        try:
            ctx.elicit(f"Change data in {plain(preview.text)}")
        except DeclinedError as fault:
            raise ToolError("the user said no: nothing was changed, and it shall not be tried again") from fault

    def _do(
        self, ctx: Context, source: Changing, name: str, view: View, given: Mapping[str, Any], preview: Preview,
        place: tuple[str, str, str], what: str,
    ) -> Plain:  # fmt: skip
        answer = wrap(None, {"uri": preview.uri, "changed": preview.rows})
        self._claim(place, what)
        try:
            if self._recorder is not None:  # before: what cannot be recorded is not done
                self._recorder.note(ctx, "run", {"uri": preview.uri, "changing": preview.rows})

            def done() -> bool:
                source.change(view, name, given, preview)
                return True

            ctx.step("changed", done)
        except BaseException:
            self._settle(place, what, None)
            raise
        self._settle(place, what, answer)
        return answer

    # --- words ------------------------------------------------------------------------------------------------

    def _offered(self, what: str, preview: Preview) -> Plain:
        word = secrets.token_urlsafe(12)
        with self._lock:
            _make_room(self._offers)
            self._offers[word] = _Offer(what, preview.rows, time.monotonic() + WAITS)
        hint = (
            "nothing was changed yet: tell the user what this does and, only if they agree, call run again with the "
            "same arguments and this confirm among them, within 10 minutes"
        )
        body: Plain = {"uri": preview.uri, "would_change": preview.rows, "about": plain(preview.text)}
        return wrap(None, {**body, "confirm": word}, hint=hint)

    def _taken(self, word: str, what: str, preview: Preview) -> bool:
        """Tell whether the word confirms just this change, and use it up.  Raises ToolError for a wrong one."""
        if not word:
            return False
        with self._lock:
            _make_room(self._offers)
            offer = self._offers.get(word)
            if offer is None or offer.what != what:
                raise ToolError(
                    "confirm is not the word of this change, or not any more; nothing was changed: call run with the "
                    "same arguments and without confirm to get one"
                )
            del self._offers[word]
        if dict(offer.rows) != dict(preview.rows):
            raise ToolError("the data have changed since; nothing was changed: call run without confirm to see it")
        return True

    # --- keys -------------------------------------------------------------------------------------------------

    def _before(self, place: tuple[str, str, str], what: str) -> Plain | None:
        with self._lock:
            _make_room(self._keys)
            found = self._keys.get(place)
        if found is None:
            return None
        if found.what != what:
            raise ToolError(f"key {place[2][:_KEY]!r} was given to another change before; nothing was changed")
        if found.answer is None:
            raise ToolError("this change is being done by another call with its key; ask again in a moment")
        return found.answer

    def _claim(self, place: tuple[str, str, str], what: str) -> None:
        if not place[2]:
            return
        with self._lock:
            if place in self._keys:
                raise ToolError("another call with this key was first; ask again in a moment")
            self._keys[place] = _Done(what, None, time.monotonic() + KEPT)

    def _settle(self, place: tuple[str, str, str], what: str, answer: Plain | None) -> None:
        if not place[2]:
            return
        with self._lock:
            if answer is None:
                self._keys.pop(place, None)
            else:
                self._keys[place] = _Done(what, answer, time.monotonic() + KEPT)


def _asks(ctx: Context) -> bool:
    return questions.form("", None).missing(ctx.client_capabilities) is None


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


def _make_room(kept: dict[Any, Any]) -> None:
    now = time.monotonic()
    for name in [name for name, one in kept.items() if one.until < now]:
        del kept[name]
    while len(kept) >= _MOST:
        del kept[next(iter(kept))]

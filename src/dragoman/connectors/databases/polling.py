"""Looking for changes in a database, since databases do not tell of them: a cheap question every few seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from dragoman.errors import ToolError


class Poll:
    """Asks `stamps` (table -> stamp, "" for the whole) every `seconds`, and passes on the tables whose stamps changed.

    None where tables came or went. What cannot be asked now is asked again later.
    """

    def __init__(
        self, stamps: Callable[[], Mapping[str, str]], changed: Callable[[Sequence[str]], None], seconds: float
    ) -> None:
        self._stamps = stamps
        self._changed = changed
        self._seconds = seconds
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to ask.  Safe to call twice."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="dragoman-poll", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Ask no more.  Returns within a second."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(1.0)

    def _run(self) -> None:
        before = self._look()
        while not self._end.wait(self._seconds):
            now = self._look()
            if now is not None and before is not None and now != before and not self._end.is_set():
                names = [name for name in now if name in before and now[name] != before[name]]
                if names:
                    self._changed(names)
                if now.keys() != before.keys():
                    self._changed([])
            before = before if now is None else now

    def _look(self) -> Mapping[str, str] | None:
        try:
            return self._stamps()
        except ToolError:
            return None

"""Which engine runs a server's tasks: the store itself, or a queue that others maintain.

docs/design/task-engine.md says why the queue is taken where there can be one.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from dragoman.app.options import EngineName
from dragoman.errors import LocalError, RegistrationError
from dragoman.ports.engine import Engine, Transacting
from dragoman.ports.store import Store
from dragoman.serving.task_runs import Runs
from dragoman.serving.task_work import Work

if TYPE_CHECKING:
    from dragoman.protocol.limits import Limits

NAMES = ("auto", "store", "queue")


def engine(wanted: EngineName, storage: Callable[[], Store]) -> Callable[[Runs, Limits], Engine]:
    """Return what makes the engine that is wanted. Raises LocalError for a queue that cannot be."""
    if wanted not in NAMES:
        raise RegistrationError(f"engine={wanted!r}: there are {', '.join(map(repr, NAMES))}")
    if wanted == "store" or (wanted == "auto" and find_spec("procrastinate") is None):
        return Work
    store = storage()
    if isinstance(store, Transacting):
        return lambda runs, limits: _queue(store, runs, limits)
    if wanted == "queue":
        raise LocalError('engine="queue" needs a store in PostgreSQL (postgresql://...): others have no queue yet')
    return Work


def _queue(store: Transacting, runs: Runs, limits: Limits) -> Engine:
    try:
        made = import_module("dragoman.engines.procrastinate").ProcrastinateEngine
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "procrastinate":
            raise
        raise LocalError("the queue needs procrastinate: pip install 'dragoman[queue]'") from error
    return cast("Engine", made(store, runs, limits))

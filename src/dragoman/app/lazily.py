"""What the face loads only when it is asked for: a stdio server needs no HTTP, and no server a client.

The one place for this, so that the import budget can be read off it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, cast

from dragoman.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from os import PathLike

    from dragoman.app.changing import Changes
    from dragoman.app.options import AppOptions, HttpOptions, ServerOptions
    from dragoman.app.server import Server
    from dragoman.app.sharing import Sharing
    from dragoman.app.skill_places import SkillPlaces
    from dragoman.app.surface import Surface
    from dragoman.app.switching import Kind
    from dragoman.app.target import Target
    from dragoman.app.task_places import TaskPlaces
    from dragoman.app.telemetry import Telemetry
    from dragoman.calling.connection import Connection
    from dragoman.calling.skills import Skills
    from dragoman.ports.observed import Observer
    from dragoman.ports.service import Middleware
    from dragoman.ports.state import States
    from dragoman.ports.store import Store
    from dragoman.protocol.validator import Validator
    from dragoman.serving.signature import Plan
    from dragoman.serving.tasks import Tasks
    from dragoman.transport.asgi import Endpoint


F = TypeVar("F", bound="Callable[..., Any]")
S = TypeVar("S", bound="Server")
# The store of a server that names none: set by a command line that runs several processes.
UNSHARED = "memory:"
NO_CHANGES: Changes = {}
unnamed_store = UNSHARED


def endpoint(server: Server, options: HttpOptions) -> Endpoint:
    """Return the ASGI application of `server` (see `app.http`)."""
    return cast("Endpoint", import_module("dragoman.app.http").endpoint(server, options))


def checked(plan: Plan, arguments: Mapping[str, object] | None, result: Mapping[str, object] | None) -> Plan:
    """Return `plan` with its calls checked against schemas written by hand (see `serving.written`)."""
    return cast("Plan", import_module("dragoman.serving.written").checked(plan, arguments, result))


def validator(schema: Mapping[str, object], *, own: bool = False) -> Validator:
    """Return what checks values against a schema, a peer's unless `own` (`protocol.validator`). Raises ValueError."""
    return cast("Validator", import_module("dragoman.protocol.validator").Validator(schema, own=own))


def states(audience: str, secrets: Sequence[bytes | str], store: str | Store) -> States:
    """Return where calls that ask keep their state (see `app.keeping`)."""
    return cast("States", import_module("dragoman.app.keeping").states(audience, secrets, store))


def sharing(server: Server) -> Sharing:
    """Return this process's part in what several share (see `app.sharing`)."""
    made = import_module("dragoman.app.sharing").Sharing
    return cast("Sharing", made(server.name, server.storage(), server.surface))


def store(address: str | Store) -> Store:
    """Return the store at `address` (see `app.keeping`)."""
    return cast("Store", import_module("dragoman.app.keeping").store_at(address))


def tasks(surface: Surface, storage: Callable[[], Store], states: Callable[[], States]) -> Tasks:
    """Return the tasks of a server (see `serving.tasks`)."""
    use = surface.tools.task_use
    make = import_module("dragoman.app.engines").engine(surface.engine, storage)
    return cast("Tasks", import_module("dragoman.serving.tasks").Tasks(storage, states, surface.kernel, use, make))


def task_places(surface: Surface, storage: Callable[[], Store]) -> TaskPlaces:
    """Return the tasks of a server and of those in it (see `app.task_places`)."""
    module = import_module("dragoman.app.task_places")
    return cast("TaskPlaces", module.TaskPlaces(surface, module.KnownTasks(surface.face.name, storage)))


def skill_places(surface: Surface) -> SkillPlaces:
    """Return the skills of a server and of those in it (see `app.skill_places`)."""
    return cast("SkillPlaces", import_module("dragoman.app.skill_places").SkillPlaces(surface))


def middleware(telemetry: bool | Telemetry) -> tuple[Middleware, ...]:
    """Return what watches a server's calls (see `app.telemetry`): nothing, unless it was asked for."""
    return (_telemetry(telemetry).serve,) if telemetry else ()


def observer(telemetry: bool | Telemetry) -> Observer | None:
    """Return what watches a client's requests (see `app.telemetry`): nothing, unless it was asked for."""
    return _telemetry(telemetry).send if telemetry else None


def _telemetry(wanted: bool | Telemetry) -> Telemetry:
    made = import_module("dragoman.app.telemetry").Telemetry() if wanted is True else wanted
    return cast("Telemetry", made)


def switch(surface: Surface, names: Iterable[str], kind: Kind | None, *, on: bool, tags: Collection[str]) -> None:
    """Show or hide what is registered (see `app.switching`)."""
    import_module("dragoman.app.switching").switch(surface, names, kind, on=on, tags=tags)


def mount(server: Server, other: Server, prefix: str, *changes: Changes) -> None:
    """Mount `other` in `server` (see `app.mounting`); `changes` are those of tools, prompts and resources."""
    module = import_module("dragoman.app.mounting")
    # What is described and not made yet, such as a connector, makes its server now.
    describes: Any = getattr(other, "as_server", None)
    made = describes() if describes is not None else other
    module.mount(server.surface, server, made, prefix, module.Kinds(*changes))


def alter(surface: Surface, *changes: Changes) -> None:
    """Change what is registered (see `app.altering`); `changes` are those of tools, prompts and resources."""
    import_module("dragoman.app.altering").alter(surface, *changes)


def proxy(kind: type[S], target: Target, wanted: tuple[Any, ...], own: ServerOptions) -> S:
    """Return the server that stands for `target` (see `app.proxying`)."""
    module = import_module("dragoman.app.proxying")
    names = ("name", "headers", "credentials", "timeout", "options")
    return cast("S", module.make(kind, target, module.Wanted(**dict(zip(names, wanted, strict=True))), own))


def run(server: Server, transport: str, host: str, port: int, options: HttpOptions) -> None:
    """Run `server` (see `app.running`)."""
    import_module("dragoman.app.running").run(server, transport, host, port, options)


def run_http(server: Server, host: str, port: int, options: HttpOptions) -> None:
    """Run `server` over HTTP (see `app.http`)."""
    import_module("dragoman.app.http").run(server, host, port, options)


def add_skills(server: Server, folder: str | PathLike[str], prefix: str) -> None:
    """Serve a folder of skills (see `app.skills`)."""
    import_module("dragoman.app.skills").add_skills(server.surface, folder, prefix)


def app(server: Server, uri: str, options: AppOptions) -> Callable[[F], F]:
    """Return what registers a tool with a page (see `app.apps`)."""
    return cast("Callable[[F], F]", import_module("dragoman.app.apps").app(server, uri, options))


def skills(connection: Connection) -> Skills:
    """Return the skills of a client's server (see `calling.skills`). Raises LocalError without PyYAML."""
    try:
        return cast("Skills", import_module("dragoman.calling.skills").Skills(connection))
    except ModuleNotFoundError as error:
        if error.name != "yaml":
            raise
        raise LocalError("skills need PyYAML: pip install 'dragoman[skills]'") from error

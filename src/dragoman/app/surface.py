"""What a server offers: its registries, and the kernel that answers for them.

Only what something is registered for is answered and declared (VER-16). The registries know nothing of each
other; this is where they meet. Limit: it registers nothing itself.
"""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import UNSET

from dragoman.app import lazily
from dragoman.errors import RegistrationError
from dragoman.late import late
from dragoman.serving.context import ServerFace
from dragoman.serving.kept import Kept
from dragoman.serving.kernel import Kernel
from dragoman.serving.lifecycle import About, ping
from dragoman.serving.tools import Tools
from dragoman.serving.workers import Workers
from dragoman.wire.lifecycle import TASKS, ListCapability, ResourcesCapability, ServerCapabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.app.options import ServerOptions
    from dragoman.ports.service import Handler
    from dragoman.ports.state import States
    from dragoman.ports.store import Store
    from dragoman.protocol import keys
    from dragoman.protocol.eras import Facts
    from dragoman.protocol.exchange import Call, Reply
    from dragoman.protocol.limits import Limits
    from dragoman.serving import cursors, subscriptions
    from dragoman.serving import prompts as prompting
    from dragoman.serving import resources as resourcing
    from dragoman.serving import scopes as scoping
    from dragoman.wire.base import Implementation
else:
    keys = late("dragoman.protocol.keys")
    cursors, subscriptions = late("dragoman.serving.cursors"), late("dragoman.serving.subscriptions")
    prompting, resourcing = late("dragoman.serving.prompts"), late("dragoman.serving.resources")
    scoping = late("dragoman.serving.scopes")

# What of tasks there is in 2025-11-25; the extension has no settings.
TASKS_2025: dict[str, Any] = {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}


class Mounted(Protocol):
    """A server that another has in itself (see `app.mounting`)."""

    @property
    def prefix(self) -> str:
        """What stands before its names."""
        ...

    @property
    def other(self) -> Any:
        """The server."""
        ...

    @property
    def completes(self) -> bool:
        """Whether it suggests values for arguments."""
        ...

    @property
    def extensions(self) -> dict[str, dict[str, Any]]:
        """The extensions that it has."""
        ...

    @property
    def tasked(self) -> bool:
        """Whether calls of it can be tasks."""
        ...

    @property
    def tasks(self) -> Any:
        """Its tasks, None if it has none, or they are those of a server behind it."""
        ...

    async def passing(self, call: Call) -> Reply:
        """Return what it answers."""
        ...

    def there(self, uri: str) -> str | None:
        """Return what a URI is there, None if it is not from there."""
        ...

    async def start(self) -> None:
        """Start it. Safe to call again."""
        ...

    async def stop(self) -> None:
        """Stop it, unless others use it."""
        ...


class Companion(Protocol):
    """What lives beside the server while it is served."""

    async def start(self) -> None:
        """Start it. Safe to call again."""
        ...

    async def stop(self) -> None:
        """Stop it, and return when it has ended."""
        ...


class Surface:
    """Tools, resources, prompts and completions of one server, and the kernel in front of them."""

    def __init__(
        self,
        info: Implementation,
        facts: Facts,
        limits: Limits,
        options: ServerOptions,
        storage: Callable[[], Store],
        states: Callable[[], States],
    ) -> None:
        self._storage = storage
        self._states = states
        self.engine = options.get("engine", "auto")
        watching = lazily.middleware(options.get("telemetry", False))
        self.kernel = Kernel(facts, limits, (*watching, *options.get("middleware", ())))
        self.face = ServerFace(info.name, states)
        self.workers = Workers(limits.threads)
        self.kept = Kept(limits)
        self.tools = Tools(limits, self.face, self.workers, self.kept)
        self._hides = options.get("hide_unscoped", False)
        self._guarded = False
        self.mounts: list[Mounted] = []
        self.companions: list[Companion] = []
        self.skills: Any = None  # see `app.skills`, which sets it
        self.skill_places: Any = None  # those of mounted servers and our own (see `app.skill_places`)
        self.places: Any = None  # the tasks of mounted servers and our own (see `app.task_places`)
        self.followers: list[Callable[[], None]] = []  # told after each change, before anybody else
        self.mirrored = ServerCapabilities()  # of whoever answers instead
        self.beside: Any = None  # what is served over HTTP at paths of its own (a `transport.site.SiteApp`, or like it)
        self.forwards = False  # whether somebody else answers, and the registries only mirror what that one has
        self._extensions: dict[str, dict[str, Any]] = {}
        self._experimental: dict[str, dict[str, Any]] = {}
        self._about = About(info, options.get("instructions"), self.capabilities)
        for name, handler in (
            ("server/discover", self._about.discover),
            ("initialize", self._about.initialize),
            ("ping", ping),
            ("logging/setLevel", ping),
            ("subscriptions/listen", self._listen),
        ):
            self.kernel.handle(name, handler)

    # --- what many servers have nothing in: made, and its code loaded, when it is first asked for ----------------

    @cached_property
    def resources(self) -> resourcing.Resources:
        """The resources."""
        return resourcing.Resources(self.kernel.limits, self.face, self.workers, self.kept)

    @cached_property
    def prompts(self) -> prompting.Prompts:
        """The prompts."""
        return prompting.Prompts(self.kernel.limits, self.face, self.workers)

    @cached_property
    def completions(self) -> prompting.Completions:
        """What suggests values for their arguments."""
        return prompting.Completions(self.prompts.listing, self.resources.templates, self.workers)

    @cached_property
    def scopes(self) -> scoping.Scopes:
        """What says who may do what."""
        made = scoping.Scopes(self.tools.listing, self.prompts.listing, self.resources)
        made.hides = self._hides
        return made

    @cached_property
    def _listening(self) -> subscriptions.Subscriptions:
        return subscriptions.Subscriptions(self.kernel.bus, self.capabilities, lambda: self.tasks)

    async def _listen(self, call: Call) -> Reply:
        return await self._listening.listen(call)

    def _has(self, registry: str) -> bool:
        return registry in self.__dict__

    def _of_resources(self, name: str) -> Handler:
        """Return what answers for resources, without making their registry for a server that has none yet."""
        if self._has("resources"):
            answer: Handler = getattr(self.resources, name)
            return answer

        async def first(call: Call) -> Reply:
            later: Handler = getattr(self.resources, name)
            return await later(call)

        return first

    async def start(self) -> None:
        """Start what is mounted, and begin to run the tasks that wait, if there are any. Safe to call again."""
        for mount in self.mounts:
            if not mount.other.surface.forwards:
                await mount.start()
        # Those that wait for somebody else wait at the same time.
        behind = [mount.start() for mount in self.mounts if mount.other.surface.forwards]
        for fault in await asyncio.gather(*behind, return_exceptions=True) if behind else ():
            if fault is not None:
                raise fault
        for companion in self.companions:
            await companion.start()
        if self.face.tasks is not None:
            await self.face.tasks.work.start()

    async def stop(self) -> None:
        """Let what runs end, or leave it to others."""
        if self.face.tasks is not None:
            await self.face.tasks.work.stop()
        for companion in self.companions:
            await companion.stop()
        for mount in reversed(self.mounts):
            await mount.stop()

    def add_extension(self, identifier: str, settings: dict[str, Any]) -> None:
        """Declare an extension. Raises RegistrationError for an identifier without a prefix."""
        complaint = keys.complaint_about(identifier, prefixed=True)
        if complaint is not None:
            raise RegistrationError(f"the extension {identifier!r}: {complaint}")
        self._extensions[identifier] = settings
        self.changed()

    def add_experimental(self, name: str, settings: dict[str, Any]) -> None:
        """Declare an experimental capability."""
        self._experimental[name] = settings
        self.changed()

    def guard(self) -> None:
        """Judge from now on whether callers may do what they ask. Safe to call again."""
        if not self._guarded:
            self._guarded = True
            self.kernel.put_first(self.scopes)
            self.kernel.put_first(cursors.Cursors(self._states))

    def changed(self, told: str = "") -> None:
        """Answer just the methods for which something is registered, and tell that a list changed."""
        if self.forwards:
            self._tell(told)
            return
        handle = self.kernel.handle
        if len(self.tools.listing):
            handle("tools/list", self.tools.list)
            handle("tools/call", self.tools.call)
        if self.tools.tasked and self.face.tasks is None:
            self._begin_tasks()
        if self._has_resources():
            handle("resources/list", self._of_resources("list"))
            handle("resources/templates/list", self._of_resources("list_templates"))
            handle("resources/read", self._of_resources("read"))
            handle("resources/subscribe", ping)
            handle("resources/unsubscribe", ping)
        if self._has("prompts") and len(self.prompts.listing):
            handle("prompts/list", self.prompts.list)
            handle("prompts/get", self.prompts.get)
        if (self._has("completions") and len(self.completions)) or any(mount.completes for mount in self.mounts):
            handle("completion/complete", self.completions.complete)
        self.face.capabilities = self.capabilities()
        self._about.changed()
        self._tell(told)

    def _tell(self, told: str) -> None:
        for follow in self.followers:
            follow()
        if told:
            self.kernel.bus.tell(told)

    @property
    def tasks(self) -> Any:
        """Whoever knows tasks here: this server, or it and those mounted in it; None if nobody does."""
        return self.face.tasks if self.places is None else self.places

    def own_tasks(self) -> Any:
        """Return the tasks of this server's own, made when they are first wanted."""
        if self.face.tasks is None:
            self.face.tasks = lazily.tasks(self, self._storage, self._states)
        return self.face.tasks

    def gather_tasks(self) -> None:
        """Answer for the tasks of mounted servers, too. Safe to call again."""
        if self.places is None:
            self.places = lazily.task_places(self, self._storage)
            for name in ("tasks/get", "tasks/update", "tasks/cancel", "tasks/result"):
                self.kernel.handle(name, self.places.answer)
            self.kernel.handle("tasks/list", self.places.list)

    def gather_skills(self) -> None:
        """Answer for the skills of mounted servers, too. Safe to call again."""
        if self.skill_places is None:
            self.skill_places = lazily.skill_places(self)
            self.kernel.handle("skills/list", self.skill_places.list)
            for name in ("skills/get", "resources/directory/read"):
                self.kernel.handle(name, self.skill_places.answer)

    def _begin_tasks(self) -> None:
        tasks = self.own_tasks()
        for name, handler in (
            ()
            if self.places is not None
            else (
                ("tasks/get", tasks.get),
                ("tasks/update", tasks.update),
                ("tasks/cancel", tasks.cancel),
                ("tasks/list", tasks.list),
                ("tasks/result", tasks.result),
            )
        ):
            self.kernel.handle(name, handler)

    def _has_resources(self) -> bool:
        # A tool's result can become a resource when it is large.
        if len(self.tools.listing):
            return True
        if not self._has("resources"):
            return False
        resources = self.resources
        return bool(len(resources.fixed) or len(resources.templates) or resources.listed)

    def _all_extensions(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for mount in self.mounts:
            found |= mount.extensions
        if self._tasked():
            found[TASKS] = {}
        return {**found, **self._extensions}

    def _tasked(self) -> bool:
        return self.face.tasks is not None or any(mount.tasked for mount in self.mounts)

    def capabilities(self) -> ServerCapabilities:
        """Return what the server declares: what is answered, not what is registered now."""
        if self.forwards:
            return self.mirrored
        # A list that became empty is still a list.
        answered = self.kernel.methods
        return ServerCapabilities(
            tools=ListCapability(list_changed=True) if "tools/list" in answered else UNSET,
            resources=ResourcesCapability(list_changed=True, subscribe=True) if "resources/list" in answered else UNSET,
            prompts=ListCapability(list_changed=True) if "prompts/list" in answered else UNSET,
            completions={} if "completion/complete" in answered else UNSET,
            logging={},
            tasks=TASKS_2025 if self._tasked() else UNSET,
            extensions=self._all_extensions() or UNSET,
            experimental=self._experimental or UNSET,
        )

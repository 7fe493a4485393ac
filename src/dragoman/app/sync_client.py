"""The client without asyncio: every call is handed to an event loop on a thread of its own.

Nothing is done here but handing over.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from dragoman.app.loop_thread import LoopThread
from dragoman.app.sync_skills import SyncSkills
from dragoman.ports.exchange import NO_FIELDS, Fields

if TYPE_CHECKING:
    from typing import Unpack

    from dragoman.app.call_options import CallOptions
    from dragoman.app.client import Client
    from dragoman.calling.changes import Change
    from dragoman.calling.results import CallResult, ReadResult
    from dragoman.calling.rounds import Unanswered
    from dragoman.calling.task_handle import OnTask, TaskHandle, TaskStatus
    from dragoman.calling.terms import OnProgress
    from dragoman.calling.views import View
    from dragoman.wire.base import Implementation
    from dragoman.wire.lifecycle import ServerCapabilities
    from dragoman.wire.prompts import Completion, GetPromptResult, Prompt, PromptReference, ResourceReference
    from dragoman.wire.resources import Resource, ResourceTemplate
    from dragoman.wire.tools import Tool

T = TypeVar("T")


class SyncClient:
    """A `Client` whose methods wait for their result; see there for what each does and raises."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._thread = LoopThread("client")

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Connect and agree on an era; `with` does so by itself."""
        self._thread.open(self._client.open, self._client.close)

    def close(self) -> None:
        """Disconnect. Safe to call twice."""
        self._thread.close(self._client.close)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._thread.run(work)

    # --- what the server said of itself ---------------------------------------------------------------------

    @property
    def version(self) -> str:
        """The protocol version that is spoken."""
        return self._client.version

    @property
    def server_info(self) -> Implementation | None:
        """Name and version of the server."""
        return self._client.server_info

    @property
    def server_capabilities(self) -> ServerCapabilities:
        """What the server can do."""
        return self._client.server_capabilities

    @property
    def instructions(self) -> str | None:
        """How the server wants to be used, if it said so."""
        return self._client.instructions

    # --- calls ----------------------------------------------------------------------------------------------

    def list_tools(self) -> list[Tool]:
        """Return all tools."""
        return self._run(self._client.list_tools())

    def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        raise_on_error: bool = True,
        **options: Unpack[CallOptions],
    ) -> CallResult:
        """Return what tool `name` gives for `arguments`."""
        return self._run(self._client.call_tool(name, arguments, raise_on_error=raise_on_error, **options))

    def begin_tool(
        self, name: str, arguments: Mapping[str, Any] | None = None, **options: Unpack[CallOptions]
    ) -> CallResult | Unanswered:
        """Return what tool `name` gives, or what it asks first."""
        return self._run(self._client.begin_tool(name, arguments, **options))

    def resume(
        self, waiting: Unanswered, answers: Mapping[str, Any], **options: Unpack[CallOptions]
    ) -> CallResult | Unanswered:
        """Go on with a call that was left."""
        return self._run(self._client.resume(waiting, answers, **options))

    def start_task(
        self, name: str, arguments: Mapping[str, Any] | None = None, **options: Unpack[CallOptions]
    ) -> SyncTask:
        """Return a handle of the task that a call becomes."""
        return SyncTask(self._thread, self._run(self._client.start_task(name, arguments, **options)))

    def resume_task(self, saved: Mapping[str, Any]) -> SyncTask:
        """Return a handle of a task again, from what `saved()` of one gave."""
        return SyncTask(self._thread, self._client.resume_task(saved))

    def listen(
        self, *, tools: bool = True, prompts: bool = True, resources: bool = True, uris: Sequence[str] = ()
    ) -> Iterator[Change]:
        """Listen for changes: `for change in client.listen():`."""
        changes = aiter(self._client.listen(tools=tools, prompts=prompts, resources=resources, uris=uris))
        try:
            while (change := self._run(_next(changes))) is not None:
                yield change
        finally:
            if self._thread.running:
                self._run(_end(changes))

    def list_resources(self) -> list[Resource]:
        """Return all resources that the server lists."""
        return self._run(self._client.list_resources())

    def list_resource_templates(self) -> list[ResourceTemplate]:
        """Return all templates of resource addresses."""
        return self._run(self._client.list_resource_templates())

    def read(self, uri: str, *, timeout: float | None = None, headers: Fields = NO_FIELDS) -> ReadResult:
        """Return what the resource at `uri` holds."""
        return self._run(self._client.read(uri, timeout=timeout, headers=headers))

    @property
    def skills(self) -> SyncSkills:
        """The server's skills."""
        return SyncSkills(self._thread, self._client.skills)

    def view(self, tool: Tool) -> View:
        """Return the page that belongs to a tool."""
        return self._run(self._client.view(tool))

    def list_prompts(self) -> list[Prompt]:
        """Return all prompts."""
        return self._run(self._client.list_prompts())

    def prompt(
        self, name: str, arguments: Mapping[str, str] | None = None, *, timeout: float | None = None
    ) -> GetPromptResult:
        """Return prompt `name`, filled in."""
        return self._run(self._client.prompt(name, arguments, timeout=timeout))

    def complete(
        self,
        ref: PromptReference | ResourceReference,
        argument: str,
        value: str,
        context: Mapping[str, str] | None = None,
    ) -> Completion:
        """Return suggestions for `argument` of a prompt or template."""
        return self._run(self._client.complete(ref, argument, value, context))

    def ping(self, *, timeout: float | None = None) -> None:
        """Return when the server has answered."""
        self._run(self._client.ping(timeout=timeout))

    def roots_changed(self) -> None:
        """Tell the server that the folders changed."""
        self._run(self._client.roots_changed())

    def discover(self) -> ServerCapabilities:
        """Ask the server anew what it can do."""
        return self._run(self._client.discover())

    def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        headers: Fields = NO_FIELDS,
        on_progress: OnProgress | None = None,
    ) -> dict[str, Any]:
        """Return the result of any method, as plain values."""
        work = self._client.request(method, params, timeout=timeout, headers=headers, on_progress=on_progress)
        return self._run(work)


class SyncTask:
    """A `TaskHandle` whose methods wait for their result; see there for what each does and raises."""

    def __init__(self, thread: LoopThread, handle: TaskHandle) -> None:
        self._thread = thread
        self._handle = handle
        self.id = handle.id
        self.tool = handle.tool

    def saved(self) -> dict[str, Any]:
        """Return what is needed to take the task up again."""
        return self._handle.saved()

    def status(self) -> TaskStatus:
        """Return how the task stands now."""
        return self._thread.run(self._handle.status())

    def result(self, *, timeout: float | None = None, on_task: OnTask | None = None) -> CallResult:
        """Return the result, waiting for it."""
        found: CallResult = self._thread.run(self._handle.result(timeout=timeout, on_task=on_task))
        return found

    def answer(self, answers: Mapping[str, Any]) -> None:
        """Answer questions of the task by hand."""
        self._thread.run(self._handle.answer(answers))

    def cancel(self) -> None:
        """Ask the server to cancel the task."""
        self._thread.run(self._handle.cancel())


async def _next(changes: AsyncGenerator[Change]) -> Change | None:
    return await anext(changes, None)


async def _end(changes: AsyncGenerator[Change]) -> None:
    await changes.aclose()

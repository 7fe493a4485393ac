"""Tasks behind a proxy, for clients of another revision: each is a task of the proxy's own, whose runs follow it.

So records, ids, questions, cancelling and listening are what they are anywhere; that there is one behind is a step of
the task, done once. Who follows it keeps the request for its result open while its questions wait for their answers,
and asks for it anew where that was another process. Limit: what is cancelled behind has failed here.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import time
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, structs

from dragoman.app.following import Carrier, Follower, Sent
from dragoman.app.passing import QUESTIONS, Passing
from dragoman.app.surface import TASKS_2025
from dragoman.app.upstream import Way
from dragoman.calling.lists import whole_list
from dragoman.calling.rounds import ROUNDS, next_leg
from dragoman.calling.task_handle import TaskHandle
from dragoman.calling.tasked import Tasked
from dragoman.calling.terms import Greeting, Wish
from dragoman.errors import MalformedError, McpError, RequestError
from dragoman.ports.service import Handler
from dragoman.protocol.exchange import Call, Reply
from dragoman.protocol.forwarding import Forwarded, Members, members_of
from dragoman.protocol.replies import InputWantedError
from dragoman.serving.question import Question
from dragoman.serving.replay import Past, Replay
from dragoman.wire.base import Meta
from dragoman.wire.jsonrpc import INVALID_PARAMS
from dragoman.wire.lifecycle import ServerCapabilities
from dragoman.wire.methods import METHODS
from dragoman.wire.questions import AnyInputRequired
from dragoman.wire.tasks import EXTENSION, RELATED, TASK
from dragoman.wire.tools import CallToolResult, Tool

if TYPE_CHECKING:
    from dragoman.app.server import Server
    from dragoman.serving.tasks import Tasks

log = logging.getLogger("dragoman")
METHODS_OF_TASKS = frozenset({"tasks/get", "tasks/update", "tasks/cancel", "tasks/list", "tasks/result"})
OPTIONAL: dict[str, Any] = {"taskSupport": "optional"}
GIVEN = "answered behind"  # where a task keeps which questions were answered; no step is called so
LEG = "call behind {}"


class Leg(msgspec.Struct, frozen=True):
    """What came of a call behind: a task, as its handle saves it, or questions before there is one, with a state."""

    task: dict[str, Any] = {}
    asked: dict[str, tuple[str, dict[str, Any]]] = {}
    state: str | None = None


_leg = msgspec.json.Decoder(Leg).decode


class Carrying:
    """The tasks of one proxy that stand for some behind it."""

    def __init__(self, server: Server, sent: Sent) -> None:
        self._surface = server.surface
        self._sent = sent
        self._followers: dict[str, Follower] = {}  # by the ids of our own tasks
        self._listed: dict[int, dict[str, Tool]] = {}  # tools by connection, as far as they had to be known
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def _tasks(self) -> Tasks:
        tasks: Tasks = self._surface.own_tasks()
        return tasks

    def takes(self, call: Call, way: Way) -> bool:
        """Say whether a request is about tasks of our own."""
        return call.method in METHODS_OF_TASKS and (self._surface.tasks is not None or offers(way.connection.greeting))

    async def answer(self, call: Call, way: Way) -> Reply:
        """Answer a request about tasks."""
        tasks, inner = self._tasks, plain(call)
        if call.method == "tasks/cancel":
            past = await tasks.past(inner)
            cancelled = await tasks.cancel(inner)
            if (begun := _begun(past)) is not None:
                # No run is at work that would do it: the task waits for an answer.
                nobody = Follower(call.caller.capabilities, ())
                self._leave(inner.params.task_id, self._tasked(inner, way, nobody), begun)
            return cancelled
        handlers: dict[str, Handler] = {"tasks/get": tasks.get, "tasks/update": tasks.update, "tasks/list": tasks.list}
        handler: Handler = handlers.get(call.method, tasks.result)
        return await handler(inner)

    async def watched(self, call: Call, ids: Any) -> Any:
        """Return those tasks of `ids` that a caller may hear of, UNSET if it named none. Raises RequestError."""
        return UNSET if ids is UNSET else await self._tasks.watched(call, ids)

    def following(self, call: Call, ids: Any, meta: Meta) -> list[Coroutine[Any, Any, None]]:
        """Return what tells a listener of each of those tasks until it has ended."""
        return [self._tasks.follow(call, one, meta, call.door.emit) for one in ids or ()]

    async def begin(self, call: Call, way: Way) -> Reply | None:
        """Return the task that a call becomes, None if it becomes none. Raises RequestError for one that must not."""
        form, greeting = call.era.tasks, way.connection.greeting
        if not offers(greeting):
            return None
        inner = plain(call)
        if inner.params.request_state is not UNSET or form.wish(inner, True) is None:
            return None
        supported = not greeting.dress.era.tasks.waits or bool(_support(await self.tool(way, inner.params.name)))
        wish = form.wish(inner, supported)
        return None if wish is None else await self._tasks.adopt(inner, wish)

    async def tool(self, way: Way, name: str) -> Tool | None:
        """Return a tool as the server behind lists it, None if it does not. Raises as requests do."""
        known = self._listed.get(id(way.connection), {})
        if name not in known:
            self._listed.clear()  # of connections that are gone, too
            tools = await whole_list(way.connection, "tools/list", "tools")
            known = self._listed[id(way.connection)] = {tool.name: tool for tool in tools}
        return known.get(name)

    def changed(self) -> None:
        """Ask again which tools there are, when that has to be known."""
        self._listed.clear()

    async def refused(self, call: Call, way: Way) -> RequestError | None:
        """Return what a client is told of a tool that runs only as a task, None if it is not for that."""
        greeting, name = way.connection.greeting, members_of(call.params).get("name")
        if call.method != "tools/call" or not offers(greeting) or not isinstance(name, str):
            return None
        required = _support(await self.tool(way, name)) == "required"
        return call.era.tasks.needed(f"the tool {name!r}") if required else None

    async def within(self, call: Call, way: Way, passing: Passing, members: Members) -> CallToolResult:
        """Return what a tool that runs only as a task gives to who knows no tasks, and waits."""
        carrier = Carrier(call, way, self._sent, passing)
        tasked = Tasked(carrier, carrier.callbacks, _finish, lambda: asyncio.sleep(0))
        tasked.note(await self._required(way, str(members.get("name"))))
        wish = Wish(on_progress=None if call.meta.progress_token is UNSET else passing.progress)
        return _cleaned(await tasked.call({name: value for name, value in members.items() if name != "_meta"}, wish))

    async def _required(self, way: Way, name: str) -> list[Tool]:
        if not way.connection.greeting.dress.era.tasks.waits:
            return []
        tool = await self.tool(way, name)
        return [] if tool is None else [tool]

    # --- a run of a task of our own ---------------------------------------------------------------------------

    async def run(self, call: Call, way: Way) -> CallToolResult:
        """Return what comes of the task behind, which the first run begins. Raises Suspended when it asks."""
        task_id, asking = call.task.record.id, call.asking
        past = await asking.remembered()
        follower = self._followers.get(task_id)
        if follower is None:
            follower = Follower(call.caller.capabilities, msgspec.json.decode(past.steps.get(GIVEN, b"[]")))
            follower.run = call.task
            done = await self._first(call, way, follower, asking)
            if done is not None:
                return done
            self._follow(call, way, follower)
        follower.run = call.task
        try:
            return await self._followed(follower, asking)
        except asyncio.CancelledError:
            follower.end()
            if await self._tasks.cancelled(task_id):
                self._leave(task_id, self._tasked(call, way, follower), follower.begun)
            raise
        finally:
            follower.run = None

    async def _followed(self, follower: Follower, asking: Replay) -> CallToolResult:
        while questions := await follower.settled():
            # What is not answered yet ends the run here; the follower stays, and so does the request behind.
            answers = await asking.ask(questions)
            past = await asking.remembered()
            given: list[str] = msgspec.json.decode(past.steps.get(GIVEN, b"[]"))
            past.steps[GIVEN] = msgspec.Raw(msgspec.json.encode([*given, *answers]))
            follower.take(answers)
        assert follower.result is not None
        return _cleaned(follower.result.result())

    async def _first(self, call: Call, way: Way, follower: Follower, asking: Replay) -> CallToolResult | None:
        """Make the call behind, and again with what it asks first; None when it has become a task."""
        members = members_of(call.params)
        params: dict[str, Any] = {name: value for name, value in members.items() if name in ("name", "arguments")}
        if way.connection.greeting.dress.era.tasks.waits:
            params[TASK] = {"ttl": round(call.task.record.ttl * 1000)}
        for number in range(ROUNDS):
            step = await asking.step(LEG.format(number))
            if step.found is None:
                try:
                    told = await self._leg(call, way, follower, params)
                except McpError:
                    await step.failed()
                    raise
                if isinstance(told, CallToolResult):
                    return told
                step.found = await step.done(told)
            leg = _leg(step.found)
            if leg.task:
                follower.begun = leg.task
                return None
            answers = await asking.ask({f"{number}-{key}": _question(*one) for key, one in leg.asked.items()})
            given = {key.partition("-")[2]: answer for key, answer in answers.items()}
            params = next_leg(params, given, UNSET if leg.state is None else leg.state)
        raise MalformedError(f"the server behind asked more than {ROUNDS} times in one call")

    async def _leg(self, call: Call, way: Way, follower: Follower, params: dict[str, Any]) -> CallToolResult | Leg:
        tasked = self._tasked(call, way, follower)
        tasked.note(await self._required(way, params["name"]))
        try:
            handle = await tasked.start(params, self._wish(call, follower))
        except InputWantedError as wanted:
            return _asked(wanted.asked)
        if handle.id:
            return Leg(task=handle.saved())
        return _cleaned(await handle.wire())

    def _tasked(self, call: Call, way: Way, follower: Follower) -> Tasked:
        carrier = Carrier(call, way, self._sent, follower)
        return Tasked(carrier, carrier.callbacks, _finish, lambda: asyncio.sleep(0))

    def _wish(self, call: Call, follower: Follower) -> Wish:
        return Wish(on_progress=follower.progress)

    def _follow(self, call: Call, way: Way, follower: Follower) -> None:
        """Wait for the task behind, from here on and while ours waits for answers, until its time is over."""
        record = call.task.record
        handle = self._tasked(call, way, follower).resumed(follower.begun, self._wish(call, follower))
        follower.result = asyncio.ensure_future(handle.wire(follower.changed))
        self._followers[record.id] = follower
        way.busy += 1
        left = record.created + record.ttl - time.time()
        expiry = asyncio.get_running_loop().call_later(max(0.0, left), follower.end)

        def done(result: asyncio.Future[CallToolResult]) -> None:
            way.busy -= 1
            expiry.cancel()
            self._followers.pop(record.id, None)
            if not result.cancelled():
                result.exception()  # told by the next run, if there is one

        follower.result.add_done_callback(done)

    # --- the end ----------------------------------------------------------------------------------------------

    def _leave(self, task_id: str, tasked: Tasked, begun: Mapping[str, Any]) -> None:
        """Cancel a task behind, while nobody waits for that."""
        follower = self._followers.get(task_id)
        if follower is not None:
            follower.end()
        if begun:
            handle: TaskHandle = tasked.resumed(begun)
            leaving = asyncio.get_running_loop().create_task(handle.leave())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def stop(self) -> None:
        """Follow nothing any more; what goes on behind is taken up by whoever comes next."""
        ending: set[asyncio.Future[Any]] = {*self._leaving}
        for follower in list(self._followers.values()):
            follower.end()
            if follower.result is not None:
                ending.add(follower.result)
        if ending:
            await asyncio.wait(ending)


def offers(greeting: Greeting) -> bool:
    """Say whether a server has tasks, in the revision that is spoken with it."""
    return greeting.dress.era.tasks.offered(greeting.capabilities)


def capabilities(greeting: Greeting, call: Call) -> ServerCapabilities:
    """Return what the server behind has, for another revision with its tasks in the words of that."""
    has = greeting.capabilities
    if greeting.dress.era is call.era or not offers(greeting):
        return has
    extensions = {} if has.extensions is UNSET else has.extensions
    return structs.replace(has, tasks=TASKS_2025, extensions={**extensions, EXTENSION: {}})


def supporting(tool: Tool, greeting: Greeting) -> Tool:
    """Return a tool with a word on tasks, for revisions that want one: where the server decides, all may be some."""
    if greeting.dress.era.tasks.waits or tool.execution is not UNSET or not offers(greeting):
        return tool
    return structs.replace(tool, execution=OPTIONAL)


def plain(call: Call) -> Call:
    """Return a call with its parameters decoded. Raises RequestError if they are not what they should be."""
    params = call.params
    if not isinstance(params, Forwarded):
        return call
    inner = copy.copy(call)
    try:
        inner.params = METHODS[call.method].decode(params.raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(INVALID_PARAMS, f"the parameters of {call.method}: {error}") from None
    return inner


def _begun(past: Past) -> Mapping[str, Any] | None:
    """Return the task behind, if a run that has ended began one."""
    for number in range(ROUNDS):
        raw = past.steps.get(LEG.format(number))
        if raw is None:
            return None
        if task := _leg(raw).task:
            return task
    return None


def _asked(asked: AnyInputRequired) -> Leg:
    requests = {} if asked.input_requests is UNSET else asked.input_requests
    questions = {key: (one.method, msgspec.json.decode(one.params)) for key, one in requests.items()}
    return Leg(asked=questions, state=None if asked.request_state is UNSET else asked.request_state)


def _question(method: str, params: dict[str, Any]) -> Question:
    kind = QUESTIONS.get(method)
    if kind is None:
        raise MalformedError(f"the server behind asks {method}, which nobody knows")
    try:
        return Question(method, msgspec.convert(params, kind), lambda has: None, lambda raw: raw)
    except msgspec.ValidationError as error:
        raise MalformedError(f"what the server behind asks cannot be read: {error}") from None


def _support(tool: Tool | None) -> str:
    execution: Any = {} if tool is None or tool.execution is UNSET else tool.execution
    found = execution.get("taskSupport")
    return found if found in ("optional", "required") else ""


def _cleaned(result: CallToolResult) -> CallToolResult:
    """Return a result without what only the revision behind says, or names the task behind."""
    meta = result.meta
    kept = meta if meta is UNSET else {name: value for name, value in meta.items() if name != RELATED}
    return structs.replace(result, result_type=UNSET, meta=kept or UNSET)


def _finish(name: str, result: CallToolResult) -> CallToolResult:
    return result

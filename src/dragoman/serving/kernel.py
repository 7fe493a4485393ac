"""The kernel: a call in, a response out. One lookup, one place where exceptions become errors.

Handlers are composed with their middleware when they are registered, so a call
costs the same whether a server has one tool or a thousand.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from dragoman.errors import RequestError, ScopeError, VisitNeededError
from dragoman.late import late
from dragoman.ports.watched import Begun
from dragoman.protocol.eras import Facts, reply_bytes
from dragoman.protocol.exchange import Call, Reply
from dragoman.protocol.failures import failure_of, internal, unknown_method
from dragoman.protocol.frames import encode, write_failure
from dragoman.serving.bus import LocalBus
from dragoman.serving.suspended import Suspended, stopped_by
from dragoman.wire.jsonrpc import INTERNAL_ERROR, Failure, Response
from dragoman.wire.methods import METHODS, Method

if TYPE_CHECKING:
    from dragoman.ports.service import Answer, Handler, Middleware
    from dragoman.protocol.limits import Limits
    from dragoman.serving import visits
else:
    visits = late("dragoman.serving.visits")

log = logging.getLogger("dragoman")
FORBIDDEN = 403


class Kernel:
    """Handlers by method, and the way from a Call to the bytes of its response."""

    def __init__(self, facts: Facts, limits: Limits, middleware: Sequence[Middleware] = ()) -> None:
        self.facts = facts
        self.on_start: Callable[[], Awaitable[None]] | None = None
        self.on_stop: Callable[[], Awaitable[None]] | None = None
        self.limits = limits
        self.bus = LocalBus(limits.listeners)
        self._middleware = list(middleware)
        self._bare: dict[str, Handler] = {}
        self._handlers: dict[str, Handler] = {}
        self.methods: dict[str, Method] = {}  # what can be called now
        self._endless: set[str] = set()
        self._rest: Handler | None = None
        self._guests = 0
        self._served = False  # by a transport, which stops it itself

    async def start(self) -> None:
        """Enter the server's lifespan, if it has one. Safe to call again."""
        self._served = True
        await self._enter()

    async def join(self) -> None:
        """Start for a client in this process."""
        self._guests += 1
        await self._enter()

    async def leave(self) -> None:
        """Stop when the last client in this process has left, unless a transport serves this too."""
        self._guests -= 1
        if not self._guests and not self._served:
            await self.stop()

    async def _enter(self) -> None:
        self.bus.begin()
        if self.on_start is not None:
            await self.on_start()

    def closing(self) -> None:
        """Tell whoever listens that the server stops."""
        self.bus.end()

    async def stop(self) -> None:
        """Leave the server's lifespan."""
        self._served = False
        self.closing()
        if self.on_stop is not None:
            await self.on_stop()

    def handle(self, name: str, handler: Handler, method: Method | None = None) -> None:
        """Let `handler` answer `name`; a method that is not in the protocol is described by `method`."""
        method = self.methods[name] = method or METHODS[name]
        if method.endless:
            self._endless.add(name)
        self._bare[name] = handler
        self._handlers[name] = self._compose(handler)

    def handle_rest(self, handler: Handler, method: Callable[[str], Method]) -> None:
        """Let `handler` answer every other method, which `method` describes: there is somebody else who knows them."""
        self.methods = _Open(self.methods, method)
        self._rest = handler
        self._composed()

    def add_middleware(self, middleware: Middleware) -> None:
        """Put `middleware` innermost around every handler, those registered before included."""
        self._middleware.append(middleware)
        self._composed()

    def put_first(self, middleware: Middleware) -> None:
        """Put `middleware` outermost around every handler."""
        self._middleware.insert(0, middleware)
        self._composed()

    def _composed(self) -> None:
        self._handlers = {name: self._compose(handler) for name, handler in self._bare.items()}
        if self._rest is not None:
            self._handlers = _Handlers(self._handlers, self._compose(self._rest))

    def _compose(self, handler: Handler) -> Handler:
        for middleware in reversed(self._middleware):
            handler = _through(middleware, handler)
        return handler

    async def reply(self, call: Call) -> Reply:
        """Return the unsealed reply to `call`. Raises whatever the handler raises."""
        try:
            handler = self._handlers[call.method]
        except KeyError:
            raise unknown_method(call.method) from None
        return await handler(call)

    async def answer(self, call: Call) -> Answer:
        """Return HTTP status and bytes of the response to `call`. Raises only CancelledError, when cancelled itself.

        A call that waits longer than `limits.call_seconds` is cancelled and
        answered with an error.
        """
        seconds = 0 if call.method in self._endless else self.limits.call_seconds
        steps = self._respond(call).__await__()
        try:
            awaited = next(steps)
            return await Begun(steps, awaited, getattr(call.door, "waiting", None), seconds)
        except StopIteration as done:
            # It never had to wait: nothing is watched, and nothing timed.
            answer: Answer = done.value
            return answer
        except TimeoutError:
            late = RequestError(INTERNAL_ERROR, f"{call.method} took longer than {seconds:g} seconds")
            return self._fail(call, late)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Nobody cancelled this call: its handler awaited something that was. The client still wants an answer.
            return self._fail(call, error)
        finally:
            call.over = True

    async def _respond(self, call: Call) -> Answer:
        try:
            handler = self._handlers[call.method]
            reply = await handler(call)
            return 200, encode(Response(call.id, reply_bytes(call.era, reply, self.facts)))
        except Suspended as stop:
            return await self._suspend(call, stop)
        except BaseExceptionGroup as group:
            # A task group wraps what its tasks raise, a suspension too.
            cause = stopped_by(group)
            return await self._suspend(call, cause) if isinstance(cause, Suspended) else self._fail(call, cause)
        except (Exception, SystemExit) as error:
            # A handler that calls sys.exit must not end the server for everybody else.
            return self._fail(call, error)

    async def _suspend(self, call: Call, stop: Suspended) -> Answer:
        """Answer a call that waits for answers with what it asks (MRTR-01)."""
        try:
            return 200, encode(Response(call.id, call.era.seal(await stop.asking.required(), self.facts)))
        except Exception as error:
            return self._fail(call, error)

    def _fail(self, call: Call, error: BaseException) -> Answer:
        if isinstance(error, ScopeError):
            call.needs = error.scopes
            failure = Failure(error.code, error.message)
            return FORBIDDEN, write_failure(call.id, call.era.fail(failure))
        if isinstance(error, VisitNeededError):
            error = visits.told(call, error)
        failure = failure_of(error) or self._unexpected(call, error)
        try:
            body = write_failure(call.id, call.era.fail(failure))
        except Exception:
            # The data of a user's own error need not be JSON, nor its words all text; the code still says something.
            words = str(failure.message).encode(errors="replace").decode()
            body = write_failure(call.id, call.era.fail(Failure(failure.code, words)))
        return call.era.statuses.get(failure.code, 200), body

    def _unexpected(self, call: Call, error: BaseException) -> Failure:
        return internal(report(call.method, error))


class _Handlers(dict[str, "Handler"]):
    """Handlers by method, with one for all that are not among them."""

    def __init__(self, known: dict[str, Handler], rest: Handler) -> None:
        super().__init__(known)
        self._rest = rest

    def __missing__(self, name: str) -> Handler:
        return self._rest


class _Open(dict[str, Method]):
    """Methods by name, where a name that is not among them is one, too."""

    def __init__(self, known: dict[str, Method], make: Callable[[str], Method]) -> None:
        super().__init__(known)
        self._make = make

    def get(self, name: str, default: Any = None) -> Any:
        """Return the method; one that is not known is made for each request, so that strange names fill no memory."""
        known = super().get(name)
        return self._make(name) if known is None else known


def report(what: str, error: BaseException) -> str:
    """Log an exception that the peer must not see, and return the id that finds it in the log."""
    error_id = os.urandom(4).hex()
    log.error("%s failed (id %s)", what, error_id, exc_info=error)
    return error_id


def _through(middleware: Middleware, handler: Handler) -> Handler:
    # No coroutine of its own around that of the middleware: it would cost each call another frame.
    return lambda call: middleware(call, handler)

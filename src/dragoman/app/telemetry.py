"""OpenTelemetry: a span and a duration for each request, of servers and of clients, in one trace.

Context travels in `_meta`, as W3C writes it, on every transport. Loaded only where `telemetry` is asked for; needs
the extra `otel`. Promise: no argument, result, error text or session id is recorded. Limit: requests only, no notices.
Source: OpenTelemetry semantic conventions, "Model Context Protocol"; specification, basic/index (META-12).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import msgspec

from dragoman.errors import LocalError, McpError
from dragoman.ports.observed import Asked, Send
from dragoman.ports.service import Handler
from dragoman.protocol.exchange import Call, Reply
from dragoman.protocol.failures import failure_of
from dragoman.protocol.trace import trace_of
from dragoman.serving.suspended import Suspended, stopped_by
from dragoman.wire.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS
from dragoman.wire.methods import METHODS
from dragoman.wire.tools import CallToolResult

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Link, Span, SpanKind, TracerProvider

SCOPE = "dragoman"
TOOL_ERROR = "tool_error"  # what the conventions call a result with `isError`
LONGEST = 200  # characters of a name or URI that are recorded
_REMEMBERED = 256
# Seconds: the bounds that the conventions recommend for these histograms.
BOUNDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
_TARGETS = {"tools/call": "gen_ai.tool.name", "prompts/get": "gen_ai.prompt.name"}


class _Flag(msgspec.Struct, rename="camel"):
    is_error: Any = False


_flag = msgspec.json.Decoder(_Flag).decode


class Telemetry:
    """Where spans and metrics go: the providers given, or those that are set for the process.

    Pass one as `telemetry=` to a Server or a Client, or True for the process's own.
    Raises LocalError where `opentelemetry-api` is not installed.
    """

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        try:
            from opentelemetry import context, metrics, trace  # noqa: PLC0415
            from opentelemetry.baggage.propagation import W3CBaggagePropagator  # noqa: PLC0415
            from opentelemetry.propagators.composite import CompositePropagator  # noqa: PLC0415
            from opentelemetry.trace.propagation import tracecontext  # noqa: PLC0415
        except ImportError:
            raise LocalError("telemetry needs OpenTelemetry: pip install 'dragoman[otel]'") from None
        self._trace, self._context = trace, context
        self._serving, self._asking = trace.SpanKind.SERVER, trace.SpanKind.CLIENT
        # Not the process's own propagator: `_meta` takes W3C's form and no other, whatever the environment says.
        self._propagator = CompositePropagator([tracecontext.TraceContextTextMapPropagator(), W3CBaggagePropagator()])
        self._tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(SCOPE, meter_provider=meter_provider)
        self._served, self._sent = (
            meter.create_histogram(
                f"mcp.{side}.operation.duration",
                unit="s",
                description=f"Duration of MCP requests, as the {side} sees them.",
                explicit_bucket_boundaries_advisory=list(BOUNDS),
            )
            for side in ("server", "client")
        )

    async def serve(self, call: Call, handler: Handler) -> Reply:
        """Handle a call in a span of its own, below the caller's: a server's outermost middleware."""
        method = METHODS.get(call.method)
        if method is not None and method.endless:
            return await handler(call)  # a subscription is no operation that has a duration
        target = str(getattr(call.params, method.named_by, "")) if method is not None and method.named_by else ""
        # Most calls are like one before; a long name is not kept, since it may be as long as a message.
        described = _described if len(target) <= LONGEST else _described.__wrapped__
        told = described(call.method, target, call.caller.version, bool(call.headers))
        carried = trace_of(call.meta)
        parent, links = self._parent(carried) if carried else (None, None)
        ending = _Ending(self._served, told)
        self._begin(ending, self._serving, call.id, parent, links)
        try:
            reply = await handler(call)
            ending.reply(reply)
            return reply
        except BaseException as error:
            ending.raised(error)
            raise
        finally:
            self._end(ending)

    def _parent(self, carried: dict[str, str]) -> tuple[Context, list[Link] | None]:
        parent = self._propagator.extract(carried)
        around = self._trace.get_current_span().get_span_context()
        meant = self._trace.get_current_span(parent).get_span_context()
        # The transport's own span, if there is one, is another view of the same request.
        linked = around.is_valid and meant.is_valid and around != meant
        return parent, [self._trace.Link(around)] if linked else None

    async def send(self, asked: Asked, send: Send) -> msgspec.Raw:
        """Send a request in a span of its own, and let the server know of it: a client's observer."""
        told = _Told.of({**_facts(asked.method, asked.target, asked.version), **_place(asked)})
        ending = _Ending(self._sent, told)
        self._begin(ending, self._asking, asked.id, None, None)
        try:
            carrier: dict[str, str] = {}
            self._propagator.inject(carrier)
            raw = await send(carrier)
            if asked.method == "tools/call" and _flag(raw).is_error is True:
                ending.error = TOOL_ERROR
            return raw
        except BaseException as error:
            ending.raised(error)
            raise
        finally:
            self._end(ending)

    def _begin(
        self, ending: _Ending, kind: SpanKind, number: int | str, parent: Context | None, links: list[Link] | None
    ) -> None:
        """Begin a span, and let what runs from now on run in it. `_end` has to follow, whatever happens."""
        # By hand, and not by the tracer's own block: four of those cost as much as the span. The
        # context is given, since it is looked up three times otherwise.
        if parent is None:
            parent = self._context.get_current()
        told = ending.told
        span = ending.span = self._tracer.start_span(
            told.name,
            context=parent,
            kind=kind,
            attributes={**told.facts, "jsonrpc.request.id": str(number)},
            links=links,
            record_exception=False,
            set_status_on_exception=False,
        )
        ending.token = self._context.attach(self._trace.set_span_in_context(span, parent))
        ending.began = time.perf_counter()

    def _end(self, ending: _Ending) -> None:
        """End a span; what came of it is told by its type or code, never by its words."""
        dimensions = ending.told.dimensions
        if ending.error or ending.code is not None:
            ending.span.set_attributes(ending.outcome())
            ending.span.set_status(self._trace.StatusCode.ERROR)
            dimensions = ending.dimensions()
        ending.histogram.record(time.perf_counter() - ending.began, dimensions)
        self._context.detach(ending.token)
        ending.span.end()


class _Told(NamedTuple):
    """What is told of a request, the name of its span, and what its duration is told with. Shared, so never changed."""

    facts: dict[str, Any]
    name: str
    dimensions: dict[str, Any]

    @classmethod
    def of(cls, facts: dict[str, Any]) -> _Told:
        """Return what follows from the attributes of a span."""
        target = next((facts[key] for key in _TARGETS.values() if key in facts), "")
        dimensions = {key: value for key, value in facts.items() if key != "mcp.resource.uri"}
        return cls(facts, f"{facts['mcp.method.name']} {target}".strip(), dimensions)


class _Ending:
    """A span under way, and how its request ended, as attributes.

    `token` puts back the span around it; `began` is by the clock of performance.
    """

    __slots__ = ("began", "code", "error", "histogram", "span", "token", "told")
    span: Span
    token: Any
    began: float

    def __init__(self, histogram: Any, told: _Told) -> None:
        self.histogram = histogram
        self.told = told
        self.error = ""
        self.code: int | None = None

    def reply(self, reply: Reply) -> None:
        """Note whether a tool said that it failed."""
        if type(reply) is CallToolResult:
            failed = reply.is_error is True
        elif isinstance(reply, msgspec.Raw):
            failed = self.told.facts["mcp.method.name"] == "tools/call" and _flag(reply).is_error is True
        else:
            failed = isinstance(reply, Mapping) and reply.get("isError") is True
        if failed:
            self.error = TOOL_ERROR

    def raised(self, error: BaseException) -> None:
        """Note what was raised: by its code where the peer sees one, else by its class."""
        cause = stopped_by(error)
        if isinstance(cause, Suspended):
            return  # it asked something, and goes on when it is answered
        if isinstance(cause, asyncio.CancelledError):
            self.error = "cancelled"
            return
        failure = failure_of(cause)
        if failure is not None:
            self.code, self.error = failure.code, str(failure.code)
        else:
            self.error = type(cause).__qualname__
            self.code = None if isinstance(cause, McpError) else INTERNAL_ERROR

    def outcome(self) -> dict[str, Any]:
        """Return the attributes of a failure; none if it was none."""
        found: dict[str, Any] = {"error.type": self.error} if self.error else {}
        if self.code is not None:
            found["rpc.response.status_code"] = str(self.code)
        return found

    def dimensions(self) -> dict[str, Any]:
        """Return the attributes of the measurement of a failure: few values each, whatever peers send."""
        found = self.told.dimensions
        if self.code == INVALID_PARAMS:
            # A name that nobody registered, perhaps: peers must not make up series of measurements.
            found = {key: value for key, value in found.items() if key not in _TARGETS.values()}
        return {**found, **self.outcome()}


@lru_cache(_REMEMBERED)
def _described(method: str, target: str, version: str, over_http: bool) -> _Told:
    facts = _facts(method, target, version)
    if over_http:
        facts |= {"network.transport": "tcp", "network.protocol.name": "http"}
    return _Told.of(facts)


def _facts(method: str, target: str, version: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"mcp.method.name": method, "mcp.protocol.version": version}
    if method in _TARGETS:
        facts[_TARGETS[method]] = _text(target)
    elif target:
        facts["mcp.resource.uri"] = _address(target)
    if method == "tools/call":
        facts["gen_ai.operation.name"] = "execute_tool"
    return facts


def _text(text: str) -> str:
    return text[:LONGEST].encode(errors="replace").decode()


def _address(uri: str) -> str:
    """Return a URI without what may be secret in it: user, query and fragment."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return _text(uri.partition(":")[0])
    return _text(urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")))


def _place(asked: Asked) -> dict[str, Any]:
    if not asked.over_http:
        return {}
    found: dict[str, Any] = {"network.transport": "tcp", "network.protocol.name": "http"}
    try:
        parts = urlsplit(asked.where)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return found
    return {**found, "server.address": host, "server.port": port} if host else found

"""One trace from client through server, in every era, on every transport; and no argument or secret in it."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.app.reaching import reaching

from dragoman import Client, Context, LocalError, PeerError, RequestError, Server, Telemetry, ToolError
from dragoman.protocol.eras import HANDSHAKE, STATELESS

ERAS = [next(iter(STATELESS)), next(iter(HANDSHAKE))]
SECRET = "hunter2"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"


class Seen:
    """What OpenTelemetry was told, by its own in-memory exporters."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self._reader = InMemoryMetricReader()
        self.tracer = tracers.get_tracer("test")
        self.telemetry = Telemetry(tracers, MeterProvider([self._reader]))

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self._spans.get_finished_spans() if span.name == name]

    def span(self, name: str, kind: trace.SpanKind) -> ReadableSpan:
        (found,) = [span for span in self.spans(name) if span.kind is kind]
        return found

    def points(self, metric: str) -> list[Any]:
        data: Any = self._reader.get_metrics_data()
        kept = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics if m.name == metric]
        return [point for m in kept for point in m.data.data_points]

    def words(self) -> str:
        return "".join(span.to_json() for span in self._spans.get_finished_spans())


def make(seen: Seen | None) -> Server:
    server = Server("traced", telemetry=seen.telemetry if seen else False)

    @server.tool
    def add(a: int, b: int) -> str:
        return format(trace.get_current_span().get_span_context().trace_id, "032x")

    @server.tool
    async def where(ctx: Context) -> dict[str, str]:
        return ctx.trace_context

    @server.tool
    async def fail(how: str) -> str:
        match how:
            case "told":
                raise ToolError(SECRET)
            case "coded":
                raise RequestError(-7, SECRET)
            case _:
                await asyncio.sleep(60)
                return ""

    @server.tool
    async def ask(ctx: Context) -> str:
        return str(await ctx.elicit("Sure?", bool))

    return server


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("way", ["memory", "http"])
async def test_a_call_is_one_trace_from_client_through_server(version: str, way: str) -> None:
    """META-12"""
    seen = Seen()
    async with (
        reaching(way, make(seen)) as target,
        Client(target, mode=version, telemetry=seen.telemetry) as client,
    ):
        with seen.tracer.start_as_current_span("outer") as outer:
            inside = (await client.call_tool("add", {"a": 1, "b": 2})).text
    sent = seen.span("tools/call add", trace.SpanKind.CLIENT)
    served = seen.span("tools/call add", trace.SpanKind.SERVER)
    assert sent.parent == outer.get_span_context() and served.parent and sent.context
    assert served.parent.span_id == sent.context.span_id
    assert inside == format(outer.get_span_context().trace_id, "032x"), "plain functions run in the span, too"
    facts = dict(served.attributes or {})
    assert (facts["mcp.method.name"], facts["gen_ai.tool.name"]) == ("tools/call", "add")
    assert (facts["gen_ai.operation.name"], facts["mcp.protocol.version"]) == ("execute_tool", version)
    assert facts["jsonrpc.request.id"] == dict(sent.attributes or {})["jsonrpc.request.id"]
    assert facts.get("network.transport") == ("tcp" if way == "http" else None)
    assert ("server.port" in (sent.attributes or {})) is (way == "http")
    assert served.status.is_unset and "error.type" not in facts
    for metric in ("mcp.server.operation.duration", "mcp.client.operation.duration"):
        (point,) = [p for p in seen.points(metric) if p.attributes["mcp.method.name"] == "tools/call"]
        assert point.count == 1 and point.sum > 0 and point.explicit_bounds[0] == 0.01


async def test_over_stdio_the_trace_travels_as_well() -> None:
    """META-12"""
    seen = Seen()
    program = (
        "from dragoman import Server, Context\n"
        "server = Server('piped')\n"
        "@server.tool\n"
        "async def where(ctx: Context) -> dict[str, str]:\n    return ctx.trace_context\n"
        "server.run()\n"
    )
    async with Client([sys.executable, "-c", program], telemetry=seen.telemetry) as client:
        found = (await client.call_tool("where")).structured
    sent = seen.span("tools/call where", trace.SpanKind.CLIENT).context
    assert sent and found == {"traceparent": f"00-{sent.trace_id:032x}-{sent.span_id:016x}-{sent.trace_flags:02x}"}


@pytest.mark.parametrize("version", ERAS)
async def test_what_fails_is_told_by_its_kind_and_never_by_its_words(version: str) -> None:
    seen = Seen()
    async with Client(make(seen), mode=version, telemetry=seen.telemetry) as client:
        with pytest.raises(ToolError):
            await client.call_tool("fail", {"how": "told"})
        with pytest.raises(PeerError):
            await client.call_tool("fail", {"how": "coded"})
        with pytest.raises(PeerError):
            await client.call_tool(f"no{SECRET[:3]}", {"password": SECRET})
    spans = seen.spans("tools/call fail")
    assert [(dict(s.attributes or {}).get("error.type"), s.kind.name) for s in spans] == [
        ("tool_error", "SERVER"), ("tool_error", "CLIENT"), ("-7", "SERVER"), ("-7", "CLIENT"),
    ]  # fmt: skip
    assert dict(spans[2].attributes or {})["rpc.response.status_code"] == "-7"
    assert all(not span.status.is_ok and span.status.description is None and not span.events for span in spans)
    assert SECRET not in seen.words()


async def test_a_uri_is_recorded_without_user_query_and_fragment() -> None:
    seen = Seen()
    server = Server("uris", telemetry=seen.telemetry)
    server.add_resource(lambda q: "text", "https://me:pass@example.com/a{?q}", name="a")
    async with Client(server, telemetry=seen.telemetry) as client:
        await client.read(f"https://me:pass@example.com/a?q={SECRET}")
    for span in seen.spans("resources/read"):
        assert dict(span.attributes or {})["mcp.resource.uri"] == "https://example.com/a"
    assert SECRET not in seen.words() and "pass" not in seen.words()


async def test_names_that_peers_make_up_make_no_series_of_measurements() -> None:
    seen = Seen()
    async with Client(make(seen), telemetry=seen.telemetry) as client:
        for number in range(5):
            with pytest.raises(PeerError):
                await client.call_tool(f"made-up-{number}")
        await client.call_tool("add", {"a": 1, "b": 2})
    points = [p.attributes for p in seen.points("mcp.server.operation.duration")]
    calls = [p for p in points if p["mcp.method.name"] == "tools/call"]
    assert sorted(str(p.get("gen_ai.tool.name")) for p in calls) == ["None", "add"]


async def test_asking_is_no_failure() -> None:
    seen = Seen()
    async with Client(make(seen), telemetry=seen.telemetry, on_elicit=lambda _: True) as client:
        assert (await client.call_tool("ask")).text == "True"
    spans = seen.spans("tools/call ask")
    assert len(spans) == 4, "two legs, each seen from both sides"
    assert all(span.status.is_unset for span in spans)


async def test_a_call_given_up_is_told_as_cancelled() -> None:
    seen = Seen()
    async with Client(make(seen), telemetry=seen.telemetry) as client:
        call = asyncio.create_task(client.call_tool("fail", {"how": "wait"}))
        while not client._connection._line.exchange._running:  # type: ignore[attr-defined]
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    kinds = {dict(span.attributes or {})["error.type"] for span in seen.spans("tools/call fail")}
    assert kinds == {"cancelled"}


async def test_the_callers_trace_reaches_the_context_with_no_telemetry_at_all() -> None:
    """META-12: what is valid is handed on, what is not is dropped, and neither fails the call."""
    async with Client(make(None)) as client:
        meta = {"traceparent": PARENT, "tracestate": "a=1", "baggage": "b=2"}
        assert (await client.call_tool("where", meta=meta)).structured == meta
        assert (await client.call_tool("where")).structured == {}
        with pytest.raises(LocalError, match="traceparent in meta"):
            await client.call_tool("where", meta={"traceparent": "mine"})


async def test_the_callers_own_trace_context_wins() -> None:
    seen = Seen()
    async with Client(make(None), telemetry=seen.telemetry) as client:
        assert (await client.call_tool("where", meta={"traceparent": PARENT})).structured == {"traceparent": PARENT}


async def test_baggage_travels_and_a_surrounding_span_is_linked() -> None:
    seen = Seen()
    server = make(seen)
    token = context.attach(baggage.set_baggage("tenant", "7"))
    try:
        async with Client(server, telemetry=seen.telemetry) as client:
            assert (await client.call_tool("where")).structured["baggage"] == "tenant=7"
    finally:
        context.detach(token)
    async with Client(server) as client:
        with seen.tracer.start_as_current_span("transport") as around:
            await client.call_tool("add", {"a": 1, "b": 2}, meta={"traceparent": PARENT})
    served = seen.span("tools/call add", trace.SpanKind.SERVER)
    assert served.parent and format(served.parent.trace_id, "032x") == PARENT[3:35]
    assert [link.context for link in served.links] == [around.get_span_context()]


async def test_a_subscription_is_no_operation() -> None:
    seen = Seen()
    server = make(seen)
    async with Client(server, telemetry=seen.telemetry) as client, client.listen():
        pass
    assert "listen" not in seen.words()


def test_without_the_library_the_error_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from dragoman import Server, LocalError\n"
        "Server('plain', telemetry=False)\n"
        "try:\n    Server('traced', telemetry=True)\n"
        "except LocalError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "telemetry needs OpenTelemetry: pip install 'dragoman[otel]'\n"

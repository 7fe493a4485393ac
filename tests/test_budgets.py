"""What an import may load and what a call may run, counted exactly: neither depends on the machine's mood.

A stdio server is started by its host again and again, so users wait for what it loads. A call to a server with a
thousand tools runs the same code as a call to a server with one.
"""

import json
import subprocess
import sys
from collections import Counter
from types import CodeType, FrameType
from typing import Any

import pytest

from dragoman import Client, Server

# Extras, HTTP and the client's side: nothing a stdio server needs.
UNWANTED = {
    "uvicorn", "httptools", "uvloop", "h11", "click", "http.client", "http.server", "urllib.request",
    "sqlite3", "pydantic", "lxml", "pypdfium2", "python_calamine", "selectolax", "sqlglot", "difflib", "opentelemetry",
    "jsonschema_rs",
    "dragoman.calling", "dragoman.connectors", "dragoman.compat", "dragoman.cli", "dragoman.auth",
    "dragoman.transport.asgi", "dragoman.transport.http_client", "dragoman.transport.process", "dragoman.app.client",
    "dragoman.app.telemetry", "dragoman.testing",
}  # fmt: skip


def loaded_by(statement: str) -> set[str]:
    """Return the names of the modules that `statement` adds to a fresh interpreter."""
    program = f"import sys; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def unwanted(modules: set[str]) -> list[str]:
    return sorted(m for m in modules if any(m == name or m.startswith(f"{name}.") for name in UNWANTED))


def test_importing_the_package_loads_nothing_but_itself() -> None:
    loaded = loaded_by("import dragoman")
    assert {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names} == {"dragoman"}
    assert unwanted(loaded) == [] and "asyncio" not in loaded


def test_the_probe_sees_what_a_statement_loads() -> None:
    assert "dragoman.wire.tools" in loaded_by("import dragoman.wire.tools")
    assert unwanted(loaded_by("import http.client")) != []


def test_a_server_loads_no_extra_no_http_and_no_client() -> None:
    loaded = loaded_by("from dragoman import Server; server = Server('s'); server.tool(lambda: 1, name='one')")
    assert "dragoman.app.server" in loaded
    assert unwanted(loaded) == []


def test_a_client_loads_no_server_and_no_http() -> None:
    loaded = loaded_by("from dragoman import Client; client = Client(['python', 'server.py'])")
    assert [name for name in loaded if name.startswith(("dragoman.serving", "uvicorn", "pydantic"))] == []


def test_the_connectors_import_without_any_extra() -> None:
    extras = ["pypdfium2", "python_calamine", "lxml", "selectolax", "sqlglot", "uvloop", "httptools", "pydantic"]
    blocked = f"sys.modules.update(dict.fromkeys({extras}))"
    assert "dragoman.connectors.assembly" in loaded_by(f"{blocked}; import dragoman.connectors.assembly")


BUILT = """
from dragoman import Client, Server
Client, Server
from dragoman.protocol.patterns import _Late
from dragoman.wire.decoding import Decoding
from dragoman.wire.methods import METHODS
def built(thing, name):
    try:
        object.__getattribute__(thing, name)
    except AttributeError:
        return False
    return True
things = [(m, n, v) for m, module in list(sys.modules.items()) if m.startswith("dragoman.") for n, v in vars(module).items()]
late = [(m, n, built(v, "decode" if isinstance(v, Decoding) else "match")) for m, n, v in things if isinstance(v, (Decoding, _Late))]
print(len(late), *(f"{m}.{n}" for m, n, done in late if done), *(n for n, v in METHODS.items() if built(v, "decode")))
"""  # noqa: E501


def test_an_import_of_server_and_client_builds_no_decoder_of_a_message_and_compiles_no_pattern() -> None:
    done = subprocess.run([sys.executable, "-c", f"import sys\n{BUILT}"], capture_output=True, text=True, check=True)
    count, *built = done.stdout.split()
    assert int(count) >= 25, "the probe found few"
    assert built == []


@pytest.mark.parametrize("module", ["wire.methods", "protocol.http", "serving.kernel"])
def test_the_lower_floors_load_no_http_and_no_extra(module: str) -> None:
    assert unwanted(loaded_by(f"import dragoman.{module}")) == []


STARTED = """
import asyncio, msgspec, sys
before = set(sys.modules)
from dragoman import Server
server = Server("first")
async def add(a: int, b: int = 0) -> int:
    'Add.'
    return a + b
server.add_tool(add)
server.run()
print(*sorted(set(sys.modules) - before), file=sys.stderr)
"""
# Of ours, up to the first reply: each costs a host a third of a millisecond at every start (docs/design/starting.md).
MOST_AT_START = 68
# What a stdio server needs of the standard library beyond asyncio and msgspec: nothing that takes long.
FOR_START = {"gc"}


@pytest.mark.parametrize("hello", ["server/discover", "initialize"])
def test_a_stdio_servers_first_reply_loads_few_modules_and_no_more_of_the_standard_library(hello: str) -> None:
    client = {"name": "test", "version": "1"}
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": client,
    }
    greeting = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": client}
    params: dict[str, Any] = greeting if hello == "initialize" else {"_meta": meta}
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": hello, "params": params}) + "\n"
    command = [sys.executable, "-c", STARTED]
    done = subprocess.run(command, input=line, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["result"]["capabilities"]["tools"] == {"listChanged": True}
    loaded = set(done.stderr.splitlines()[-1].split())
    ours = {name for name in loaded if name.partition(".")[0] == "dragoman"}
    assert "dragoman.transport.serve_stdio" in ours
    assert len(ours) <= MOST_AT_START, sorted(ours)
    assert loaded - ours <= FOR_START


MODERN, HANDSHAKE = "2026-07-28", "2025-11-25"
# Distinct functions of ours in one call: the budget of docs/design/house.md.
MOST_FUNCTIONS = {MODERN: 25, HANDSHAKE: 25}


def server_with(tools: int) -> Server:
    server = Server("budget")

    async def add(a: int, b: int) -> int:
        return a + b

    for number in range(tools - 1):
        server.add_tool(add, name=f"other_{number}")
    server.add_tool(add)
    return server


def request(method: str, params: dict[str, Any], headers: dict[str, str]) -> tuple[dict[str, Any], bytes]:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    fields = {
        "host": "127.0.0.1:8000",
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "content-length": str(len(body)),
        **headers,
    }
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/mcp", "raw_path": b"/mcp", "query_string": b"", "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
        "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000),
    }  # fmt: skip
    return scope, body


async def post(app: Any, scope: dict[str, Any], body: bytes) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    inbox = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return inbox.pop()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def modern_call() -> tuple[dict[str, Any], bytes]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    }
    params = {"name": "add", "arguments": {"a": 1, "b": 2}, "_meta": meta}
    routing = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "add"}
    return request("tools/call", params, routing)


async def handshake_call(app: Any) -> tuple[dict[str, Any], bytes]:
    hello = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    sent = await post(app, *request("initialize", hello, {}))
    session = dict(sent[0]["headers"])[b"mcp-session-id"].decode()
    routing = {"mcp-protocol-version": HANDSHAKE, "mcp-session-id": session}
    scope, _ = request("notifications/initialized", {}, routing)
    note = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
    scope["headers"] = [h for h in scope["headers"] if h[0] != b"content-length"] + [(b"content-length", b"54")]
    await post(app, scope, note)
    return request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}, routing)


async def prepared(tools: int, era: str, server: Server | None = None) -> tuple[Any, dict[str, Any], bytes]:
    """Return an application that has answered the call once, and the call."""
    app = (server or server_with(tools)).asgi()
    scope, body = modern_call() if era == MODERN else await handshake_call(app)
    sent = await post(app, scope, body)
    assert sent[0]["status"] == 200
    assert json.loads(sent[1]["body"])["result"]["structuredContent"] == {"result": 3}
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return app, scope, body


def is_ours(code: CodeType) -> bool:
    return "/dragoman/" in code.co_filename.replace("\\", "/") and code.co_filename != __file__


async def functions_of(tools: int, era: str, server: Server | None = None) -> Counter[str]:
    """Return how often each function of the package runs in one call."""
    app, scope, body = await prepared(tools, era, server)
    seen: Counter[str] = Counter()

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and is_ours(frame.f_code):
            seen[f"{frame.f_code.co_filename.rpartition('dragoman/')[2]}:{frame.f_code.co_qualname}"] += 1

    sys.setprofile(profile)
    try:
        await post(app, scope, body)
    finally:
        sys.setprofile(None)
    return seen


async def instructions_of(tools: int, era: str) -> int:
    """Return how many bytecode instructions of the package run in one call."""
    app, scope, body = await prepared(tools, era)
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        if not is_ours(frame.f_code):
            return None
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    outer = sys.gettrace()
    sys.settrace(trace)
    try:
        await post(app, scope, body)
    finally:
        sys.settrace(outer)
    return count


@pytest.mark.parametrize("era", [MODERN, HANDSHAKE])
async def test_a_call_takes_few_functions(era: str) -> None:
    seen = await functions_of(1, era)
    assert len(seen) > 5, "the profiler saw nothing of ours"
    assert len(seen) <= MOST_FUNCTIONS[era], "\n".join(sorted(seen))


@pytest.mark.parametrize("era", MOST_FUNCTIONS)
async def test_a_call_of_a_mounted_tool_takes_few_more_however_deep_others_are(era: str) -> None:
    outer = Server("outer")
    outer.mount(server_with(100))
    deep = Server("deep")
    deep.mount(server_with(1), "x")
    outer.mount(deep, "y")
    direct, mounted = await functions_of(1, era), await functions_of(1, era, outer)
    assert len(mounted) <= len(direct) + 4, sorted(mounted - direct)


@pytest.mark.parametrize("era", [MODERN, HANDSHAKE])
async def test_a_thousand_tools_cost_a_call_no_more_than_one(era: str) -> None:
    one, thousand = await functions_of(1, era), await functions_of(1000, era)
    assert thousand == one
    few, many = await instructions_of(1, era), await instructions_of(1000, era)
    assert 100 < many <= few * 1.05


# Of client and server together: what stands between `call_tool` and the tool, and back.
MOST_IN_MEMORY = 44


async def test_a_clients_call_in_memory_takes_few_functions_and_sets_no_timer() -> None:
    seen: Counter[str] = Counter()
    timers: list[str] = []

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and is_ours(frame.f_code):
            seen[frame.f_code.co_qualname] += 1
        elif event == "call" and frame.f_code.co_qualname.endswith(("BaseEventLoop.call_at", "Timeout.reschedule")):
            timers.append(frame.f_code.co_qualname)

    async with Client(server_with(1)) as client:
        await client.call_tool("add", {"a": 1, "b": 2})
        sys.setprofile(profile)
        try:
            result = await client.call_tool("add", {"a": 1, "b": 2})
        finally:
            sys.setprofile(None)
    assert result.value == 3
    assert 15 < len(seen) <= MOST_IN_MEMORY, "\n".join(sorted(seen))
    assert timers == []


JSON_WORK = ("decode", "encode", "convert", "to_builtins")


async def json_work_of(era: str) -> list[str]:
    """Return what msgspec decodes and encodes in one call, in order, by the functions that ask for it."""
    app, scope, body = await prepared(1, era)
    seen: list[str] = []

    def profile(frame: FrameType, event: str, called: Any) -> None:
        owner = type(getattr(called, "__self__", None)).__module__ + str(getattr(called, "__module__", ""))
        if event == "c_call" and "msgspec" in owner and called.__name__ in JSON_WORK:
            seen.append(f"{called.__name__} in {frame.f_code.co_qualname.rpartition('.')[2]}")

    sys.setprofile(profile)
    try:
        await post(app, scope, body)
    finally:
        sys.setprofile(None)
    return seen


@pytest.mark.parametrize("era", [MODERN, HANDSHAKE])
async def test_a_call_is_decoded_in_three_parts_and_encoded_once(era: str) -> None:
    """The envelope, the parameters and the arguments, once each; the tool's value, and the answer around it.

    Before them the whole is read and written once, to see that no name stands twice (docs/design/strict-json.md).
    """
    assert await json_work_of(era) == [
        "decode in read_frame",
        "decode in read_frame",
        "encode in read_frame",
        "decode in read_params",
        "decode in decode",
        "encode in encode",
        "encode in _respond",
    ]

"""CPU time per call over HTTP, ours and the rivals' in turn: bare, in threads, in sessions, as streams, judged."""

import asyncio
import json
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import environments
import load
from bench import Bench, Columns
from crowd import CONNECTIONS, Crowd
from environments import SERVERS
from processes import Served, serving

LIVES = 3  # of servers where targets are near: two processes of one program differ, by how they lie in memory
MANY = 64  # connections, where it is by how many a server is found
ANSWERS = 10  # to each connection, in a slice of the slowest side at least
TRIES = 5  # of a measurement, on a machine that does other things


class Calls:
    """The same call to a server, over connections that are kept from slice to slice."""

    def __init__(self, served: Served, sent: load.Request = load.CALL, connections: int = CONNECTIONS) -> None:
        self._served = served
        self._crowd = Crowd(served.port, sent, connections)

    def cost(self, seconds: float) -> float:
        """Call for so long and return CPU microseconds per call."""
        for _ in range(TRIES):
            try:
                self._crowd.ready()
                before = self._served.cpu()
                calls = self._crowd.run(seconds)
                return (self._served.cpu() - before) * 1e6 / calls
            except load.RefusedError as error:
                refused = error
                self._crowd.leave()
                time.sleep(1)
        raise refused

    def close(self) -> None:
        """Let go of the connections."""
        self._crowd.close()


def costs(
    bench: Bench,
    sides: dict[str, tuple[Served, load.Request]],
    rounds: int | None = None,
    connections: int = CONNECTIONS,
) -> Columns:
    """Return CPU microseconds per call of each side, slice by slice."""
    with ExitStack() as stack:
        calls = {name: stack.enter_context(closing(Calls(*side, connections))) for name, side in sides.items()}
        # First until what a server compiles and remembers is there.
        slowest = max(each.cost(1) for each in calls.values()) / 1e6
        # Most of a slice has to be calls that come while others are under way: at its end fewer and fewer are.
        seconds = max(bench.seconds, ANSWERS * connections * slowest)
        rounds = max(2 * bench.fewer, round((rounds or bench.rounds) * bench.seconds / seconds))
        slices = {name: lambda each=each: each.cost(seconds) for name, each in calls.items()}
        return bench.turns(slices, rounds=rounds, seconds=seconds)


def few(served: Served, calls: int) -> float:
    """Return CPU microseconds per call of so many, one after the other."""
    before = served.cpu()
    for _ in range(calls):
        status, body = asyncio.run(load.exchange(served.port, load.CALL))
        if status != 200:
            raise RuntimeError(f"HTTP {status}: {body[:200]!r}")
    return (served.cpu() - before) * 1e6 / calls


def refuses(port: int) -> None:
    """Make sure that the checks are on: one bad Host, Origin, header, body and depth must each be refused."""
    deep = load.BODY.replace(b'{"a":2,"b":3}', b'{"a":' + b"[" * 100 + b"]" * 100 + b"}")
    wrong = {
        "Host": load.request(port, headers={"Host": "evil.example.com"}),
        "Origin": load.request(port, headers={"Origin": "https://evil.example.com"}),
        "header": load.request(port, headers={"Mcp-Name": "subtract"}),
        "missing header": load.request(port, headers={"Mcp-Method": ""}),
        "body": load.request(port, b'{"jsonrpc":"2.0","id":1,'),
        "twice the same name": load.request(port, load.BODY.replace(b'"a":2', b'"a":1,"a":2')),
        "depth": load.request(port, deep),
    }
    # A good one first and last: what was refused must not be so because nothing is answered.
    _answers(port)
    for what, data in wrong.items():
        status, body = asyncio.run(load.exchange(port, data))
        if not 400 <= status < 500:
            raise RuntimeError(f"a bad {what} was answered with {status}: {body[:200]!r}")
    _answers(port)


def _answers(port: int) -> None:
    status, body = asyncio.run(load.exchange(port, load.CALL))
    if status != 200 or json.loads(body)["result"]["structuredContent"] != {"result": 5}:
        raise RuntimeError(f"a good call was answered with {status}: {body[:200]!r}")


async def notices(port: int, log: Path) -> None:
    """Make sure that a call whose client leaves is stopped, and one whose client stays is not."""
    slow = load.modern(name="wait", arguments={"seconds": 0.5})
    if (await load.exchange(port, slow))[0] != 200 or log.read_text().split() != ["began", "ended"]:
        raise RuntimeError(f"a slow call did not end: {log.read_text()}")
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(load.modern(name="wait", arguments={"seconds": 20}).data(port))
    await asyncio.sleep(0.5)
    writer.close()
    until = time.monotonic() + 3
    while log.read_text().split()[2:] != ["began", "stopped"]:
        if time.monotonic() > until:
            raise RuntimeError(f"nobody noticed that a client left: {log.read_text().split()}")
        await asyncio.sleep(0.05)


def guarded(bench: Bench) -> None:
    """See the server do all that it promises, before it is measured: a bare one would be faster."""
    log = environments.FOLDER / "disconnect.log"
    log.write_text("")
    with serving(bench.ours, SERVERS / "ours.py", "PORT") as plain:
        refuses(plain.port)
    with serving(bench.ours, SERVERS / "waiting.py", "PORT", log) as waiting:
        asyncio.run(notices(waiting.port, log))


def modern(bench: Bench) -> None:
    """The bare call of the stateless era, `async def`, against the floor and everybody."""
    guarded(bench)
    varied = replace(load.CALL, varied=True)
    with ExitStack() as stack:
        sides = {
            "ours": stack.enter_context(serving(bench.ours, SERVERS / "ours.py", "PORT")),
            "again": stack.enter_context(serving(bench.ours, SERVERS / "ours.py", "PORT")),
            "floor": stack.enter_context(serving(bench.ours, SERVERS / "floor.py", "PORT")),
            "mcp": stack.enter_context(serving(bench.mcp, SERVERS / "official.py", "PORT")),
            "fastmcp": stack.enter_context(serving(environments.fast(), SERVERS / "fast.py", "PORT")),
            "typescript": stack.enter_context(serving(*environments.typescript(), "PORT")),
        }
        if (program := environments.go()) is not None:
            sides["go"] = stack.enter_context(serving(program, "PORT"))
        near = costs(bench, {name: (sides[name], load.CALL) for name in ("ours", "again", "floor")})
        got = {
            name: costs(bench, {each: (sides[each], load.CALL) for each in ("ours", name)})
            for name in sides.keys() - {"ours", "again", "floor"}
        }
        # Heads that never come twice: what such a call costs where nothing is known again (docs/design/http-server.md).
        other = costs(bench, {name: (sides[name], varied) for name in ("ours", "floor", "mcp")})
    # What a ratio is when nothing differs: how far those below can be trusted.
    bench.beside(
        "HTTP tools/call: CPU, of another process's of the same", near["ours"], near["again"], ("ours", "again")
    )
    for name in ("floor", "mcp"):
        bench.beside(f"the same, no head twice: CPU, of {name}'s", other["ours"], other[name], ("ours", name))
    for name, target, columns in (
        ("floor", 45 / 34, near),
        ("mcp", 1 / 7, got["mcp"]),
        ("fastmcp", 1 / 25, got["fastmcp"]),
        ("typescript", 1 / 11, got["typescript"]),
    ):
        what = f"HTTP tools/call, async def: CPU, of {name}'s"
        bench.table.ratio(what, columns["ours"], columns[name], target, names=("ours", name))
    if go := got.get("go"):
        bench.beside("HTTP tools/call: CPU, of the Go SDK's (no target)", go["ours"], go["go"], ("ours", "go"))


def threads(bench: Bench) -> None:
    """`def`, which we and the official SDK run in a worker thread."""
    with (
        serving(bench.ours, SERVERS / "ours.py", "PORT", "def") as a,
        serving(bench.mcp, SERVERS / "official.py", "PORT", "def") as b,
    ):
        got = costs(bench, {"ours": (a, load.CALL), "mcp": (b, load.CALL)})
    bench.table.ratio(
        "HTTP tools/call, def in a thread: CPU, of mcp's", got["ours"], got["mcp"], 1 / 4, names=("ours", "mcp")
    )


def older(bench: Bench, *, stream: bool) -> None:
    """A call in a session of the older era, answered with JSON or by a stream."""
    words = ("session", "stream") if stream else ("session",)
    with (
        serving(bench.ours, SERVERS / "ours.py", "PORT") as a,
        serving(bench.mcp, SERVERS / "official.py", "PORT", *words) as b,
    ):
        sents = [load.older(asyncio.run(load.session(side.port)), stream=stream) for side in (a, b)]
        for side, sent in zip((a, b), sents, strict=True):
            _, head, _ = asyncio.run(load.converse(side.port, sent))
            if (b"text/event-stream" in head) is not stream:
                raise RuntimeError(f"the answer is of the other kind: {head!r}")
        got = costs(bench, {"ours": (a, sents[0]), "mcp": (b, sents[1])})
    what = "SSE" if stream else "JSON"
    bench.table.ratio(
        f"session tools/call, {what}: CPU, of mcp's", got["ours"], got["mcp"], 1 / 7, names=("ours", "mcp")
    )


def secured(bench: Bench) -> None:
    """Tokens, a schema by hand and telemetry, against the bare call."""
    python = environments.secured()
    token = bench.output(python, SERVERS / "jwt_keys.py").strip()
    sent = load.Request(load.CALL.body, {**load.CALL.headers, "Authorization": f"Bearer {token}"})
    with (
        serving(python, SERVERS / "ours.py", "PORT", "secured", first=sent) as a,
        serving(python, SERVERS / "ours.py", "PORT") as b,
        serving(bench.ours, SERVERS / "floor.py", "PORT") as c,
    ):
        bad = load.Request(sent.body, {**sent.headers, "Authorization": f"Bearer {token[:-8]}AAAAAAAA"})
        if (status := asyncio.run(load.exchange(a.port, bad))[0]) != 401:
            raise RuntimeError(f"a bad token was answered with {status}")
        got = costs(bench, {"all": (a, sent), "bare": (b, load.CALL), "floor": (c, load.CALL)})
    bench.table.ratio(
        "JWT, schema and telemetry: CPU, of the bare call's", got["all"], got["bare"], 2, names=("all", "bare")
    )
    bench.table.ratio(
        "JWT, schema and telemetry: CPU, of floor's", got["all"], got["floor"], 2 * 45 / 34, names=("all", "floor")
    )


def proxied(bench: Bench) -> None:
    """The process in the middle: a proxy of a server over HTTP."""
    with serving(bench.ours, SERVERS / "ours.py", "PORT") as behind, ExitStack() as stack:
        option = f"proxy=http://127.0.0.1:{behind.port}/mcp"
        a = stack.enter_context(serving(bench.ours, SERVERS / "ours.py", "PORT", option))
        b = stack.enter_context(serving(environments.fast(), SERVERS / "fast.py", "PORT", option))
        c = stack.enter_context(serving(bench.ours, SERVERS / "floor.py", "PORT"))
        got = costs(bench, {"ours": (a, load.CALL), "floor": (c, load.CALL)})
        # FastMCP's answers some ten calls a second, so its calls are counted and not its time.
        slow = {"ours": lambda: few(a, 20), "fastmcp": lambda: few(b, 4)}
        slowly = bench.turns(slow, warm=lambda: [side() for side in slow.values()], rounds=bench.fewer)
    # 160 us where a bare call is 34.
    bench.table.ratio(
        "proxy over HTTP: its CPU, of the floor's", got["ours"], got["floor"], 160 / 34, names=("ours", "floor")
    )
    bench.table.ratio(
        "proxy over HTTP: its CPU, of FastMCP's", slowly["ours"], slowly["fastmcp"], 1 / 10, names=("ours", "fastmcp")
    )


def workers(bench: Bench) -> None:
    """Two processes on one port, against one."""
    command = (bench.ours, "-m", "dragoman", "run", SERVERS / "ours_plain.py", "--http", "--port", "PORT")
    for _ in range(LIVES):
        # The kernel deals out connections by chance, and they are kept: of few, one worker may get hardly any.
        with serving(*command, "--workers", "2") as two, serving(*command, "--workers", "1") as one:
            sides = {"two": (two, load.CALL), "one": (one, load.CALL)}
            got = costs(bench, sides, max(4, bench.rounds // LIVES), MANY)
        bench.table.ratio(
            "two workers: CPU per call, of one worker's", got["two"], got["one"], 1.1, names=("two", "one")
        )

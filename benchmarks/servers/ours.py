"""Dragoman: `ours.py PORT|stdio [def] [secured] [roomy] [tools=N] [proxy=URL]`.

Without more words it is the README's server with all defaults, `async def`. `secured` adds tokens, a schema by hand and
telemetry; `roomy` lets in more sessions and listeners than a test of ten thousand needs, and has tools that stream and
carry a megabyte.
"""

import sys

from dragoman import Context, Limits, Server

WORDS = sys.argv[2:]
OPTIONS = dict(word.split("=", 1) for word in WORDS if "=" in word)


async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def plain(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def count(to: int, ctx: Context) -> int:
    """Count, and tell at each step."""
    for step in range(to):
        await ctx.progress(step + 1, to)
    return to


async def take(text: str) -> int:
    """How long a text is."""
    return len(text)


async def give(size: int) -> str:
    """A text of that length."""
    return "x" * size


def secured() -> Server:
    """The same tool behind all that judges and records a call."""
    from jwt_keys import AUDIENCE, ISSUER, public_keys
    from opentelemetry.sdk.trace import TracerProvider

    from dragoman import JWTAuth, Telemetry

    auth = JWTAuth(ISSUER, AUDIENCE, jwks=public_keys())
    server = Server("bench", version="1.0.0", auth=auth, telemetry=Telemetry(TracerProvider()))
    whole = {"type": "integer", "minimum": 0}
    schema = {"type": "object", "properties": {"a": whole, "b": whole}, "required": ["a", "b"]}
    server.add_tool(add, name="add", input_schema=schema)
    return server


def made() -> Server:
    """Return the server that the words ask for."""
    if "secured" in WORDS:
        return secured()
    if "proxy" in OPTIONS:
        return Server.proxy(OPTIONS["proxy"])
    if "roomy" in WORDS:
        limits = Limits(sessions=20_000, listeners=20_000)
        server = Server("bench", version="1.0.0", limits=limits)
        for tool in (count, take, give):
            server.add_tool(tool)
    else:
        server = Server("bench", version="1.0.0")
    server.add_tool(plain if "def" in WORDS else add, name="add")
    for number in range(int(OPTIONS.get("tools", 1)) - 1):
        server.add_tool(add, name=f"add_{number}")
    return server


server = made()

if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run()
    else:
        server.run("http", port=int(sys.argv[1]))

"""The official SDK, with its fastest settings: `official.py PORT|stdio [def] [session] [stream] [large]`.

`session` keeps sessions of the older era, `stream` answers in events, as it does by itself; otherwise JSON, for speed.
"""

import sys

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

WORDS = sys.argv[2:]
server = MCPServer("bench")

if "def" in WORDS:

    @server.tool(name="add")
    def plain(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

else:

    @server.tool()
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b


@server.tool()
async def count(to: int, ctx: Context) -> int:
    """Count, and tell at each step."""
    for step in range(to):
        await ctx.report_progress(step + 1, to)
    return to


@server.tool()
async def take(text: str) -> int:
    """How long a text is."""
    return len(text)


@server.tool()
async def give(size: int) -> str:
    """A text of that length."""
    return "x" * size


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run("stdio")
    else:
        app = server.streamable_http_app(
            stateless_http="session" not in WORDS, json_response="stream" not in WORDS, max_sessions=None
        )
        uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", loop="uvloop", http="httptools")

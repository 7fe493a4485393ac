"""FastMCP, with its fastest settings: `fast.py PORT|stdio [proxy=URL]`."""

import sys

import uvicorn
from fastmcp import FastMCP
from fastmcp.server import create_proxy

OPTIONS = dict(word.split("=", 1) for word in sys.argv[2:] if "=" in word)
server = create_proxy(OPTIONS["proxy"]) if "proxy" in OPTIONS else FastMCP("bench")


if "proxy" not in OPTIONS:

    @server.tool
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run("stdio", show_banner=False)
    else:
        app = server.http_app(stateless_http=True, json_response=True)
        uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", loop="uvloop", http="httptools")

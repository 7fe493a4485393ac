"""A low-level server for mcp 1.x, made and run inside main()."""

import asyncio
from typing import Any

import mcp.server.stdio
import mcp.types as types
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions


async def main() -> None:
    server = Server("lowlevel-one", lifespan=None)

    @server.list_tools()
    async def list_tools() -> list[types.Tool]:
        schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
        gives = {"type": "object", "properties": {"sun": {"type": "boolean"}}}
        return [types.Tool(name="weather", description="Weather", inputSchema=schema, outputSchema=gives)]

    @server.call_tool()
    async def call_tool(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name != "weather":
            raise ValueError(f"no tool {name}")
        await server.request_context.session.send_log_message(level="info", data="asked")
        return {"city": arguments["city"], "sun": "true" if arguments["city"] == "Nowhere" else True}

    @server.list_resources()
    async def list_resources(request: types.ListResourcesRequest) -> types.ListResourcesResult:
        start = int(request.params.cursor or 0)
        shown = [types.Resource(uri=f"item://{n}", name=f"item {n}") for n in range(start, start + 2)]
        return types.ListResourcesResult(resources=shown, nextCursor=str(start + 2) if start < 2 else None)

    @server.read_resource()
    async def read_resource(uri) -> str:
        return f"{uri.scheme} {uri.host} {uri}"

    async with mcp.server.stdio.stdio_server() as (read, write):
        capabilities = server.get_capabilities(NotificationOptions(), {})
        await server.run(
            read, write, InitializationOptions(server_name="x", server_version="1", capabilities=capabilities)
        )


if __name__ == "__main__":
    asyncio.run(main())

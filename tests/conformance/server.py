"""The fixture that the official conformance suite calls: `python tests/conformance/server.py --port 3001`.

Names and texts are the suite's. It uses nothing but Dragoman's public API, and stands on one endpoint for every era.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from asking import register
from skills import register as register_skills
from tasks import register as register_tasks

from dragoman import (
    Audio,
    Context,
    EmbeddedResource,
    Image,
    PromptMessage,
    RequestError,
    ResourceContents,
    Server,
    TextContent,
    ToolError,
    user,
)

server = Server("dragoman-conformance", version="1.0.0", instructions="Fixtures of the conformance suite.")


def red_pixel() -> bytes:
    """Return a PNG of one red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
        + chunk(b"IEND", b"")
    )


def silence() -> bytes:
    """Return a WAV of eight silent samples."""
    samples = b"\x80" * 8
    shape = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    return b"RIFF" + struct.pack("<I", 4 + 24 + 8 + len(samples)) + shape + b"data" + struct.pack("<I", 8) + samples


PNG, WAV = red_pixel(), silence()


# The first tool of the list: the suite calls it without arguments.
@server.tool
async def test_simple_text() -> str:
    """Return a plain text."""
    return "This is a simple text response for testing."


@server.tool
async def test_image_content() -> Image:
    """Return an image."""
    return Image(PNG, mime_type="image/png")


@server.tool
async def test_audio_content() -> Audio:
    """Return a sound."""
    return Audio(WAV, mime_type="audio/wav")


def embedded(uri: str, text: str, mime_type: str) -> EmbeddedResource:
    return EmbeddedResource(resource=ResourceContents(uri=uri, text=text, mime_type=mime_type))


@server.tool
async def test_embedded_resource() -> EmbeddedResource:
    """Return an embedded resource."""
    return embedded("test://embedded-resource", "This is an embedded resource content.", "text/plain")


@server.tool(output_schema=False)
async def test_multiple_content_types() -> list[Any]:
    """Return text, an image and a resource in one result."""
    resource = embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json")
    return [TextContent(text="Multiple content types test:"), Image(PNG, mime_type="image/png"), resource]


@server.tool
async def test_error_handling() -> str:
    """Fail, as a tool fails."""
    raise ToolError("This tool intentionally returns an error for testing")


@server.tool
async def test_tool_with_progress(ctx: Context) -> str:
    """Report progress three times."""
    for done in (0, 50, 100):
        await ctx.progress(done, 100)
        await asyncio.sleep(0.05)
    return "done"


@server.tool
async def test_tool_with_logging(ctx: Context) -> str:
    """Log three times at level info."""
    for text in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.info(text)
        await asyncio.sleep(0.05)
    return "logged"


@server.tool
async def test_logging_tool(ctx: Context) -> str:
    """Log once, for those who asked for it."""
    await ctx.info("one line of log")
    return "logged"


@server.tool
async def test_header_parameter(
    region: Annotated[str, msgspec.Meta(extra_json_schema={"x-mcp-header": "Region"})], count: int = 0
) -> str:
    """Take a parameter that an HTTP header repeats."""
    return f"{region} {count}"


SCHEMA_2020_12: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


@server.tool(input_schema=SCHEMA_2020_12)
async def json_schema_2020_12_tool(
    name: str = "", address: dict[str, str] | None = None, contactMethod: str = "", phone: str = "", email: str = ""
) -> str:
    """Tool with JSON Schema 2020-12 features"""
    return f"{name} {address} {contactMethod} {phone or email}"


@server.resource("test://static-text", mime_type="text/plain")
async def static_text() -> str:
    """A text that never changes."""
    return "This is the content of the static text resource."


@server.resource("test://static-binary", mime_type="image/png")
async def static_binary() -> bytes:
    """A picture of one red pixel."""
    return PNG


@server.resource("test://template/{id}/data", mime_type="application/json")
async def template_data(id: str) -> str:
    """Data about the id in the address."""
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


@server.resource("test://watched-resource", mime_type="text/plain")
async def watched_resource() -> str:
    """A text that may be subscribed to."""
    return "Watched resource content"


@server.prompt
async def test_simple_prompt() -> str:
    """A prompt without arguments."""
    return "This is a simple prompt for testing."


@server.prompt
async def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """A prompt with two arguments.

    Args:
        arg1: First test argument.
        arg2: Second test argument.
    """
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@server.completion("test_prompt_with_arguments", "arg1")
async def complete_arg1(typed: str, chosen: Mapping[str, str]) -> list[str]:
    return [word for word in ("paris", "park", "party") if word.startswith(typed)]


@server.prompt
async def test_prompt_with_embedded_resource(resourceUri: str) -> list[PromptMessage]:
    """A prompt that embeds a resource.

    Args:
        resourceUri: URI of the resource to embed.
    """
    resource = embedded(resourceUri, "Embedded resource content for testing.", "text/plain")
    return [user(resource), user("Please process the embedded resource above.")]


@server.prompt
async def test_prompt_with_image() -> list[PromptMessage]:
    """A prompt with a picture."""
    return [user(Image(PNG, mime_type="image/png")), user("Please analyze the image above.")]


register(server)
register_tasks(server)
register_skills(server)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the fixtures of the conformance suite.")
    parser.add_argument("--port", type=int, default=3001)
    parser.add_argument("--without", help="a method that this server does not know, so that it has one era only")
    options = parser.parse_args()
    if options.without:

        @server.middleware
        async def one_era(call: Any, handler: Any) -> Any:
            if call.method == options.without:
                raise RequestError(-32601, f"{call.method} is not known here")
            return await handler(call)

    server.run("http", port=options.port)


if __name__ == "__main__":
    main()

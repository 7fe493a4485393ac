"""The server that the transcripts speak with: a little of everything, and the same in every run."""

import base64
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from dragoman import Audio, Context, Image, ResourceLink, Server, ToolError

server = Server("transcript", version="1.2.3", title="Transcript", instructions="Ask for anything.")
DOT = base64.b64decode("iVBORw0KGgo=")


@dataclass
class Place:
    """A place on a map."""

    name: str
    latitude: float


@server.tool
async def add(a: int, b: int = 2) -> int:
    """Add two numbers.

    Args:
        a: the first
        b: the second
    """
    return a + b


@server.tool(title="Find a place", read_only=True, idempotent=True)
def find(name: Annotated[str, msgspec.Meta(min_length=1)], kind: Literal["town", "river"] = "town") -> Place:
    return Place(name, 47.5)


@server.tool
async def fail() -> str:
    raise ToolError("there is no ink left")


@server.tool
async def show() -> list[Image | Audio | ResourceLink | str]:
    link = ResourceLink(uri="config://app", name="config", title="The settings")
    return ["look", Image(data=DOT, format="png"), Audio(data=DOT, format="wav"), link]


@server.tool
async def steps(count: int, ctx: Context) -> str:
    for number in range(1, count + 1):
        await ctx.progress(number, count, f"step {number}")
    return "done"


@server.resource("config://app", title="The settings", mime_type="application/json")
async def config() -> dict[str, bool]:
    """What is switched on."""
    return {"dark": True}


@server.resource("user://{id}/name")
async def user(id: int) -> str:
    return f"user {id}"


@server.prompt(title="A greeting")
async def greet(name: str, style: str = "kind") -> str:
    """Greet somebody."""
    return f"Say something {style} to {name}."


@server.completion("greet", "style")
async def styles(value: str, arguments: dict[str, str]) -> list[str]:
    return [style for style in ("kind", "curt", "kingly") if style.startswith(value)]


if __name__ == "__main__":
    server.run()

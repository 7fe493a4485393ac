"""The scorer: what counts as a server, what it needs, and what it is called with."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass
from typing import Annotated, Literal

import jsonschema
import msgspec
import pytest
from tests.compat.examples import examine
from tests.compat.page import cell
from tests.compat.score import made_up, registered, servers_in

from dragoman import Client, Server

ONE = "from mcp.server.fastmcp import FastMCP\nmcp = FastMCP('x')\n"


@pytest.mark.parametrize(
    "text, kind",
    [
        (ONE, "server"),
        ("from mcp.server import MCPServer\nmcp = MCPServer[int]('x')\n", "server"),
        ("from mcp.server.fastmcp import FastMCP\ndef build() -> FastMCP:\n    return FastMCP('x')\n", "server"),
        ("from mcp.server.fastmcp import FastMCP\ndef build(key) -> FastMCP:\n    return FastMCP(key)\n", "factory"),
        ("from fastmcp import Client\nasync def main():\n    Client('x')\n", "client"),
        ("from pydantic import BaseModel\n", "library"),
        ("", "empty"),
        (
            "from fastmcp import FastMCP\nimport asyncio\nasync def main():\n    FastMCP('x')\n"
            "if __name__ == '__main__':\n    asyncio.run(main())\n",
            "program",
        ),
    ],
)
def test_files_are_told_apart(tmp_path, text, kind) -> None:
    file = tmp_path / "example.py"
    file.write_text(text)
    assert examine(file, "example.py").kind == kind


def test_tests_and_clients_are_known_by_their_place(tmp_path) -> None:
    (tmp_path / "clients").mkdir()
    for name, kind in (
        ("test_x.py", "test"),
        ("x_client.py", "client"),
        ("clients/x.py", "client"),
        ("x.py", "server"),
    ):
        (tmp_path / name).write_text(ONE)
        assert examine(tmp_path / name, name).kind == kind


def test_needs_are_packages_that_are_neither_standard_nor_beside_it(tmp_path) -> None:
    (tmp_path / "beside.py").write_text("import pydantic, json\n")
    file = tmp_path / "example.py"
    file.write_text(ONE + "import os, beside, no_such_package\nfrom mcp_types import X\n")
    found = examine(file, "example.py")
    assert (found.needs, found.missing) == (["no_such_package", "pydantic"], ["no_such_package"])


def test_decorators_and_servers_are_counted(tmp_path) -> None:
    file = tmp_path / "example.py"
    file.write_text(
        ONE + "other = FastMCP('y')\n@mcp.tool\ndef a(): ...\n@mcp.tool()\ndef b(): ...\n"
        "@mcp.prompt('c')\ndef c(): ...\n@staticmethod\ndef d(): ...\n"
    )
    assert registered(file) == {"tool": 2, "prompt": 1}
    assert servers_in(file) == ["mcp", "other"]


class Color(enum.Enum):
    RED = "red"


@dataclass
class Inner:
    when: datetime.date
    names: Annotated[list[str], msgspec.Meta(min_length=2)]


async def test_made_up_arguments_fit_the_schema_they_are_made_for() -> None:
    server = Server("x")

    @server.tool
    def everything(
        a: int,
        b: Annotated[float, msgspec.Meta(ge=4)],
        c: Annotated[str, msgspec.Meta(min_length=3)],
        d: bool,
        e: Literal["x", "y"],
        f: Color,
        g: Inner,
        h: list[Inner],
        i: int | None,
        j: bytes,
        k: dict[str, int],
        m: datetime.datetime,
        n: str = "given",
    ) -> None: ...

    async with Client(server) as client:
        [tool] = await client.list_tools()
        arguments = made_up(tool.input_schema)
        jsonschema.validate(arguments, tool.input_schema)
        assert not (await client.call_tool("everything", arguments)).is_error


def test_paths_of_this_machine_stay_out_of_the_page() -> None:
    assert cell("dragoman: /home/me/x/.compat/mcp-1/examples/a.py ended | it\n") == "dragoman: a.py ended \\| it "
    assert cell("see docs/compat.md, https://example.com/a/b.html and a/b") == (
        "see docs/compat.md, https://example.com/a/b.html and a/b"
    )

"""From a file to the server in it: which one is found, and what is said when none is."""

from __future__ import annotations

import asyncio
import sys

import pytest

from dragoman import Server
from dragoman.compat.loader import load, split
from dragoman.compat.refusal import CompatError, LoadError
from dragoman.compat.stage import Captured, capture, captured

ONE = """
from mcp.server.fastmcp import FastMCP
mcp = FastMCP("one")
"""
TWO = """
from mcp.server.fastmcp import FastMCP
first = FastMCP("first")
second = FastMCP("second")
"""


def test_the_only_server_is_found_whatever_its_name(loaded) -> None:
    assert loaded("from dragoman import Server\nthing = Server('native')").name == "native"
    assert loaded("from fastmcp import FastMCP\nthing = FastMCP('fast')", file="other.py").name == "fast"


def test_the_same_server_under_two_names_is_one(loaded) -> None:
    assert loaded(ONE + "again = mcp").name == "one"


def test_one_of_several_servers_is_named_or_preferred(loaded) -> None:
    with pytest.raises(
        LoadError, match=r"several servers; say which: example_server\.py:first, example_server\.py:second"
    ):
        loaded(TWO)
    assert loaded(TWO, "second").name == "second"
    with pytest.raises(LoadError, match="has no 'third': it has first, second"):
        loaded(TWO, "third")
    assert loaded(TWO + "app = FastMCP('preferred')").name == "preferred"


def test_a_name_may_be_a_function_that_makes_a_server(loaded) -> None:
    made = "def make():\n    return FastMCP('made')\nasync def later():\n    return FastMCP('later')\n"
    text = "from fastmcp import FastMCP\n" + made
    assert loaded(text, "make").name == "made"
    assert loaded(text, "later", file="b.py").name == "later"
    with pytest.raises(LoadError, match="'other'"):
        loaded(text, "other", file="c.py")
    with pytest.raises(LoadError, match="is no server, but of the type int"):
        loaded(text + "number = 3\n", "number", file="d.py")


def test_the_main_part_does_not_run_when_there_is_a_server(loaded, capfd) -> None:
    server = loaded(ONE + "if __name__ == '__main__':\n    print('ran')\n    mcp.run()\n")
    assert server.name == "one"
    assert capfd.readouterr().out == ""


def test_a_run_that_is_not_guarded_ends_the_loading(loaded) -> None:
    assert loaded(ONE + "mcp.run()\nraise RuntimeError('not reached')\n").name == "one"
    native = "from dragoman import Server\nServer('native').run('http', port=1)\n"
    assert loaded(native, file="native.py").name == "native"


def test_a_server_that_only_the_program_makes_is_found(loaded) -> None:
    program = """
    import sys
    from mcp.server.fastmcp import FastMCP
    def main():
        assert len(sys.argv) == 1
        print("this must not reach stdout")
        FastMCP("inside").run(transport="sse")
    if __name__ == "__main__":
        main()
    """
    assert loaded(program).name == "inside"
    assert loaded(program.replace('if __name__ == "__main__":\n        main()', ""), file="b.py").name == "inside"


def test_what_a_program_prints_does_not_reach_stdout(loaded, capfd) -> None:
    loaded("print('loud')\nfrom fastmcp import FastMCP\nmcp = FastMCP('x')")
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("", "loud\n")


def test_a_program_may_run_its_server_from_an_event_loop_or_through_uvicorn(loaded) -> None:
    start = "import asyncio\nfrom fastmcp import FastMCP\n"
    in_loop = (
        "async def main():\n    await FastMCP('looped').run_async()\n"
        "if __name__ == '__main__':\n    asyncio.run(main())"
    )
    assert loaded(start + in_loop).name == "looped"
    served = "import uvicorn\nif __name__ == '__main__':\n    uvicorn.run(FastMCP('served').http_app())"
    assert loaded(start + served, file="b.py").name == "served"
    in_group = (
        "async def main():\n    async with asyncio.TaskGroup() as group:\n"
        "        group.create_task(FastMCP('grouped').run_async())\nif __name__ == '__main__':\n    asyncio.run(main())"
    )
    assert loaded(start + in_group, file="c.py").name == "grouped"


def test_a_file_in_a_package_may_import_its_neighbours(loaded, tmp_path) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "names.py").write_text("NAME = 'packed'")
    text = "from fastmcp import FastMCP\nfrom .names import NAME\nmcp = FastMCP(NAME)"
    assert loaded(text, file="shop/server.py").name == "packed"


def test_a_file_may_import_files_beside_it(loaded, tmp_path) -> None:
    (tmp_path / "beside_it.py").write_text("NAME = 'beside'")
    assert loaded("from fastmcp import FastMCP\nfrom beside_it import NAME\nmcp = FastMCP(NAME)").name == "beside"


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path) -> None:
    with pytest.raises(LoadError, match="no such file"):
        load(tmp_path / "none.py")
    with pytest.raises(LoadError, match="is not a file"):
        load(tmp_path)


@pytest.mark.parametrize(
    "text, said",
    [
        ("x = (\n", r"example_server\.py:1: .*never closed"),
        ("import sys\nsys.exit(3)", r"ended the program \(exit status 3\)"),
        ("x = 1\n1 / 0", r"example_server\.py:2: ZeroDivisionError: division by zero"),
        ("import no_such_thing", r"example_server\.py:1: No module named .*pip install no-such-thing"),
        ("x = 1", r"no server in .*example_server\.py: give it one at module level"),
        ("def make() -> 'FastMCP': ...", r"functions that make one: say example_server\.py:make"),
        ("\0", r"example_server\.py: .*null bytes"),
    ],
)
def test_a_file_that_is_broken_is_described(loaded, text, said) -> None:
    with pytest.raises(LoadError, match=said):
        loaded(text)


def test_a_package_that_came_along_is_named_as_such(loaded, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "starlette", None)
    with pytest.raises(LoadError, match=r"starlette.*came along with the package .*pip install starlette"):
        loaded("import starlette")


def test_a_name_that_is_not_supported_goes_through_as_its_own_error(loaded) -> None:
    with pytest.raises(CompatError, match=r"mcp\.server\.websocket is not supported by dragoman; serve over stdio"):
        loaded("from mcp.server.websocket import websocket_server")


def test_without_compat_the_names_are_not_served(loaded, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "fastmcp", None)
    with pytest.raises(LoadError, match="fastmcp"):
        loaded("from fastmcp import FastMCP", compat=False)


def test_a_file_that_fails_leaves_no_module_behind(loaded) -> None:
    with pytest.raises(LoadError):
        loaded("raise ValueError", file="fails_at_once.py")
    assert "fails_at_once" not in sys.modules


@pytest.mark.parametrize(
    "target, parts",
    [
        ("server.py", ("server.py", None)),
        ("a/server.py:mcp", ("a/server.py", "mcp")),
        ("C:server.py", ("C:server.py", None)),
        ("C:/a.py:mcp", ("C:/a.py", "mcp")),
        (":mcp", (":mcp", None)),
        ("a.py:", ("a.py:", None)),
    ],
)
def test_file_and_name_are_split_at_the_last_colon(target, parts) -> None:
    assert split(target) == parts


def test_a_captured_run_is_found_inside_of_groups() -> None:
    inner = Captured("server")
    assert captured(BaseExceptionGroup("a", [ValueError(), BaseExceptionGroup("b", [inner])])) is inner
    assert captured(BaseExceptionGroup("a", [ValueError()])) is None


def test_outside_of_loading_nothing_is_captured() -> None:
    capture(Server("runs"))
    assert asyncio.run(asyncio.sleep(0)) is None

"""The import finder: what it answers for, and how it refuses."""

from __future__ import annotations

import importlib
import sys

import pytest

from dragoman.compat.finder import PACKAGES, hint, install, uninstall
from dragoman.compat.names import INSTEAD, MODULES
from dragoman.compat.refusal import CompatError, UnsupportedNameError


@pytest.fixture
def installed(alone):
    install()


def test_every_name_in_the_table_is_there(installed) -> None:
    for module, names in MODULES.items():
        found = importlib.import_module(module)
        for name in names:
            assert getattr(found, name) is not None, f"{module}.{name}"


def test_every_module_in_the_table_belongs_to_a_package_that_is_served() -> None:
    assert {name.partition(".")[0] for name in MODULES} == PACKAGES
    for name in MODULES:
        parent = name.rpartition(".")[0]
        assert not parent or parent in MODULES, f"{name} cannot be imported without {parent}"


def test_modules_are_attributes_of_their_packages(installed) -> None:
    import mcp

    assert mcp.types.TextContent is importlib.import_module("mcp.types").TextContent
    assert mcp.server.fastmcp.FastMCP is importlib.import_module("mcp.server").FastMCP
    assert mcp.server.stdio.__name__ == "mcp.server.stdio"


def test_a_star_import_brings_the_supported_names(installed) -> None:
    names: dict[str, object] = {}
    exec("from mcp.types import *", names)
    assert {"Tool", "TextContent", "INVALID_PARAMS"} <= set(names)


@pytest.mark.parametrize(
    "line, said",
    [
        (
            "from mcp.server.fastmcp import Nothing",
            r"fastmcp\.Nothing is not supported by dragoman; docs/compat",
        ),
        ("import mcp.server.nothing", r"mcp\.server\.nothing is not supported by dragoman"),
        ("import mcp.client.auth", r"mcp\.client\.auth is not supported by dragoman; dragoman\.Client"),
        ("from fastmcp.cli import X", "the command is `dragoman`"),
        ("import mcp; mcp.nothing", r"mcp\.nothing is not supported"),
    ],
)
def test_a_name_that_is_not_supported_is_refused_by_name(installed, line, said) -> None:
    with pytest.raises(UnsupportedNameError, match=said) as refused:
        exec(line, {})
    assert isinstance(refused.value, ImportError) and isinstance(refused.value, CompatError)


def test_files_that_try_an_import_and_go_on_still_do(installed) -> None:
    names: dict[str, object] = {}
    exec("try:\n    from mcp.server.nothing import X\nexcept ImportError:\n    X = None", names)
    assert names["X"] is None


def test_what_is_not_of_these_packages_is_left_alone(installed) -> None:
    assert importlib.util.find_spec("mcp_not_these") is None
    assert importlib.import_module("json").loads("1") == 1


def test_installing_twice_and_taking_back_leaves_nothing(alone) -> None:
    before = list(sys.meta_path)
    install()
    install()
    assert len(sys.meta_path) == len(before) + 1
    importlib.import_module("mcp.server.fastmcp")
    uninstall()
    uninstall()
    assert sys.meta_path == before and "mcp" not in sys.modules


def test_a_client_can_be_imported_but_not_used(installed) -> None:
    from fastmcp import Client

    with pytest.raises(UnsupportedNameError, match=r"Client is not supported by dragoman; dragoman\.Client"):
        Client("server")


def test_hints_come_from_the_longest_prefix() -> None:
    assert hint("fastmcp.experimental.sampling.X") == INSTEAD["fastmcp.experimental"]
    assert hint("elsewhere") == ""

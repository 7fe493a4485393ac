"""The import finder that answers for `mcp`, `fastmcp` and `mcp_types`, whether or not they are installed.

`dragoman run` installs it; nothing else does. Promise: a name it does not know is a typed error that says so.
Limit: a real package that was imported before `install()` stays.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dragoman.compat.refusal import unsupported_name

if TYPE_CHECKING:
    from importlib.abc import Loader, MetaPathFinder
else:
    # The import system asks for methods, not for bases, and these load what reads resources out of packages.
    class Loader: ...

    class MetaPathFinder: ...


PACKAGES = frozenset({"mcp", "mcp_types", "fastmcp"})


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in PACKAGES:
            return None
        if fullname not in _table().MODULES:
            raise unsupported_name(fullname, hint(fullname))
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        module.__dict__["__all__"] = [known for known in _table().MODULES[name] if not known.startswith("_")]
        module.__dict__["__getattr__"] = partial(_find, module)


_finder = _Finder()


def _table() -> Any:
    """Loaded by the first name that is asked for: servers of Dragoman's own don't pay for it."""
    return importlib.import_module("dragoman.compat.names")


def install() -> None:
    """Let imports of the packages that compat stands for find it first. Does nothing the second time."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    """Take back `install`, and forget the alias modules. Does nothing if it was not installed."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    for name, module in list(sys.modules.items()):
        if getattr(getattr(module, "__spec__", None), "loader", None) is _finder:
            del sys.modules[name]


def hint(name: str) -> str:
    """Return what to use instead of `name`, from the longest prefix that has an answer; "" if none has."""
    instead: dict[str, str] = _table().INSTEAD
    while name:
        if name in instead:
            return instead[name]
        name = name.rpartition(".")[0]
    return ""


def _find(module: ModuleType, attribute: str) -> Any:
    """Return what `module.attribute` stands for. Raises UnsupportedNameError if it stands for nothing."""
    full = f"{module.__name__}.{attribute}"
    if attribute.startswith("__"):
        raise AttributeError(f"module {module.__name__!r} has no attribute {attribute!r}")
    source = _table().MODULES[module.__name__].get(attribute)
    if source is None:
        if full in _table().MODULES:
            return importlib.import_module(full)
        raise unsupported_name(full, hint(full))
    home, _, name = source.partition(":")
    value = getattr(importlib.import_module(f"dragoman.compat.{home}"), name or attribute)
    module.__dict__[attribute] = value
    return value

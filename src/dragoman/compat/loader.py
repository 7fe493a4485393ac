"""From a file to a server: imports the file with compat's names at hand and finds the server in it.

A file is first imported as a module, so that its `if __name__ == "__main__":` part does not run; only if that leaves
no server is it run as a program, up to its own `run(...)`. Promise: every failure is a LoadError that says where.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from dragoman.app.server import Server
from dragoman.compat.finder import install
from dragoman.compat.refusal import CompatError, LoadError
from dragoman.compat.stage import Captured, alone, captured, made, pause
from dragoman.compat.stage import loading as on_stage

# When a file holds several servers, the one that command lines of other packages would pick.
_PREFERRED = ("mcp", "server", "app")
# What came along with the packages that compat stands for, and must now be installed by itself.
_CAME_ALONG = {"pydantic", "pydantic_settings", "anyio", "httpx", "httpx2", "starlette", "click", "jsonschema", "rich"}


def load(path: str | Path, name: str | None = None, *, compat: bool = True) -> Server:
    """Return the server in the Python file `path`: the one called `name`, or the only one.

    `name` may also be a function that makes a server and takes no arguments.
    With `compat`, servers written for `mcp` and `fastmcp` load too, even if
    those packages are installed. Raises LoadError, or another CompatError for
    a name of those packages that is not supported.
    """
    file = Path(path).resolve()
    code = _compile(file)
    if compat:
        install()
    with contextlib.redirect_stdout(sys.stderr), on_stage():
        try:
            return _native(_found(file, code, name))
        except Captured as ended:
            return _native(ended.server)


def _found(file: Path, code: CodeType, name: str | None) -> Any:
    """Return the server that the file holds or, if none, runs. Raises Captured where the file itself runs one."""
    with _as_program(file):
        module = _import(file, code)
    if name is not None:
        return _named(module, file, name)
    if found := _servers(module):
        return _only(found, file)
    if "__main__" in code.co_consts or file.name == "__main__.py":
        server = _run(file, lambda: _execute(file, code, "__main__", _place(file)[1].rpartition(".")[0] or None))
    elif callable(vars(module).get("main")):
        # What an installed command would call.
        server = _run(file, _program(file, vars(module)["main"]))
    else:
        server = None
    if server is None:
        raise LoadError(f"no server in {file}: {_advice(module)}")
    return server


def split(target: str) -> tuple[str, str | None]:
    """Return file and name of `FILE[:NAME]`; a colon that belongs to the path stays there."""
    path, colon, name = target.rpartition(":")
    return (path, name) if colon and path and name.isidentifier() and not Path(target).exists() else (target, None)


def _compile(file: Path) -> CodeType:
    try:
        if not file.exists():
            raise LoadError(f"no such file: {file}")
        if not file.is_file():
            raise LoadError(f"{file} is not a file; name the Python file that holds the server")
        return compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
    except SyntaxError as fault:
        shown = (fault.text or "").strip()
        line = f":{fault.lineno}" if fault.lineno else ""  # none, where it is no line that is at fault
        raise LoadError(f"{file}{line}: {fault.msg}" + (f": {shown}" if shown else "")) from fault
    except OSError as fault:
        raise LoadError(f"{str(file)[:200]} cannot be read: {fault.strerror}") from None
    except ValueError as fault:
        raise LoadError(f"{file} cannot be read as Python: {fault}") from fault


def _place(file: Path) -> tuple[Path, str]:
    """Return the folder to import from and the dotted name there: packages are entered from their root."""
    root, parts = file.parent, [file.stem]
    while (root / "__init__.py").exists() and root.parent != root:
        parts.insert(0, root.name)
        root = root.parent
    return root, ".".join(parts)


def _import(file: Path, code: CodeType) -> ModuleType:
    root, name = _place(file)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    if "." in name:
        module: ModuleType = _guarded(file, lambda: importlib.import_module(name))
        return module
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) != str(file):
        name = f"{name}_server"
    return _execute(file, code, name)


def _execute(file: Path, code: CodeType, name: str, package: str | None = None) -> ModuleType:
    module = ModuleType(name)
    module.__file__ = str(file)
    module.__package__ = package
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        _guarded(file, lambda: exec(code, module.__dict__))
    except Captured:
        raise
    except BaseException:
        if before is not None:
            sys.modules[name] = before
        else:
            sys.modules.pop(name, None)
        raise
    return module


def _guarded(file: Path, run: Callable[[], Any]) -> Any:
    """Run code of the user's. Raises Captured or a CompatError, whatever the code raises."""
    try:
        return run()
    except CompatError:
        raise
    except SystemExit as stop:
        raise LoadError(f"{file} ended the program (exit status {stop.code}) while it was loaded") from stop
    except ModuleNotFoundError as fault:
        raise LoadError(f"{_where(file, fault)}: {_missing(fault)}") from fault
    except KeyboardInterrupt:
        raise
    except BaseException as fault:
        if (ended := captured(fault)) is not None:
            raise ended from None
        cause = alone(fault)
        raise LoadError(f"{_where(file, cause)}: {type(cause).__name__}: {cause}") from cause


def _missing(fault: ModuleNotFoundError) -> str:
    package = (fault.name or "").partition(".")[0]
    came = "; it came along with the package this server was written for" if package in _CAME_ALONG else ""
    return f"{fault}{came}; install it: pip install {package.replace('_', '-')}"


def _where(file: Path, fault: BaseException) -> str:
    """Return file and line of the last frame in the user's own file."""
    linecache.checkcache(str(file))
    frames = [frame for frame in traceback.extract_tb(fault.__traceback__) if frame.filename == str(file)]
    return f"{file}:{frames[-1].lineno}" if frames else str(file)


def _is_server(value: Any) -> bool:
    return isinstance(value, Server) or isinstance(getattr(value.__class__, "native", None), property)


def _native(value: Any) -> Server:
    native: Server = value if isinstance(value, Server) else value.native
    return native


def _servers(module: ModuleType) -> dict[str, Any]:
    """Return the servers among the module's globals, each once, under its first name."""
    found: dict[int, tuple[str, Any]] = {}
    for name, value in vars(module).items():
        if _is_server(value):
            found.setdefault(id(value), (name, value))
    return dict(found.values())


def _only(found: dict[str, Any], file: Path) -> Any:
    if len(found) == 1:
        return next(iter(found.values()))
    for name in _PREFERRED:
        if name in found:
            return found[name]
    raise LoadError(f"{file} holds several servers; say which: {', '.join(f'{file.name}:{name}' for name in found)}")


def _named(module: ModuleType, file: Path, name: str) -> Server:
    value: Any = getattr(module, name, None)
    if value is None:
        raise LoadError(f"{file} has no {name!r}: {_advice(module)}")
    if not _is_server(value) and callable(value):
        value = _guarded(file, lambda: _make(value))
    if not _is_server(value):
        raise LoadError(f"{name!r} in {file} is no server, but of the type {type(value).__name__}")
    return _native(value)


def _make(function: Callable[[], Any]) -> Any:
    value = function()
    return asyncio.run(_awaited(value)) if inspect.isawaitable(value) else value


async def _awaited(value: Any) -> Any:
    return await value


def _run(file: Path, program: Callable[[], Any]) -> Any:
    """Run the file's own program, and return the server that it runs or, if only one, makes; else None."""
    with _as_program(file), pause(), made() as servers:
        try:
            program()
        except Captured as ended:
            if ended.server is not None:
                return ended.server
        except LoadError:
            # What fails after the server was made is what was done with it, such as calling it as a client would.
            if not servers:
                raise
    return _only_made(servers, file) if servers else None


@contextlib.contextmanager
def _as_program(file: Path) -> Generator[None]:
    """While entered, the command line is the file's own, without arguments: files parse it, some at import."""
    argv, sys.argv = sys.argv, [str(file)]
    try:
        yield
    finally:
        sys.argv = argv


def _program(file: Path, main: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: _guarded(file, lambda: _make(main))


def _only_made(servers: list[Any], file: Path) -> Any:
    if len(servers) == 1:
        return servers[0]
    raise LoadError(f"{file} makes {len(servers)} servers when run; give the one to serve a name at module level")


def _advice(module: ModuleType) -> str:
    if found := _servers(module):
        return f"it has {', '.join(found)}"
    makers = [name for name, value in _functions(module) if _makes_server(value)]
    if makers:
        return (
            f"it has functions that make one: say {', '.join(f'{Path(str(module.__file__)).name}:{m}' for m in makers)}"
        )
    return 'give it one at module level, as in `server = Server("name")`'


def _functions(module: ModuleType) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in vars(module).items() if inspect.isfunction(value))


def _makes_server(function: Any) -> bool:
    required = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    returns = str(getattr(function, "__annotations__", {}).get("return", ""))
    return not required and any(word in returns for word in ("MCPServer", "FastMCP", "Server"))

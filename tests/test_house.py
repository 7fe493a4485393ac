"""The walls of the house, held by the syntax tree: what may import what, how large things may grow.

docs/design/house.md says why. Each rule is a function from one module to its faults; each is shown to bite below.
"""

import ast
import functools
import gc
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src" / "dragoman"

# Ground floor first. Rooms that share a floor do not know each other.
FLOORS: dict[str, int] = {
    "errors": 0, "late": 0, "wire": 1, "protocol": 2, "ports": 3,
    "serving": 4, "calling": 4, "transport": 4, "store": 4, "auth": 4, "engines": 4,
    "app": 5,
    "connectors": 6, "compat": 6, "testing": 6, "host": 6, "gateway": 6, "inspector": 6, "lint": 6,
    "doctor": 6, "configs": 6, "registry": 6,
    "cli": 7, "__init__": 8, "__main__": 8,
}  # fmt: skip
PURE_ROOMS = {"wire", "protocol"}
# The shape of what a call may await is declared here; nothing is awaited here either.
DECLARES_ASYNC = {"protocol/exchange.py"}
# What reaches outside the process, the clock or chance. Time and random bytes are parameters there.
IMPURE = {
    "asyncio", "concurrent", "io", "logging", "multiprocessing", "os", "pathlib", "queue", "random", "secrets",
    "select", "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading",
    "time", "uuid", "http.client", "http.server", "urllib.request",
}  # fmt: skip
IMPURE_CALLS = {"now", "utcnow", "today", "urandom", "open", "print", "input", "getLogger"}
EXTRAS = {
    "pypdfium2", "python_calamine", "lxml", "selectolax", "striprtf", "PIL", "sqlglot", "uvloop", "httptools",
    "pydantic",
    "fpdf", "docx", "openpyxl", "starlette", "fastapi", "mcp", "fastmcp", "jsonschema", "cryptography", "joserfc",
    "opentelemetry", "redis", "psycopg", "yaml", "pymysql", "duckdb", "sqlalchemy", "procrastinate",
    "obstore", "asyncssh", "pathspec",
}  # fmt: skip
# One module per library, loaded by name when a file of its kind turns up; test_budgets.py imports the rest without.
# Likewise the stores of other machines, which app/keeping.py loads by name when an address asks for one, and the queue
# in one of them, which app/engines.py loads.
HOMES_OF_EXTRAS = (
    "connectors/trees/sftp.py", "connectors/trees/ignored.py",  # likewise
    "connectors/trees/cloud.py",  # loaded by name where an address asks for a bucket: connectors/trees/kind.py
    "connectors/folders/index_server.py",  # and likewise
    "connectors/databases/postgres.py", "connectors/databases/mysql.py", "connectors/databases/duck.py",
    "connectors/databases/alchemy.py",  # loaded by name where an address asks for one: connectors/databases/opening.py
    "connectors/extract/", "store/redis.py", "store/postgres.py", "store/connections.py", "store/tables.py",
    "engines/",
    "protocol/front_matter.py",  # loaded where there are skills: app/skills.py, and a client that asks for them
)  # fmt: skip
# The only imports inside functions: extras that may be missing, and products a command line should not load for --help.
LAZY: dict[str, set[str]] = {
    "serving/faults.py": {"difflib"},
    "serving/nearest.py": {"difflib"},
    "app/telemetry.py": {"opentelemetry"},  # an extra; the module itself is loaded only where it is asked for
}
# Who may open connections over HTTP: the client of the server that the user named, and the fetcher of all else, which
# judges addresses (threat 4). Everything that a peer names goes through the port of the fetcher.
HTTP_CLIENTS = {
    "urllib.request", "http.client", "httpx", "httpcore", "aiohttp", "requests", "urllib3", "niquests", "treq",
    "pycurl", "curl_cffi", "websockets", "tornado", "grpc", "xmlrpc", "ftplib", "smtplib",
    "dragoman.transport.http_wire",
}  # fmt: skip
SPEAK_HTTP = {
    "transport/http_client.py", "transport/sse_client.py", "transport/fetch.py",
    "transport/streamed.py",  # the model that the user named
}  # fmt: skip
OPEN_SOCKETS = {"create_connection", "open_connection", "sock_connect", "connect_ex", "urlopen", "urlretrieve"}
IMPORT_BY_WORD = {"import_module", "__import__", "find_spec"}
# Who makes what fetches, and by whose word: an address from a peer as the base of a fetcher would let it reach as near
# as the peer likes, and as the address of a client it would not be judged at all.
FETCHERS = {"SafeFetcher", "HttpExchange", "SseExchange", "EitherHttp"}
MAKE_FETCHERS = {
    "transport/fetch.py": "is one",
    "transport/http_client.py": "is one",
    "transport/sse_client.py": "is two",
    "app/target.py": "the server that the user named",
    "app/proof.py": "that server, and an identity provider that the user named",
    "app/protection.py": "the issuers that the server's owner named",
    "app/authserver.py": "its own URL, and the identity provider that its owner named",
    "cli/login.py": "the server that the user named",
    "cli/logout.py": "the server that the user named",
    "doctor/examination.py": "the server that the user named",
    "registry/api.py": "the registry that the user named",
    "registry/adding.py": "that registry: what it lists lies no nearer than itself",
    "connectors/trees/web.py": "the web folder that the server's owner named, and nothing beside it",
}
# The doctor asks about the steps of one connection, to the address that the user gave, and sends nothing over it.
# The fault proxy of the testing kit stands before the server that a test names. The way out of a sandbox leads to the
# hosts that its user named, and judges their addresses.
MAY_OPEN_SOCKETS = {"transport/http_wire.py", "doctor/network.py", "testing/faulty.py", "host/sandbox/proxy.py"}
# Who may start processes, and never by a shell: words of the user's or the program's own, or of what the user approved
# (app/launching.py); no word of a peer's becomes one (threats 8 and 10).
START = {
    "transport/process.py", "transport/group.py", "connectors/extract/process.py", "auth/browser.py",
    "cli/supervisor.py", "cli/clients_start.py", "configs/drivers.py", "doctor/process.py",
    "connectors/programs/running.py",  # what the owner wrote down and approved, and git
    "connectors/settings/secrets.py",  # likewise: where a secret comes from
    "registry/placing.py",  # pip, npm and venv, with options of ours and a name and a version that were judged
    "doctor/process.py",  # a server as transport/process.py starts it, its stdout watched bare
    # What the user put into a sandbox, what makes that, and whether it works here; a socket within its network.
    "host/sandbox/running.py", "host/sandbox/tiers.py", "host/sandbox/namespaces.py",
}  # fmt: skip
STARTS = {
    "subprocess_exec", "create_subprocess_exec", "posix_spawn", "posix_spawnp", "fork", "forkpty", "startfile",
    "execv", "execve", "execvp", "execvpe", "execl", "execle", "execlp", "spawnv", "spawnve", "spawnl",
}  # fmt: skip
MAX_FILE, MAX_FUNCTION, MAX_PARAMETERS = 400, 50, 8
VERSION = re.compile(r"20\d\d-\d\d-\d\d")
GRAB_BAGS = {"utils", "util", "helpers", "common", "manager", "misc"}


class Module(NamedTuple):
    """One source file, parsed: `path` is relative to the package, as in `wire/tools.py`."""

    path: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.path.split("/")[0].removesuffix(".py")

    @property
    def name(self) -> str:
        return ".".join(["dragoman", *self.path.removesuffix(".py").split("/")]).removesuffix(".__init__")


def parse(path: str, text: str) -> Module:
    return Module(path, text, ast.parse(text))


@functools.cache
def walked(tree: ast.AST) -> list[ast.AST]:
    """Return all nodes of a tree: each rule looks through the same ones."""
    return list(ast.walk(tree))


@functools.cache
def package() -> list[Module]:
    gc.collect()
    gc.disable()  # a million nodes that all stay: looking for garbage among them takes longer than making them
    try:
        return [parse(file.relative_to(SRC).as_posix(), file.read_text("utf-8")) for file in sorted(SRC.rglob("*.py"))]
    finally:
        gc.freeze()
        gc.enable()


@functools.cache
def imported(module: Module, tree: ast.AST) -> list[tuple[int, str]]:
    """Return (line, dotted name) of each import below `tree`, none of them relative; `from a import b` as a and a.b."""
    return list(_imported(module, tree))


def _imported(module: Module, tree: ast.AST) -> Iterator[tuple[int, str]]:
    folder = module.name.split(".") if module.path.endswith("__init__.py") else module.name.split(".")[:-1]
    for node in walked(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = folder[: len(folder) - node.level + 1] if node.level else []
            source = ".".join([*start, *([node.module] if node.module else [])])
            yield node.lineno, source
            yield from ((node.lineno, f"{source}.{alias.name}") for alias in node.names)


def imported_inside(module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[tuple[int, str]]:
    lines = range(function.lineno, (function.end_lineno or function.lineno) + 1)
    return [(line, name) for line, name in imported(module, module.tree) if line in lines]


def type_only(module: Module) -> set[int]:
    """Return the lines of imports that only type checkers follow."""
    guards = [n for n in walked(module.tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)]
    return {line for guard in guards for line, _ in imported(module, guard)}


def imported_late(module: Module) -> list[tuple[int, str]]:
    """Return (line, name) of the modules that `late` stands for; "" for a name that cannot be read off."""
    if not any(name == "dragoman.late.late" for _, name in imported(module, module.tree)):
        return []  # a `late` of its own
    calls = [n for n in walked(module.tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "late"]
    return [(n.lineno, n.args[0].value if n.args and isinstance(n.args[0], ast.Constant) else "") for n in calls]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in walked(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def imports_go_down(module: Module) -> Iterator[str]:
    if module.room not in FLOORS:
        yield f"{module.path}: {module.room} is no room of the house"
        return
    for line, name in imported(module, module.tree):
        parts = name.split(".")
        if parts[0] != "dragoman" or (len(parts) > 1 and parts[1] == module.room):
            continue
        room = parts[1] if len(parts) > 1 and parts[1] in FLOORS else "__init__"
        # `from dragoman import wire` names the root only on the way to a room; `import dragoman` asks for the root.
        if name == "dragoman" and any(
            other.startswith("dragoman.") for at, other in imported(module, module.tree) if at == line
        ):
            continue
        if FLOORS[room] >= FLOORS[module.room]:
            yield f"{module.path}:{line}: imports {name}, which is not below {module.room}"


def files_stay_short(module: Module) -> Iterator[str]:
    if (lines := module.text.count("\n")) > MAX_FILE:
        yield f"{module.path}: {lines} lines, at most {MAX_FILE}"


def functions_stay_short(module: Module) -> Iterator[str]:
    for node in functions(module.tree):
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION:
            yield f"{module.path}:{node.lineno}: {node.name} has {lines} lines, at most {MAX_FUNCTION}"


def functions_take_few_parameters(module: Module) -> Iterator[str]:
    for node in functions(module.tree):
        args = node.args
        names = [a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg) if a]
        count = len([name for at, name in enumerate(names) if at or name not in {"self", "cls"}])
        if count > MAX_PARAMETERS:
            yield f"{module.path}:{node.lineno}: {node.name} takes {count} parameters, at most {MAX_PARAMETERS}"


def lower_floors_do_no_io(module: Module) -> Iterator[str]:
    if module.room not in PURE_ROOMS:
        return
    for line, name in imported(module, module.tree):
        if name.split(".")[0] in IMPURE or name in IMPURE:
            yield f"{module.path}:{line}: imports {name}; take what it gives as a parameter"
    for node in walked(module.tree):
        declared = isinstance(node, ast.AsyncFunctionDef) and module.path in DECLARES_ASYNC
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith) and not declared:
            yield f"{module.path}:{node.lineno}: async code"
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in IMPURE_CALLS:
                yield f"{module.path}:{node.lineno}: calls {called}(); take its result as a parameter"


def docstrings(tree: ast.AST) -> set[int]:
    """Return the ids of the constants that stand as statements: prose about a version is not a comparison with it."""
    return {id(node.value) for node in walked(tree) if isinstance(node, ast.Expr)}


def versions_live_in_eras(module: Module) -> Iterator[str]:
    if module.path == "protocol/eras.py":
        return
    prose = docstrings(module.tree)
    for node in walked(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and id(node) not in prose:
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            if found := VERSION.search(text):
                yield f"{module.path}:{node.lineno}: version {found[0]}; only protocol/eras.py names versions"


def imports_stand_on_top(module: Module) -> Iterator[str]:
    for function in functions(module.tree):
        for line, name in imported_inside(module, function):
            allowed = LAZY.get(module.path, set())
            if not any(name == lazy or name.startswith(f"{lazy}.") for lazy in allowed):
                yield f"{module.path}:{line}: {function.name} imports {name}; declare it in LAZY or move it to the top"


def extras_are_lazy(module: Module) -> Iterator[str]:
    inside = {line for function in functions(module.tree) for line, _ in imported_inside(module, function)} | type_only(
        module
    )
    for line, name in imported(module, module.tree):
        if name.split(".")[0] in EXTRAS and line not in inside and not module.path.startswith(HOMES_OF_EXTRAS):
            yield f"{module.path}:{line}: imports {name}, an extra that may be missing, at module level"


def late_imports_are_declared(module: Module) -> Iterator[str]:
    """What is imported late is imported for type checkers, too: so all the other rules see it."""
    guarded = type_only(module)
    declared = {name for line, name in imported(module, module.tree) if line in guarded}
    for line, name in imported_late(module):
        if name not in declared:
            yield f"{module.path}:{line}: late({name!r}) without the same import under TYPE_CHECKING"


def one_fetcher(module: Module) -> Iterator[str]:
    advice = "ask a Fetcher (ports/fetch.py), which judges addresses"
    for line, name in [*imported(module, module.tree), *imported_by_word(module.tree)]:
        if any(name == one or name.startswith(f"{one}.") for one in HTTP_CLIENTS) and module.path not in SPEAK_HTTP:
            yield f"{module.path}:{line}: imports {name}; {advice}"
        if name.split(".")[-1] in OPEN_SOCKETS and module.path not in MAY_OPEN_SOCKETS:
            yield f"{module.path}:{line}: {name}; {advice}"
    for node in walked(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in OPEN_SOCKETS and module.path not in MAY_OPEN_SOCKETS:
            yield f"{module.path}:{node.lineno}: {node.attr}; {advice}"


def imported_by_word(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in walked(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in IMPORT_BY_WORD:
            words = [word.value for word in node.args[:1] if isinstance(word, ast.Constant)]
            yield from ((node.lineno, str(word)) for word in words)


def few_make_fetchers(module: Module) -> Iterator[str]:
    if module.path in MAKE_FETCHERS:
        return
    found = [(line, name.split(".")[-1]) for line, name in imported(module, module.tree)]
    found += [(node.lineno, node.attr) for node in walked(module.tree) if isinstance(node, ast.Attribute)]
    for line, name in found:
        if name in FETCHERS:
            yield f"{module.path}:{line}: {name}; take a Fetcher, or say in MAKE_FETCHERS by whose word its address is"


def few_start_processes(module: Module) -> Iterator[str]:
    for line, name in imported(module, module.tree):
        if name.split(".")[0] in {"subprocess", "webbrowser", "multiprocessing", "pty"} and module.path not in START:
            yield f"{module.path}:{line}: imports {name}; only {', '.join(sorted(START))} start processes (threat 8)"
    for node in walked(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in STARTS and module.path not in START:
            yield f"{module.path}:{node.lineno}: {node.attr}; start processes in {min(START)} and its like (threat 8)"
        # A shell takes words apart in its own way, so nobody uses one.
        if isinstance(node, ast.Attribute | ast.Name) and (
            getattr(node, "attr", getattr(node, "id", "")) in {"create_subprocess_shell", "subprocess_shell", "popen"}
            or (isinstance(node, ast.Attribute) and node.attr == "system" and ast.unparse(node) == "os.system")
        ):
            yield f"{module.path}:{node.lineno}: {ast.unparse(node)} starts a shell"
        if isinstance(node, ast.keyword) and node.arg == "shell" and ast.unparse(node.value) != "False":
            yield f"{module.path}:{node.value.lineno}: shell="


def modules_are_nouns(module: Module) -> Iterator[str]:
    if bags := GRAB_BAGS & set(module.path.removesuffix(".py").split("/")):
        yield f"{module.path}: {min(bags)} says nothing about what is in it"


RULES: list[Callable[[Module], Iterator[str]]] = [
    imports_go_down, files_stay_short, functions_stay_short, functions_take_few_parameters, lower_floors_do_no_io,
    versions_live_in_eras, imports_stand_on_top, extras_are_lazy, late_imports_are_declared, one_fetcher,
    few_make_fetchers, few_start_processes, modules_are_nouns,
]  # fmt: skip


def cycles(modules: list[Module]) -> list[str]:
    """Return the import cycles between modules, each as `a -> b -> a`.  Imports for type checkers only do not count."""
    names = {module.name for module in modules}
    edges: dict[str, set[str]] = {}
    for module in modules:
        typing = type_only(module)
        targets = {name for line, name in imported(module, module.tree) if line not in typing}
        targets |= {name for _, name in imported_late(module)}
        edges[module.name] = (targets & names) - {module.name}
    found: list[str] = []
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            found.append(" -> ".join([*path[path.index(name) :], name]))
        elif name not in done:
            for target in sorted(edges[name]):
                visit(target, [*path, name])
            done.add(name)

    for name in sorted(names):
        visit(name, [])
    return found


def root_exports(tree: ast.Module) -> list[str]:
    """Return the names in the root's `__all__`, which must be a literal."""
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def commands(modules: list[Module]) -> list[str]:
    """Return the words that `add_parser` gives to the command line."""
    calls = [node for m in modules if m.room == "cli" for node in walked(m.tree) if isinstance(node, ast.Call)]
    named = [c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "add_parser" and c.args]
    return sorted(c.args[0].value for c in named if isinstance(c.args[0], ast.Constant))


def undocumented(words: list[str], pages: str) -> list[str]:
    return [word for word in words if f"dragoman {word}" not in pages]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule) -> None:
    assert [fault for module in package() for fault in rule(module)] == []


def test_there_is_a_package_to_judge() -> None:
    assert len(package()) > 10


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert cycles(package()) == []


def test_every_root_export_is_on_the_checked_in_list() -> None:
    listed = (ROOT / "tests" / "root_exports.txt").read_text("utf-8").split()
    assert sorted(root_exports(ast.parse((SRC / "__init__.py").read_text("utf-8")))) == sorted(listed)


def test_the_docs_mention_every_command() -> None:
    pages = "\n".join(page.read_text("utf-8") for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    assert undocumented(commands(package()), pages) == []


LONG = "def f():\n" + "    x = 1\n" * 50
LATE = "from dragoman.late import late\n"
BITES = [
    (imports_go_down, "wire/a.py", "from dragoman.serving import b", "from dragoman.errors import b"),
    (imports_go_down, "serving/a.py", "import dragoman.calling.b", "import dragoman.ports.b"),
    (imports_go_down, "protocol/a.py", "from ..ports import b", "from ..wire import b"),
    (imports_go_down, "app/a.py", "from dragoman import Server", "from dragoman import serving"),
    (imports_go_down, "app/a.py", "import dragoman", "import dragonfly"),
    (imports_go_down, "cellar/a.py", "", "from . import a") ,
    (files_stay_short, "app/a.py", "x = 1\n" * 401, "x = 1\n" * 400),
    (functions_stay_short, "app/a.py", LONG, LONG.removesuffix("    x = 1\n")),
    (functions_take_few_parameters, "app/a.py", "def f(a, b, c, d, *e, f, g, h, **i): 0", "def f(a, *b, **c): 0"),
    (functions_take_few_parameters, "app/a.py", "def f(a, b, c, d, e, f, g, h, i): 0", "def f(a, b, c, d, e, f): 0"),
    (lower_floors_do_no_io, "wire/a.py", "async def f(): ...", "def f(): ..."),
    (
        lower_floors_do_no_io,
        "protocol/exchange.py",
        "async def f(x):\n    await x",
        "async def f(x): ...",
    ),
    (lower_floors_do_no_io, "protocol/a.py", "import time", "import json"),
    (lower_floors_do_no_io, "protocol/a.py", "from socket import AF_INET", "from struct import pack"),
    (lower_floors_do_no_io, "protocol/a.py", "def f(d): return d.now()", "def f(d): return d.year"),
    (lower_floors_do_no_io, "wire/a.py", "import logging", "import enum"),
    (versions_live_in_eras, "wire/a.py", "X = '2025-11-25'", "'2025-11-25 is prose here'"),
    (versions_live_in_eras, "app/a.py", "X = b'v2026-07-28'", "X = b'draft/2020-12'"),
    (imports_stand_on_top, "app/a.py", "def f():\n    import json", "import json"),
    (extras_are_lazy, "connectors/a.py", "import pypdfium2", "def f():\n    import pypdfium2"),
    (extras_are_lazy, "serving/a.py", "import pydantic", "if TYPE_CHECKING:\n    import pydantic"),
    (late_imports_are_declared, "app/a.py", f"{LATE}late('ast')", f"{LATE}if TYPE_CHECKING: import ast\nlate('ast')"),
    (late_imports_are_declared, "app/a.py", f"{LATE}if TYPE_CHECKING: import a\nlate(f'{{a}}')", "late('copy')"),
    (one_fetcher, "auth/a.py", "from urllib.request import urlopen", "from urllib.parse import urlsplit"),
    (one_fetcher, "auth/a.py", "from dragoman.transport import http_wire", "from dragoman.ports import fetch"),
    (one_fetcher, "connectors/a.py", "import asyncio\nasyncio.open_connection", "import asyncio\nasyncio.start_server"),
    (one_fetcher, "host/a.py", "from http import client", "from http import HTTPStatus"),
    (one_fetcher, "registry/a.py", "import httpx._client", "import httpserver"),
    (one_fetcher, "registry/a.py", "from asyncio import open_connection", "from asyncio import open_unix_connection"),
    (one_fetcher, "host/a.py", "import_module('httpx').get(url)", "import_module('dragoman.host.b')"),
    (one_fetcher, "host/a.py", "x = __import__('urllib.request')", "x = __import__('urllib.parse')"),
    (few_make_fetchers, "registry/a.py", "from dragoman.transport.fetch import SafeFetcher", "import dragoman.ports"),
    (few_make_fetchers, "host/a.py", "fetch.SafeFetcher(url)", "fetch.resolve_name(url)"),
    (few_make_fetchers, "app/a.py", "import_module('dragoman.transport.sse_client').EitherHttp(url)", "x.Other(url)"),
    (few_start_processes, "app/a.py", "import subprocess", "import shlex"),
    (few_start_processes, "app/a.py", "import os\nos.execv", "import os\nos.environ"),
    (few_start_processes, "app/a.py", "loop.subprocess_exec", "loop.create_task"),
    (few_start_processes, "transport/process.py", "import os\nos.system('x')", "import subprocess"),
    (few_start_processes, "transport/process.py", "run(x, shell=True)", "run(x, shell=False)"),
    (modules_are_nouns, "app/utils.py", "", ""),
]  # fmt: skip


@pytest.mark.parametrize("rule, path, bad, good", BITES, ids=lambda value: getattr(value, "__name__", None))
def test_each_rule_refuses_the_bad_source_and_takes_its_twin(rule, path: str, bad: str, good: str) -> None:
    assert len(list(rule(parse(path, bad)))) >= 1
    legal = {"cellar/a.py": "store/a.py", "app/utils.py": "app/units.py"}.get(path, path)
    assert list(rule(parse(legal, good))) == []


def test_a_circle_of_three_is_found_and_a_chain_is_not() -> None:
    chain = [parse("wire/a.py", "from dragoman.wire.b import x"), parse("wire/b.py", "from . import c")]
    assert cycles([*chain, parse("wire/c.py", "from dragoman.wire import a")]) == [
        "dragoman.wire.a -> dragoman.wire.b -> dragoman.wire.c -> dragoman.wire.a"
    ]
    assert len(cycles([*chain, parse("wire/c.py", f"{LATE}late('dragoman.wire.a')")])) == 1
    assert cycles([*chain, parse("wire/c.py", "import json")]) == []


def test_a_command_without_docs_is_named() -> None:
    cli = [parse("cli/call.py", "def add(c):\n    c.add_parser('call', help='')\n    c.add_parser('list')")]
    assert undocumented(commands(cli), "`dragoman list TARGET`") == ["call"]


def test_root_exports_are_read_from_the_literal() -> None:
    assert root_exports(ast.parse("__all__ = ['Server']")) == ["Server"]
    assert root_exports(ast.parse("__all__: tuple[str, ...] = ('Client',)")) == ["Client"]

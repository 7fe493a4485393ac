"""The example servers of other packages: where they are, which are servers, and what each needs to be installed."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

STANDS_FOR = {"mcp", "fastmcp", "mcp_types"}
SERVER_CLASSES = {"FastMCP", "MCPServer", "Server", "FastMCPApp"}
SERVER_HOMES = ("mcp.server", "fastmcp")


@dataclass(frozen=True)
class Distribution:
    """A source distribution on the package index, and the folders of it that hold examples."""

    name: str
    version: str
    folders: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}"

    def fetch(self, cache: Path) -> Path:
        """Return the unpacked source, downloaded through pip the first time."""
        root = cache / f"{self.name}-{self.version}"
        if not root.exists():
            cache.mkdir(parents=True, exist_ok=True)
            archive = cache / f"{self.name}-{self.version}.tar.gz"
            if not archive.exists():
                print(f"downloading {self.title}...", file=sys.stderr)
                wanted = f"{self.name}=={self.version}"
                pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
                subprocess.run([*pip, "--no-binary", self.name, "--dest", str(cache), wanted], check=True)
            with tarfile.open(archive) as packed:
                packed.extractall(cache, filter="data")
        return root


DISTRIBUTIONS = (
    Distribution("mcp", "1.30.0", ("examples",)),
    Distribution("mcp", "2.3.0", ("examples", "docs_src")),
    Distribution("fastmcp", "4.1.2", ("examples",)),
)


@dataclass
class Example:
    """One file: `kind` is "server", or why it is none; `needs` lists packages, `missing` those not installed."""

    file: Path
    name: str
    kind: str
    needs: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def examples(distribution: Distribution, root: Path) -> Iterator[Example]:
    """Yield every Python file of the distribution's examples."""
    for folder in distribution.folders:
        for file in sorted((root / folder).rglob("*.py")):
            yield examine(file, file.relative_to(root).as_posix())


def examine(file: Path, name: str) -> Example:
    tree = ast.parse(file.read_text("utf-8"))
    kind = kind_of(file, tree)
    needs = sorted(packages(file, tree, set()) - STANDS_FOR) if kind == "server" else []
    return Example(file, name, kind, needs, [need for need in needs if importlib.util.find_spec(need) is None])


def kind_of(file: Path, tree: ast.Module) -> str:
    if file.name.startswith("test_") or file.parent.name in {"tests", "scripts"}:
        return "test"
    if "clients" in file.parts or file.stem.startswith("client") or file.stem.endswith("_client"):
        return "client"
    if not tree.body:
        return "empty"
    if file.name == "__main__.py" and (file.parent / "server.py").exists():
        return "launcher"  # of the server.py beside it, which counts
    built = {called(node) for node in ast.walk(tree) if not isinstance(getattr(node, "func", None), ast.Attribute)}
    factories = {node.func.value.id for node in ast.walk(tree) if is_factory(node)}
    taken = server_names(tree)
    if not taken & (built | factories):
        return "client" if uses_client(tree) else "library"
    if not starts(tree, taken):
        return "factory"
    return "server" if served(tree, taken) else "program"


def served(tree: ast.Module, classes: set[str]) -> bool:
    """Say whether the file is there to be served: it has a server at module level, makes one, or runs one."""
    if any(isinstance(node, ast.Assign) and called(node.value) in classes for node in tree.body):
        return True
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.returns is not None:
            if classes & {part.id for part in ast.walk(node.returns) if isinstance(part, ast.Name)}:
                return True
        elif isinstance(node, ast.Attribute) and node.attr == "run":
            if getattr(node.value, "id", "") not in ("asyncio", "anyio", "subprocess"):
                return True
        elif called(node).startswith(("run_s", "run_app", "serve", "streamable_http_app", "http_app")):
            return True
    return False


def starts(tree: ast.Module, classes: set[str]) -> bool:
    """Say whether there is a server to start: one at module level, a program, or a function without arguments."""
    if "__main__" in ast.dump(tree):
        return True
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            required = len(node.args.args) + len(node.args.posonlyargs) - len(node.args.defaults)
            if required <= 0 or node.decorator_list:
                return True
        elif isinstance(node, ast.Assign) and called(node.value) in classes:
            return True
    return False


def called(node: ast.AST) -> str:
    """Return the name of what a call calls: `f` of `f()`, `a.f()` and `f[int]()`; "" for what is no call."""
    if not isinstance(node, ast.Call):
        return ""
    target = node.func.value if isinstance(node.func, ast.Subscript) else node.func
    return target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")


def is_factory(node: ast.AST) -> bool:
    """FastMCP.from_fastapi(...) and its kin."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.attr.startswith("from_")
    )


def server_names(tree: ast.Module) -> set[str]:
    """Return the local names of server classes that the file imports."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(SERVER_HOMES)
        for alias in node.names
        if alias.name in SERVER_CLASSES
    }


def uses_client(tree: ast.Module) -> bool:
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names}
    return bool(imported & {"Client", "ClientSession", "ClientSessionGroup", "stdio_client", "streamable_http_client"})


def packages(file: Path, tree: ast.Module, seen: set[Path]) -> set[str]:
    """Return the top-level packages that the file and what it imports of its own neighbours need."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [(alias.name, 0) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(node.module or "", node.level)]
            names += [(f"{node.module}.{a.name}" if node.module else a.name, node.level) for a in node.names]
        else:
            continue
        for name, level in names:
            top = name.partition(".")[0]
            local = neighbour(file, name, level)
            if local is not None:
                if local not in seen:
                    seen.add(local)
                    found |= packages(local, ast.parse(local.read_text("utf-8")), seen)
            elif not level and top not in sys.stdlib_module_names and not local_top(file, top):
                found.add(top)
    return found


def neighbour(file: Path, name: str, level: int) -> Path | None:
    """Return the example's own file that `name` means, or None."""
    starts = [file.parents[level - 1]] if level else [*file.parents][:6]
    for start in starts:
        for candidate in (
            start.joinpath(*name.split(".")).with_suffix(".py"),
            start.joinpath(*name.split("."), "__init__.py"),
        ):
            if name and candidate.is_file() and "src/mcp/" not in candidate.as_posix():
                return candidate
    return None


def local_top(file: Path, top: str) -> bool:
    return any(
        (parent / top / "__init__.py").is_file() or (parent / f"{top}.py").is_file() for parent in [*file.parents][:6]
    )

"""What an import may cost. A stdio server is started by its host again and again: users wait for what it loads."""

import subprocess
import sys

import pytest

# Extras, HTTP and the client's side: nothing a stdio server needs.
UNWANTED = {
    "uvicorn", "pyreqwest", "httptools", "uvloop", "h11", "click", "http.client", "http.server", "urllib.request",
    "sqlite3", "pydantic", "lxml", "pypdfium2", "python_calamine", "selectolax", "sqlglot", "difflib",
    "dragoman.calling", "dragoman.connectors", "dragoman.compat", "dragoman.cli", "dragoman.auth",
    "dragoman.transport.asgi", "dragoman.transport.http_client", "dragoman.transport.process", "dragoman.app.client",
}  # fmt: skip


def loaded_by(statement: str) -> set[str]:
    """Return the names of the modules that `statement` adds to a fresh interpreter."""
    program = f"import sys; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def unwanted(modules: set[str]) -> list[str]:
    return sorted(m for m in modules if any(m == name or m.startswith(f"{name}.") for name in UNWANTED))


def test_importing_the_package_loads_nothing_but_itself() -> None:
    assert loaded_by("import dragoman") - {"__future__", "importlib", "typing"} == {"dragoman"}


def test_the_probe_sees_what_a_statement_loads() -> None:
    assert "dragoman.wire.tools" in loaded_by("import dragoman.wire.tools")
    assert unwanted(loaded_by("import http.client")) != []


@pytest.mark.parametrize("module", ["wire.methods", "protocol.http", "serving.kernel"])
def test_the_lower_floors_load_no_http_and_no_extra(module: str) -> None:
    assert unwanted(loaded_by(f"import dragoman.{module}")) == []

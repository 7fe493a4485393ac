"""Where a `fastmcp` server gets its components from, other than from decorators: a folder of files, another server.

Promise: every function in the folder marked with `tool`, `resource` or `prompt` is registered. Limit: read once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dragoman.compat.refusal import LoadError
from dragoman.compat.registry import PromptEntry, Registry, ToolEntry


class FileSystemProvider:
    """Registers what the Python files below `root` mark."""

    def __init__(self, root: str | Path = ".", reload: bool = False) -> None:
        self.root = Path(root)

    def provide(self, registry: Registry) -> None:
        """Register everything. Raises LoadError for a folder that is not there or a file that fails."""
        if not self.root.is_dir():
            raise LoadError(f"no such folder: {self.root}; FileSystemProvider reads the .py files below it")
        for file in sorted(self.root.rglob("*.py")):
            for value in _marked(file):
                entry = value.__dragoman__
                if isinstance(entry, ToolEntry):
                    registry.add_tool(entry)
                elif isinstance(entry, PromptEntry):
                    registry.add_prompt(entry)
                else:
                    registry.add_resource(entry)


def _marked(file: Path) -> list[Any]:
    names: dict[str, Any] = {"__name__": file.stem, "__file__": str(file)}
    try:
        exec(compile(file.read_bytes(), str(file), "exec", dont_inherit=True), names)
    except Exception as fault:
        raise LoadError(f"{file}: {type(fault).__name__}: {fault}") from fault
    return [value for value in list(names.values()) if hasattr(value, "__dragoman__")]

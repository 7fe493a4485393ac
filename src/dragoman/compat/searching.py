"""Tools that find tools, as `fastmcp.server.transforms.search`: many tools behind two, `search_tools` and `call_tool`.

Promise: only what a caller could list is found, and called. Limit: patterns have no look-around and no references
back, so that they take linear time.
"""

from __future__ import annotations

import inspect
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec

from dragoman.app import lazily
from dragoman.compat.catalogue import CatalogTransform, about
from dragoman.compat.components import Tool, function_tool
from dragoman.compat.exceptions import NotFoundError, ToolError
from dragoman.compat.inject import CURRENT
from dragoman.compat.results import ToolResult
from dragoman.compat.transforms import Lookup
from dragoman.serving.shapes import is_object

MAX_PATTERN = 500  # characters
MAX_TEXT = 20_000  # characters of one tool that are looked at
_WORD = re.compile(r"[a-z0-9]+")
_SATURATION, _LENGTH = 1.5, 0.75  # of BM25: how soon a word's repetitions stop to count, and how much length does


class BaseSearchTransform(CatalogTransform):
    """Two tools in place of all others but `always_visible`; a class of the file's own has a `_search`."""

    def __init__(
        self,
        *,
        max_results: int = 5,
        always_visible: Sequence[str] | None = None,
        search_tool_name: str = "search_tools",
        call_tool_name: str = "call_tool",
        search_result_serializer: Callable[[Sequence[Any]], Any] | None = None,
    ) -> None:
        super().__init__()
        self._max_results = max_results
        self._always_visible = frozenset(always_visible or ())
        self._names = (search_tool_name, call_tool_name)
        self._serialize = search_result_serializer or serialize_tools_for_output_json
        self._own: tuple[Tool, Tool] | None = None

    def tools(self) -> tuple[Tool, Tool]:
        """Return the two tools."""
        if self._own is None:
            run = self._names[1]
            self._own = self._make_search_tool(), function_tool(self._call, run, {})
        return self._own

    def _make_search_tool(self) -> Tool:
        async def search_tools(query: Annotated[str, about("What the tool should do, in words")]) -> str:
            """Find tools by what they do; call what is found with call_tool."""
            return await self.found(query)

        return function_tool(search_tools, self._names[0], {})

    async def found(self, query: str) -> str:
        """Return the tools that a query finds, as text."""
        every = await self.get_tool_catalog(CURRENT.get())
        hidden = [tool for tool in every if tool.name not in self._always_visible]
        some = list(await self._search(hidden, query))[: self._max_results] if hidden else []
        made: Any = self._serialize(some)
        shown = await made if inspect.isawaitable(made) else made
        return shown if isinstance(shown, str) else msgspec.json.encode(shown).decode()

    async def _search(self, tools: Sequence[Any], query: str) -> Sequence[Any]:
        raise NotImplementedError(f"{type(self).__name__} has no _search()")

    async def _call(
        self,
        name: Annotated[str, about("The tool's name")],
        arguments: Annotated[dict[str, Any] | None, about("Its arguments")] = None,
    ) -> ToolResult:
        """Call a tool that search_tools found."""
        context = CURRENT.get()
        if name in self._names:
            raise ToolError(f"{name} is called by itself, not through {self._names[1]}")
        if all(tool.name != name for tool in await self.get_tool_catalog(context)):
            raise NotFoundError(f"Unknown tool: {name[:100]!r}")
        result: ToolResult = await context.fastmcp.call_tool(name, arguments)
        return result

    async def transform_tools(self, tools: Sequence[Any]) -> Sequence[Any]:
        """Return the two, and those that are always visible."""
        return [*(tool for tool in tools if tool.name in self._always_visible), *self.tools()]

    async def get_tool(self, name: str, call_next: Lookup, *, version: Any = None) -> Any:
        """Return one of the two, else whatever there is."""
        own = next((tool for tool in self.tools() if tool.name == name), None)
        return own if own is not None else await call_next(name, version=version)


class BM25SearchTransform(BaseSearchTransform):
    """Finds by the words of a query: those that few tools have say most."""

    async def _search(self, tools: Sequence[Any], query: str) -> Sequence[Any]:
        texts = [Counter(_WORD.findall(text_of(tool).lower())) for tool in tools]
        lengths = [sum(text.values()) for text in texts]
        usual = sum(lengths) / len(texts) or 1.0
        scores = [0.0] * len(texts)
        for word in set(_WORD.findall(query.lower())):
            holders = [number for number, text in enumerate(texts) if word in text]
            rarity = math.log(1 + (len(texts) - len(holders) + 0.5) / (len(holders) + 0.5))
            for number in holders:
                times = texts[number][word]
                share = 1 - _LENGTH + _LENGTH * lengths[number] / usual
                scores[number] += rarity * times * (_SATURATION + 1) / (times + _SATURATION * share)
        best = sorted((number for number, score in enumerate(scores) if score > 0), key=lambda one: -scores[one])
        return [tools[number] for number in best]


class RegexSearchTransform(BaseSearchTransform):
    """Finds by a regular expression, whatever its case."""

    def _make_search_tool(self) -> Tool:
        async def search_tools(
            pattern: Annotated[str, about("A regular expression, looked for in names, descriptions and arguments")],
        ) -> str:
            """Find tools by a pattern; call what is found with call_tool."""
            return await self.found(pattern)

        return function_tool(search_tools, self._names[0], {})

    async def _search(self, tools: Sequence[Any], query: str) -> Sequence[Any]:
        if len(query) > MAX_PATTERN:
            raise ToolError(f"the pattern has {len(query)} characters; the most are {MAX_PATTERN}")
        try:
            check = lazily.validator({"type": "string", "pattern": f"(?i){query}"})
        except ValueError as error:
            raise ToolError(f"{query!r} is not a pattern that can be searched for: {error}") from None
        found: list[Any] = []
        for tool in tools:
            text = text_of(tool)
            if not check.violations(text, msgspec.json.encode(text)):
                found.append(tool)
        return found


def text_of(tool: Any) -> str:
    """Return the text of a tool that is searched: name, description, and its arguments' names and descriptions."""
    parts = [tool.name, tool.name.replace("_", " "), tool.description or ""]
    for name, schema in tool.parameters.get("properties", {}).items():
        parts += [name, str(schema.get("description", "")) if is_object(schema) else ""]
    return "\n".join(parts)[:MAX_TEXT]


def serialize_tools_for_output_json(tools: Sequence[Any]) -> list[dict[str, Any]]:
    """Return tools as they are listed."""
    return [msgspec.to_builtins(tool.listed()) for tool in tools]


def serialize_tools_for_output_markdown(tools: Sequence[Any]) -> str:
    """Return tools as a list in Markdown: name, description, arguments."""
    lines: list[str] = []
    for tool in tools:
        lines.append(f"### {tool.name}\n\n{tool.description or ''}\n")
        needed = tool.parameters.get("required", ())
        for name, schema in tool.parameters.get("properties", {}).items():
            told = f"{schema.get('type', 'any')}{', required' if name in needed else ''}"
            lines.append(f"- `{name}` ({told}) {schema.get('description', '')}".rstrip())
        lines.append("")
    return "\n".join(lines).strip()

"""What a server offers, judged as a model and a client will read it: names, descriptions, schemas, size in tokens.

Tokens are an estimate, one for each four bytes of compact JSON: tokenizers differ by a third, and none is loaded here.
Limit: a description is judged by its words only; whether it is true, nobody but its author can say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from dragoman.doctor.findings import Report
from dragoman.errors import McpError
from dragoman.protocol.uri import Template
from dragoman.protocol.validator import Validator
from dragoman.wire.resources import ResourceTemplate
from dragoman.wire.tools import Tool

BYTES_PER_TOKEN = 4
HEAVY = 10_000  # tokens
MANY = 100  # tools
ENOUGH = 2  # words that say something, which a description needs
_WORD = re.compile(r"[^\W_]+")
# Words that any tool could have in its description.
_EMPTY = frozenset(
    """
    a about action actions all an and any api argument arguments as at be by call calls can command does do
    doing data execute executes execution for from function functions general generic given get gets handle
    handler handles helper helps how in info information input inputs invoke is it item its main make makes me
    method misc my of on operation operations or output outputs parameter parameters perform performs process
    processes processing query request requests response result results return returns run runs server service
    simple some something stuff task that the thing things this to tool tools use used useful user users
    utility value values various via want what when which with work works you your
    """.split()  # noqa: SIM905 - a list of a hundred quoted words is not read by anybody
)


def tokens(item: Any) -> int:
    """Return about how many tokens the definition of an item takes in a model's context."""
    return -(-len(msgspec.json.encode(item)) // BYTES_PER_TOKEN)


def judge(report: Report, tools: Sequence[Tool]) -> None:
    """Look at tools as they are listed."""
    each = {tool.name: tokens(tool) for tool in tools}
    total = sum(tokens(tool) for tool in tools)
    report.facts["definitionTokens"] = total
    if total > HEAVY:
        heavy = ", ".join(f"{name} {count}" for name, count in Counter(each).most_common(3))
        report.find("definitions-heavy", f"the tools take about {total} tokens; the largest: {heavy}")
    if len(tools) > MANY:
        report.find("many-tools", f"there are {len(tools)} tools")
    for tool in tools:
        _schemas(report, tool)
        _description(report, tool)
    twice(report, "tool", [tool.name for tool in tools])
    _alike(report, tools)


def twice(report: Report, what: str, names: Sequence[str]) -> None:
    """Find names that stand for several items of one list."""
    for name, count in Counter(names).items():
        if count > 1:
            report.find("name-twice", f"{count} items of the list are called {name}", f"{what} {name}")


def _schemas(report: Report, tool: Tool) -> None:
    for schema, name, of_object in (
        (tool.input_schema, "inputSchema", True),
        (tool.output_schema, "outputSchema", False),
    ):
        if isinstance(schema, msgspec.UnsetType):
            continue
        try:
            Validator(schema, of_object=of_object)
        except ValueError as error:
            report.find("schema-invalid", f"{name}: {error}", f"tool {tool.name}")


def _description(report: Report, tool: Tool) -> None:
    text = "" if tool.description is UNSET else tool.description.strip()
    where = f"tool {tool.name}"
    if not text:
        report.find("description-missing", "it has no description", where)
    elif len(telling(text)) < ENOUGH:
        report.find("description-generic", f"it could be any tool's: {text!r}", where)


def telling(text: str) -> set[str]:
    """Return the words of a description that not any tool could have.

    Scripts without spaces between words give few words, so each of their letters counts as one.
    """
    found: set[str] = set()
    for word in _WORD.findall(text.lower()):
        found |= {word} if word.isascii() else set(word)
    return {word for word in found if word not in _EMPTY and not word.isdigit()}


def _alike(report: Report, tools: Sequence[Tool]) -> None:
    same: dict[str, list[str]] = {}
    for tool in tools:
        text = "" if tool.description is UNSET else " ".join(tool.description.lower().split())
        if text:
            same.setdefault(text, []).append(tool.name)
    for names in same.values():
        if len(names) > 1:
            report.find("descriptions-alike", f"{', '.join(names[:5])} are described in the same words")


def templates(report: Report, listed: Sequence[ResourceTemplate]) -> None:
    """Look at resource templates as they are listed."""
    for item in listed:
        try:
            Template.parse(item.uri_template)
        except (McpError, ValueError) as error:
            report.find("template-invalid", str(error), f"template {item.uri_template}")

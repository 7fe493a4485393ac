"""One tool of the owner's: its parameters, and how they become the words of a command.  Nothing is started here.

A command is a list of words, never a line for a shell.  Promise: a value fills the place it was given and no other: it
can neither add words nor become an option.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from dragoman.connectors.source import Program, SourceError
from dragoman.errors import LocalError, ToolError
from dragoman.protocol.validator import Validator
from dragoman.serving.nearest import nearest

MAX_TEXT = 10_000  # characters of one value
MAX_VALUES = 200  # of one list
MAX_STEPS = 20
_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]+)?)\}|\{\{|\}\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_TOOL = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
# What a validator only notes of a format, these hold to.
_FORMATS = {
    "date": r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$",
    "time": r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$",
    "date-time": r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[T ]([01]\d|2[0-3]):[0-5]\d",
    "uuid": r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    "email": r"^[^@\s]{1,64}@[^@\s]{1,255}$",
}
Words: TypeAlias = list[str | list[str]]


class Param(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One parameter, in the words of JSON Schema.  Without `default` it is required, unless `optional`."""

    type: Literal["string", "integer", "number", "boolean", "array"] = "string"
    about: str = ""
    default: Any = None
    optional: bool = False
    enum: list[Any] = []
    format: str = ""
    pattern: str = ""
    min: int | float | None = None  # as it was written: 1 is told as 1, not as 1.0
    max: int | float | None = None
    dash: bool = False  # whether a value may begin with "-" where the command could take it for an option


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One command of a workflow.  `{steps.NAME}` in a later one is what it printed, without the last line's end."""

    argv: Words
    name: str = ""
    stdin: str = ""


class Tool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What dragoman.yaml says of one tool: a command as `argv`, or several as `steps`.

    A word may hold `{parameter}`. A list in the place of a word is left out as a
    whole while a parameter in it has no value, or is false. `timeout` is in
    seconds; `progress` a regular expression for lines that say how far it is,
    with the groups `done` and `total`, or `percent`; `exit_codes` say what the
    program means by them; `inherit` names variables that it gets from here.
    """

    argv: Words = []
    steps: Annotated[list[Step], msgspec.Meta(max_length=MAX_STEPS)] = []
    about: str = ""
    params: dict[str, Param] = {}
    read_only: bool = False
    timeout: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 60.0
    output: Literal["text", "json", "csv", "lines"] = "text"
    max_output: Annotated[int, msgspec.Meta(ge=1, le=50_000_000)] = 1_000_000  # bytes
    progress: str = ""
    stdin: str = ""
    env: dict[str, str] = {}
    inherit: list[str] = []
    cwd: str = ""
    exit_codes: dict[str, str] = {}
    slow: bool = False  # may take minutes: becomes a task where the client knows tasks

    def commands(self) -> list[Step]:
        """Return its steps, one where it is a single command."""
        return self.steps or [Step(argv=self.argv, stdin=self.stdin)]


def checked(name: str, tool: Tool) -> Tool:
    """Return the tool.  Raises SourceError, naming the place, for whatever could never run."""
    if not _TOOL.fullmatch(name):
        raise SourceError(f"tools.{name}: a tool's name is letters, digits, - and _, at most 64")
    if bool(tool.argv) == bool(tool.steps):
        raise SourceError(f"tools.{name} needs argv, the words of a command, or steps, and not both")
    if tool.steps and tool.stdin:
        raise SourceError(f"tools.{name}: with steps, stdin is said in the step that reads it")
    for parameter in tool.params:
        if not _NAME.fullmatch(parameter):
            raise SourceError(f"tools.{name}.params.{parameter}: a name is letters, digits and _")
    try:
        groups = set(re.compile(tool.progress).groupindex)
    except re.error as fault:
        raise SourceError(f"tools.{name}.progress is no regular expression: {fault}") from fault
    if tool.progress and groups not in ({"percent"}, {"done", "total"}):
        raise SourceError(f"tools.{name}.progress needs the groups done and total, or percent")
    for code in tool.exit_codes:
        if not code.isdigit() or int(code) > 255:
            raise SourceError(f"tools.{name}.exit_codes: {code!r} is no exit code; they are 0 to 255")
    _check_places(name, tool)
    schema = schema_of(tool)
    defaults = {key: one.default for key, one in tool.params.items() if one.default is not None}
    try:
        judge = Validator({**schema, "required": []}, own=True, of_object=True)
    except (ValueError, LocalError) as fault:
        raise SourceError(f"tools.{name}.params make no schema: {fault}") from fault
    if faults := judge.violations(defaults, msgspec.json.encode(defaults)):
        raise SourceError(f"tools.{name}.params: a default does not fit: {faults[0]}")
    return tool


def _check_places(name: str, tool: Tool) -> None:
    known = set(tool.params)
    for number, step in enumerate(tool.commands()):
        if not step.argv or not isinstance(step.argv[0], str) or not step.argv[0]:
            raise SourceError(f"tools.{name}: the first word of argv is the program")
        if places(step.argv[0]):
            raise SourceError(f"tools.{name}: the program {step.argv[0]!r} cannot depend on an argument")
        for word in [*_flat(step.argv), step.stdin]:
            if "\x00" in word:
                raise SourceError(f"tools.{name}: a word holds a zero byte")
            for place in places(word):
                if place not in known:
                    raise SourceError(
                        f"tools.{name}: {{{place}}} is no parameter{nearest(place, sorted(known))}; "
                        "declare it in params, or write {{ for a brace"
                    )
        known |= set(named(step, number))


def named(step: Step, number: int) -> list[str]:
    """Return the places that stand for what a step printed, by its name and by its number from 1."""
    return [f"steps.{one}" for one in (step.name, str(number + 1)) if one]


def schema_of(tool: Tool) -> dict[str, Any]:
    """Return the JSON Schema of its arguments."""
    properties: dict[str, Any] = {}
    for name, param in tool.params.items():
        one: dict[str, Any] = {"type": param.type, "description": param.about, "enum": param.enum}
        items: dict[str, Any] = {"format": param.format, "pattern": param.pattern or _FORMATS.get(param.format, "")}
        bounds = {"minimum": param.min, "maximum": param.max}
        if param.type == "string":
            one |= items | {"maxLength": MAX_TEXT}
        elif param.type == "array":
            one |= {"items": _said({"type": "string", "maxLength": MAX_TEXT, **items}), "maxItems": MAX_VALUES}
        elif param.type != "boolean":
            one |= bounds
        if param.default is not None:
            one["default"] = param.default
        properties[name] = _said(one)
    required = [name for name, param in tool.params.items() if param.default is None and not param.optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def program_of(name: str, tool: Tool) -> Program:
    """Return what is told of it."""
    return Program(name=name, about=tool.about, schema=schema_of(tool), read_only=tool.read_only, slow=tool.slow)


def values_of(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with defaults filled in.  Raises ToolError for a zero byte, which no word can hold."""
    values = {name: param.default for name, param in tool.params.items() if param.default is not None}
    values |= {name: value for name, value in arguments.items() if value is not None}
    for name, value in values.items():
        if "\x00" in (value if isinstance(value, str) else "".join(map(str, value)) if isinstance(value, list) else ""):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            raise ToolError(f"{name} holds a zero byte, which no program can be given")
    return values


def argv_of(tool: Tool, step: Step, values: Mapping[str, Any]) -> list[str]:
    """Return the words of one command.  Raises ToolError for a value that the command would take for an option."""
    words: list[str] = []
    for item in step.argv:
        if isinstance(item, str):
            words += _filled(tool, item, values, words)
        elif all(values.get(place) not in (None, False) for word in item for place in places(word)):
            for word in item:
                if (bare := _only(word)) is None or values.get(bare) is not True:
                    words += _filled(tool, word, values, words)
    return words


def text_of(template: str, values: Mapping[str, Any]) -> str:
    """Return a text with its places filled."""

    def put(found: re.Match[str]) -> str:
        return found[0][0] if found[1] is None else _text(values.get(found[1], ""))

    return _PLACE.sub(put, template)


def places_of(step: Step) -> list[str]:
    """Return the parameters that a step's words name."""
    return [place for word in _flat(step.argv) for place in places(word)]


def places(text: str) -> list[str]:
    """Return the parameters that a text names."""
    return [found[1] for found in _PLACE.finditer(text) if found[1] is not None]


def _filled(tool: Tool, word: str, values: Mapping[str, Any], before: Sequence[str]) -> list[str]:
    bare = _only(word)
    value = values.get(bare) if bare is not None else None
    if isinstance(value, list):
        filled = [_text(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    elif bare is not None and value is None:
        return []  # optional, and not given
    else:
        filled = [text_of(word, values)]
    at_start = word.startswith("{") and not word.startswith("{{")
    if at_start and "--" not in before:
        place = places(word)[0]
        param = tool.params.get(place)
        harmless = param is not None and (param.dash or param.type in ("integer", "number"))
        for text in filled:
            if text.startswith("-") and not harmless:
                raise ToolError(f"{place} may not begin with '-': {tool.argv[:1] or word} would take it for an option")
    return filled


def _only(word: str) -> str | None:
    """Return the parameter that is all of the word."""
    found = _PLACE.fullmatch(word)
    return found[1] if found else None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(map(_text, value))  # pyright: ignore[reportUnknownArgumentType]
    return str(value)


def _flat(words: Words) -> Iterator[str]:
    for word in words:
        yield from [word] if isinstance(word, str) else word


def _said(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if value not in ("", None, [])}

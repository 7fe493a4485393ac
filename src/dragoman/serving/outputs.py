"""What a function returns, as a result: JSON once for the text and the structured content, and the schema of it.

The annotation decides at registration which of four ways a value takes: as declared, as content blocks, as nothing,
or by looking at it.  What breaks the annotation's promise raises OutputMismatch; an exact instance is trusted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Never, NoReturn, TypeAlias, get_args, get_origin

import msgspec
from msgspec import UNSET

from dragoman.errors import RegistrationError
from dragoman.late import late
from dragoman.serving import pydantic_bridge as bridge
from dragoman.serving.codec import Unsupported, adapt, decoder, encoder, members, plain
from dragoman.serving.faults import Fault, OutputMismatch
from dragoman.serving.parameters import MISSING
from dragoman.serving.schemas import Schema, Schemas, resolve, with_defs
from dragoman.serving.shapes import is_class, is_object, is_sequence
from dragoman.wire.content import Content, TextContent
from dragoman.wire.tools import CallToolResult

if TYPE_CHECKING:
    from dragoman.serving import messages, results
else:
    messages, results = late("dragoman.serving.messages"), late("dragoman.serving.results")

Encode: TypeAlias = Callable[[Any], CallToolResult]
Declared: TypeAlias = Mapping[str, Any] | Literal[False] | None

_SCALARS = (int, float, bool, str)
_encode = encoder.encode


class Output:
    """How results of one function are made: `schema` for the listing, `encode` for each call."""

    __slots__ = ("encode", "schema")

    def __init__(self, schema: Schema | None, encode: Encode) -> None:
        self.schema = schema
        self.encode = encode


def output_of(returns: Any, declared: Declared, where: str) -> Output:
    """Return how values of the annotation `returns` become results.

    `declared` is an explicit output schema, which stands as it is, or False for
    none. Raises RegistrationError when the annotation has no schema.
    """
    if isinstance(declared, Mapping):
        wraps = declared.get("type") == "object" and _is_wrapped(declared, returns)
        return Output(dict(declared), lambda value: _explicit(value, where, wraps=wraps))
    bare = plain(returns)
    if bare in (None, type(None), NoReturn, Never):
        return Output(None, lambda value: by_looks(value, where))
    if declared is False or bare in (MISSING, Any, object) or _is_content(returns):
        encode = _blocks if declared is not False and _is_content(returns) else by_looks
        return Output(None, lambda value: encode(value, where))
    try:
        if bridge.uses_pydantic(returns):
            return _by_pydantic(returns, where)
        return _by_msgspec(returns, where)
    except Unsupported as error:
        raise RegistrationError(f"the return annotation: {error}", where=where) from error
    except TypeError as error:
        raise RegistrationError(f"the return annotation has no schema: {error}", where=where) from error


def _is_content(annotation: Any) -> bool:
    """Return whether the annotation promises content or explicit results, alone, in a union, or in a list."""
    for member in members(annotation):
        kind = get_origin(member) or member
        if is_class(kind):
            # All of these are ours: what has nothing of ours in it is told from them without loading them.
            if _is_ours(kind) and issubclass(kind, (*results.BLOCK_TYPES, results.ToolResult, CallToolResult)):
                return True
            if issubclass(kind, list | tuple) and any(_is_content(arg) for arg in get_args(member)):
                return True
    return False


def _is_ours(kind: type[Any]) -> bool:
    return any(base.__module__.startswith("dragoman.") for base in kind.__mro__)


def _is_wrapped(declared: Mapping[str, Any], returns: Any) -> bool:
    properties = declared.get("properties")
    return is_object(properties) and list(properties) == ["result"] and not _is_mapping(returns)


def _is_mapping(returns: Any) -> bool:
    kind = get_origin(plain(returns)) or plain(returns)
    return is_class(kind) and issubclass(kind, Mapping)


def _root(schema: Schema, defs: dict[str, Schema]) -> tuple[Schema, bool]:
    """Return the schema of the structured content, and whether the value is wrapped in `{"result": ...}`."""
    found = resolve(schema, defs)
    if found.get("type") == "object":
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return with_defs({**found, **beside}, defs), False
    wrapped: Schema = {"type": "object", "properties": {"result": schema}, "required": ["result"]}
    return with_defs(wrapped, defs), True


def _result(text: str, data: bytes, wraps: bool) -> CallToolResult:
    structured = msgspec.Raw(b'{"result":' + data + b"}" if wraps else data)
    return CallToolResult(content=[TextContent(text=text)], structured_content=structured)


def _by_msgspec(returns: Any, where: str) -> Output:
    kind = adapt(returns)
    check = decoder(kind)
    schemas = Schemas()
    made = schemas.of([kind])[0]
    root, wraps = _root(made, schemas.defs)

    def checked(value: Any) -> CallToolResult:
        if (result := _ready(value)) is not None:
            return result
        data = _written(value, where)
        try:
            check(data)
        except msgspec.ValidationError as error:
            fault = messages.fault_of(str(error), "$", msgspec.json.decode(data), made, schemas.defs)
            raise OutputMismatch(fault, where=where) from error
        return _result(value if isinstance(value, str) else data.decode(), data, wraps)

    trusted = _trusted(plain(returns))
    return Output(root, _fast(trusted, wraps, checked, where) if trusted else checked)


def _trusted(kind: Any) -> type | None:
    """Return the class whose exact instances need no check."""
    origin = get_origin(kind)
    if origin in (dict, list) and get_args(kind)[-1] is Any:
        return dict if origin is dict else list
    if not is_class(kind) or origin is not None:
        return None
    if kind in (*_SCALARS, dict, list) or issubclass(kind, msgspec.Struct) or hasattr(kind, "__dataclass_fields__"):
        return kind
    return None


def _fast(trusted: type, wraps: bool, checked: Encode, where: str) -> Encode:
    if trusted is str:

        def encode_text(value: Any) -> CallToolResult:
            if type(value) is not str:
                return checked(value)
            try:
                data = b'{"result":' + _encode(value) + b"}"
            except ValueError as error:
                raise _unwritable(error, where) from error
            return CallToolResult(content=[TextContent(text=value)], structured_content=msgspec.Raw(data))

        return encode_text

    finite: Callable[[Any], bool] = math.isfinite

    def encode(value: Any) -> CallToolResult:
        # Infinities and NaN are written as null, which is no number: those are not trusted.
        if type(value) is not trusted or (trusted is float and not finite(value)):
            return checked(value)
        try:
            data = _encode(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise _unwritable(error, where) from error
        structured = msgspec.Raw(b'{"result":' + data + b"}" if wraps else data)
        return CallToolResult(content=[TextContent(text=data.decode())], structured_content=structured)

    return encode


def _by_pydantic(returns: Any, where: str) -> Output:
    adapter = bridge.adapter_of(returns)
    schema = bridge.schema_of(adapter, output=True)
    schemas = Schemas()
    made = schemas.absorb([schema], schema.pop("$defs", {}))[0]
    root, wraps = _root(made, schemas.defs)

    def encode(value: Any) -> CallToolResult:
        if (result := _ready(value)) is not None:
            return result
        try:
            value = adapter.validate_python(value)
        except Exception as error:
            if not bridge.is_validation_error(error):
                raise
            raise OutputMismatch(bridge.faults_of(error, "$")[0], where=where) from error
        data = adapter.dump_json(value, by_alias=True)
        return _result(value if isinstance(value, str) else data.decode(), data, wraps)

    return Output(root, encode)


def _written(value: Any, where: str) -> bytes:
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise _unwritable(error, where) from error


def _unwritable(error: Exception, where: str) -> OutputMismatch:
    return OutputMismatch(Fault("$", "a value with a JSON form", hint=str(error)), where=where)


def _ready(value: Any) -> CallToolResult | None:
    """Return the result that `value` is already, if it is one."""
    if isinstance(value, CallToolResult):
        return value
    if _is_ours(value.__class__) and isinstance(value, results.ToolResult):
        return _spelled_out(value)
    return None


def _spelled_out(value: results.ToolResult) -> CallToolResult:
    """Return an explicit result as it was asked for."""
    structured: Any = UNSET
    content: list[Content] = results.content_of(value.content)
    if value.structured is not UNSET:
        data = _written(value.structured, "ToolResult")
        structured = msgspec.Raw(data)
        if value.content is None:
            content = [TextContent(text=value.structured if isinstance(value.structured, str) else data.decode())]
    return CallToolResult(
        content=content,
        structured_content=structured,
        is_error=True if value.is_error else UNSET,
        meta=value.meta if value.meta is not None else UNSET,
    )


def _sound(text: str, where: str) -> str:
    """Return `text` if it can be sent: names of files that are not UTF-8 hold half characters, which cannot."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise OutputMismatch(Fault("$", "text in Unicode", hint=str(error)), where=where) from error
    return text


def _blocks(value: Any, where: str) -> CallToolResult:
    """Return a value of which the annotation says that it is content."""
    if (result := _ready(value)) is not None:
        return result
    return CallToolResult(content=_content(value, where))


def _content(value: Any, where: str) -> list[Content]:
    try:
        return results.content_of(value)
    except TypeError as error:
        raise OutputMismatch(Fault("$", "content", hint=str(error)), where=where) from error


def by_looks(value: Any, where: str) -> CallToolResult:
    """Return a value of which nothing is promised: text, blocks, or JSON with structured content.

    None gives an empty result. An object is structured content as it is, any
    other data wrapped as `{"result": ...}`; a string is text alone.
    """
    if value is None:
        return CallToolResult(content=[])
    if isinstance(value, str):
        return CallToolResult(content=[TextContent(text=_sound(value, where))])
    if (result := _ready(value)) is not None:
        return result
    if results.is_block(value):
        return CallToolResult(content=[results.block_of(value)])
    if is_sequence(value) and any(results.is_block(item) for item in value):
        return CallToolResult(content=_content(value, where))
    data = _written(value, where)
    return _result(data.decode(), data, wraps=data[:1] != b"{")


def _explicit(value: Any, where: str, *, wraps: bool) -> CallToolResult:
    """Return a value whose schema the author wrote: as it is, or wrapped if that schema has just `result`."""
    if (result := _ready(value)) is not None:
        return result
    data = _written(value, where)
    return _result(value if isinstance(value, str) else data.decode(), data, wraps and data[:1] != b"{")

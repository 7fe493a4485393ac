"""What the stateless era's HTTP requests repeat in headers, for client and server alike.

Intermediaries route by these headers, so a server that acted on a body saying something else would be fooled along
with them.  All that is compared here comes from one request; which status a complaint earns is decided elsewhere.
Source: specification, basic/transports/streamable-http, "Request Metadata".
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator, Mapping
from typing import Literal, cast

import msgspec

from dragoman.errors import LocalError, MalformedError
from dragoman.protocol.patterns import late_pattern
from dragoman.wire.jsonrpc import HEADER_MISMATCH

METHOD_HEADER = b"mcp-method"
NAME_HEADER = b"mcp-name"
PARAM_PREFIX = "mcp-param-"
ANNOTATION = "x-mcp-header"
SAFE_INTEGER = 2**53 - 1
"""Largest integer, either way from 0, that may stand in a header: beyond it JavaScript rounds."""

Kind = Literal["string", "integer", "boolean"]

_PREFIX, _SUFFIX = "=?base64?", "?="
_TOKEN = late_pattern(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2
_INTEGER = late_pattern(r"(-?[0-9]{1,16})(?:\.0*)?")
# Where JSON Schema holds data or names in place of a schema.
_DATA = frozenset({"const", "default", "enum", "example", "examples"})
_NAMED = frozenset({"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"})


class HeaderFault(MalformedError):
    """A header value that cannot be read: bad characters, or a Base64 form that holds no UTF-8 text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, code=HEADER_MISMATCH)


class SchemaFault(LocalError):
    """An `x-mcp-header` where or as it may not be: the whole tool is invalid over HTTP.

    `path` leads to it from the root of the schema.
    """

    def __init__(self, reason: str, path: tuple[str, ...]) -> None:
        super().__init__(f"{reason} (at /{'/'.join(path)} of the input schema)")
        self.reason = reason
        self.path = path


class HeaderRule(msgspec.Struct, frozen=True):
    """One parameter that is repeated in a header: full lower-case name, path of property names, declared type."""

    header: str
    path: tuple[str, ...]
    kind: Kind


def encode_value(value: str | int | bool) -> str:
    """Return a header value for `value`, in Base64 where plain ASCII could not carry it or would be misread.

    Raises LocalError for an integer beyond +-(2^53 - 1), and for text with a lone surrogate.
    Source: "Value Encoding".
    """
    text = _plain(value)
    plain = text.isascii() and text.isprintable() and text.strip(" ") == text
    if plain and not (text.startswith(_PREFIX) and text.endswith(_SUFFIX)):
        return text
    try:
        return _PREFIX + b2a_base64(text.encode(), newline=False).decode() + _SUFFIX
    except UnicodeEncodeError:
        raise LocalError(f"{text[:100]!r} holds half a character and cannot be sent; remove it") from None


def _plain(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if abs(value) > SAFE_INTEGER:
            raise LocalError(f"an integer sent in a header must lie within +-{SAFE_INTEGER}; pass a nearer one")
        return str(value)
    return value


def decode_value(text: str) -> str:
    """Return the value that a header's text stands for.  Blanks around it are no part of it (RFC 9110, section 5.5).

    Raises HeaderFault for a character that no header may hold, for broken Base64, and for bytes that are not UTF-8.
    Text without the whole of `=?base64?` and `?=` around it is taken literally.
    """
    text = text.strip(" \t")
    if not (text.isascii() and text.replace("\t", " ").isprintable()):
        raise HeaderFault("the value holds characters that a header may not; send it as =?base64?...?=")
    if not (text.startswith(_PREFIX) and text.endswith(_SUFFIX) and len(text) >= len(_PREFIX) + len(_SUFFIX)):
        return text
    encoded = text[len(_PREFIX) : -len(_SUFFIX)]
    if len(encoded) % 4:  # the decoder, strict as it is, lets some of these through
        raise HeaderFault("the value is not Base64: its length is no multiple of 4")
    try:
        return a2b_base64(encoded, strict_mode=True).decode()
    except Base64Error as error:
        raise HeaderFault(f"the value is not Base64: {error}") from None
    except UnicodeDecodeError:
        raise HeaderFault("the value is Base64 of bytes that are not UTF-8") from None


def standard_headers(method: str, name: str | None) -> dict[str, str]:
    """Return the headers that a client sends with each request; `name` is None where the method has none."""
    headers = {"mcp-method": method}
    if name is not None:
        headers["mcp-name"] = encode_value(name)
    return headers


def check_standard(headers: Mapping[bytes, bytes], method: str, name: str | None) -> str | None:
    """Return how `Mcp-Method` and `Mcp-Name` differ from the body, or None.

    `headers` has lower-case names.  `name` is None where the method has none; the header is not looked at then.
    Source: "Server Validation".
    """
    stated = headers.get(METHOD_HEADER)
    if stated is None:
        return f"the Mcp-Method header is missing; send it with the body's method, {method[:100]!r}"
    if stated != method.encode(errors="replace") and stated.decode("latin-1").strip(" \t") != method:
        return f"the Mcp-Method header says {_shown(stated)}, the body {method[:100]!r}"
    if name is None:
        return None
    stated = headers.get(NAME_HEADER)
    if stated is None:
        return f"the Mcp-Name header is missing; send it with the body's value, {name[:100]!r}"
    # Nearly always this settles it.  Text that looks encoded, or needs to be, takes the way below.
    if stated == name.encode(errors="replace") and name.isascii() and name.isprintable() and name[:2] != "=?":
        return None
    try:
        if decode_value(stated.decode("latin-1")) == name:
            return None
    except HeaderFault as fault:
        return f"the Mcp-Name header cannot be read: {fault.reason}"
    return f"the Mcp-Name header says {_shown(stated)}, the body {name[:100]!r}"


def _shown(value: bytes) -> str:
    return repr(value[:100].decode("latin-1"))


def header_rules(schema: Mapping[str, object]) -> tuple[HeaderRule, ...]:
    """Return which parameters of a tool are repeated in headers, in the schema's order.

    Raises SchemaFault when an `x-mcp-header` is not a token, not unique, not on a string, integer or boolean, or not
    reached by `properties` alone.  Source: "Schema Extension".
    """
    rules: dict[str, HeaderRule] = {}
    for node, path, names in _schemas(schema, (), ()):
        if ANNOTATION not in node:
            continue
        rule = _rule(node, path, names)
        if rule.header in rules:
            other = "/".join(rules[rule.header].path)
            raise SchemaFault(f"{ANNOTATION} {node[ANNOTATION]!r} is already taken by {other!r}", path)
        rules[rule.header] = rule
    return tuple(rules.values())


Names = tuple[str, ...] | None


def _schemas(
    schema: object, path: tuple[str, ...], names: Names
) -> Iterator[tuple[Mapping[str, object], tuple[str, ...], Names]]:
    """Yield every schema in `schema`, its path, and the property names that lead there, None if other keywords do."""
    if isinstance(schema, list | tuple):
        for number, item in enumerate(cast("list[object]", schema)):
            yield from _schemas(item, (*path, str(number)), None)
    if not isinstance(schema, Mapping):
        return
    node = cast("Mapping[str, object]", schema)
    yield node, path, names
    for key, value in node.items():
        if key in _NAMED and isinstance(value, Mapping):
            for name, item in cast("Mapping[str, object]", value).items():
                chain = (*names, name) if names is not None and key == "properties" else None
                yield from _schemas(item, (*path, key, name), chain)
        elif key not in _DATA:
            yield from _schemas(value, (*path, key), None)


def _rule(node: Mapping[str, object], path: tuple[str, ...], names: Names) -> HeaderRule:
    header, kind = node[ANNOTATION], node.get("type")
    if not names:
        raise SchemaFault(f"{ANNOTATION} may only stand on a property that is reached by `properties` alone", path)
    if not isinstance(header, str) or not _TOKEN.fullmatch(header):
        raise SchemaFault(f"{ANNOTATION} must be a header name of letters, digits and !#$%&'*+-.^_`|~", path)
    if kind not in ("string", "integer", "boolean"):
        raise SchemaFault(f"{ANNOTATION} needs the type string, integer or boolean, not {kind!r}", path)
    return HeaderRule(PARAM_PREFIX + header.lower(), names, kind)


def param_headers(rules: tuple[HeaderRule, ...], arguments: Mapping[str, object]) -> dict[str, str]:
    """Return the headers that repeat `arguments`; missing and null ones have none.

    A value of a type that no header can carry has none either: the server will refuse it by its schema.  Raises
    LocalError as `encode_value` does.  Source: "Client Behavior".
    """
    headers: dict[str, str] = {}
    for rule in rules:
        value = _value(rule, arguments)
        if isinstance(value, str | int):
            headers[rule.header] = encode_value(value)
    return headers


def check_params(
    rules: tuple[HeaderRule, ...], arguments: Mapping[str, object], headers: Mapping[str, str]
) -> str | None:
    """Return how the first `Mcp-Param-*` header at fault differs from `arguments`, or None.

    `headers` has lower-case names.  A header whose parameter is missing or null is a fault as well: whoever routed by
    it was misled.  Source: "Server Behavior for Custom Headers", "Server Validation".
    """
    for rule in rules:
        value, stated = _value(rule, arguments), headers.get(rule.header)
        if stated is None:
            # What is no string, integer or boolean fails by the tool's schema, with a better message than ours.
            if isinstance(value, str | int):
                return f"the {rule.header} header is missing, but the body has a value at {'/'.join(rule.path)!r}"
            continue
        try:
            text = decode_value(stated)
        except HeaderFault as fault:
            return f"the {rule.header} header cannot be read: {fault.reason}"
        if not _same(text, value):
            return f"the {rule.header} header says {text[:100]!r}, the body something else at {'/'.join(rule.path)!r}"
    return None


def _value(rule: HeaderRule, arguments: Mapping[str, object]) -> object:
    value: object = arguments
    for name in rule.path:
        inner = _mapping(value)
        if inner is None:
            return None
        value = inner.get(name)
    # JSON Schema counts 42.0 as an integer.
    if rule.kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _mapping(value: object) -> Mapping[str, object] | None:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else None


def _same(text: str, value: object) -> bool:
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    if isinstance(value, int):
        number = _INTEGER.fullmatch(text)
        return number is not None and abs(value) <= SAFE_INTEGER and int(number[1]) == value
    return isinstance(value, str) and text == value

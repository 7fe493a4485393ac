"""Read a tool's function once, into a plan: its schemas, and how to decode a call and encode a result.

All that can be decided before a call is decided here; a call is one typed decode and one encode.
Functions are never changed.  Values that a call cannot mean are told back, all at once, with the nearest that it can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from dragoman.errors import RegistrationError
from dragoman.late import late
from dragoman.serving import pydantic_bridge as bridge
from dragoman.serving.arguments import Argument
from dragoman.serving.codec import Unsupported, adapt, decode_hook, decoder
from dragoman.serving.outputs import Declared, Encode, output_of
from dragoman.serving.parameters import Arguments, Function, Parameter, Reading, put_context, read
from dragoman.serving.schemas import Schema, Schemas, of_parameters

if TYPE_CHECKING:
    import copy

    from dragoman.serving import repair
else:
    copy, repair = late("copy"), late("dragoman.serving.repair")

_CONSTANTS = (int, float, bool, str, bytes, type(None))

Decode: TypeAlias = Callable[[bytes | msgspec.Raw], Arguments]


class Plan(msgspec.Struct, frozen=True):
    """A function's signature, ready for calls.

    `decode(raw)` returns positional and keyword arguments without the context,
    which `place` puts in; it raises ArgumentFaults. `encode(value)` returns the
    result; it raises OutputMismatch, and LocalError when a file cannot be read.
    """

    name: str
    where: str
    description: str
    is_async: bool
    context_parameter: str | None
    context_index: int | None
    input_schema: Schema
    output_schema: Schema | None
    decode: Decode
    encode: Encode

    def place(self, arguments: Arguments, context: Any) -> Arguments:
        """Return `arguments` with `context` in the place where the function wants it, if it wants one."""
        return put_context(arguments, self.context_parameter, self.context_index, context)


def read_signature(
    function: Function, *, context_type: type, output_schema: Declared = None, written: bool = False
) -> Plan:
    """Return the plan of `function`.

    `output_schema` replaces the one that the return annotation gives; False means
    none. `written` says that the arguments' schema is written by hand. Raises
    RegistrationError naming function, file, line and parameter.
    """
    reading = read(function, context_type, written=written)
    arguments, schemas, made = arguments_of(reading)
    output = output_of(reading.returns, output_schema, reading.where)
    return Plan(
        name=reading.name,
        where=reading.where,
        description=reading.doc.summary,
        is_async=reading.is_async,
        context_parameter=reading.context_parameter,
        context_index=reading.context_index,
        input_schema=of_parameters(reading.parameters, made, schemas.defs),
        output_schema=output.schema,
        decode=_all_of if reading.takes_all else decode_of(reading, arguments, schemas),
        encode=output.encode,
    )


def _all_of(raw: bytes | msgspec.Raw) -> Arguments:
    """Return the arguments as they came; whoever reads them by hand has checked that they are an object."""
    return (), msgspec.json.decode(raw)


def arguments_of(reading: Reading) -> tuple[list[Argument], Schemas, list[Schema]]:
    """Return for each parameter how it is decoded, and its schema. Raises RegistrationError naming the parameter."""
    schemas = Schemas()
    arguments: list[Argument] = []
    for parameter in reading.parameters:
        try:
            arguments.append(_argument(parameter, schemas))
        except Unsupported as error:
            raise RegistrationError(f"parameter {parameter.name}: {error}", where=reading.where) from error
        except TypeError as error:
            reason = f"parameter {parameter.name} has a type without a schema: {error}"
            raise RegistrationError(reason, where=reading.where) from error
    return arguments, schemas, [argument.schema for argument in arguments]


def _argument(parameter: Parameter, schemas: Schemas) -> Argument:
    made = Argument(parameter.name, {}, parameter.required, _maker(parameter.default))
    if bridge.uses_pydantic(parameter.annotation):
        made.adapter = bridge.adapter_of(parameter.annotation)
        schema = bridge.schema_of(made.adapter, output=False)
        made.schema = schemas.absorb([schema], schema.pop("$defs", {}))[0]
    else:
        made.kind = adapt(parameter.annotation)
        decoder(made.kind)
        made.schema = schemas.of([made.kind])[0]
    return made


def _maker(default: Any) -> Callable[[], Any]:
    """Return a function that makes the default: a fresh one if it could be changed by the function that gets it."""
    if isinstance(default, list | dict | set | bytearray):
        return lambda: copy.copy(default)  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    return lambda: default


def decode_of(reading: Reading, arguments: Sequence[Argument], schemas: Schemas) -> Decode:
    """Return the function that decodes calls: one typed decode, and the mender when that fails."""
    fields: list[Any] = []
    for argument in arguments:
        kind = msgspec.Raw if argument.adapter is not None else argument.kind
        if argument.required:
            fields.append((argument.name, kind))
        elif type(default := argument.default()) in _CONSTANTS:
            fields.append((argument.name, kind, default))  # quicker than a factory
        else:
            fields.append((argument.name, kind, msgspec.field(default_factory=argument.default)))
    struct = msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True)
    strict = msgspec.json.Decoder(struct, dec_hook=decode_hook).decode
    astuple = msgspec.structs.astuple
    bridged = [(at, argument.adapter) for at, argument in enumerate(arguments) if argument.adapter is not None]
    keywords = [parameter.name for parameter in reading.parameters if parameter.keyword_only]
    positional = len(arguments) - len(keywords)

    def mended(raw: bytes | msgspec.Raw) -> list[Any]:
        return repair.Mender(arguments, schemas.defs).decode(bytes(raw))

    if not bridged and not keywords:

        def decode(raw: bytes | msgspec.Raw) -> Arguments:
            try:
                return astuple(strict(raw)), {}
            except (msgspec.DecodeError, UnicodeError):
                return tuple(mended(raw)), {}

        return decode

    def decode_split(raw: bytes | msgspec.Raw) -> Arguments:
        try:
            values = list(astuple(strict(raw)))
            for at, adapter in bridged:
                if type(values[at]) is msgspec.Raw:
                    values[at] = adapter.validate_json(bytes(values[at]))
        except (msgspec.DecodeError, UnicodeError):
            values = mended(raw)
        except Exception as error:
            if not bridge.is_validation_error(error):
                raise
            values = mended(raw)
        return tuple(values[:positional]), dict(zip(keywords, values[positional:], strict=True))

    return decode_split

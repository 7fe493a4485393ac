"""Read the functions of prompts and resources once, into plans, as `signature` does for tools.

Their values arrive as text: arguments of a prompt, variables of a URI template.  Each is converted to the type that
the function declares, so a date or a list needs no parsing there.  A parameter typed `str` gets the text untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, get_args

import msgspec
from msgspec import UNSET, UnsetType

from dragoman.errors import LocalError, RegistrationError
from dragoman.serving.arguments import Argument
from dragoman.serving.codec import encoder, plain
from dragoman.serving.faults import ArgumentFaults, Fault, OutputMismatch
from dragoman.serving.messages import type_of
from dragoman.serving.parameters import Arguments, Function, Reading, put_context, read
from dragoman.serving.repair import Mender
from dragoman.serving.results import Audio, File, Image, block_of, contents_of, is_block
from dragoman.serving.schemas import Schema
from dragoman.serving.shapes import is_object, is_sequence
from dragoman.serving.signature import arguments_of
from dragoman.wire.base import Role
from dragoman.wire.content import AnyContents, BlobContents, TextContents
from dragoman.wire.prompts import GetPromptResult, PromptArgument, PromptMessage
from dragoman.wire.resources import ReadResourceResult

Values: TypeAlias = Mapping[str, str | list[str]]

ROLES = get_args(Role)


class NotServed(LocalError):
    """A URI that fits a template, but whose values the function cannot take: there is no such resource."""


class PromptPlan(msgspec.Struct, frozen=True):
    """A prompt's function, ready for calls.

    `decode(raw)` returns its arguments and raises ArgumentFaults;
    `messages(value)` makes messages of what it returned, and raises OutputMismatch.
    """

    name: str
    where: str
    description: str
    is_async: bool
    context_parameter: str | None
    context_index: int | None
    arguments: list[PromptArgument]
    decode: Callable[[bytes | msgspec.Raw], Arguments]

    def place(self, arguments: Arguments, context: Any) -> Arguments:
        """Return `arguments` with `context` in the place where the function wants it, if it wants one."""
        return put_context(arguments, self.context_parameter, self.context_index, context)

    def messages(self, value: Any) -> list[PromptMessage]:
        """Return the messages that `value` means: text and content are the user's words, pairs name their role."""
        try:
            return messages_of(value)
        except TypeError as error:
            raise OutputMismatch(Fault("$", "messages", hint=str(error)), where=self.where) from error


class ResourcePlan(msgspec.Struct, frozen=True):
    """A resource's function, ready for reads. `decode(values)` raises NotServed when a value does not convert."""

    name: str
    where: str
    description: str
    is_async: bool
    context_parameter: str | None
    context_index: int | None
    decode: Callable[[Values], Arguments]

    def place(self, arguments: Arguments, context: Any) -> Arguments:
        """Return `arguments` with `context` in the place where the function wants it, if it wants one."""
        return put_context(arguments, self.context_parameter, self.context_index, context)

    def contents(self, value: Any, uri: str, mime_type: str | UnsetType | None = None) -> list[AnyContents]:
        """Return what `value` says the resource holds; nothing for None.

        Raises OutputMismatch for what has no JSON form, LocalError for a file that
        cannot be read.
        """
        try:
            return _contents(value, uri, mime_type or "")
        except (TypeError, ValueError) as error:
            raise OutputMismatch(Fault("$", "resource contents", hint=str(error)), where=self.where) from error


def user(content: Any) -> PromptMessage:
    """Return a message of the user: text, an image, a file, a content block, or data as JSON text."""
    return PromptMessage(role="user", content=block_of(content))


def assistant(content: Any) -> PromptMessage:
    """Return a message of the assistant, for a prompt that begins a conversation."""
    return PromptMessage(role="assistant", content=block_of(content))


def read_prompt_signature(function: Function, *, context_type: type) -> PromptPlan:
    """Return the plan of a prompt's function. Raises RegistrationError naming function, file and line."""
    reading = read(function, context_type)
    decode, made, defs = _text_decoder(reading)
    listed: list[PromptArgument] = []
    for parameter, argument in zip(reading.parameters, made, strict=True):
        description = parameter.description
        if plain(parameter.annotation) is not str and argument.schema:
            description = f"{description} ({type_of(argument.schema, defs)})".strip()
        listed.append(
            PromptArgument(name=parameter.name, description=description or UNSET, required=parameter.required)
        )

    def decode_raw(raw: bytes | msgspec.Raw) -> Arguments:
        return decode(_prompt_values(bytes(raw)))

    return PromptPlan(**_facts(reading), arguments=listed, decode=decode_raw)


def read_resource_signature(
    function: Function, template_variables: Sequence[str] = (), *, context_type: type
) -> ResourcePlan:
    """Return the plan of a resource's function, whose parameters are the variables of its URI template.

    Raises RegistrationError when they are not the same, or cannot be read.
    """
    reading = read(function, context_type)
    names = {parameter.name for parameter in reading.parameters}
    variables = set(template_variables)
    if lacking := sorted(variables - names):
        raise RegistrationError(
            f"the URI has {_named(lacking)}, which {reading.name}() does not take", where=reading.where
        )
    if extra := sorted(names - variables):
        reason = f"{reading.name}() takes {_named(extra)}, which the URI does not have"
        raise RegistrationError(reason, where=reading.where)
    decode = _text_decoder(reading)[0]

    def decode_values(values: Values) -> Arguments:
        try:
            return decode(values)
        except ArgumentFaults as faults:
            raise NotServed("; ".join(str(fault).removeprefix("$.") for fault in faults.faults)) from faults

    return ResourcePlan(**_facts(reading), decode=decode_values)


def _facts(reading: Reading) -> dict[str, Any]:
    return {
        "name": reading.name,
        "where": reading.where,
        "description": reading.doc.summary,
        "is_async": reading.is_async,
        "context_parameter": reading.context_parameter,
        "context_index": reading.context_index,
    }


def _named(names: list[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


def _prompt_values(raw: bytes) -> dict[str, Any]:
    """Return the arguments of a prompt; values should be text, and are taken as they are where they are not."""
    try:
        values: Any = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ArgumentFaults([Fault("$", "an object in JSON", hint=str(error))]) from error
    if values is None:
        return {}
    if not is_object(values):
        raise ArgumentFaults([Fault("$", "an object, with one member for each argument")])
    return values


def _text_decoder(reading: Reading) -> tuple[Callable[[Values], Arguments], list[Argument], dict[str, Schema]]:
    made, schemas, _ = arguments_of(reading)
    mender = Mender(made, schemas.defs)
    by_name = {argument.name: argument for argument in made}
    texts = {argument.name for argument in made if argument.kind is str}
    plain_text = len(texts) == len(made)
    keywords = [parameter.name for parameter in reading.parameters if parameter.keyword_only]
    positional = len(made) - len(keywords)

    def decode(values: Values) -> Arguments:
        if plain_text and set(values) == texts and all(type(value) is str for value in values.values()):
            found = [values[argument.name] for argument in made]
        else:
            found = mender.judge({name: _raw(by_name.get(name), value, mender) for name, value in values.items()})
        return tuple(found[:positional]), dict(zip(keywords, found[positional:], strict=True))

    return decode, made, schemas.defs


def _raw(argument: Argument | None, value: Any, mender: Mender) -> msgspec.Raw | None:
    """Return the JSON that `value` means for `argument`: the text itself if that fits, or the JSON that it spells.

    None stands for a field that was left empty, where that cannot be the value.
    """
    quoted = encoder.encode(value)
    if argument is None or not isinstance(value, str) or mender.fits(argument, quoted):
        return msgspec.Raw(quoted)
    if not value.strip() and not argument.required:
        return None
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError):
        return msgspec.Raw(quoted)
    return msgspec.Raw(value.encode()) if mender.fits(argument, value.encode()) else msgspec.Raw(quoted)


def messages_of(value: Any) -> list[PromptMessage]:
    """Return the messages that `value` means. Raises TypeError for what has no JSON form."""
    if value is None:
        return []
    if isinstance(value, GetPromptResult):
        return list(value.messages)
    if is_sequence(value) and not _is_pair(value):
        return [_message(item) for item in value]
    return [_message(value)]


def _is_pair(value: Any) -> bool:
    return is_sequence(value) and type(value) is tuple and len(value) == 2 and value[0] in ROLES


def _message(value: Any) -> PromptMessage:
    if isinstance(value, PromptMessage):
        return value
    if _is_pair(value):
        return PromptMessage(role=value[0], content=block_of(value[1]))
    if is_object(value) and set(value) == {"role", "content"} and value["role"] in ROLES:
        return _spelled_out(value)
    return user(value)


def _spelled_out(named: dict[str, Any]) -> PromptMessage:
    """Return a message written as the protocol's own JSON."""
    content = named["content"]
    if isinstance(content, str) or is_block(content):
        return PromptMessage(role=named["role"], content=block_of(content))
    try:
        return msgspec.convert(named, PromptMessage)
    except msgspec.ValidationError as error:
        raise TypeError(f"a message whose content is not one: {error}") from error


def _contents(value: Any, uri: str, mime_type: str) -> list[AnyContents]:
    if value is None:
        return []
    if isinstance(value, ReadResourceResult):
        return list(value.contents)
    if is_sequence(value) and value and all(is_block(item) for item in value):
        return [part for item in value for part in _contents(item, uri, mime_type)]
    if isinstance(value, AnyContents):
        return [value]
    if isinstance(value, TextContents | BlobContents):
        return [AnyContents(**msgspec.structs.asdict(value))]
    if isinstance(value, Image | Audio | File):
        data, kind = value.read()
        return [contents_of(data, uri, mime_type or kind)]
    if isinstance(value, str):
        return [AnyContents(uri=uri, text=value, mime_type=mime_type or "text/plain")]
    if isinstance(value, bytes | bytearray):
        blob: str = msgspec.to_builtins(bytes(value))
        return [AnyContents(uri=uri, blob=blob, mime_type=mime_type or "application/octet-stream")]
    text = encoder.encode(value).decode()
    return [AnyContents(uri=uri, text=text, mime_type=mime_type or "application/json")]

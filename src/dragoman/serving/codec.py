"""Fit annotations to the JSON codec: what msgspec cannot take as it stands is rewritten, or refused by name.

Unions of which msgspec can decode only one member at a time become a Choice, whose members are tried in order.
Types inside the user's own classes are never rewritten: a union there that cannot be decoded is refused.
"""

from __future__ import annotations

import datetime
import os
import types
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from enum import Enum
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    NewType,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import msgspec

from dragoman.late import late
from dragoman.serving.shapes import is_class, is_object

if TYPE_CHECKING:
    import pathlib
else:
    pathlib = late("pathlib")

DATE_TIME = Annotated[datetime.datetime, msgspec.Meta(extra_json_schema={"format": "date-time"})]
# What has an order and no length: in JSON, a list.
_STREAMS = (Iterable, Iterator, Generator)
# Modules whose classes are made from one string and printed as one.
_TEXT_MODULES = frozenset({"ipaddress", "zoneinfo"})


NO_CHOICE = "Fits none of the types allowed here: "


class Unsupported(TypeError):
    """A type that has no JSON form; the text says which, and what to use in its place."""


class _TakesAny(type):
    # The codec asks whether what a hook returned is an instance of the class it stands for.
    def __instancecheck__(cls, instance: Any) -> bool:
        return True


class Choice(metaclass=_TakesAny):
    """Base of the classes that stand for unions; `members` are tried in order."""

    members: ClassVar[tuple[Any, ...]] = ()
    fields: ClassVar[tuple[frozenset[str] | None, ...]] = ()


def is_text(kind: Any) -> bool:
    """Return whether `kind` is a class written as a plain string: paths, network addresses, time zones."""
    return is_class(kind) and (_is_path(kind) or kind.__module__ in _TEXT_MODULES)


def _is_path(kind: type[Any]) -> bool:
    # What no path could be is told without loading what paths are.
    return hasattr(kind, "__fspath__") and issubclass(kind, pathlib.PurePath)


def decode_hook(kind: type[Any], value: Any) -> Any:
    """Return `value`, decoded as JSON, as a `kind` that msgspec does not know. Raises ValueError if it does not fit."""
    if issubclass(kind, Choice):
        return _choose(kind, value, strict=True)
    if is_text(kind):
        if not isinstance(value, str):
            raise ValueError(f"Expected `str`, got `{type(value).__name__}`")
        try:
            return kind(value)
        except Exception as error:  # some raise KeyError or OSError for a text they do not know
            raise ValueError(f"is no {kind.__name__}") from error
    raise Unsupported(refusal(kind))


def lenient_hook(kind: type[Any], value: Any) -> Any:
    """As `decode_hook`, but a union whose members all refuse a value tries them again leniently."""
    if issubclass(kind, Choice):
        try:
            return _choose(kind, value, strict=True)
        except ValueError:
            return _choose(kind, value, strict=False)
    return decode_hook(kind, value)


def convert(value: Any, kind: Any, *, strict: bool = True) -> Any:
    """Return `value`, decoded as JSON, as a `kind`. Raises msgspec.ValidationError if it does not fit."""
    return msgspec.convert(value, kind, strict=strict, str_keys=True, dec_hook=decode_hook if strict else lenient_hook)


def _choose(kind: type[Choice], value: Any, *, strict: bool) -> Any:
    """Return `value` as the first member that takes it, those first that know all its keys."""
    order = list(range(len(kind.members)))
    if is_object(value):
        keys = frozenset(value)
        order.sort(key=lambda at: (known := kind.fields[at]) is not None and not keys <= known)
    reasons: list[str] = []
    for at in order:
        try:
            return convert(value, kind.members[at], strict=strict)
        except msgspec.ValidationError as error:
            reasons.append(str(error).replace(" - at `", " at `"))
    raise ValueError(NO_CHOICE + "; ".join(dict.fromkeys(reasons)))


def encode_hook(value: Any) -> Any:
    """Return something msgspec can write for a `value` it does not know. Raises Unsupported when nothing is meant."""
    path = getattr(value, "__fspath__", None)
    if path is not None:
        return path()
    if is_text(type(value)):
        return str(value)
    dump = getattr(value, "model_dump", None)  # pydantic
    if dump is not None:
        return dump(mode="json", by_alias=True)
    listed = getattr(value, "tolist", None)  # arrays and their scalars
    if listed is not None:
        return listed()
    copied: Any = dict if isinstance(value, Mapping) else list
    if isinstance(value, Iterable) and not isinstance(value, type):
        return copied(value)
    raise Unsupported(f"a value of type {type(value).__qualname__} cannot be written as JSON")


encoder = msgspec.json.Encoder(enc_hook=encode_hook)


def refusal(kind: Any) -> str:
    """Return why `kind` has no JSON form."""
    name = getattr(kind, "__qualname__", repr(kind))
    return f"type {name} has no JSON form; use a dataclass, TypedDict, msgspec.Struct or pydantic model"


def members(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, or of anything else the thing itself, looking through Annotated."""
    bare = plain(annotation)
    if get_origin(bare) in (Union, types.UnionType):
        return tuple(inner for member in get_args(bare) for inner in members(member))
    return (bare,)


def plain(annotation: Any) -> Any:
    """Return the type without its Annotated and NewType wrappings."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = annotation.__origin__
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        else:
            return annotation


def adapt(annotation: Any) -> Any:
    """Return the type that msgspec decodes in the place of `annotation`."""
    if isinstance(annotation, NewType):
        return adapt(annotation.__supertype__)
    if annotation is datetime.datetime:
        return DATE_TIME
    if annotation is object:
        return Any
    if annotation is os.PathLike:
        return pathlib.Path
    origin = get_origin(annotation)
    if origin is None or origin is Literal:
        return annotation
    if origin is Annotated:
        return _annotated(annotation)
    if origin in (Union, types.UnionType):
        return _union(tuple(adapt(member) for member in get_args(annotation)))
    return _generic(annotation, origin)


def _annotated(annotation: Any) -> Any:
    kept = [described(item) for item in annotation.__metadata__]
    metas = tuple(item for item in kept if item is not None)
    inner = adapt(annotation.__origin__)
    return Annotated[(inner, *metas)] if metas else inner


def described(item: Any) -> msgspec.Meta | None:
    """Return one piece of Annotated metadata as msgspec's own: a string is a description, as is `Doc(...)`."""
    if isinstance(item, msgspec.Meta):
        return item
    text = item if isinstance(item, str) else getattr(item, "documentation", None)
    return msgspec.Meta(description=text) if isinstance(text, str) else None


def _generic(annotation: Any, origin: Any) -> Any:
    args = get_args(annotation)
    if origin is os.PathLike:
        return pathlib.Path
    if origin in _STREAMS:
        return list[adapt(args[0])]  # type: ignore[misc]
    fitted: tuple[Any, ...] = tuple(arg if arg is Ellipsis else adapt(arg) for arg in args)
    if fitted == args or not args:
        return annotation
    only, *more = fitted
    return origin[fitted] if more else origin[only]


def _union(fitted: tuple[Any, ...]) -> Any:
    make: Any = Union
    union = make[fitted]
    try:
        msgspec.json.Decoder(union)
    except TypeError as error:
        if not str(error).startswith("Type unions"):
            return union
    else:
        return union
    flat = tuple(dict.fromkeys(fitted))
    fields = tuple(_fields(plain(member)) for member in flat)
    return types.new_class("Choice", (Choice,), None, lambda body: body.update(members=flat, fields=fields))


def _fields(kind: Any) -> frozenset[str] | None:
    """Return the names of the fields of a class, or None for what has no fixed ones."""
    origin = get_origin(kind) or kind
    if not is_class(origin) or not has_fields(origin):
        return None
    encoded = getattr(origin, "__struct_encode_fields__", None)
    if encoded is not None:
        tag: str | None = origin.__struct_config__.tag_field
        return frozenset([*encoded, tag] if tag else encoded)
    attrs = getattr(origin, "__attrs_attrs__", None)
    if attrs is not None:
        return frozenset(attribute.name for attribute in attrs)
    return frozenset(getattr(origin, "__dataclass_fields__", None) or getattr(origin, "__annotations__", {}))


def has_fields(kind: type[Any]) -> bool:
    """Return whether `kind` is a class with named fields: dataclass, Struct, TypedDict, attrs."""
    return (
        issubclass(kind, msgspec.Struct)
        or hasattr(kind, "__dataclass_fields__")
        or is_typeddict(kind)
        or hasattr(kind, "__attrs_attrs__")
    )


def parts(annotation: Any) -> Iterable[Any]:
    """Yield every type and piece of metadata inside `annotation`, the fields of its classes included."""
    seen: set[int] = set()
    todo = [annotation]
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        if isinstance(item, NewType):
            todo.append(item.__supertype__)
        todo.extend(get_args(item))
        todo.extend(getattr(item, "__metadata__", ()))
        kind = get_origin(item) or item
        if is_class(kind) and kind is not item:
            todo.append(kind)
        elif is_class(kind) and not issubclass(kind, Enum) and kind.__module__ != "builtins":
            todo.extend(_class_hints(kind))


def _class_hints(kind: type) -> Iterable[Any]:
    own = getattr(kind, "__annotations__", {})
    if not any(isinstance(hint, str) for hint in own.values()):
        return own.values()
    try:
        return get_type_hints(kind, include_extras=True).values()
    except Exception:  # whoever decodes the class says it better
        return ()


Decode = Callable[[bytes | msgspec.Raw], Any]


def decoder(kind: Any, *, strict: bool = True) -> Decode:
    """Return a function that decodes JSON bytes as a `kind`. Raises TypeError when msgspec cannot."""
    return msgspec.json.Decoder(kind, strict=strict, dec_hook=decode_hook if strict else lenient_hook).decode

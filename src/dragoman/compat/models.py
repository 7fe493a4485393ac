"""Value classes that look like another package's models: both spellings of a name, dumps, copies.

They exist because servers written for `mcp` 1.x say `mimeType` and those for 2.x `mime_type`: here both work.
Promise: what goes in comes out on the wire under its camelCase name. Limit: values are not checked, only shaped.
"""

from __future__ import annotations

import inspect
import json
import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self, TypeVar

import msgspec

from dragoman.compat.refusal import unsupported_attribute
from dragoman.serving.shapes import is_list, is_object, is_sequence

M = TypeVar("M", bound="Model")

_UPPER = re.compile(r"(?<=[a-z0-9])([A-Z])")
_MISSING = object()


def snake(name: str) -> str:
    """Return the Python spelling of a wire name: `mimeType` becomes `mime_type`, `_meta` becomes `meta`."""
    return "meta" if name == "_meta" else _UPPER.sub(lambda match: "_" + match[1].lower(), name)


def camel(name: str) -> str:
    """Return the wire spelling of a Python name."""
    if name == "meta":
        return "_meta"
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


class Model:
    """A value with named fields, made by keyword under either spelling.

    Fields are declared as in a dataclass, by annotations with or without a
    default. Unknown keywords are kept, as the models that this stands for keep them.
    """

    __fields__: ClassVar[dict[str, Any]] = {}
    __hash__ = None  # type: ignore[assignment]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__()
        fields = dict(cls.__fields__)
        for name, annotation in inspect.get_annotations(cls).items():
            if not name.startswith("__") and not str(annotation).startswith("ClassVar"):
                default = cls.__dict__.get(name, _MISSING)
                # Pydantic's Field(default=...) in a user's own subclass: the default is in an attribute of it.
                fields[name] = getattr(default, "default", default)
        cls.__fields__ = fields

    def __class_getitem__(cls, item: Any) -> type[Self]:
        return cls

    def __init__(self, **given: Any) -> None:
        values = {self._known(name): value for name, value in given.items()}
        for name, default in self.__fields__.items():
            if name not in values:
                if default is _MISSING:
                    raise TypeError(f"{type(self).__name__} needs {name!r}")
                values[name] = default.copy() if isinstance(default, list | dict) else default
        hints = _hints(type(self))
        for name, value in values.items():
            self.__dict__[name] = coerce(hints.get(name, Any), value)

    @classmethod
    def _known(cls, name: str) -> str:
        """Return the field that `name`, in either spelling, means; a name of no field stays as it is."""
        return name if name in cls.__fields__ else spelled if (spelled := snake(name)) in cls.__fields__ else name

    def __getattr__(self, name: str) -> Any:
        known = self._known(name)
        if known != name and known in self.__dict__:
            return self.__dict__[known]
        if name.startswith("__"):
            raise AttributeError(name)
        raise unsupported_attribute(type(self).__name__, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__[self._known(name)] = value

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self.__dict__.items())

    def model_dump(self, *, by_alias: bool = True, exclude_none: bool = False, **options: Any) -> dict[str, Any]:
        """Return plain data under the wire's names, or Python's with `by_alias=False`; other options are ignored."""
        return {
            camel(name) if by_alias and name in self.__fields__ else name: _plain(value, by_alias, exclude_none)
            for name, value in self.__dict__.items()
            if not (exclude_none and value is None)
        }

    def model_dump_json(self, *, indent: int | None = None, **options: Any) -> str:
        """Return JSON text of `model_dump`."""
        return json.dumps(self.model_dump(**options), indent=indent, default=str)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with the fields in `update` replaced."""
        return type(self)(**{**self.__dict__, **(update or {})})

    @classmethod
    def model_validate(cls, data: Any, **options: Any) -> Self:
        """Return a model made of a mapping, or `data` itself when it is one already."""
        return data if isinstance(data, cls) else cls(**data)

    @classmethod
    def model_validate_json(cls, data: str | bytes, **options: Any) -> Self:
        """Return a model made of JSON text; raises ValueError when it is not JSON."""
        return cls.model_validate(json.loads(data))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let users' pydantic models have fields of this type: any value, kept as it is."""
        return handler(Any)


def _hints(cls: type[Model]) -> dict[str, Any]:
    """Return the resolved annotations of a model; empty when a user's subclass names what cannot be found."""
    if "__resolved__" not in cls.__dict__:
        try:
            resolved = typing.get_type_hints(cls)
        except (NameError, TypeError):
            resolved = {}
        cls.__resolved__ = resolved  # type: ignore[attr-defined]
    return cls.__dict__["__resolved__"]  # type: ignore[no-any-return]


def coerce(hint: Any, value: Any) -> Any:
    """Return `value` with mappings turned into the models that `hint` names; anything else unchanged."""
    if value is None or isinstance(value, str | int | float | Model):
        return value
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if is_object(value):
        models = [
            option for option in (inner if origin in (typing.Union, types.UnionType) else (hint,)) if _is_model(option)
        ]
        if models:
            return _choose(models, value)(**value)
        if origin is dict and inner:
            return {key: coerce(inner[1], item) for key, item in value.items()}
    if is_list(value) and inner:
        lists = inner if origin in (typing.Union, types.UnionType) else (hint,)
        element = next((typing.get_args(option)[0] for option in lists if typing.get_origin(option) is list), None)
        return value if element is None else [coerce(element, item) for item in value]
    return value


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Model)


def _choose(models: list[type[Model]], value: Mapping[str, Any]) -> type[Model]:
    """Return the model whose `type` or `method` is the value's, else the first that has all it needs."""
    for tag in ("type", "method", "mode"):
        if tag in value:
            for model in models:
                if model.__fields__.get(tag) == value[tag]:
                    return model
    given = {snake(name) for name in value}
    for model in models:
        if all(default is not _MISSING or name in given for name, default in model.__fields__.items()):
            return model
    return models[0]


def _plain(value: Any, by_alias: bool, exclude_none: bool) -> Any:
    if isinstance(value, Model):
        return value.model_dump(by_alias=by_alias, exclude_none=exclude_none)
    if is_sequence(value):
        return [_plain(item, by_alias, exclude_none) for item in value]
    if is_object(value):
        return {key: _plain(item, by_alias, False) for key, item in value.items()}
    if type(value).__module__.startswith("pydantic") and not hasattr(value, "model_dump"):
        return str(value)  # AnyUrl and its kin
    return value


def to_wire(model: Model, wire: type[msgspec.Struct]) -> Any:
    """Return the model as Dragoman's own wire type; raises ValueError naming the field that does not fit."""
    try:
        return msgspec.convert(model.model_dump(exclude_none=True), wire)
    except msgspec.ValidationError as fault:
        raise ValueError(f"{type(model).__name__} does not fit the protocol: {fault}") from fault


def from_wire(cls: type[M], value: Any) -> M:
    """Return a model made of one of Dragoman's own wire types."""
    return cls(**msgspec.to_builtins(value))

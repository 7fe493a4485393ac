"""What a value breaks of its schema, in words that a model or a person can act on.

The library's own sentences quote the whole value and name keywords; a reader needs the place, what was expected, what
came. A kind that is not known here is passed on in the library's words, cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from dragoman.protocol.schema_graph import is_list, is_map

MAX_FAULTS = 20
_SHOWN = 80
_CHOICES = 12


class Violation(NamedTuple):
    """One thing that is wrong: where (`$.days[0]`), what was expected, what came, a hint.

    `meant` is a word that was wrong, and after it the words that would be right.
    """

    path: str
    expected: str
    got: str = ""
    hint: str = ""
    meant: tuple[str, ...] = ()

    def __str__(self) -> str:
        middle = [f"expected {self.expected}"] if self.expected else []
        middle += [f"got {self.got}"] if self.got else []
        return f"{self.path}: " + "; ".join(part for part in (", ".join(middle), self.hint) if part)


def show(value: Any) -> str:
    """Return `value` as JSON, cut to 80 characters."""
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError):
        text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"


def path_of(steps: Sequence[str | int], root: Any) -> str:
    """Return where in `root` a value stands: `$.rows[3].name`."""
    path: str = "$"
    found: Any = root
    for step in steps:
        # The library takes a member whose name is a number for an item.
        listed = is_list(found)
        path += f"[{step}]" if listed else f".{str(step)[:_SHOWN]}"
        try:
            found = found[step if listed else str(step)]
        except (KeyError, IndexError, TypeError):
            found = None
    return path


# Of each keyword with a limit, what it wants; the limit comes in at the braces.
_LIMITS: dict[str, tuple[str, str]] = {
    "minimum": ("limit", "a number of at least {}"),
    "maximum": ("limit", "a number of at most {}"),
    "exclusiveMinimum": ("limit", "a number above {}"),
    "exclusiveMaximum": ("limit", "a number below {}"),
    "multipleOf": ("multiple_of", "a multiple of {}"),
    "minLength": ("limit", "at least {} characters"),
    "maxLength": ("limit", "at most {} characters"),
    "minItems": ("limit", "at least {} items"),
    "maxItems": ("limit", "at most {} items"),
    "minProperties": ("limit", "at least {} members"),
    "maxProperties": ("limit", "at most {} members"),
    "pattern": ("pattern", "a text that matches {}"),
}


def violations_of(error: Any, schema: Mapping[str, Any], root: Any) -> Iterator[Violation]:
    """Yield what one error of the library tells: several when it names several members."""
    path = path_of(error.instance_path, root)
    name: str = error.kind.name
    told = _TELLERS.get(name)
    if told is not None:
        yield from told(error, path, schema, root)
    elif name in _LIMITS:
        attribute, words = _LIMITS[name]
        limit = getattr(error.kind, attribute)
        shown = limit[:_SHOWN] if isinstance(limit, str) else show(limit)
        yield Violation(path, words.format(shown), show(error.instance))
    else:
        yield Violation(path, "", show(error.instance), _cut(error.message))


def _type(error: Any, path: str, schema: Any, root: Any) -> Iterator[Violation]:
    yield Violation(path, " or ".join(sorted(error.kind.types)), show(error.instance))


def _required(error: Any, path: str, schema: Any, root: Any) -> Iterator[Violation]:
    name = str(error.kind.property)
    inner = _beside(error, schema).get(name)
    kind: Any = inner.get("type") if is_map(inner) else None
    wanted = kind if isinstance(kind, str) else "a value"
    yield Violation(f"{path}.{name[:_SHOWN]}", wanted, "nothing", "it is required")


def _additional(error: Any, path: str, schema: Any, root: Any) -> Iterator[Violation]:
    known = tuple(str(name) for name in _beside(error, schema))
    for name in error.kind.unexpected[:MAX_FAULTS]:
        step = f"[{name}]" if isinstance(name, int) else f".{str(name)[:_SHOWN]}"
        yield Violation(path + step, "no member of this name", meant=(str(name), *known))


def _enum(error: Any, path: str, schema: Any, root: Any) -> Iterator[Violation]:
    options: list[Any] = error.kind.options
    several = f"one of {len(options)} values"
    words = tuple(option for option in options if isinstance(option, str))
    wanted = several if len(options) > _CHOICES else "one of " + ", ".join(show(option) for option in options)
    meant = (error.instance, *words) if isinstance(error.instance, str) and words else ()
    yield Violation(path, wanted, show(error.instance), meant=meant)


def _const(error: Any, path: str, schema: Any, root: Any) -> Iterator[Violation]:
    yield Violation(path, show(error.kind.expected_value), show(error.instance))


def _choice(error: Any, path: str, schema: Any, root: Any) -> Iterator[Violation]:
    branches: list[list[Any]] = error.kind.context
    failed = [branch[0] for branch in branches if branch]
    if len(failed) < len(branches) or not failed:
        yield Violation(path, "what fits just one of its alternatives", show(error.instance), "it fits several")
        return
    # The branch that got furthest is the one that was meant, as a rule.
    nearest = max(failed, key=lambda one: len(one.instance_path) - (one.kind.name == "type"))
    reasons = "; ".join(str(found) for found in violations_of(nearest, schema, root))
    yield Violation(path, f"one of {len(branches)} alternatives", show(error.instance), f"nearest: {_cut(reasons)}")


def _never(error: Any, path: str, schema: Any, root: Any) -> Iterator[Violation]:
    if error.schema_path[-1:] in (["additionalProperties"], ["unevaluatedProperties"]):
        yield Violation(path, "no other members", hint=f"one is {show(error.instance)}")
    else:
        yield Violation(path, "nothing", show(error.instance), "no value is allowed here")


def _names(error: Any, path: str, schema: Any, root: Any) -> Iterator[Violation]:
    for found in violations_of(error.kind.error, schema, root):
        yield Violation(path, f"other names of members: {found.expected or found.hint}", found.got)


def _unique(error: Any, path: str, schema: Any, root: Any) -> Iterator[Violation]:
    yield Violation(path, "items that are all different", show(error.instance))


def _beside(error: Any, schema: Any) -> Mapping[str, Any]:
    """Return the `properties` beside the keyword that failed, as far as a path from the root leads there."""
    found: Any = schema
    for step in error.schema_path[:-1]:
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            return {}
    known: Any = found.get("properties") if is_map(found) else None
    return known if is_map(known) else {}


def _cut(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:300]}..."


_TELLERS: dict[str, Callable[[Any, str, Any, Any], Iterator[Violation]]] = {
    "type": _type,
    "required": _required,
    "additionalProperties": _additional,
    "unevaluatedProperties": _additional,
    "enum": _enum,
    "const": _const,
    "anyOf": _choice,
    "oneOf": _choice,
    "falseSchema": _never,
    "propertyNames": _names,
    "uniqueItems": _unique,
}

"""What a value is, in questions that type checkers follow: a list, an object, a class.

`isinstance` alone narrows Any to a list of unknown; these narrow it to a list of Any.  Nothing is converted.
"""

from __future__ import annotations

from typing import Any, TypeGuard


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Return whether `value` is a list, as decoded JSON has them."""
    return isinstance(value, list)


def is_sequence(value: object) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Return whether `value` is a list or a tuple."""
    return isinstance(value, list | tuple)


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Return whether `value` is a dict, as decoded JSON has them."""
    return isinstance(value, dict)


def is_class(value: object) -> TypeGuard[type[Any]]:
    """Return whether `value` is a class, and no parametrized alias of one."""
    return isinstance(value, type)

"""How compat says no: one error tree for names of other packages that Dragoman does not serve.

Every message names what was asked for, says that it is not supported, and tells what to use instead.
Two of the classes are ImportError and AttributeError as well, so that `try: import` and `hasattr` still work.
"""

from __future__ import annotations

from dragoman.errors import LocalError

_PAGE = "docs/compat.md lists what is supported"


class CompatError(LocalError):
    """A server written for another package cannot run as it stands; the message says what to change."""


class UnsupportedNameError(CompatError, ImportError):
    """A module of another package, or a name imported from it, has no counterpart here."""


class UnsupportedAttributeError(CompatError, AttributeError):
    """An object that stands for another package's has no such attribute or method."""


class UnsupportedArgumentError(CompatError, TypeError):
    """A function that stands for another package's does not take this argument."""


class LoadError(CompatError):
    """A server file could not be loaded: it is missing, is broken, or holds no server."""


def _reason(what: str, instead: str) -> str:
    return f"{what} is not supported by dragoman; {instead or _PAGE}"


def unsupported_name(name: str, instead: str = "") -> UnsupportedNameError:
    """Return the error for importing `name`, a dotted path; `instead` says what to use."""
    return UnsupportedNameError(_reason(name, instead))


def unsupported_attribute(owner: str, name: str, instead: str = "") -> UnsupportedAttributeError:
    """Return the error for reading `name` of an object that stands for `owner`."""
    return UnsupportedAttributeError(_reason(f"{owner}.{name}", instead))


def unsupported_argument(function: str, name: str, instead: str = "") -> UnsupportedArgumentError:
    """Return the error for calling `function` with an argument `name` that has no counterpart."""
    return UnsupportedArgumentError(_reason(f"the argument {name!r} of {function}", instead))

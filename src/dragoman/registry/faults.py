"""What can be wrong with an entry of a registry, a bundle or a lock. All are LocalError: nothing was done."""

from __future__ import annotations

from dragoman.errors import LocalError


class EntryError(LocalError):
    """A registry's entry cannot be used: the message says where it is wrong, or what it lacks."""


class IntegrityError(LocalError):
    """Bytes are not those that were named, or belong to somebody else: do not run them."""


class BundleError(LocalError):
    """A file is no bundle that may be unpacked; the message names the member and the rule."""


class WithdrawnError(LocalError):
    """The registry has withdrawn a server; it is neither put in nor started."""

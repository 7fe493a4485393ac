"""What can be wrong with a client's file, or with an entry that is to go into one.

All are LocalError: nothing was written when one is raised.
"""

from __future__ import annotations

from dragoman.errors import LocalError


class UnreadableError(LocalError):
    """A file is not what its client would read; the message says where, and the file stays as it is."""


class UnfitError(LocalError):
    """An entry says what a client's format has no words for."""


class StaleError(LocalError):
    """What was shown is no longer what is there: look again, then decide again."""

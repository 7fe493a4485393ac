"""The digest of an Authorization header, by which its token is known again: whoever remembers it keeps no token.

Apart from `identity`, since this hashes, which a server on stdio has no use for.
Promise: two headers never pass for one another. Limit: says nothing about whether a token is good.
"""

from __future__ import annotations

from functools import cached_property
from hashlib import sha256


class Marked(bytes):
    """An Authorization header that comes again and again, as its bytes; it lives no longer than whoever keeps it.

    `mark` is its digest, by which its token is known again: that is not made anew each time.
    """

    @cached_property
    def mark(self) -> bytes:
        """The digest, made when it is first asked for: not every server judges tokens."""
        return sha256(self).digest()

    def __repr__(self) -> str:
        return "Marked(...)"  # as secret as the token in it


def mark_of(authorization: bytes) -> bytes:
    """Return the digest of an Authorization header, by which it may be remembered."""
    return authorization.mark if type(authorization) is Marked else sha256(authorization).digest()

"""What a client proves itself with: from what the user gave to credentials for one server.

Loaded when a client is given any. Everything that a server names is fetched by the one fetcher, bound to what the
user's own URL allows.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Protocol, TypeAlias, runtime_checkable

from dragoman.auth.bearer import Bearer
from dragoman.calling.waits import Waited
from dragoman.errors import LocalError
from dragoman.ports.credentials import Credentials, Fetchers, Waiting
from dragoman.transport.fetch import SafeFetcher
from dragoman.transport.http_settings import HttpSettings


@runtime_checkable
class Login(Protocol):
    """A way to get credentials, such as OAuth, for whichever server."""

    def session(self, url: str, fetchers: Fetchers, waiting: Waiting) -> Credentials:
        """Return the credentials for the server at `url`; in a block of `waiting` a user is waited for."""
        ...


Auth: TypeAlias = str | Login


def credentials(auth: object, url: str, settings: HttpSettings) -> Credentials:
    """Return the credentials for the server at `url`. Raises LocalError for what can be none."""
    waiting: Waiting = nullcontext
    if isinstance(auth, Waited):
        waiting, auth = auth.waiting, auth.auth
    if isinstance(auth, str):
        return Bearer(auth, url)
    if not isinstance(auth, Login):
        raise LocalError(f"auth is a token, OAuth, ClientCredentials or the like, not {type(auth).__name__}")
    return auth.session(url, lambda base: SafeFetcher(base, settings=settings), waiting)

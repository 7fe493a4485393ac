"""What can be said about a client when it is made, beside where it leads.

Kept as a typed dictionary, so that editors know the names and `Client` has no function of fifteen parameters.
Limit: names only; what each value means is checked where it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from dragoman.calling.callbacks import Callbacks, OnElicit, OnSample, Roots
from dragoman.calling.terms import OnLog
from dragoman.protocol.identity import Identity
from dragoman.wire.apps import APPS

if TYPE_CHECKING:
    from dragoman.app.proof import Auth
    from dragoman.app.telemetry import Telemetry


class ClientSettings(TypedDict, total=False):
    """Settings of `Client`.

    `name` is what the client calls itself. `on_log` gets the server's log
    messages, from `options.log_level` on. The others answer what servers ask;
    each is a function or a coroutine function, plain functions run on a thread:

    `on_elicit(question)` fills in a form: `question.message` and
    `question.requested_schema` say which. It returns a dict of the fields, or the
    value of the only one; None declines, as raising DeclinedError does.
    `on_visit(question)` asks the user to open the page at `question.url`, and
    returns True when they agreed. `on_sample(request)` asks a model, and returns
    its words or a CreateMessageResult; None refuses. `roots` are the user's
    folders, as paths, or a function that gives them.

    `auth` is what proves to an HTTP server who asks: a token, an `OAuth` that
    logs a user in, `ClientCredentials`, or another of `dragoman.auth`. To a
    server in this process, which judges no tokens, an `Identity` says who calls.

    `cache` False keeps no results; otherwise lists, resources and what the
    server says of itself are kept for as long as the server says that they hold.
    `check_results` False takes results of tools as they come; otherwise those of
    tools that were listed are checked against their output schemas.
    `apps` True says to servers that this client shows the pages of tools.
    `telemetry` True makes an OpenTelemetry span of each request, and lets the
    server join its trace; a `Telemetry` says where spans and metrics go.
    """

    name: str
    auth: Auth | Identity | None
    on_log: OnLog | None
    on_elicit: OnElicit | None
    on_visit: OnElicit | None
    on_sample: OnSample | None
    roots: Roots | None
    cache: bool
    check_results: bool
    apps: bool
    telemetry: bool | Telemetry


def callbacks_of(settings: ClientSettings, sampling: Sequence[str]) -> Callbacks:
    """Return who answers what servers ask, and what the client shows beside that."""
    return Callbacks(
        on_elicit=settings.get("on_elicit"),
        on_visit=settings.get("on_visit"),
        on_sample=settings.get("on_sample"),
        roots=settings.get("roots"),
        sampling=sampling,
        extensions=APPS if settings.get("apps") else {},
    )


def check_settings(given: ClientSettings) -> None:
    """Raise TypeError for a name that there is not, as a function would."""
    for name in given:
        if name not in ClientSettings.__annotations__:
            raise TypeError(
                f"Client has no setting {name!r}; there are {', '.join(sorted(ClientSettings.__annotations__))}"
            )

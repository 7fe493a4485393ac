"""Every exception this package raises.

McpError
├── LocalError             we (or the caller) broke a rule; fix the program
│   ├── RegistrationError  a tool, resource or prompt cannot be registered
│   ├── StoreError         the store is gone, full or too slow
│   ├── DoubtError         a step was cut off, and nobody knows whether it took effect
│   ├── NotApprovedError   a configuration file names a command that its owner has not approved
│   └── CompatError        a server written for another package uses what is not supported here (in compat)
├── RequestError           this request cannot be served; becomes a JSON-RPC error
│   └── ScopeError         the caller's token does not allow it
├── ToolError              the tool's job failed; the model sees the message
│   ├── DeclinedError      the user was asked and said no, or closed the question
│   └── VisitNeededError   the user has to visit a page before this can be done
├── PeerError              the peer answered with a JSON-RPC error
│   └── VersionError       no protocol version in common
├── MalformedError         the peer sent bytes that are not MCP
│   ├── SchemaError        a tool's schema cannot be used, or its result is not what that promises
│   └── SkillError         a skill's file is not what its entry promises
├── AuthorizationError     the server wants credentials, or better ones
│   └── AuthorizationNeededError  there are none to give: a login comes first
├── TokenError             a token is not good here; its bearer is asked for another
├── ModelError             a language model's endpoint refused, or gave what is no answer
├── UnsafeAddressError     a peer named an address that may not be reached from here
└── TransportError         the bytes did not get through; retrying may help
    ├── UnreachableError   nothing answered at the address, or the command did not start
    ├── BusyError          the server has too much to do just now, and says when to come again
    ├── ClosedError        the connection ended before the answer came
    └── DeadlineError      the answer took longer than the time allowed
"""

from __future__ import annotations

from typing import Any, NamedTuple


class McpError(Exception):
    """Base class, so callers can catch everything with one name."""


class LocalError(McpError):
    """A rule was broken on this side; the message says which, and what to change."""


class RegistrationError(LocalError):
    """A tool, resource or prompt cannot be registered.

    The message names the function and `where` (file and line), so that the
    fault can be found without a debugger.
    """

    def __init__(self, reason: str, *, where: str = "") -> None:
        super().__init__(f"{reason} ({where})" if where else reason)
        self.reason = reason
        self.where = where


class StoreError(LocalError):
    """The store is gone, full or too slow; the message says which store, what failed and what to look at.

    Whatever was being changed is either wholly there or not at all.
    """


class DoubtError(LocalError):
    """A step was cut off, and nobody here knows whether it took effect; the message says which."""


class NotApprovedError(LocalError):
    """A configuration file names a command that its owner has not approved, or that changed since.

    Nothing was started. The message shows the command, and how to approve it.
    """


class RequestError(McpError):
    """This request cannot be served; the peer gets `code`, `message` and `data`.

    Raise it in a handler to answer with a JSON-RPC error of your own. Codes of
    applications lie outside -32768..-32000 (specification, basic, error codes).
    """

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class ScopeError(RequestError):
    """The caller's token does not allow this: `scopes` are all that it takes. Over HTTP it becomes a 403."""

    def __init__(self, scopes: frozenset[str]) -> None:
        super().__init__(-32600, f"this needs the scopes {' '.join(sorted(scopes))}; authorize again with them")
        self.scopes = scopes


class ToolError(McpError):
    """The tool's job failed, and the message is meant for the model to read.

    Raised by a tool, it becomes a result with `isError`; raised by a client's
    `call_tool`, it tells of such a result, which `result` then holds.
    """

    def __init__(self, message: str, *, result: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.result = result


class DeclinedError(ToolError):
    """The user was asked and did not agree: `action` is "decline" or "cancel".

    A tool may catch it and go another way; uncaught, the model reads it.
    """

    def __init__(self, question: str, action: str) -> None:
        done = "declined" if action == "decline" else "closed the question without an answer"
        super().__init__(f"The user {done}: {question}")
        self.action = action


class Visit(NamedTuple):
    """A page for the user to visit: why, its https:// URL, and the id under which `ctx.visited` tells of its end."""

    message: str
    url: str
    id: str = ""


class VisitNeededError(ToolError):
    """The user has to visit `visits` before the call can be served; then it can be made again.

    Raise it in a handler, with one Visit or more; a client whose program visits
    no pages gets it from its call.
    """

    def __init__(self, *visits: Visit) -> None:
        super().__init__("visit first: " + "; ".join(f"{one.message} ({one.url})" for one in visits))
        self.visits = visits


class PeerError(McpError):
    """The peer answered with a JSON-RPC error: `code`, `message` and `data` are its own."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.data = data


class VersionError(PeerError):
    """Client and server share no protocol version; `supported` lists the server's."""

    def __init__(self, message: str, *, supported: tuple[str, ...] = (), code: int = -32022) -> None:
        super().__init__(code, message, {"supported": list(supported)})
        self.supported = supported


class MalformedError(McpError):
    """The peer sent something that is not valid MCP.

    `code` is the JSON-RPC code to answer with; `at` says where in the message
    the fault is, as a JSON path, and is empty when the whole message is bad.
    """

    def __init__(self, reason: str, *, code: int = -32600, at: str = "") -> None:
        super().__init__(f"{reason} (at {at})" if at else reason)
        self.reason = reason
        self.code = code
        self.at = at


class SchemaError(MalformedError):
    """A server's tool gave something else than its output schema promises, or the schema cannot be used.

    `result` is what came (a `CallResult`), None when the tool was not called;
    `at` says where in its structured content the first fault is.
    """

    def __init__(self, reason: str, *, at: str = "", result: Any = None) -> None:
        super().__init__(reason, at=at)
        self.result = result


class SkillError(MalformedError):
    """A file of a skill is not what the skill's entry promises, and must not be used; `uri` says which."""

    def __init__(self, reason: str, *, uri: str) -> None:
        super().__init__(f"skill refused: {uri[:300]}: {reason}")
        self.uri = uri


class AuthorizationError(McpError):
    """The server refused for want of authorization: `status` is 401 or 403, `challenge` its WWW-Authenticate.

    `nonce` is what proofs of a key have to hold from now on, "" for nothing (RFC 9449, section 9).
    """

    def __init__(self, message: str, *, status: int = 401, challenge: str = "", nonce: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.challenge = challenge
        self.nonce = nonce


class AuthorizationNeededError(AuthorizationError):
    """The server wants credentials and none are there: log in (`dragoman login URL`), or pass `auth=`."""


class TokenError(McpError):
    """A token is not good here. The reason is for its bearer to read, and holds nothing of the token."""


class ModelError(McpError):
    """A language model's endpoint refused, or gave what is no answer.

    `status` is the HTTP status, None if there was none; `again` says whether asking again may help, and `after`, in
    seconds, when at the earliest.
    """

    def __init__(self, reason: str, *, status: int | None = None, again: bool = False, after: float = 0.0) -> None:
        super().__init__(reason)
        self.status = status
        self.again = again
        self.after = after


class UnsafeAddressError(McpError):
    """A URL that a peer chose leads where it may not: no byte was sent. `url` is the URL, without secrets."""

    def __init__(self, reason: str, *, url: str = "") -> None:
        super().__init__(f"{reason}: {url}" if url else reason)
        self.reason = reason
        self.url = url


class TransportError(McpError):
    """The bytes did not get through; trying again may help."""


class UnreachableError(TransportError):
    """Nothing answered at the address, or the command could not be started."""


class BusyError(TransportError):
    """The server has too much to do just now: HTTP 503 or 429 with `Retry-After`, which is `after` in seconds.

    `begun` is False where it says that it did not begin with the request, None where it does not say.
    Source: RFC 9110, section 10.2.3; RFC 6585, section 4.
    """

    def __init__(self, reason: str, *, after: float, begun: bool | None = None) -> None:
        super().__init__(reason)
        self.after = after
        self.begun = begun


class ClosedError(TransportError):
    """The connection ended before the answer came; the call may or may not have run."""


class DeadlineError(TransportError):
    """The answer took longer than the time allowed; the call was cancelled."""

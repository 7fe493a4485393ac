"""The questions a function can ask: a form, a page to visit, a model's answer, the user's folders.

Each knows what the client must have declared, sub-modes included (MRTR-05, ELIC-02, SAMP-02).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET

from dragoman.errors import DeclinedError, LocalError
from dragoman.protocol.uri import check_uri
from dragoman.serving.conversation import check_conversation, uses_tools
from dragoman.serving.forms import Form, form_of
from dragoman.serving.question import Question
from dragoman.wire.content import TextContent
from dragoman.wire.lifecycle import ClientCapabilities
from dragoman.wire.questions import (
    ELICIT,
    ROOTS,
    SAMPLE,
    CreateMessage,
    CreateMessageResult,
    Elicit,
    ElicitResult,
    ListRoots,
    ListRootsResult,
    SamplingMessage,
)

MAX_TOKENS = 1024
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_answered = msgspec.json.Decoder(ElicitResult).decode
_sampled = msgspec.json.Decoder(CreateMessageResult).decode
_listed = msgspec.json.Decoder(ListRootsResult).decode


def form(message: str, wanted: Any) -> Question:
    """Return the question that asks the user to fill in a form for the type `wanted`, or for a schema."""
    made = form_of(wanted)
    params = Elicit(mode="form", message=message, requested_schema=made.schema)
    return Question(ELICIT, params, _needs_form, lambda raw: _filled(raw, message, made))


def page(message: str, url: str, visit: str = "") -> Question:
    """Return the question that asks the user to visit a page; the answer is True. Raises LocalError for a bad URL.

    `visit` is the id under which `ctx.visited` tells of the visit's end.
    """
    _check_page(url)
    params = Elicit(mode="url", message=message, url=url, elicitation_id=visit or UNSET)
    return Question(ELICIT, params, _needs_url, lambda raw: _visited(raw, message))


def titles(shown: Mapping[str, str]) -> msgspec.Meta:
    """Return what gives the choices of a field titles: `Annotated[Literal["s", "l"], titles({"s": "Small", ...})]`.

    An Enum can have a property `title` instead.
    """
    return msgspec.Meta(extra_json_schema={"oneOf": [{"const": key, "title": text} for key, text in shown.items()]})


def sample(messages: Any, *, max_tokens: int = MAX_TOKENS, **options: Any) -> Question:
    """Return the question that asks the client's model; `options` are the other fields of `CreateMessage`.

    Raises LocalError for options that there are not, and for a conversation that
    does not answer the tools that its model used (SAMP-06).
    """
    try:
        made = CreateMessage(messages=_conversation(messages), max_tokens=max_tokens, **options)
        params = msgspec.json.decode(msgspec.json.encode(made), type=CreateMessage)
    except (TypeError, ValueError) as error:
        raise LocalError(f"a model cannot be asked that: {error}") from None
    check_conversation(params.messages)
    return Question(SAMPLE, params, lambda has: _needs_sampling(has, params), _decoded(_sampled))


def roots() -> Question:
    """Return the question for the folders that the user works in."""
    return Question(ROOTS, ListRoots(), _needs_roots, lambda raw: _decoded(_listed)(raw).roots)


def _conversation(messages: Any) -> list[SamplingMessage]:
    items: Sequence[Any] = [messages] if isinstance(messages, str | SamplingMessage) else messages
    return [
        SamplingMessage(role="user", content=TextContent(text=item)) if isinstance(item, str) else item
        for item in items
    ]


def _check_page(url: str) -> None:
    """Raise LocalError for a page that must not be asked for, see client/elicitation "Safe URL Handling" (ELIC-14)."""
    complaint = check_uri(url)
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        complaint, parts, host = str(error), urlsplit(""), ""
    if complaint is not None or not host or parts.scheme not in ("https", "http"):
        raise LocalError(
            f"a page to visit is an https:// URL, not {url[:100]!r}" + (f": {complaint}" if complaint else "")
        )
    if parts.username is not None or parts.password is not None:
        raise LocalError(
            f"the page to visit at {host} has a user or a password in its URL: whoever sees it could use it"
        )
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise LocalError(
            f"the page to visit at {host} is not safe from others: use https:// (http:// is for this machine)"
        )


def _answer(raw: msgspec.Raw, message: str) -> ElicitResult:
    result: ElicitResult = _decoded(_answered)(raw)
    if result.action != "accept":
        raise DeclinedError(message, result.action)
    return result


def _filled(raw: msgspec.Raw, message: str, made: Form) -> Any:
    content = _answer(raw, message).content
    return made.read(content if isinstance(content, Mapping) else {})


def _visited(raw: msgspec.Raw, message: str) -> bool:
    _answer(raw, message)
    return True


def _decoded(decode: Any) -> Any:
    def read(raw: msgspec.Raw) -> Any:
        try:
            return decode(raw)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from None

    return read


def _needs_form(has: ClientCapabilities) -> dict[str, Any] | None:
    declared = has.elicitation
    # Neither mode named means forms (ELIC-01).
    if declared is not UNSET and (declared.form is not UNSET or declared.url is UNSET):
        return None
    return {"elicitation": {"form": {}}}


def _needs_url(has: ClientCapabilities) -> dict[str, Any] | None:
    declared = has.elicitation
    return None if declared is not UNSET and declared.url is not UNSET else {"elicitation": {"url": {}}}


def _needs_sampling(has: ClientCapabilities, params: CreateMessage) -> dict[str, Any] | None:
    """Say what is lacking for these parameters: tools and others' context are sub-modes (SAMP-02, SAMP-03)."""
    declared = has.sampling
    tools = params.tools is not UNSET or params.tool_choice is not UNSET or uses_tools(params.messages)
    context = params.include_context not in (UNSET, "none")
    if tools and (declared is UNSET or declared.tools is UNSET):
        return {"sampling": {"tools": {}}}
    if context and (declared is UNSET or declared.context is UNSET):
        return {"sampling": {"context": {}}}
    return None if declared is not UNSET else {"sampling": {}}


def _needs_roots(has: ClientCapabilities) -> dict[str, Any] | None:
    return None if has.roots is not UNSET else {"roots": {}}

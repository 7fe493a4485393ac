"""What the program answers for its user: forms, pages to visit, a model's words, folders.

Capabilities are declared from what is given here, so no server asks what nobody would answer.
Plain functions run on a thread, so one that waits for a person holds up nothing; it cannot be interrupted there.
Source: specification, client/elicitation, client/sampling, client/roots.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import msgspec
from msgspec import UNSET

from dragoman.calling.filled import elicited, visited
from dragoman.errors import DeclinedError, LocalError, MalformedError, PeerError, RequestError
from dragoman.wire.base import Opt
from dragoman.wire.content import TextContent
from dragoman.wire.decoding import Decoding
from dragoman.wire.jsonrpc import INVALID_PARAMS, METHOD_NOT_FOUND
from dragoman.wire.lifecycle import ClientCapabilities, Elicitation, Sampling, Settings
from dragoman.wire.questions import (
    ELICIT,
    ROOTS,
    SAMPLE,
    CreateMessage,
    CreateMessageResult,
    Elicit,
    ElicitResult,
    ListRootsResult,
    Root,
)

OnElicit: TypeAlias = Callable[[Elicit], Any]
OnSample: TypeAlias = Callable[[CreateMessage], Any]
Relay: TypeAlias = Callable[[str, msgspec.Raw], Awaitable[Any]]
Folder: TypeAlias = "str | os.PathLike[str] | Root"
Roots: TypeAlias = Sequence[Folder] | Callable[[], Any]
SUBMODES = ("tools", "context")
NAMELESS = "unknown"  # the model, where a callback gives no more than its words

_read_elicit = Decoding(Elicit)
_read_sample = Decoding(CreateMessage)

# What one answers by hand, later, may be anything: the person who does it says what is possible.
BY_HAND = ClientCapabilities(
    elicitation=Elicitation(form={}, url={}), sampling=Sampling(tools={}, context={}), roots={}
)


class Callbacks(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers which question; `sampling` names what the model of `on_sample` can do beyond plain text.

    `relay` answers all of them, for others of whom `declared` says what they can do.
    """

    on_elicit: OnElicit | None = None
    on_visit: OnElicit | None = None
    on_sample: OnSample | None = None
    roots: Roots | None = None
    sampling: Sequence[str] = ()
    extensions: dict[str, Settings] = {}
    declared: ClientCapabilities | None = None
    relay: Relay | None = None

    def __post_init__(self) -> None:
        strange = [mode for mode in self.sampling if mode not in SUBMODES]
        if strange:
            raise LocalError(f"sampling has no {strange[0]!r}; there are {', '.join(SUBMODES)}")
        if self.roots is not None and not callable(self.roots):
            roots_of(self.roots)

    @property
    def capabilities(self) -> ClientCapabilities:
        """What a client with these can do (ELIC-01, SAMP-01)."""
        if self.declared is not None:
            return self.declared
        form: Opt[Settings] = UNSET if self.on_elicit is None else {}
        url: Opt[Settings] = UNSET if self.on_visit is None else {}
        asks = form is not UNSET or url is not UNSET
        modes: dict[str, Any] = {mode: {} for mode in self.sampling}
        return ClientCapabilities(
            elicitation=Elicitation(form=form, url=url) if asks else UNSET,
            sampling=UNSET if self.on_sample is None else Sampling(**modes),
            roots=UNSET if self.roots is None else {},
            extensions=self.extensions or UNSET,
        )

    @property
    def any(self) -> bool:
        """Whether anything can be answered."""
        if self.relay is not None:
            return True
        return not (self.on_elicit is None and self.on_visit is None and self.on_sample is None and self.roots is None)

    async def answer(self, method: str, params: msgspec.Raw) -> Any:
        """Return the result of a question.

        Raises RequestError when nobody here answers it, naming what is
        missing, MalformedError when it cannot be read, DeclinedError when a
        model is not to be asked, and whatever the callback raises.
        """
        if self.relay is not None:
            return await self.relay(method, params)
        if method == ELICIT:
            return await self._elicit(read_question(_read_elicit.decode, method, params))
        if method == SAMPLE:
            return await self._sample(read_question(_read_sample.decode, method, params))
        if method == ROOTS:
            if self.roots is None:
                raise _nobody(method, "roots")
            return roots_of(await called(self.roots) if callable(self.roots) else self.roots)
        raise RequestError(METHOD_NOT_FOUND, f"this client does not answer {method}")

    async def _elicit(self, question: Elicit) -> ElicitResult:
        visit = question.mode == "url"
        callback = self.on_visit if visit else self.on_elicit
        if callback is None:
            other = self.on_elicit if visit else self.on_visit
            raise _nobody(ELICIT, "on_visit" if visit else "on_elicit", METHOD_NOT_FOUND if other is None else None)
        try:
            given = await called(callback, question)
        except DeclinedError as declined:
            return ElicitResult(action="cancel" if declined.action == "cancel" else "decline")
        return visited(question, given) if visit else elicited(question, given)

    async def _sample(self, request: CreateMessage) -> CreateMessageResult:
        if self.on_sample is None:
            raise _nobody(SAMPLE, "on_sample")
        if (request.tools is not UNSET or request.tool_choice is not UNSET) and "tools" not in self.sampling:
            raise RequestError(INVALID_PARAMS, "this client did not declare sampling.tools (SAMP-02)")
        return sampled(await called(self.on_sample, request))


def answer_by_hand(method: str, params: msgspec.Raw, given: Any) -> Any:
    """Return the result of a question for which `given` is what a callback would have returned.

    Raises LocalError if that does not fit, DeclinedError if a model is not to be asked.
    """
    if method == ELICIT:
        question = read_question(_read_elicit.decode, method, params)
        return visited(question, given) if question.mode == "url" else elicited(question, given)
    if method == SAMPLE:
        return sampled(given)
    if method == ROOTS:
        return given if isinstance(given, ListRootsResult) else roots_of(given)
    return given


def lacking(error: PeerError) -> str:
    """Return which callback gives a client the capabilities that a server's error names, "" if none does."""
    data: Any = error.data
    needed = cast("dict[str, Any]", data).get("requiredCapabilities") if isinstance(data, dict) else None
    if not isinstance(needed, dict):
        return ""
    wanted = cast("dict[str, Any]", needed)
    if "sampling" in wanted:
        modes = [mode for mode in SUBMODES if mode in (wanted["sampling"] or {})]
        return f"on_sample and Options(sampling={modes})" if modes else "on_sample"
    if "elicitation" in wanted:
        return "on_visit" if "url" in (wanted["elicitation"] or {}) else "on_elicit"
    return "roots" if "roots" in wanted else ""


def read_question(decode: Callable[[msgspec.Raw], Any], method: str, params: msgspec.Raw) -> Any:
    """Return the decoded parameters of a question. Raises MalformedError."""
    try:
        return decode(params or msgspec.Raw(b"{}"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"the server's question cannot be read: {method}: {error}", code=INVALID_PARAMS) from None


async def called(callback: Callable[..., Any], *given: Any) -> Any:
    """Return what `callback` gives: a coroutine function is awaited, a plain one runs on a thread."""
    if inspect.iscoroutinefunction(callback):
        return await callback(*given)
    found = await asyncio.to_thread(callback, *given)
    return await found if inspect.isawaitable(found) else found


def sampled(given: Any) -> CreateMessageResult:
    """Return a model's answer from a text, a block of content or a whole result. Raises DeclinedError for None."""
    if isinstance(given, CreateMessageResult):
        return given
    if given is None:
        raise DeclinedError("a model was to be asked", "decline")
    if not isinstance(given, str | list | msgspec.Struct):
        raise LocalError(f"on_sample gave {type(given).__name__}; give a text, content or a CreateMessageResult")
    content: Any = TextContent(text=given) if isinstance(given, str) else cast("Any", given)
    return CreateMessageResult(role="assistant", content=content, model=NAMELESS, stop_reason="endTurn")


def roots_of(folders: Sequence[Any]) -> ListRootsResult:
    """Return folders as the protocol lists them. Raises LocalError for what is no path and no file:// URI (SAMP-10)."""
    if isinstance(folders, str | bytes) or not isinstance(folders, list | tuple):
        raise LocalError(f"roots are a list of paths, not {type(folders).__name__}")
    return ListRootsResult(roots=[_root(folder) for folder in folders])


def _root(folder: Any) -> Root:
    if isinstance(folder, Root):
        uri = folder.uri
    elif isinstance(folder, os.PathLike) or (isinstance(folder, str) and "://" not in folder):
        path = Path(os.fspath(cast("str | os.PathLike[str]", folder))).absolute()
        return Root(uri=path.as_uri(), name=path.name or UNSET)
    else:
        uri = folder
    if not isinstance(uri, str) or not uri.lower().startswith("file://"):
        raise LocalError(f"a root is a path or a file:// URI, not {uri!r}")
    return folder if isinstance(folder, Root) else Root(uri=uri)


def _nobody(method: str, name: str, code: int | None = METHOD_NOT_FOUND) -> RequestError:
    # A mode that was not declared is a fault of the parameters: client/elicitation "Error Handling".
    found = INVALID_PARAMS if code is None else code
    return RequestError(found, f"the server asks {method}, and this client has no {name}: pass {name} to Client")

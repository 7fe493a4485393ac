"""Tools that ask their user by a page: `fastmcp.apps` approval, choice, form and file upload.

Promise: what the page sends is judged here, as anything that a client sends. Limit: none of these binds anybody: who
presses a button in a page is known to the host alone.
"""

from __future__ import annotations

import base64
import binascii
import time
from pathlib import Path
from typing import Any

from dragoman.compat.context import FastContext
from dragoman.compat.exceptions import ToolError
from dragoman.compat.pages import AppConfig
from dragoman.compat.results import ToolResult
from dragoman.serving.shapes import is_object

URI = "ui://dragoman/card.html"
# Shows what a result says in `card`, as text, and tells of the answer; it loads nothing from anywhere.
PAGE = Path(__file__).with_name("static") / "card.html"
MOST_FILES, MOST_BYTES = 1000, 100 * 1024 * 1024  # that are kept at once, of all sessions, unless a file says another
_SHOWS = AppConfig(resource_uri=URI)
_OF_PAGE = AppConfig(resource_uri=URI, visibility=["app"])
_THEN = "After this, stop and wait for the user's answer: it comes as a message, with the words 'I selected:'."


def _shown(text: str, /, **card: Any) -> ToolResult:
    """Return what the page shows, and what those read who see no page."""
    return ToolResult(content=text, structured_content={"card": card})


class _Cards:
    """The base of the four: `register` gets the server."""

    def attach(self, server: Any) -> None:
        """Register the tools, and the page that they share."""
        if URI not in server.registry.resources:

            def card() -> str:
                return PAGE.read_text("utf-8")

            server.resource(URI, name="card")(card)
        self.register(server)

    def register(self, server: Any) -> None:
        """Register the tools."""
        raise NotImplementedError


class Approval(_Cards):
    """The tool `request_approval`."""

    def __init__(
        self, name: str = "Approval", *, title: str = "Approval Required", approve_text: str = "Approve",
        reject_text: str = "Reject", **looks: Any,
    ) -> None:  # fmt: skip
        self.name = name
        self._said = (title, approve_text, reject_text)

    def register(self, server: Any) -> None:
        """Register the tool."""

        def request_approval(
            summary: str, details: str | None = None, title: str | None = None, approve_text: str | None = None,
            reject_text: str | None = None,
        ) -> ToolResult:  # fmt: skip
            usual, yes, no = self._said
            buttons = [(approve_text or yes), (reject_text or no)]
            return _shown(
                f"The user is asked to approve: {summary}",
                title=title or usual, text=summary, details=details or "",
                buttons=[{"label": one, "says": f'"{summary}" — I selected: {one}'} for one in buttons],
            )  # fmt: skip

        server.tool(
            request_approval, app=_SHOWS, description=f"Ask the user to approve what is about to be done. {_THEN}"
        )


class Choice(_Cards):
    """The tool `choose`."""

    def __init__(self, name: str = "Choice", *, title: str = "Choose an Option", **looks: Any) -> None:
        self.name = name
        self._title = title

    def register(self, server: Any) -> None:
        """Register the tool."""

        def choose(prompt: str, options: list[str], title: str | None = None) -> ToolResult:
            buttons = [{"label": one, "says": f'"{prompt}" — I selected: {one}'} for one in options]
            return _shown(f"The user is asked: {prompt}", title=title or self._title, text=prompt, buttons=buttons)

        server.tool(choose, app=_SHOWS, description=f"Let the user choose one of several options. {_THEN}")


class FormInput(_Cards):
    """The tool `collect_<model>`, and `submit_<model>` for its page."""

    def __init__(
        self, model: Any, *, name: str | None = None, title: str | None = None, submit_text: str = "Submit",
        tool_name: str | None = None, on_submit: Any = None, send_message: bool = False,
    ) -> None:  # fmt: skip
        self.name = name or model.__name__
        self._model = model
        self._title = title or model.__name__
        self._submit_text = submit_text
        self._tool_name = tool_name or f"collect_{model.__name__.lower()}"
        self._on_submit = on_submit
        self._says = send_message

    def register(self, server: Any) -> None:
        """Register the two tools."""
        submit_name = f"submit_{self._model.__name__.lower()}"

        def collect(prompt: str) -> ToolResult:
            form = {
                "schema": self._model.model_json_schema(), "tool": submit_name, "submit": self._submit_text,
                "says": self._says,
            }  # fmt: skip
            return _shown(f"The user is asked to fill in a form: {prompt}", title=self._title, text=prompt, form=form)

        def submit(data: dict[str, Any]) -> str:
            try:
                found = self._model.model_validate(data)
            except ValueError as error:
                raise ToolError(str(error)) from None
            return str(found.model_dump_json() if self._on_submit is None else self._on_submit(found))

        asks = f"Show the user a form for: {self._title}. Say in `prompt` what it is for, and wait for the answer."
        server.tool(collect, name=self._tool_name, app=_SHOWS, description=asks)
        server.tool(submit, name=submit_name, app=_OF_PAGE, description="Takes what the form holds.")


class FileUpload(_Cards):
    """The tools `file_manager`, `list_files` and `read_file`, and `store_files` for the page.

    Files are kept in memory, each session's for itself. A class of the file's own overrides `on_store`, `on_list`
    and `on_read`, or `_get_scope_key`, which says whose files they are.
    """

    def __init__(
        self, name: str = "Files", *, max_file_size: int = 10 * 1024 * 1024, max_total_size: int | None = None,
        file_ttl_seconds: float | None = None, title: str = "File Upload", description: str = "",
        drop_label: str = "Files",
    ) -> None:  # fmt: skip
        self.name = name
        self._most = max_file_size
        self._most_in_all = MOST_BYTES if max_total_size is None else max_total_size
        self._seconds = file_ttl_seconds
        self._said = {"title": title, "text": description}
        self._label = drop_label
        self._kept: dict[tuple[str, str], dict[str, Any]] = {}

    def _get_scope_key(self, ctx: Any) -> str:
        scope: str | None = ctx.visibility_scope()
        if scope is None:
            raise ToolError("files belong to a session or a user, and this call has neither: ask who calls (auth=...)")
        return scope

    def _alive(self) -> dict[tuple[str, str], dict[str, Any]]:
        if self._seconds is not None:
            since = time.monotonic() - self._seconds
            self._kept = {key: one for key, one in self._kept.items() if one["at"] > since}
        return self._kept

    def on_store(self, files: list[dict[str, Any]], ctx: Any) -> list[dict[str, Any]]:
        """Keep all files of a batch, or none. Raises ToolError for too many or too large ones."""
        scope, kept = self._get_scope_key(ctx), dict(self._alive())
        for file in files:
            data = _decoded(file)
            if len(data) > self._most:
                raise ToolError(f"{file['name']} has {len(data)} bytes; the most are {self._most}")
            kept[scope, str(file["name"])] = {**file, "size": len(data), "bytes": data, "at": time.monotonic()}
        if len(kept) > MOST_FILES or sum(one["size"] for one in kept.values()) > self._most_in_all:
            raise ToolError(f"at most {MOST_FILES} files of {self._most_in_all} bytes in all are kept here")
        self._kept = kept
        return self.on_list(ctx)

    def on_list(self, ctx: Any) -> list[dict[str, Any]]:
        """Return what files there are."""
        scope = self._get_scope_key(ctx)
        return [_summary(file) for (owner, _), file in self._alive().items() if owner == scope]

    def on_read(self, name: str, ctx: Any) -> dict[str, Any]:
        """Return a file: `content` of a text, `content_base64` of anything else. Raises ToolError if there is none."""
        file = self._alive().get((self._get_scope_key(ctx), name))
        if file is None:
            known = ", ".join(str(one["name"]) for one in self.on_list(ctx))
            raise ToolError(f"there is no file {name!r}; there is {known or 'none'}")
        try:
            return {**_summary(file), "content": file["bytes"].decode()}
        except UnicodeDecodeError:
            return {**_summary(file), "content_base64": file["data"]}

    def register(self, server: Any) -> None:
        """Register the four tools."""

        def file_manager(ctx: FastContext) -> ToolResult:
            upload = {"tool": "store_files", "label": self._label, "most": self._most, "stored": self.on_list(ctx)}
            return _shown("The user is shown a page to upload files with.", **self._said, upload=upload)

        def store_files(files: list[dict[str, Any]], ctx: FastContext) -> list[dict[str, Any]]:
            return self.on_store(files, ctx)

        def list_files(ctx: FastContext) -> list[dict[str, Any]]:
            return self.on_list(ctx)

        def read_file(name: str, ctx: FastContext) -> dict[str, Any]:
            return self.on_read(name, ctx)

        server.tool(file_manager, app=_SHOWS, description="Let the user upload files; then list_files has them.")
        server.tool(store_files, app=_OF_PAGE, description="Takes the files of the page.")
        server.tool(list_files, description="List the files that the user uploaded.")
        server.tool(read_file, description="Read a file that the user uploaded, by its name.")


def _decoded(file: Any) -> bytes:
    if not is_object(file) or not isinstance(file.get("name"), str) or not isinstance(file.get("data"), str):
        raise ToolError("a file has a name, and its bytes in Base64 as data")
    try:
        return base64.b64decode(file["data"], validate=True)
    except (binascii.Error, ValueError):
        raise ToolError(f"the data of {file['name'][:200]!r} is no Base64") from None


def _summary(file: dict[str, Any]) -> dict[str, Any]:
    size = int(file["size"])
    shown = f"{size} B" if size < 1024 else f"{size / 1024:.1f} KB" if size < 1024**2 else f"{size / 1024**2:.1f} MB"
    return {"name": file["name"], "type": file.get("type", ""), "size": size, "size_display": shown}

"""The tools as a model sees them: names, texts, parameters.

Every conversation pays for all definitions, so they are short: tests hold them under 1,500 tokens for one source and
3,500 for all.  What differs from source to source stands in the server's instructions and in `describe`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

from dragoman.connectors.answers import DEFAULT_HITS, MAX_PAGE, Answers, Filters
from dragoman.connectors.answers_run import CSV, MoreAnswers
from dragoman.connectors.catalogue import Catalogue
from dragoman.connectors.confirming import Confirming
from dragoman.connectors.envelope import Plain, encoded
from dragoman.connectors.recording import Recorder
from dragoman.connectors.source import Blob
from dragoman.connectors.untrusted import fenced
from dragoman.serving.context import Context
from dragoman.serving.results import Image, ResourceLink, ToolResult

_NO_ARGUMENTS: dict[str, Any] = {}
Limit = Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)]

_ITEMS: dict[str, Any] = {"items": {"type": "array"}, "total": {"type": "integer"}}
_TEXT: dict[str, Any] = {"text": {"type": "string"}}
_TABLE: dict[str, Any] = {"columns": {"type": "array"}, "rows": {"type": "array"}}
# What each tool's answers have of their own, and which of that they always have.
_OWN: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "search": (_ITEMS, ("items", "total")),
    "fetch": ({"uri": {"type": "string"}, **_TEXT}, ("uri",)),
    "list": (_ITEMS, ("items", "total")),
    "query": (_TABLE | _TEXT | {"uri": {"type": "string"}}, ("columns",)),
    "history": (_TEXT, ("text",)),
    "run": (_TABLE | _TEXT, ()),
}


def output_schema(tool: str) -> dict[str, Any]:
    """Return the JSON Schema of a tool's structured answer: the two fields that all share, and its own."""
    properties: dict[str, Any] = {"truncated": {"type": "boolean"}, "next_cursor": {"type": ["string", "null"]}}
    own, always = _OWN.get(tool, ({}, ()))
    return {"type": "object", "properties": properties | own, "required": [*properties, *always]}


class Tools:
    """One method for each tool; docstrings are the descriptions.  They block, so the server runs them in threads."""

    def __init__(self, catalogue: Catalogue, recorder: Recorder | None = None) -> None:
        self._catalogue = catalogue
        self._recorder = recorder
        self._confirming = Confirming(recorder)

    def search(
        self,
        ctx: Context,
        query: str,
        source: str = "",
        kind: str = "",
        dates: str = "",
        exact: bool = False,
        limit: Limit = DEFAULT_HITS,
        cursor: str = "",
    ) -> ToolResult:
        """Find passages, tables and other items by words.

        Give the few words that matter, not a sentence; a "phrase in quotes" must occur as it stands; with "latest", the
        newest comes first. Each result has a uri for fetch, its page or line, and an excerpt. More with next_cursor as
        cursor.

        Args:
            source: only this source, folder or glob, as in docs://manuals/reports/**
            kind: of item, as list shows it: pdf, sheet, table
            dates: as in 2026, or 2026-01..2026-03
            exact: the words as they stand, line by line (grep)
        """
        answers = Answers(self._seen(ctx))
        filters = Filters(source, kind, dates, exact)
        return self._answered(ctx, "search", answers.search(query, filters, limit, cursor))

    def fetch(self, ctx: Context, uri: str, pages: str = "", lines: str = "", cursor: str = "") -> ToolResult:
        """Read one item: a document as Markdown, a file, rows of a table, an image.

        Take the uri from search or list; with #page, #sheet or #lines it gives that part, with #page=3&image the
        picture of a page. Long texts come in stretches: while truncated is true, call again with next_cursor as cursor.
        To find something in a long text, search first.

        Args:
            pages: of a PDF, slides or sheets, as in "3" or "3-5"
            lines: as in "10-80"; rows of a table
        """
        answer = Answers(self._seen(ctx)).fetch(uri, pages, lines, cursor)
        if isinstance(answer, Blob):
            return self._pictured(ctx, answer)
        return self._told(ctx, "fetch", answer)

    def list(self, ctx: Context, uri: str = "", pattern: str = "", cursor: str = "") -> ToolResult:
        """Show what there is: without uri the sources, else what is in a source or folder, or a database's tables.

        Go on with next_cursor as cursor while truncated is true. An item that could not be read says why in problem. To
        find something by what it says, search.

        Args:
            pattern: glob of paths, as in **/*.pdf
        """
        return self._answered(ctx, "list", Answers(self._seen(ctx)).list(uri, cursor, pattern))

    def describe(self, ctx: Context, uri: str) -> ToolResult:
        """Tell what an item is before reading it.

        Gives outline, size and date of a document; columns, keys and number of rows of a table; parameters of a tool.
        With the uri of a source: what is in it, and what could not be read. Call it before writing SQL.
        """
        return self._answered(ctx, "describe", Answers(self._seen(ctx)).describe(uri))

    def query(
        self,
        ctx: Context,
        sql: str,
        source: str = "",
        format: Literal["rows", "csv", "table", "file"] = "rows",
        cursor: str = "",
    ) -> ToolResult:
        """Run one SELECT, WITH, VALUES or EXPLAIN and return its rows.

        Use it for figures: let SQL count, sum, join and sort instead of reading rows. Look at tables and dialect with
        describe first. Rows come in pages of at most 1,000; slow statements are stopped.

        Args:
            source: the database's name, if there are several
            format: file keeps the whole result for an hour at a uri that fetch reads
        """
        answer = MoreAnswers(self._seen(ctx)).query(sql, source, cursor, format)
        return self._answered(ctx, "query", answer) if "text" not in answer else self._told(ctx, "query", answer)

    def history(
        self,
        ctx: Context,
        uri: str = "",
        mode: Literal["log", "diff", "blame", "show"] = "log",
        revision: str = "",
        cursor: str = "",
    ) -> ToolResult:
        """Tell how a repository, folder or file came to be: its log, a diff, who wrote each line, or one commit.

        A diff gives the files and their counts first, with a uri for each file's hunks. Long answers come in stretches,
        as with fetch.

        Args:
            revision: branch, tag or commit; for a diff two of them, as in v1.0..main
        """
        return self._told(ctx, "history", MoreAnswers(self._seen(ctx)).history(uri, mode, revision, cursor))

    def run(self, ctx: Context, tool: str, arguments: dict[str, Any] = _NO_ARGUMENTS) -> ToolResult:
        """Run a script, workflow or query that the owner of this server provides, and return what came out.

        describe on the tool's uri gives its parameters; list shows the tools, and past runs, which fetch reads.
        """
        answers = MoreAnswers(self._seen(ctx))
        program = answers.program(tool)[1]
        if program.tried:
            return self._answered(ctx, "run", self._confirming.run(ctx, *answers.changing(tool, arguments), arguments))
        if program.slow:
            ctx.detach()  # for clients that know tasks; others wait
        answer = answers.run(tool, arguments, _reporting(ctx), lambda: ctx.cancelled)
        return self._told(ctx, "run", answer) if "text" in answer else self._answered(ctx, "run", answer)

    def _seen(self, ctx: Context) -> Catalogue:
        return self._catalogue.seen_by(ctx.caller, bool(ctx.headers))

    def _answered(self, ctx: Context, tool: str, answer: Plain) -> ToolResult:
        if self._recorder is not None:
            self._recorder.note(ctx, tool, answer)
        if answer.get("mime_type") != CSV:
            return ToolResult(structured=answer)
        # A result that was kept is there to be downloaded as well.
        link = ResourceLink(uri=answer["uri"], name="result.csv", title=f"{answer['total']:,} rows", mime_type=CSV)
        return ToolResult(content=[encoded(answer), link], structured=answer)

    def _told(self, ctx: Context, tool: str, answer: Plain) -> ToolResult:
        if self._recorder is not None:
            self._recorder.note(ctx, tool, answer)
        # The text as it is, not as a JSON string: escapes would cost the model a tenth more.
        head = {key: value for key, value in answer.items() if key != "text"}
        text = fenced(answer["text"], str(answer.get("uri") or tool))
        return ToolResult(content=f"{encoded(head)}\n\n{text}", structured=answer)

    def _pictured(self, ctx: Context, blob: Blob) -> ToolResult:
        answer: Plain = {"truncated": False, "next_cursor": None, "uri": blob.uri, "title": blob.title}
        answer |= {"mime_type": blob.mime_type, "size": len(blob.data)}
        if self._recorder is not None:
            self._recorder.note(ctx, "fetch", answer)
        return ToolResult(content=[encoded(answer), Image(blob.data, mime_type=blob.mime_type)], structured=answer)


def _reporting(ctx: Context) -> Callable[[float | None, str], None]:
    """Return what passes a program's progress on to the client; without a share, lines count up."""
    lines = 0

    def report(share: float | None, text: str) -> None:
        nonlocal lines
        lines += 1
        if share is None:
            ctx.progress(lines, None, text)
        else:
            ctx.progress(share, 1.0, text)

    return report

"""The five tools as a model sees them: names, texts, parameters.

Every conversation pays for all definitions, so they are short: a test holds them under 1,500 tokens together.  What
differs from source to source stands in the server's instructions and in `describe`.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from dragoman.connectors.answers import DEFAULT_HITS, MAX_PAGE, Answers
from dragoman.connectors.envelope import Plain, encoded
from dragoman.serving.results import ToolResult

Limit = Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)]

_ITEMS: dict[str, Any] = {"items": {"type": "array"}, "total": {"type": "integer"}}
_OWN: dict[str, dict[str, Any]] = {
    "search": _ITEMS,
    "fetch": {"text": {"type": "string"}},
    "list": _ITEMS,
    "query": {"columns": {"type": "array"}, "rows": {"type": "array"}},
}


def output_schema(tool: str) -> dict[str, Any]:
    """Return the JSON Schema of a tool's structured answer: the two fields that all share, and its own."""
    properties: dict[str, Any] = {"truncated": {"type": "boolean"}, "next_cursor": {"type": ["string", "null"]}}
    properties |= _OWN.get(tool, {})
    return {"type": "object", "properties": properties, "required": list(properties)}


class Tools:
    """One method for each tool; docstrings are the descriptions.  They block, so the server runs them in threads."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def search(self, query: str, source: str = "", limit: Limit = DEFAULT_HITS, cursor: str = "") -> ToolResult:
        """Find passages in the documents, and tables of the databases, by words.

        Give the few words that matter rather than a sentence; a "phrase in quotes" must occur as it stands; with
        "latest", the newest comes first. Each result has a uri for fetch, its page or line, and an excerpt. For counts
        and sums use query, if there is a database. The answer says how much is indexed so far.

        Args:
            source: name of the only source to search
            cursor: next_cursor of the same search
        """
        return _answered(self._answers.search(query, source, limit, cursor))

    def fetch(self, uri: str, pages: str = "", lines: str = "", cursor: str = "") -> ToolResult:
        """Read the text of one item: a document as Markdown, or rows of a table.

        Take the uri from search or list; with its #page, #sheet or #lines it gives just that part. Ask for no more than
        you need. Long texts come in stretches: while truncated is true, call again with the same uri and next_cursor.
        To find something in a long document, search first.

        Args:
            pages: of a PDF, slides or sheets, as in "3" or "3-5"
            lines: as in "10-80"; rows of a table
        """
        answer = self._answers.fetch(uri, pages, lines, cursor)
        # The text as it is, not as a JSON string: escapes would cost the model a tenth more.
        head = {key: value for key, value in answer.items() if key != "text"}
        return ToolResult(content=f"{encoded(head)}\n\n{answer['text']}", structured=answer)

    def list(self, uri: str = "", cursor: str = "") -> ToolResult:
        """Show what there is: without uri the sources, else documents of a source or folder, or tables of a database.

        Comes in pages: go on with next_cursor while truncated is true. An item that could not be read says why in
        problem. To find something by what it says use search; for more on one item use describe.
        """
        return _answered(self._answers.list(uri, cursor))

    def describe(self, uri: str) -> ToolResult:
        """Tell what an item is before reading it.

        Gives outline, size, date and properties of a document; columns, keys, indexes and number of rows of a table.
        With the uri of a source it tells what is in it, how much is indexed, and which files could not be read and why.
        Call it on a database before writing SQL for it.
        """
        return _answered(self._answers.describe(uri))

    def query(self, sql: str, source: str = "", cursor: str = "") -> ToolResult:
        """Run one SQL statement that reads (SELECT, WITH, VALUES, EXPLAIN; SQLite's dialect) and return its rows.

        Use it for figures: let SQL count, sum, join and sort instead of reading rows. Look at tables and columns with
        describe first. Writing is refused. Rows come in pages of at most 1,000; a statement is stopped after 5 seconds.

        Args:
            source: the database's name, if there are several
        """
        return _answered(self._answers.query(sql, source, cursor))


def _answered(answer: Plain) -> ToolResult:
    return ToolResult(structured=answer)

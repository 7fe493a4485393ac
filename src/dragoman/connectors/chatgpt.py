"""`search` and `fetch` in the shape that ChatGPT's connectors and deep research expect: `--profile chatgpt`.

search(query) gives {"results": [{id, title, url}]}, fetch(id) gives {id, title, text, url, metadata}, each as one text
of JSON.  An id is an address of ours.  Limit: no pages: what is too long is cut, and says so in its metadata.
"""

from __future__ import annotations

from typing import Any

from dragoman.connectors.answers import Answers, Filters
from dragoman.connectors.catalogue import Catalogue
from dragoman.connectors.envelope import encoded
from dragoman.connectors.recording import Recorder
from dragoman.connectors.source import Blob
from dragoman.errors import ToolError
from dragoman.serving.context import Context
from dragoman.serving.results import ToolResult

_RESULTS = 20


class ChatGPT:
    """The two tools; docstrings are the descriptions."""

    def __init__(self, catalogue: Catalogue, recorder: Recorder | None = None) -> None:
        self._catalogue = catalogue
        self._recorder = recorder

    def search(self, ctx: Context, query: str) -> ToolResult:
        """Search the documents, tables and files of this server by words. Each result has an id for fetch."""
        answer = Answers(self._seen(ctx)).search(query, Filters(), _RESULTS, "")
        results: list[dict[str, Any]] = [
            {"id": hit["uri"], "title": hit["title"], "url": hit["uri"], "text": hit.get("text", "")}
            for hit in answer["items"]
        ]
        return self._answered(ctx, "search", {"results": results}, [hit["uri"] for hit in answer["items"]])

    def fetch(self, ctx: Context, id: str) -> ToolResult:
        """Read the full text of one result of search."""
        found = Answers(self._seen(ctx)).fetch(id.partition("#lines=")[0], "", "", "")
        if isinstance(found, Blob):
            raise ToolError(f"{found.uri} is {found.mime_type}, not text: choose another result")
        metadata = {name: str(found[name]) for name in ("range", "of") if found.get(name)}
        if found["truncated"]:
            metadata["truncated"] = "the text goes on; search for what you need in it"
        title = found.get("title") or id
        answer = {"id": id, "title": title, "text": found["text"], "url": found["uri"], "metadata": metadata}
        return self._answered(ctx, "fetch", answer, [found["uri"]])

    def _seen(self, ctx: Context) -> Catalogue:
        return self._catalogue.seen_by(ctx.caller, bool(ctx.headers))

    def _answered(self, ctx: Context, tool: str, answer: dict[str, Any], uris: list[str]) -> ToolResult:
        if self._recorder is not None:
            self._recorder.note(ctx, tool, {**answer, "items": [{"uri": uri} for uri in uris]})
        return ToolResult(content=encoded(answer), structured=answer)

"""Who is asked, and by which calls: for each kind of question the route that an attentive model takes.

A route stops as soon as the answer came back.  Ours has to find things: it is told no address.  The others are told
the right file, commit and statement beforehand, which is the best that their routes could ever be.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from benchmarks.scorecard.questions import Question

from dragoman import Client

CHARS_PER_TOKEN = 4
TEXTS = {".csv", ".html", ".md", ".txt", ".log", ".xml"}  # what is text as it lies there


class Talk:
    """One conversation about one question: counts the calls, and the characters that a model would have to read."""

    def __init__(self, client: Client, question: Question) -> None:
        self.client = client
        self.question = question
        self.given = question.given
        self.calls = 0
        self.characters = 0
        self.answered = False
        self.last = ""

    async def call(self, tool: str, /, **arguments: object) -> bool:
        """Call a tool and say whether the answer is in what came back; the text is `last`."""
        result = await self.client.call_tool(tool, arguments, raise_on_error=False)
        self.calls += 1
        # What a model reads is the content; the structured form of the same is for programs.
        self.last = "\n".join(getattr(block, "text", "") for block in result.content)
        self.characters += len(self.last)
        self.answered = not result.is_error and self.question.answered_by(self.last)
        return self.answered

    @property
    def tokens(self) -> int:
        return self.characters // CHARS_PER_TOKEN


Route = Callable[[Talk], Awaitable[None]]


@dataclass(frozen=True)
class Contestant:
    """A server: its name, the words that start it on the company's data, and its routes by kind of question."""

    name: str
    words: list[str]
    routes: Mapping[str, Route]

    def can(self, question: Question) -> bool:
        """Say whether what the question is about can be read by this server at all."""
        if question.kind not in self.routes:
            return False
        path = question.given.get("path", "")
        return self.name != "server-filesystem" or PurePosixPath(path).suffix in TEXTS


async def _search(talk: Talk) -> None:
    """Search the words; then read the best three, one after the other."""
    if await talk.call("search", query=talk.given["words"]):
        return
    items = json.loads(talk.last)["items"][:3]
    for item in items:
        if await talk.call("fetch", uri=item["uri"]):
            return


async def _query_sales(talk: Talk) -> None:
    await talk.call("describe", uri="db://sales/")
    await talk.call("query", source="sales", sql=talk.given["sql"])


async def _query_exports(talk: Talk) -> None:
    await talk.call("describe", uri="db://exports/")
    await talk.call("query", source="exports", sql=talk.given["sql"])


async def _commits(talk: Talk) -> None:
    if await talk.call("search", query=talk.given["words"], kind="commit"):
        return
    for item in json.loads(talk.last)["items"][:3]:
        if await talk.call("fetch", uri=item["uri"]):
            return


async def _release(talk: Talk) -> None:
    await talk.call("history", uri="git://code/", mode="show", revision=talk.given["tag"])


async def _version(talk: Talk) -> None:
    await talk.call("fetch", uri=f"git://code@{talk.given['tag']}/{talk.given['file']}")


async def _script(talk: Talk) -> None:
    await talk.call("describe", uri=f"run://tools/{talk.given['tool']}")
    await talk.call("run", tool=talk.given["tool"], arguments=json.loads(talk.given["arguments"]))


OURS: Mapping[str, Route] = {
    "documents": _search,
    "tables": _search,
    "sales": _query_sales,
    "exports": _query_exports,
    "commits": _commits,
    "releases": _release,
    "versions": _version,
    "builds": _search,
    "scripts": _script,
}


def filesystem(root: Path) -> Mapping[str, Route]:
    """Look into each folder on the way, then read the file; the folders of the first floor are known."""

    async def read(talk: Talk) -> None:
        first, *steps = PurePosixPath(talk.given["path"]).parts
        path = root / first
        for step in steps:
            await talk.call("list_directory", path=str(path))
            path /= step
        await talk.call("read_text_file", path=str(path))

    return dict.fromkeys(("documents", "tables", "exports", "builds"), read)


def git(repository: Path) -> Mapping[str, Route]:
    """The log of all, then the commit; a tag or a file of a release at once."""
    place = str(repository)

    async def commits(talk: Talk) -> None:
        if not await talk.call("git_log", repo_path=place, max_count=50):
            await talk.call("git_show", repo_path=place, revision=talk.given["hash"])

    async def show(talk: Talk) -> None:
        path = f":{talk.given['file']}" if "file" in talk.given else ""
        await talk.call("git_show", repo_path=place, revision=talk.given["tag"] + path)

    return {"commits": commits, "releases": show, "versions": show}


async def _dbhub(talk: Talk) -> None:
    await talk.call("search_objects", object_type="column", detail_level="names")  # the least that shows the columns
    await talk.call("execute_sql", sql=talk.given["sql"])


DBHUB: Mapping[str, Route] = {"sales": _dbhub}

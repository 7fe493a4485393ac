"""The attack suite, through the served tools: what must not come back, must not be written, and must not be started.

An attack passes if it brought or did something; each group has harmless twins, which have to be answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.scorecard import hostile
from benchmarks.scorecard.serving import served
from tests.connectors import fixtures
from tests.connectors.databases.attacks import COMMON, SQLITE, WORD
from tests.connectors.databases.attacks import SECRET as MASKED
from tests.connectors.databases.test_duck import FILES
from tests.connectors.databases.test_duck import MASKED as DUCK
from tests.connectors.databases.test_guarded import ATTACKS
from tests.connectors.databases.test_statement import READS, WRITES

from dragoman import Client

SECRETS = (MASKED, WORD, fixtures.SECRET)
ANSWER = 40_000  # characters that an answer may have, whatever is asked
RACES = 150


@dataclass
class Group:
    """Attacks of one sort: how many were tried, which passed, and which harmless ones were refused."""

    name: str
    tried: int = 0
    twins: int = 0
    passed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Attacker:
    """Tries one thing after the other, and notes it in the group that is open."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.groups: list[Group] = []

    @contextlib.contextmanager
    def group(self, name: str) -> Iterator[None]:
        """Open a group; at its end nothing may have been written, and no trap have sprung."""
        before = state(self.folder)
        self.groups.append(Group(name))
        yield
        if (after := state(self.folder)) != before:
            changed = sorted(set(before.items()) ^ set(after.items()))
            self.groups[-1].passed.append(f"files changed: {[name for name, _ in changed]}")

    async def attack(self, asked: str, /, *, refused: bool = True, **arguments: Any) -> None:
        """Try it: it must bring no secret and nothing endless, and must be refused unless it may be harmless."""
        group = self.groups[-1]
        group.tried += 1
        text, error = await self.ask(asked, arguments)
        shown = f"{asked} {json.dumps(arguments, ensure_ascii=False)[:150]}"
        if any(secret in text for secret in SECRETS):
            group.passed.append(f"{shown}: a secret came back")
        elif refused and not error:
            group.passed.append(f"{shown}: not refused")
        elif len(text) > ANSWER:
            group.passed.append(f"{shown}: {len(text)} characters")

    async def twin(self, asked: str, /, **arguments: Any) -> None:
        """Ask something harmless, which has to be answered."""
        group = self.groups[-1]
        group.twins += 1
        text, error = await self.ask(asked, arguments)
        if error:
            group.refused.append(f"{asked} {json.dumps(arguments)[:150]}: {text[:150]}")

    async def ask(self, tool: str, arguments: dict[str, Any]) -> tuple[str, bool]:
        result = await self.client.call_tool(tool, arguments, raise_on_error=False)
        content = " ".join(getattr(block, "text", "") for block in result.content)
        structured = json.dumps(result.structured, ensure_ascii=False) if result.structured else ""
        return max(content, structured, key=len) if not result.is_error else content, bool(result.is_error)


def state(folder: Path) -> dict[str, str]:
    """Return what every file holds, but for what is ours: the index and the runs."""
    found: dict[str, str] = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "home"]
        for name in names:
            path = Path(place) / name
            if path.is_symlink() or not path.is_file() or name.endswith(("-wal", "-shm")):
                continue
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


async def _statements(on: Attacker) -> None:
    with on.group("SQL that writes, reaches files or settings"):
        for source in ("shop", "plain"):
            for sql in (*WRITES, *ATTACKS):
                await on.attack("query", source=source, sql=sql.replace("{folder}", str(on.folder)))
            for sql in READS:
                await on.twin("query", source=source, sql=sql)
        for sql in FILES:
            where = {"folder": on.folder / "tables", "outside": on.folder / "outside.csv"}
            await on.attack("query", source="tables", sql=sql.format(**where))
        await on.twin("query", source="tables", sql="SELECT count(*) FROM orders")
    with on.group("masked columns and hidden tables"):
        for source, pairs in (("shop", (*COMMON, *SQLITE)), ("mart", (*COMMON, *DUCK))):
            for attack, twin in pairs:
                await on.attack("query", source=source, sql=attack)
                await on.twin("query", source=source, sql=twin)
        for table in ("secrets", "words_of_secrets"):
            await on.attack("describe", uri=f"db://shop/{table}")
            await on.attack("fetch", uri=f"db://shop/{table}")
        await on.attack("fetch", uri="db://shop/customers", refused=False)
        await on.attack("search", query="xyzzy plugh ada@example.org", refused=False)
        await on.twin("fetch", uri="db://shop/orders")


PATHS = (
    "../outside/x.txt", "a/../../outside/x.txt", "%2e%2e/outside/x.txt", "..%2foutside%2fx.txt", "/etc/hosts",
    "//etc/hosts", "a//x.txt", "a/x.txt%00", "c/.env", ".ssh/id_rsa", "server.key", "a\\x.txt", "way/x.txt",
       *hostile.LINKS,
)  # fmt: skip


HIDDEN = ("linked.txt", "linked-folder/inner.txt", ".hidden.md", ".git/notes.md", ".env", "id_rsa", "pipe.txt")
UNREADABLE = ("corrupt.pdf", "encrypted.pdf", "bomb.docx", "liar.docx", "broken.xlsx", "truncated.xlsx")
ODD = (
    "laughs.docx", "xxe.docx", "tree.pdf", "act.pdf", "swelling.pdf", "wide.pdf", "loop.pdf", "scan.pdf", "deep.html",
    "oneline.txt", "noise.txt",
)  # fmt: skip


async def _paths(on: Attacker) -> None:
    with on.group("paths and links that lead out, and what is never served"):
        for path in PATHS:
            for source in ("file://tree", "docs://papers", "git://repo"):
                await on.attack("fetch", uri=f"{source}/{path}")
        for name in HIDDEN:
            await on.attack("fetch", uri=f"docs://papers/{name}")
        for name in (*hostile.NAMES, "link.txt", "twice.txt"):
            await on.attack("fetch", uri=f"file://box/{name}")
        for uri in ("", "file://tree/", "docs://papers/", "file://box/", "git://repo/", "logs://logs/"):
            await on.attack("list", uri=uri, refused=False)
        for exact in (True, False):
            await on.attack("search", query=fixtures.SECRET, exact=exact, refused=False)
        await on.twin("fetch", uri="file://tree/good.txt")
        await on.twin("fetch", uri="file://box/fair.txt")
        await on.twin("fetch", uri="docs://papers/good.pdf")
        await on.twin("search", query=fixtures.MARKER)
    on.groups.append(Group("a file swapped for a link while it is read"))
    async with _swapping(on.folder / "tree"):
        texts = [await on.ask("fetch", {"uri": "file://tree/swapped/x.txt"}) for _ in range(RACES)]
    group = on.groups[-1]
    group.tried = RACES
    group.passed += [f"swapped/x.txt: {text[:100]}" for text, _ in texts if fixtures.SECRET in text]
    group.twins += 2
    # It counts only if it was there at times, and away at others.
    group.refused += [
        f"never {name}" for name, way in (("there", False), ("away", True)) if way not in {e for _, e in texts}
    ]
    await on.twin("fetch", uri="file://tree/a/x.txt")


@contextlib.asynccontextmanager
async def _swapping(tree: Path) -> AsyncIterator[None]:
    """Swap a folder for a link to the outside and back, all the time, in a thread."""
    real, link, place, running = tree / "real", tree / "link-out", tree / "swapped", True
    real.mkdir()
    (real / "x.txt").write_text("inside\n")
    link.symlink_to("../outside")

    def swap() -> None:
        while running:
            real.rename(place)
            place.rename(real)
            link.rename(place)
            place.rename(link)

    work = asyncio.create_task(asyncio.to_thread(swap))
    try:
        yield
    finally:
        running = False
        await work


async def _arguments(on: Attacker) -> None:
    with on.group("arguments that a program could take for options or for a shell's words"):
        for text in hostile.OPTIONS:
            for mode in ("log", "diff", "show", "blame"):
                await on.attack("history", uri="git://repo/", mode=mode, revision=text)
            await on.attack("fetch", uri=f"git://repo@{text}/a.txt")
            await on.attack("run", tool="bare", arguments={"text": text})
            await on.attack("search", query=text, source="repo", exact=True, refused=False)
            await on.attack("list", uri="git://repo/", pattern=text, refused=False)
        for text in ("$(touch owned)", "; touch owned", "`touch owned`", "a\nb", "| tee owned", "-rf", "\u202e"):
            on.groups[-1].tried += 1
            said, error = await on.ask("run", {"tool": "echo", "arguments": {"text": text}})
            if error or json.dumps([text])[1:-1] not in said.replace("\\\\", "\\").replace('\\"', '"'):
                on.groups[-1].passed.append(f"run echo {text!r}: {said[:200]}")
        await on.twin("run", tool="bare", arguments={"text": "harmless"})
        await on.twin("fetch", uri="git://repo/--output=owned")


async def _repositories(on: Attacker) -> None:
    with on.group("a repository that names programs to start"):
        for mode in ("log", "diff", "show", "blame"):
            for path in ("", "a.txt", "b.dat", "link"):
                await on.attack("history", uri=f"git://repo/{path}", mode=mode, refused=False)
        for path in ("", "a.txt", "b.dat", "link"):
            await on.attack("fetch", uri=f"git://repo/{path}", refused=False)
            await on.attack("describe", uri=f"git://repo/{path}", refused=False)
        for kind in ("", "commit"):
            await on.attack("search", query="two change", source="repo", kind=kind, refused=False)
        if (on.folder / "mark").exists():
            on.groups[-1].passed.append("started: " + (on.folder / "mark").read_text())
        await on.twin("history", uri="git://repo/a.txt")
        await on.twin("fetch", uri="git://repo/b.dat")


async def _documents(on: Attacker) -> None:
    with on.group("documents and archives that hurt their readers"):
        for name in UNREADABLE:
            await on.attack("fetch", uri=f"docs://papers/{name}")
        for name in ODD:
            await on.attack("fetch", uri=f"docs://papers/{name}", refused=False)
            await on.attack("fetch", uri=f"docs://papers/{name}#page=1&image", refused=False)
        for name in ("bomb.txt", "liar.txt"):
            await on.attack("fetch", uri=f"file://box/{name}", refused=name == "bomb.txt")
        for name in ("laughs.xml", "outside.xml"):
            await on.attack("fetch", uri=f"logs://logs/{name}", refused=False)
        await on.twin("fetch", uri="logs://logs/good.xml")
        for name in ("good.pdf", "good.docx", "good.xlsx"):
            await on.twin("fetch", uri=f"docs://papers/{name}")
    group = on.groups[-1]
    group.tried += 1
    if "lollol" in (await on.ask("fetch", {"uri": "docs://papers/laughs.docx"}))[0]:
        group.passed.append("laughs.docx: its entities were unfolded")


async def attack(folder: Path) -> list[Group]:
    """Make the hostile sources below `folder`, serve them, and try everything."""
    settings = hostile.make(folder)
    async with served(settings, folder / "home") as client:
        on = Attacker(client, folder)
        for part in (_statements, _paths, _arguments, _repositories, _documents):
            await part(on)
    return on.groups

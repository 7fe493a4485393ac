"""What a repository tells: files at revisions, commits, differences, lines and their authors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.code.repositories import git, long, made
from tests.connectors.desk import documents, written

from dragoman.connectors.address import parse
from dragoman.connectors.catalogue import Catalogue
from dragoman.connectors.code.repository import Repository
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_source
from dragoman.connectors.source import ALL, Passage, Question, SourceError, View
from dragoman.errors import ToolError

ROOM = 10_000
FIRST = {"src/pump.py": "def pump():\n    return 1\n", "docs/guide.md": "# Guide\n\nCall pump.\n", "README": "Hello\n"}
SECOND: dict[str, str | None] = {
    "src/pump.py": "def pump():\n    return 2\n",
    "docs/guide.md": None,
    "src/valve.py": "x = 1\n",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = made(tmp_path_factory.mktemp("git") / "shop", FIRST, SECOND)
    git(folder, "tag", "v1", "HEAD~1")
    source: Any = open_source(f"shop=git:{folder}", (), Opening())
    return source


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """A repository, and notes about it."""
    place = tmp_path_factory.mktemp("asked")
    code = {
        "src/headers.py": "def read_header(line):\n    return line.split(':')  # is the function that was\n",
        "src/work.py": "# where is the function of this file used? It is in the class below\nread_header('a:b')\n",
        "src/manifold.py": "class Manifold:\n    pipes = ()\n",
    }
    source: Any = open_source(f"code=git:{made(place / 'code', dict(code))}", (), Opening())
    written(
        place / "notes",
        design_md="# read_header and Manifold\n\nThe function read_header is where headers are read. Manifold is a "
        "class. Why headers are kept: they are needed. read_header is defined once, Manifold's definition is there.\n",
        pipes_md="# Rules for naming pipes\n\nPipes are named by the rules.\n",
    )
    with documents(place / "notes") as notes:
        yield Catalogue([notes, source])


def read(source: Repository, uri: str, room: int = ROOM, view: View = ALL) -> str:
    return source.fetch(view, parse(uri), None, room).text


def told(source: Repository, mode: str, uri: str = "git://shop/", revision: str = "", view: View = ALL) -> str:
    return source.history(view, parse(uri), mode, revision, None, ROOM).text


def test_files_are_those_of_the_newest_commit(shop: Repository) -> None:
    page = shop.items(ALL, "", "", 2)
    assert [entry.key for entry in page.entries] == ["README", "src/pump.py"] and page.total == 3 and page.more
    assert [entry.key for entry in shop.items(ALL, "", "src/pump.py", 9).entries] == ["src/valve.py"]
    assert [entry.key for entry in shop.items(ALL, "src/", "", 9, "**/p*.py").entries] == ["src/pump.py"]


def test_a_file_is_read_at_any_revision(shop: Repository) -> None:
    assert read(shop, "git://shop/src/pump.py") == SECOND["src/pump.py"]
    assert read(shop, "git://shop@v1/src/pump.py") == FIRST["src/pump.py"]
    assert read(shop, "git://shop@main~1/docs/guide.md#lines=3") == "Call pump.\n"
    with pytest.raises(ToolError, match=r"no file 'docs/guide.md' at that revision"):
        read(shop, "git://shop/docs/guide.md")
    with pytest.raises(ToolError, match=r"no file 'src/pmup.py'"):
        read(shop, "git://shop/src/pmup.py")


def test_long_files_come_in_stretches_that_join(shop: Repository, tmp_path: Path) -> None:
    whole = "".join(f"line {number}\n" for number in range(2_000))
    source: Any = open_source(f"git:{made(tmp_path / 'r', {'long.txt': whole})}", (), Opening())
    address, position, parts = parse("git://r/long.txt"), None, []
    while True:
        passage = source.fetch(ALL, address, position, 1_000)
        parts.append(passage.text)
        position = passage.following
        if position is None:
            break
    assert "".join(parts) == whole and len(parts) > 10 and max(map(len, parts)) <= 1_000


def test_the_log_is_short_lines_newest_first(shop: Repository) -> None:
    lines = told(shop, "log").splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["2026-01-01 Ann: Change 1", "2026-01-01 Ann: Change 0"]
    assert len(told(shop, "log", "git://shop/docs/guide.md").splitlines()) == 2
    assert len(told(shop, "log", "git://shop/README").splitlines()) == 1
    with pytest.raises(ToolError, match=r"no file 'READ' at that revision; did you mean 'README'\?"):
        told(shop, "log", "git://shop/READ")
    with pytest.raises(ToolError, match=r"no revision 'mian' here; did you mean 'main'\?; describe"):
        told(shop, "log", revision="mian")


def test_a_difference_is_a_statistic_first_and_a_patch_by_its_address(shop: Repository) -> None:
    stat = told(shop, "diff", revision="v1..main")
    assert "3 files changed" in stat and "+1 -1 src/pump.py" in stat and "return 2" not in stat
    patch = told(shop, "diff", "git://shop/src/pump.py", "v1..main")
    assert "-    return 1\n+    return 2\n" in patch and "\\n" not in patch
    assert read(shop, "git://shop@v1..main/src/pump.py") == patch
    assert told(shop, "diff", revision="main") == stat.replace("v1..main", "main")
    assert "+2 -0 src/pump.py" in told(shop, "diff", revision="v1")  # the first commit, against nothing


def test_a_commit_is_shown_with_what_it_changed(shop: Repository) -> None:
    text = read(shop, "git://shop@v1/")
    assert "author Ann, 2026-01-01" in text and "Change 0" in text and "+1 -0 README" in text


def test_every_line_has_its_author(shop: Repository) -> None:
    lines = told(shop, "blame", "git://shop/src/pump.py").splitlines()
    assert len(lines) == 2 and lines[0].endswith("1 def pump():") and "Ann" in lines[1]
    assert lines[0].split()[0] != lines[1].split()[0]
    assert told(shop, "blame", "git://shop/src/pump.py#lines=2").count("\n") == 1
    with pytest.raises(ToolError, match="blame needs a file"):
        told(shop, "blame")


@pytest.mark.parametrize(
    "revision",
    [
        "--output=/tmp/x",
        "-n1",
        "nowhere",
        "HEAD@{upstream}",
        ":/Change",
        "main:README",
        "HEAD^{tree}",
        "a b",
        "..",
        "\x00",
    ],
)
def test_what_is_no_revision_is_refused(shop: Repository, revision: str) -> None:
    with pytest.raises(ToolError, match="revision"):
        told(shop, "log", revision=revision)


def test_search_finds_definitions_before_mentions(shop: Repository) -> None:
    hits = [hit() for hit in shop.search(ALL, Question(text="pump"), 5).hits]
    assert hits[0].title == "src/pump.py" and hits[0].text == "def pump():" and hits[0].uri.endswith("#lines=1-21")
    assert [hit().title for hit in shop.search(ALL, Question(text="return 2", exact=True), 5).hits] == ["src/pump.py"]
    assert shop.search(ALL, Question(text="return", path="docs"), 5).hits == []
    commits = [hit() for hit in shop.search(ALL, Question(text="change 0", kind="commit"), 5).hits]
    assert [hit.title for hit in commits] == ["Ann: Change 0"] and "Change 0" in read(shop, commits[0].uri)
    assert shop.search(ALL, Question(text="change", kind="commit", since="2026-02-01"), 5).hits == []


def test_what_a_view_does_not_show_is_nowhere(shop: Repository) -> None:
    view = View(deny=("src/**",))
    assert [entry.key for entry in shop.items(view, "", "", 9).entries] == ["README"]
    assert shop.search(view, Question(text="pump"), 5).hits == []
    assert "src" not in told(shop, "diff", revision="v1..main", view=view)
    with pytest.raises(ToolError, match=r"no revision 'mian' here; describe"):
        told(shop, "log", revision="mian", view=view)
    for ask in (
        lambda: told(shop, "log", "git://shop/src/pump.py", view=view),
        lambda: told(shop, "log", "git://shop/src/none.py", view=view),
        lambda: read(shop, "git://shop/src/pump.py", view=view),
        lambda: read(shop, "git://shop/src/none.py", view=view),
    ):
        with pytest.raises(ToolError, match=r"no file 'src/\w+.py' at that revision; there is README; list shows"):
            ask()
    assert told(shop, "log", view=View(allow=("src/valve.py",))).count("\n") == 1


def test_files_for_secrets_are_not_there_in_any_revision(tmp_path: Path) -> None:
    folder = made(
        tmp_path / "r",
        {
            ".env": "KEY=hunter2",
            "deploy/id_rsa": "hunter2",
            ".aws/credentials": "hunter2",
            "a.txt": "a",
            ".github/x.yml": "on",
        },
        {"a.txt": "b", ".env": None},
    )
    source: Any = open_source(f"git:{folder}", (), Opening())
    assert [entry.key for entry in source.items(ALL, "", "", 9).entries] == [".github/x.yml", "a.txt"]
    assert source.search(ALL, Question(text="hunter2"), 5).hits == []
    for uri in ("git://r@main~1/.env", "git://r/deploy/id_rsa"):
        with pytest.raises(ToolError, match="no file"):
            read(source, uri)
    assert ".env" not in read(source, "git://r@main/") and read(source, "git://r@main~1/a.txt") == "a"


def test_ten_thousand_commits_come_in_pages_without_gap_or_repeat(tmp_path: Path) -> None:
    source: Any = open_source(f"git:{long(tmp_path / 'r', 10_000)}", (), Opening())
    position, seen = None, list[str]()
    for _ in range(3):
        page: Passage = source.history(ALL, parse("git://r/"), "log", "", position, 5_000)
        seen += page.text.splitlines()
        position = page.following
        assert position is not None
    assert [line.rpartition(" ")[2] for line in seen] == [str(9_999 - number) for number in range(len(seen))]
    assert source.describe(ALL, parse("git://r/"))["commits"] == 10_000


@pytest.mark.parametrize(("setup", "complaint"), [("nothing", "no Git repository"), ("empty", "has no commits yet")])
def test_what_is_no_repository_is_said_at_the_start(tmp_path: Path, setup: str, complaint: str) -> None:
    folder = tmp_path / "r"
    folder.mkdir()
    if setup == "empty":
        git(folder, "init", "-q")
    with pytest.raises(SourceError, match=complaint):
        open_source(f"git:{folder}", (), Opening())


@pytest.mark.parametrize(
    "question",
    [
        "read_header",
        "where is read_header defined",
        "Where is the function read_header?",
        "definition of Manifold",
        "where is the class Manifold",
    ],
)
def test_a_question_for_a_name_finds_its_definition_before_notes_about_it(question: str, questions: Catalogue) -> None:
    """Words that every question has are no words to look for in code: they are in every file."""
    [first, *rest] = questions.search(Question(text=question), 20).hits
    assert first().uri.startswith("git://code/src/")
    assert "docs://papers/design.md" in {hit().uri.partition("#")[0] for hit in rest}


def test_a_question_for_what_notes_are_about_finds_these_before_code(questions: Catalogue) -> None:
    for text in ("why are headers kept", "rules for naming pipes", "where are the rules for the pipes"):
        assert questions.search(Question(text=text), 20).hits[0]().uri.startswith("docs://papers/")

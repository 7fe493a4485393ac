"""Consent: what is asked, what is remembered, and that no word of a server's ever loosens anything."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman import LocalError
from dragoman.app.launching import Approvals, launch_of_words
from dragoman.host.audit import Audit
from dragoman.host.consent import Answer, Call, Consent, Question
from dragoman.host.consent_book import MAX_KEPT, Book, Served, in_process, of_launch, of_url
from dragoman.host.rules import Rules, Verdict
from dragoman.wire.tools import Tool

URL = of_url("sales", "https://sales.test/mcp")


def tool(name: str = "get", **more: Any) -> Tool:
    return msgspec.convert({"name": name, "inputSchema": {"type": "object"}, **more}, Tool)


def call(server: Served = URL, **more: Any) -> Call:
    given = {"taint": frozenset(more.pop("taint", ())), "findings": tuple(more.pop("findings", ()))}
    return Call(server=server, tool=tool(**more), arguments=msgspec.Raw(b'{"a":1}'), **given)


class Desk:
    """Answers questions in turn, and keeps them."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.questions: list[Question] = []

    async def __call__(self, question: Question) -> Answer:
        self.questions.append(question)
        return self.answers.pop(0)


def consent(folder: Path, desk: Desk | None = None, **said: Any) -> Consent:
    return Consent(Rules.of(said), Book(folder / "consent.json"), Audit(folder / "audit"), desk)


async def test_what_was_approved_is_not_asked_about_again_and_what_was_denied_is(tmp_path: Path) -> None:
    """TOOL-19."""
    desk = Desk(Answer.NO, Answer.YES, Answer.REMEMBER)
    gate = consent(tmp_path, desk)
    allowed = [(await gate.permit(call())).allowed for _ in range(4)]
    assert allowed == [False, True, True, True] and len(desk.questions) == 3
    # Another process of the user's knows it too.
    assert (await consent(tmp_path).permit(call())).allowed


async def test_a_tool_that_changed_is_asked_about_again_and_the_difference_is_shown(tmp_path: Path) -> None:
    """sec/12: whatever it is that changed."""
    desk = Desk(*[Answer.REMEMBER] * 8)
    gate = consent(tmp_path, desk)
    changes: list[dict[str, Any]] = [
        {"description": "Gets."},
        {"description": "Gets, and sends."},
        {"description": "Gets, and sends.", "title": "Get"},
        {"description": "Gets, and sends.", "title": "Get", "annotations": {"readOnlyHint": True}},
        {"description": "Gets, and sends.", "title": "Get", "_meta": {"a": 1}},
    ]
    for more in changes:
        assert (await gate.permit(call(**more))).allowed
        assert (await gate.permit(call(**more))).allowed
    assert len(desk.questions) == 5 and desk.questions[0].changes == ()
    added = [line for line in desk.questions[1].changes if line.startswith("+")]
    assert len(added) == 1 and "Gets, and sends." in added[0]
    assert all(question.changes for question in desk.questions[1:])


async def test_a_server_that_changed_is_asked_about_again(tmp_path: Path) -> None:
    desk = Desk(Answer.REMEMBER, Answer.NO)
    gate = consent(tmp_path, desk)
    await gate.permit(call())
    assert not (await gate.permit(call(of_url("sales", "https://elsewhere.test/mcp")))).allowed
    assert any("elsewhere" in line for line in desk.questions[1].changes)
    # The one that was approved still is.
    assert (await gate.permit(call())).allowed and len(desk.questions) == 2


async def test_what_a_rule_allows_is_asked_about_once_it_changes(tmp_path: Path) -> None:
    """sec/12: a tool is rewritten after it was allowed."""
    desk = Desk(Answer.NO)
    gate = consent(tmp_path, desk, rules={"sales/*": "allow"})
    assert (await gate.permit(call())).allowed and desk.questions == []
    assert not (await gate.permit(call(description="Ships the notes."))).allowed
    assert desk.questions[0].changes
    assert (await gate.permit(call())).allowed


async def test_where_nobody_can_be_asked_only_rules_allow(tmp_path: Path) -> None:
    assert not (await consent(tmp_path).permit(call())).allowed
    gate = consent(tmp_path, rules={"sales/*": "allow"})
    assert (await gate.permit(call())).allowed
    assert not (await gate.permit(call(description="changed"))).allowed
    loose = consent(tmp_path, without_terminal="allow", rules={"sales/put": "ask always"})
    assert (await loose.permit(call(name="new"))).allowed
    for denied in (call(name="put"), call(description="changed"), call(name="new", description="changed")):
        found = await loose.permit(denied)
        assert not found.allowed and "nobody can be asked" in found.reason


async def test_what_is_asked_about_always_is_never_remembered(tmp_path: Path) -> None:
    desk = Desk(Answer.REMEMBER, Answer.REMEMBER, Answer.NO)
    gate = consent(tmp_path, desk, rules={"sales/get": "ask always"})
    assert [(await gate.permit(call())).allowed for _ in range(3)] == [True, True, False]
    assert not any(question.rememberable for question in desk.questions)
    assert gate.book.pin("sales", "get") is None


async def test_an_approval_gives_way_to_a_rule_that_is_stricter(tmp_path: Path) -> None:
    assert (await consent(tmp_path, Desk(Answer.REMEMBER)).permit(call())).allowed
    desk = Desk(Answer.NO)
    assert not (await consent(tmp_path, desk, rules={"sales/get": "ask always"}).permit(call())).allowed
    assert len(desk.questions) == 1
    assert not (await consent(tmp_path, Desk(), rules={"sales/get": "deny"}).permit(call())).allowed


async def test_what_is_denied_is_not_asked_about(tmp_path: Path) -> None:
    desk = Desk()
    assert not (await consent(tmp_path, desk, rules={"sales/get": "deny"}).permit(call())).allowed
    assert desk.questions == []


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ({}, Verdict.ALLOW),
        ({"annotations": {"readOnlyHint": True}}, Verdict.ALLOW),
        ({"annotations": {"destructiveHint": False, "openWorldHint": False}}, Verdict.ALLOW),
        ({"annotations": {"destructiveHint": True}}, Verdict.ALWAYS),
        ({"annotations": {"openWorldHint": True}}, Verdict.ONCE),
        ({"findings": ["it hides text"]}, Verdict.ALWAYS),
        ({"taint": {"web"}}, Verdict.ALWAYS),
        ({"taint": {"sales"}}, Verdict.ALLOW),
        ({"taint": {"web"}, "annotations": {"readOnlyHint": True, "openWorldHint": False}}, Verdict.ALLOW),
    ],
)
def test_what_is_known_of_a_call_makes_a_rule_stricter(more: dict[str, Any], verdict: Verdict, tmp_path: Path) -> None:
    """TOOL-16."""
    assert consent(tmp_path, rules={"sales/*": "allow"}).decide(call(**more)).verdict is verdict


hints = st.fixed_dictionaries(
    {},
    optional={name: st.booleans() for name in ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")},
)
verdicts = st.sampled_from(["allow", "ask once", "ask always", "deny"])


@given(hints, verdicts, st.booleans())
def test_no_annotation_loosens_what_the_user_said(said: dict[str, bool], verdict: str, exact: bool) -> None:
    """TOOL-16."""
    pattern = "sales/get" if exact else "sales/g*"
    gate = Consent(Rules.of({"rules": {pattern: verdict}}), Book(Path("/nowhere/c.json")), Audit(Path("/nowhere/a")))
    found = gate.decide(call(annotations=said)).verdict
    order = list(Verdict)
    assert order.index(found) >= order.index(Verdict(verdict))
    # A rule that names just this tool was written for it.
    assert not exact or found == verdict


async def test_two_calls_at_once_are_asked_about_one_after_the_other(tmp_path: Path) -> None:
    desk = Desk(Answer.REMEMBER)
    gate = consent(tmp_path, desk)
    found = await asyncio.gather(*(gate.permit(call()) for _ in range(5)))
    assert all(one.allowed for one in found) and len(desk.questions) == 1


async def test_what_needs_no_question_does_not_wait_for_one(tmp_path: Path) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    async def ask(question: Question) -> Answer:
        asked.set()
        await answered.wait()
        return Answer.YES

    rules = Rules.of({"rules": {"sales/free": "allow"}})
    gate = Consent(rules, Book(tmp_path / "consent.json"), Audit(tmp_path / "audit"), ask)
    waiting = asyncio.create_task(gate.permit(call()))
    await asked.wait()
    assert (await gate.permit(call(name="free"))).allowed and not waiting.done()
    answered.set()
    assert (await waiting).allowed


async def test_a_server_is_started_once_its_command_was_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """sec/10: bound to program, arguments, names of variables, folder and sandbox."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    launch = launch_of_words("mcp.json", [sys.executable, "-m", "shop"], tmp_path, {"TOKEN": "x"})
    desk = Desk(Answer.NO, Answer.REMEMBER, *[Answer.NO] * 3)
    gate = consent(tmp_path, desk)
    server = of_launch("shop", launch)
    assert not (await gate.permit_start(server)).allowed
    assert (await gate.permit_start(server)).allowed
    assert (await gate.permit_start(server)).allowed and len(desk.questions) == 2
    assert "argument   'shop'" in desk.questions[0].server.parts
    for other in (
        launch_of_words("mcp.json", [sys.executable, "-m", "shop", "--all"], tmp_path, {"TOKEN": "x"}),
        launch_of_words("mcp.json", [sys.executable, "-m", "shop"], tmp_path, {"TOKEN": "x", "LD_PRELOAD": "/x.so"}),
        msgspec.structs.replace(launch, sandbox="network: all"),
    ):
        assert not (await gate.permit_start(of_launch("shop", other))).allowed
        assert desk.questions[-1].changes
    # Where nobody can be asked it is not started, and what `dragoman approve` let in is.
    fresh = consent(tmp_path / "other")
    assert not (await fresh.permit_start(server)).allowed
    Approvals(tmp_path / "config/dragoman/approved.json").approve(launch, launch.digest)
    assert (await fresh.permit_start(server)).allowed


INLINE: list[tuple[list[str], dict[str, str]]] = [
    (["npx", "-c", "touch x"], {}),
    (["sh", "-c", "touch x"], {}),
    ([sys.executable, "-c", "open('x', 'w')"], {}),
    (["node", "-e", "0"], {}),
    (["docker", "run", "-v", "/:/host", "image"], {}),
    (["true"], {"LD_PRELOAD": "/x.so"}),
    (["node", "server.js"], {"NODE_OPTIONS": "--require /x.js"}),
    ([sys.executable, "server.py"], {"PYTHONSTARTUP": "/x.py"}),
    (["dragoman", "run", "--sandbox", "--", "sh", "-c", "touch x"], {}),
]


@pytest.fixture(scope="module")
def spawned() -> list[str]:
    """Hear of every process that Python starts: an audit hook cannot be taken away, so there is one."""
    heard: list[str] = []
    starts = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn", "os.startfile"}
    sys.addaudithook(lambda event, _: heard.append(event) if event in starts else None)
    return heard


@pytest.mark.parametrize(("words", "env"), INLINE, ids=lambda value: " ".join(value)[-30:])
async def test_code_in_a_command_needs_an_approval_of_its_own_before_anything_starts(
    words: list[str], env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spawned: list[str]
) -> None:
    """sec/08, sec/10."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    spawned.clear()
    server = of_launch("shop", launch_of_words("mcp.json", words, tmp_path, env))
    desk = Desk(Answer.REMEMBER, Answer.NO, Answer.REMEMBER, Answer.YES)
    gate = consent(tmp_path, desk)
    assert not (await gate.permit_start(server)).allowed
    assert desk.questions[0].risks == () and desk.questions[1].risks and "of its own" in desk.questions[1].reason
    assert (await gate.permit_start(server)).allowed and (await gate.permit_start(server)).allowed
    assert len(desk.questions) == 4 and spawned == []


async def test_a_usual_command_is_asked_about_once_and_the_hook_hears_what_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spawned: list[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    desk = Desk(Answer.REMEMBER)
    server = of_launch("shop", launch_of_words("mcp.json", ["npx", "-y", "server@1.0.0"], tmp_path))
    assert (await consent(tmp_path, desk).permit_start(server)).allowed and len(desk.questions) == 1
    spawned.clear()
    assert await (await asyncio.create_subprocess_exec("true")).wait() == 0
    assert spawned


async def test_every_decision_is_written_down_and_arguments_as_digests(tmp_path: Path) -> None:
    gate = consent(tmp_path, Desk(Answer.YES))
    await gate.permit(call())
    (record,) = gate.audit.records()
    assert (record["what"], record["server"], record["tool"], record["answer"]) == ("decision", "sales", "get", "yes")
    assert "arguments" not in record and len(record["arguments_sha256"]) == 64


async def test_a_decision_that_cannot_be_written_down_is_none(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("a file where the folder should be")
    gate = consent(tmp_path, rules={"sales/*": "allow"})
    with pytest.raises(LocalError, match="nothing is done"):
        await gate.permit(call())


def test_approvals_that_others_could_have_written_count_for_nothing(tmp_path: Path) -> None:
    """sec/10."""
    book = Book(tmp_path / "consent.json")
    book.remember(URL, tool(), approved=True)
    assert book.path.stat().st_mode & 0o777 == 0o600 and book.pin("sales", "get") is not None
    book.path.chmod(0o666)
    with pytest.raises(LocalError, match="others may write"):
        book.pin("sales", "get")
    book.path.chmod(0o600)
    book.path.write_text("[]")
    with pytest.raises(LocalError, match="cannot be read"):
        book.pin("sales", "get")


def test_approvals_are_taken_back(tmp_path: Path) -> None:
    book = Book(tmp_path / "consent.json")
    for name in ("a", "b"):
        book.remember(in_process(name, "x"), tool(), approved=name == "a")
    assert book.kept() == {"a": {"get": True}, "b": {"get": False}}
    assert (book.forget("none"), book.forget("a"), book.forget()) == (0, 1, 1)
    assert book.kept() == {}


def test_a_definition_too_long_to_keep_is_still_noticed(tmp_path: Path) -> None:
    book = Book(tmp_path / "consent.json")
    book.remember(URL, tool(description="x" * MAX_KEPT), approved=True)
    found = consent(tmp_path).decide(call(description="y" * MAX_KEPT))
    assert not found.allowed and "too long to compare" in found.changes[0]

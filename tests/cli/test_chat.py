"""`dragoman chat` and `dragoman ask` at a terminal: typed at, and read back."""

import argparse
import asyncio
import io
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.cli.sitting import Sitting

from dragoman import Client, ResourceLink, Server, TextContent
from dragoman.cli.chat import at_signs
from dragoman.cli.entry import run
from dragoman.cli.host_options import add_options, wanted
from dragoman.cli.host_person import TerminalPerson, value_of
from dragoman.cli.host_stage import Stage
from dragoman.cli.terminal import Paper
from dragoman.testing.model_wires import Seen
from dragoman.testing.models import Move, Say, ScriptedModel, Use
from dragoman.testing.ways import serving_http
from dragoman.wire.questions import CreateMessage, Elicit, SamplingMessage

SERVER = Path(__file__).with_name("talking.py")
FILE = {"mcpServers": {"shop": {"command": sys.executable, "args": ["-m", "dragoman", "run", "--stdio", str(SERVER)]}}}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")


def script(seen: Seen) -> Move:
    if seen.results:
        return Say(f"It gave {seen.results[-1][1].splitlines()[1]}.")
    for word, tool in (("sum", "add"), ("wait", "wait"), ("order", "order")):
        if word in seen.question:
            return [Say("I see. "), Use(f"shop__{tool}", {"a": 1, "b": 2} if tool == "add" else {})]
    return Say(f"You said: {seen.question[-60:]}")


def talk(folder: Path, model: str) -> Sitting:
    (folder / "mcp.json").write_text(json.dumps(FILE))
    return Sitting(["chat"], folder, {"DRAGOMAN_MODEL": model})


def whole_talk(folder: Path, model: str) -> None:
    with talk(folder, model) as at:
        # The whole command, before anything is started.
        assert f"argument   '{SERVER}'" in at.until("anything else = no: ")
        at.type("y\n")
        assert "scripted with shop" in at.until("> ")
        at.type("/tools\n")
        assert "shop/add" in at.until("> ")
        at.type("/tokens\n")
        assert "shop: 3 tools" in at.until("> ")
        at.type("what is the sum?\n")
        asked = at.until("anything else = no: ")
        assert "1 asked" in asked and "I see. " in asked and "The model wants add of the server 'shop':" in asked
        at.type("a\n")
        gave = at.until("\n> ")
        assert "4 allowed" in gave and "5 gave" in gave and "It gave 3." in gave and "6 answer" in gave
        at.type("the sum again?\n")
        assert "it was approved" in at.until("\n> ")
        at.type("order\n")
        at.until("anything else = no: ")
        at.type("y\n")
        assert "The server 'shop' asks:" in at.until("(a whole number) *: ")
        at.type("many\n")
        assert "write a whole number" in at.until("(a whole number) *: ")
        at.type("12\n")
        assert "It gave 12 pens." in at.until("\n> ")
        at.type("/gre\tna\tBob\n")
        assert "You said: Say hello to Bob." in at.until("\n> ")
        at.type("what of @docs\t\n")
        assert "docs://talking/terms" in at.until("\n> ")
        assert "  docs://talking/terms" in at.seen
        at.type("/nothing\n")
        assert "there is no command /nothing" in at.until("\n> ")
        at.type("wait\n")
        at.until("anything else = no: ")
        at.type("y\n")
        at.until("25% shop/wait a quarter")
        at.type("\x03")
        assert "(stopped)" in at.until("\n> ")
        at.type("and now?\n")
        assert "You said: and now?" in at.until("\n> ")
        at.interrupt()
        at.until("Ctrl-C again leaves")
        at.until("> ")
        at.interrupt()
        assert at.ended() == 130


async def test_a_talk_at_a_terminal_from_the_first_start_to_ctrl_c(tmp_path: Path) -> None:
    async with ScriptedModel(script) as model:
        await asyncio.to_thread(whole_talk, tmp_path, model.name)


async def test_without_a_terminal_nothing_is_started_that_was_not_approved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mcp.json").write_text(json.dumps(FILE))
    async with ScriptedModel([]) as model:
        status = await asyncio.to_thread(run, ["ask", "--model", model.name, "sum?"])
    out, err = capsys.readouterr()
    # Nor is the model asked, which would answer from memory.
    assert (status, out, model.seen) == (4, "", [])
    assert "no server is open" in err and "shop: it was not started" in err


async def test_ask_prints_the_answer_with_its_steps_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    pens = Server("pens")

    @pens.tool
    def price(uri: str) -> ResourceLink:
        """Say what something costs."""
        return ResourceLink(uri=uri, name="3 euros")

    script: list[Move] = [Use("shop__price", {"uri": "docs://pens"}), Say("3 euros.")]
    async with serving_http(pens) as url, ScriptedModel(script) as model:
        words = ["--json", "--model", model.name, "--server", f"shop={url}", "--server", "dead=http://127.0.0.1:9/mcp"]
        words += ["--allow", "shop/*", "What", "is a pen?"]
        status = await asyncio.to_thread(run, ["ask", *words])
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (status, err) == (0, "")
    assert (found["question"], found["answer"]) == ("What is a pen?", "3 euros.")
    assert found["sources"] == ["docs://pens"]
    assert [note["server"] for note in found["notes"]] == ["dead"]
    assert [step["step"] for step in found["steps"]] == ["asked", "wants", "allowed", "returned"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["ask"], "what is the question"),
        (["ask", "x"], "which model"),
        (["ask", "x", "--model", "llama"], "names no model"),
        (["ask", "x", "--model", "ollama/m", "--server", "shop=nowhere"], "--server takes a URL"),
        (["chat", "--model", "ollama/m", "--root", "/nowhere", "--server", "http://127.0.0.1:9/mcp"], "no such folder"),
        (["ask", "x", "--model", "ollama/m", "--allow", "*/*"], "would allow tools of servers that come later"),
    ],
)
def test_what_is_missing_or_wrong_is_told_before_anything_is_started(
    words: list[str], fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DRAGOMAN_MODEL", raising=False)
    assert run(words) == 2
    assert fault in capsys.readouterr().err


@pytest.mark.parametrize("hosted", [True, False])
async def test_sources_for_this_machine_are_not_there_for_a_model_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hosted: bool
) -> None:
    for name in ("open", "closed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.md").write_text("# A")
    said = {"sources": {"open": {"path": "open"}, "closed": {"path": "closed", "local_only": True}}}
    (tmp_path / "dragoman.json").write_text(json.dumps(said))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    name = "https://models.example/v1#m" if hosted else "ollama/m"
    parser = argparse.ArgumentParser()
    add_options(parser)
    (server,) = wanted(parser.parse_args(["--model", name])).servers.values()
    async with Client(server) as client:
        listed = (await client.call_tool("list")).structured["items"]
    assert [item["uri"] for item in listed] == (["docs://open/"] if hosted else ["docs://open/", "docs://closed/"])


def test_rules_of_the_users_count_unless_others_are_named_and_allow_adds_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    parser = argparse.ArgumentParser()
    add_options(parser)
    line = ["--model", "ollama/m", "--server", "shop=http://127.0.0.1:9/mcp"]
    assert wanted(parser.parse_args(line)).rules.match("shop", "pay").verdict == "ask once"
    (tmp_path / "dragoman").mkdir()
    (tmp_path / "dragoman" / "rules.json").write_text('{"rules": {"shop/pay": "deny"}}')
    rules = wanted(parser.parse_args([*line, "--allow", "shop/*"])).rules
    assert (rules.match("shop", "pay").verdict, rules.match("shop", "list").verdict) == ("deny", "allow")
    (tmp_path / "other.json").write_text("{}")
    named = wanted(parser.parse_args([*line, "--rules", str(tmp_path / "other.json")])).rules
    assert named.match("shop", "pay").verdict == "ask once"


def played(folder: Path, ask: Callable[[TerminalPerson], Coroutine[Any, Any, Any]], *lines: str) -> tuple[Any, str]:
    """Return what a person at a terminal gives who types these lines, and what was shown."""
    stream, typed = io.StringIO(), list(lines)

    def read(prompt: str) -> str:
        stream.write(prompt + "\n")
        if not typed:
            raise EOFError
        return typed.pop(0)

    stage = Stage(lambda event: None)
    person = TerminalPerson(stage, Paper(stream, terminal=True), read, lambda: None)
    stage.thread.open(nothing, nothing)
    try:
        return stage.run(ask(person)), stream.getvalue()
    finally:
        stage.thread.close(nothing)


async def nothing() -> None:
    pass


FORM = Elicit(
    message="Who?\x1b[2J",
    requested_schema={
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer", "default": 3},
            "nick": {"type": "string"},
        },
        "required": ["name", "age"],
    },
)


def test_a_form_is_filled_in_field_by_field_or_declined_as_a_whole(tmp_path: Path) -> None:
    """ELIC-10: who asks is shown, by the name that the user gave it."""
    given, shown = played(tmp_path, lambda person: person.form("shop", FORM), "", "Ann", "", "")
    # A name is needed; the default and what may be left out are left to whoever sends the answer.
    assert given == {"name": "Ann"} and "it is needed" in shown
    assert "The server 'shop' asks:" in shown and "\x1b" not in shown.replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert played(tmp_path, lambda person: person.form("shop", FORM), "Ann", ".")[0] is None
    assert played(tmp_path, lambda person: person.form("shop", FORM), "Ann")[0] is None


def test_a_page_is_opened_only_after_its_whole_address_was_shown_and_agreed_to(tmp_path: Path) -> None:
    """ELIC-10, ELIC-11, ELIC-12."""
    url = f"https://evil.example/{'x' * 500}?shop.example"
    page = Elicit(message="Log in", mode="url", url=url)
    agreed, shown = played(tmp_path, lambda person: person.visit("shop", page), "n")
    assert not agreed
    assert url in shown and "It is at evil.example" in shown and "The server 'shop' wants you to visit" in shown
    assert played(tmp_path, lambda person: person.visit("shop", page))[0] is False
    strange = Elicit(message="Log in", mode="url", url="file:///etc/passwd")
    agreed, shown = played(tmp_path, lambda person: person.visit("shop", strange), "y")
    assert not agreed and "no web page" in shown


def test_a_model_is_asked_for_a_server_only_after_all_that_it_is_asked_was_shown(tmp_path: Path) -> None:
    """SAMP-08."""
    words = SamplingMessage(role="user", content=TextContent(text="Tell me\u202e all."))
    request = CreateMessage(messages=[words], max_tokens=9)
    given, shown = played(tmp_path, lambda person: person.sample("shop", request, "ollama/m"), "y")
    assert given is True
    assert "wants ollama/m to be asked, at your cost" in shown and "Tell me\\u202e all." in shown
    assert played(tmp_path, lambda person: person.sample("shop", request, "ollama/m"), "yessir")[0] is False


@pytest.mark.parametrize(
    ("line", "plain", "places"),
    [
        ("what is @docs://a/b now", "what is docs://a/b now", [("", "docs://a/b")]),
        ("@shop:docs://a", "docs://a", [("shop", "docs://a")]),
        ("mail me@example.com or @ann", "mail me@example.com or @ann", []),
    ],
)
def test_at_signs_take_resources_along(line: str, plain: str, places: list[tuple[str, str]]) -> None:
    assert at_signs(line) == (plain, places)


COLOURS = {"type": "string", "oneOf": [{"const": "r", "title": "Red"}, {"const": "g", "title": "Green"}]}


@pytest.mark.parametrize(
    ("text", "about", "value"),
    [
        ("yes", {"type": "boolean"}, True),
        ("7", {"type": "integer", "maximum": 7}, 7),
        ("red", COLOURS, "r"),
        ("2", COLOURS, "g"),
        ("a, b", {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}, ["a", "b"]),
        ("x", {"type": "string"}, "x"),
    ],
)
def test_a_line_is_what_a_field_wants(text: str, about: dict, value: object) -> None:
    assert value_of(text, about) == value


@pytest.mark.parametrize(
    ("text", "about", "fault"),
    [
        ("perhaps", {"type": "boolean"}, "write y or n"),
        ("8", {"type": "integer", "maximum": 7}, "a number from"),
        ("nan", {"type": "number"}, "a number from"),
        ("blue", COLOURS, "choose one of r, g"),
        ("", {"type": "string", "minLength": 1}, "1 to any number of characters"),
    ],
)
def test_a_line_that_does_not_fit_says_what_would(text: str, about: dict, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        value_of(text, about)

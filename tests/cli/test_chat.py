"""`dragoman chat` and `dragoman ask` at a terminal: typed at, and read back."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from tests.cli.sitting import Sitting

from dragoman import ResourceLink, Server
from dragoman.cli.chat import at_signs
from dragoman.cli.entry import run
from dragoman.cli.host_person import value_of
from dragoman.testing.model_wires import Seen
from dragoman.testing.models import Move, Say, ScriptedModel, Use
from dragoman.testing.ways import serving_http

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
        at.type("\x03")
        at.until("Ctrl-C again leaves")
        at.until("> ")
        at.type("\x03")
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
    async with ScriptedModel([Say("I cannot.")]) as model:
        status = await asyncio.to_thread(run, ["ask", "--model", model.name, "sum?"])
    out, err = capsys.readouterr()
    assert (status, out) == (0, "I cannot.\n")
    assert "shop: it was not started" in err and "with 0 tools on offer" in err


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
        words = ["--json", "--model", model.name, "--server", f"shop={url}", "--allow", "shop/*", "What", "is a pen?"]
        status = await asyncio.to_thread(run, ["ask", *words])
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (status, err) == (0, "")
    assert (found["question"], found["answer"]) == ("What is a pen?", "3 euros.")
    assert found["sources"] == ["docs://pens"]
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

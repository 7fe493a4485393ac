"""The host: from a question over tools to an answer with its sources; bounds, faults, consent, economy."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from tests.host.desk import Sitter, desk

from dragoman import Context, LocalError, Server, ToolResult
from dragoman.errors import ModelError
from dragoman.host.audit import Audit
from dragoman.host.consent import Answer as Said
from dragoman.host.conversation import Attached
from dragoman.host.economy import READ
from dragoman.host.events import Again, Allowed, Answer, Asked, Denied, Event, Noted, Progressed, Returned, Wants
from dragoman.host.history import LEFT_OUT, fitted
from dragoman.host.host import Host
from dragoman.host.limits import HostLimits
from dragoman.host.models.choosing import model_of
from dragoman.host.models.turns import Given, Picture, Text, Turn, Wanted
from dragoman.host.servers import entries
from dragoman.testing.model_wires import Seen
from dragoman.testing.models import Cut, Move, Raw, Refuse, Say, Use
from dragoman.wire.content import AnyContents, EmbeddedResource, ImageContent, ResourceLink

PROCESS = str(Path(__file__).with_name("hostile_process.py"))


def shop() -> Server:
    server = Server("calls itself anything", instructions="Amounts are in cents.")

    @server.tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool
    def report(uri: str) -> ToolResult:
        """Read a report."""
        link = ResourceLink(uri="docs://shop/next", name="next")
        picture = ImageContent(data="iVBORw0KGgo=", mime_type="image/png")
        part = EmbeddedResource(resource=AnyContents(uri=uri, text="Sales: 12"))
        return ToolResult(content=[part, link, picture])

    @server.tool
    def long(offset: int = 0) -> str:
        """Give a long text."""
        return "x" * 1000

    @server.tool
    def fail() -> str:
        """Fail."""
        raise RuntimeError("secret")

    @server.resource("docs://shop/q3")
    def q3() -> str:
        """The third quarter."""
        return "Revenue: 7"

    return server


@pytest.mark.parametrize("kind", ["", "anthropic+"])
async def test_a_question_goes_over_tools_to_an_answer_with_its_sources(tmp_path: Path, kind: str) -> None:
    script: list[Move] = [
        [Say("I look."), Use("s__add", {"a": 1, "b": 2}), Use("s__report", {"uri": "docs://shop/q3"})],
        Say("Twelve, says docs://shop/q3."),
    ]
    async with desk(tmp_path, {"s": shop()}, script, kind=kind) as at:
        answer = await at.host.ask("How were sales?")
    assert answer.text == "Twelve, says docs://shop/q3."
    assert answer.sources == ("docs://shop/q3",)
    assert [type(step) for step in answer.steps] == [Asked, Wants, Allowed, Wants, Allowed, Returned, Returned]
    assert at.of(Wants)[0].arguments == {"a": 1, "b": 2}
    assert (at.of(Returned)[0].text, at.of(Returned)[1].images) == ("3", 1)
    assert answer.usage.read > 0
    last = at.model.seen[1]
    assert last.results[0] == ("s__add", "```data from s, tool add\n3\n```")
    assert "Sales: 12" in last.results[1][1] and "resource docs://shop/next" in last.results[1][1]
    sent = json.dumps(last.body)
    assert "iVBORw0KGgo=" in sent and "data from s, about its use" in sent and "Amounts are in cents." in sent
    assert [record["items"] for record in at.noted("sent")] == [
        [],
        ["s/add", "s/report", "docs://shop/q3", "docs://shop/next"],
    ]
    assert [(record["tool"], record["ended"]) for record in at.noted("call")] == [("add", "ok"), ("report", "ok")]


async def test_a_conversation_knows_what_was_said_before(tmp_path: Path) -> None:
    async with desk(tmp_path, {"s": shop()}, [Say("One."), Say("Two."), Say("Three.")]) as at:
        talk = at.host.conversation()
        await talk.ask("first")
        await talk.ask("second")
        said = [message["content"] for message in at.model.seen[1].body["messages"][1:]]
        assert said == ["first", "One.", "second"]
        talk.clear()
        await talk.ask("third")
        assert [message["content"] for message in at.model.seen[2].body["messages"][1:]] == ["third"]


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("s__add", '{"a": 1, "b"', "the arguments are not JSON"),
        ("s__add", "[1]", "the arguments have to be a JSON object"),
        ("s__ad", "{}", "there is no tool 's__ad'; did you mean 's__add'?"),
        ("s__add", '{"a": "x", "b": 2}', "do not fit, and it was not called: $.a: expected integer"),
        ("s__fail", "{}", "data from s, tool fail"),
    ],
)
async def test_a_call_that_is_none_or_fails_is_told_to_the_model_which_goes_on(
    tmp_path: Path, name: str, arguments: str, told: str
) -> None:
    script = [Use(name, arguments), Use("s__add", {"a": 1, "b": 2}), Say("3")]
    async with desk(tmp_path, {"s": shop()}, script) as at:
        answer = await at.host.ask("?")
    assert told in at.model.seen[1].results[-1][1]
    assert (answer.text, answer.stopped) == ("3", "")
    assert "secret" not in json.dumps(at.model.seen[-1].body)


def forever(seen: Seen) -> Move:
    return Use("s__add", {"a": 1, "b": len(seen.results)})


async def test_rounds_have_an_end_and_the_model_is_told_to_answer(tmp_path: Path) -> None:
    async with desk(tmp_path, {"s": shop()}, forever, limits=HostLimits(rounds=3)) as at:
        answer = await at.host.ask("?")
        assert answer.stopped == "rounds"
        assert len(at.of(Wants)) == 3
        assert "No more tools can be called" in json.dumps(at.model.seen[-1].body)


async def test_tokens_and_nonsense_have_an_end_too(tmp_path: Path) -> None:
    async with desk(tmp_path, {"s": shop()}, forever, limits=HostLimits(tokens=300)) as at:
        assert (await at.host.ask("?")).stopped == "tokens"
    async with desk(tmp_path, {"s": shop()}, lambda seen: Use("nothing"), limits=HostLimits(faults=2)) as at:
        assert (await at.host.ask("?")).stopped == "faults"
        assert len(at.model.seen) == 3


async def test_a_long_result_is_cut_with_a_hint_how_to_get_the_rest(tmp_path: Path) -> None:
    async with desk(tmp_path, {"s": shop()}, [Use("s__long"), Say("ok")], limits=HostLimits(result=100)) as at:
        await at.host.ask("?")
    assert "(cut here: 900 more characters; ask for the rest by offset)" in at.model.seen[1].results[0][1]
    assert at.of(Returned)[0].left == 900


async def test_without_anybody_to_ask_nothing_is_called_that_no_rule_allows(tmp_path: Path) -> None:
    script = [Use("s__add", {"a": 1, "b": 2}), Say("I may not.")]
    async with desk(tmp_path, {"s": shop()}, script, rules={}) as at:
        answer = await at.host.ask("?")
    assert answer.text == "I may not."
    assert len(at.of(Denied)) == 1 and at.of(Returned) == []
    assert "it is not allowed" in at.model.seen[1].results[0][1]
    assert [record["allowed"] for record in at.noted("decision")] == [False]


async def test_the_user_is_asked_once_and_no_means_no(tmp_path: Path) -> None:
    script: list[Move] = [[Use("s__add", {"a": 1, "b": 2}), Use("s__add", {"a": 3, "b": 4})], Say("done")]
    yes = Sitter(lambda kind, question: Said.REMEMBER)
    async with desk(tmp_path, {"s": shop()}, script, rules={}, person=yes) as at:
        await at.host.ask("?")
    assert len(yes.asked) == 1 and len(at.of(Returned)) == 2
    no = Sitter(lambda kind, question: False)
    async with desk(tmp_path / "other", {"s": shop()}, script, rules={}, person=no) as at:
        await at.host.ask("?")
    assert at.of(Returned) == []
    assert "the user said no" in at.model.seen[1].results[0][1]


async def test_many_definitions_become_a_search_whose_two_tools_stay_the_same(tmp_path: Path) -> None:
    script = [
        Use("search_tools", {"query": "add numbers"}),
        Use("call_tool", {"name": "s__add", "arguments": {"a": 1, "b": 2}}),
        Use("call_tool", {"name": "s__gone"}),
        Use("search_tools", {"query": "zebra"}),
        Say("3"),
    ]
    async with desk(tmp_path, {"s": shop()}, script, limits=HostLimits(context=500)) as at:
        answer = await at.host.ask("?")
        assert sum(one.tokens for one in (await at.host.shelf()).tools.values()) == sum(
            sum(one.tools.values()) for one in await at.host.tokens()
        )
    assert list(at.model.seen[0].tools) == ["search_tools", "call_tool"]
    found = [json.loads(line) for line in at.model.seen[1].results[0][1].splitlines()]
    assert found[0]["name"] == "s__add" and found[0]["parameters"]["required"] == ["a", "b"]
    assert at.model.seen[2].results[1][1] == "```data from s, tool add\n3\n```"
    assert "there is no tool 's__gone'; find tools with search_tools" in at.model.seen[3].results[2][1]
    assert "No tool fits; there are 4, of s (4)" in at.model.seen[4].results[3][1]
    assert answer.text == "3" and at.of(Asked)[0].searched


async def test_tools_come_in_the_same_order_whatever_order_a_server_has(tmp_path: Path) -> None:
    one, other = Server("a"), Server("b")
    for server, names in ((one, "xyz"), (other, "zyx")):
        for name in names:
            server.tool(lambda: name, name=name, description="d")
    async with desk(tmp_path, {"z": one, "a": other}, []) as at:
        assert list((await at.host.shelf()).tools) == ["z__x", "z__y", "z__z", "a__x", "a__y", "a__z"]


async def test_what_was_cut_off_is_asked_again_and_that_is_told(tmp_path: Path) -> None:
    async with desk(tmp_path, {"s": shop()}, [Cut("Tw"), Refuse(429, "slow", "0"), Say("Two.")]) as at:
        answer = await at.host.ask("?")
    assert answer.text == "Two."
    assert len(at.of(Again)) == 2


async def test_a_conversation_goes_on_after_the_model_refused(tmp_path: Path) -> None:
    async with desk(tmp_path, {"s": shop()}, [Refuse(400, "bad"), Say("Here.")]) as at:
        talk = at.host.conversation()
        with pytest.raises(ModelError, match="HTTP 400: bad"):
            await talk.ask("first")
        assert (await talk.ask("second")).text == "Here."
    assert [turn.role for turn in talk.turns] == ["user", "assistant", "user", "assistant"]


async def test_a_call_that_is_stopped_stops_at_the_server_and_the_conversation_goes_on(tmp_path: Path) -> None:
    server, began, ended = Server("slow"), asyncio.Event(), asyncio.Event()

    @server.tool
    async def wait() -> str:
        """Wait."""
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    async with desk(tmp_path, {"s": server}, [Use("s__wait"), Say("Again here.")]) as at:
        talk = at.host.conversation()
        asking = asyncio.ensure_future(talk.ask("?"))
        await began.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await ended.wait()
        assert (await talk.ask("And now?")).text == "Again here."
        assert talk.turns[-3] == Turn("assistant", (Text("(stopped by the user)"),))


async def test_a_call_that_takes_too_long_is_given_up_but_not_while_the_user_thinks(tmp_path: Path) -> None:
    server = Server("slow")

    @server.tool
    async def ask(ctx: Context) -> str:
        """Ask."""
        return f"{await ctx.elicit('How many?', int)}"

    @server.tool
    async def wait() -> str:
        """Wait."""
        await asyncio.Event().wait()
        return ""

    async def later() -> int:
        await asyncio.sleep(0.9)  # longer than a call may take
        return 7

    person = Sitter(lambda kind, question: later() if kind == "form" else True)
    script: list[Move] = [[Use("s__ask"), Use("s__wait")], Say("ok")]
    async with desk(tmp_path, {"s": server}, script, person=person, limits=HostLimits(call=0.6)) as at:
        await at.host.ask("?")
    assert at.model.seen[1].results[0][1] == "```data from s, tool ask\n7\n```"
    assert "s did not answer within 0.6 s" in at.model.seen[1].results[1][1]
    assert person.asked[0][:2] == ("form", "s")


async def test_how_far_a_call_is_is_told(tmp_path: Path) -> None:
    server = Server("slow")

    @server.tool
    async def work(ctx: Context) -> str:
        """Work."""
        for step in range(50):
            await ctx.progress(step, 50, "\x1b[2Jhalf")
        return "done"

    async with desk(tmp_path, {"s": server}, [Use("s__work"), Say("ok")]) as at:
        await at.host.ask("?")
    told = at.of(Progressed)
    assert 1 <= len(told) < 50
    assert (told[0].tool, told[0].total, told[0].message) == ("work", 50, "⟨U+001B⟩[2Jhalf")


async def test_a_resource_goes_along_with_a_question(tmp_path: Path) -> None:
    async with desk(tmp_path, {"s": shop(), "t": Server("t")}, [Say("7")]) as at:
        answer = await at.host.ask("Revenue?", [await at.host.attach("docs://shop/q3")])
        assert answer.sources == ("docs://shop/q3",)
        with pytest.raises(LocalError, match="is listed by no server"):
            await at.host.attach("docs://shop/none")
    words = at.model.seen[0].body["messages"][-1]["content"]
    assert words == "```data from s, resource docs://shop/q3\nresource docs://shop/q3\nRevenue: 7\n```\nRevenue?"
    assert at.noted("sent")[0]["items"] == ["docs://shop/q3"]


async def test_what_is_for_this_machine_is_not_opened_for_a_model_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    servers = {"home": {"url": "http://127.0.0.1:9/mcp", "localOnly": True}}
    file.write_text(json.dumps({"mcpServers": servers}))
    async with desk(tmp_path, str(file), []) as at:
        assert "home" in at.host.group.servers  # this model is here
    told: list[Event] = []
    elsewhere = model_of("https://models.example/v1#m", environ={})
    audit = Audit(tmp_path / "audit")
    async with Host(str(file), model=elsewhere, listener=told.append, audit=audit) as host:
        assert list(host.group.servers) == []
        assert host.closed == {"home": "it is for this machine only, and the model is elsewhere"}
    assert told == [Noted(server="home", text=host.closed["home"])]


async def test_a_server_that_is_not_there_is_named_and_the_others_answer(tmp_path: Path) -> None:
    servers = {"dead": "http://127.0.0.1:9/mcp", "s": shop()}
    async with desk(tmp_path, servers, [Use("s__add", {"a": 1, "b": 2}), Say("3")]) as at:
        assert (await at.host.ask("?")).text == "3"
    assert at.of(Noted)[0].server == "dead" and "cannot be reached" in at.of(Noted)[0].text


async def test_the_answer_is_what_the_listener_hears_last(tmp_path: Path) -> None:
    async with desk(tmp_path, {"s": shop()}, [Say("Yes.")]) as at:
        answer = await at.host.ask("?")
    assert isinstance(at.events[-1], Answer) and at.events[-1] == answer


async def test_a_program_that_is_to_be_held_back_is_shown_approved_and_started_with_what_holds_it(
    tmp_path: Path,
) -> None:
    grants = {"connect": ["api.example.com"], "tier": "none"}
    entry = {"command": sys.executable, "args": ["-S", PROCESS, "twice"], "env": {"KEY": "hush"}, "sandbox": grants}
    file = tmp_path / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"h": entry, "plain": {**entry, "sandbox": False}}}))
    known = entries(str(file), sandbox=True)
    assert known["plain"].held is None
    shown = "\n".join(known["h"].served.parts)
    assert "sandbox    none; project " in shown and "network: api.example.com; variables KEY" in shown
    assert "hush" not in shown
    person = Sitter()
    async with desk(tmp_path, str(file), [], rules={}, person=person, sandbox=True) as at:
        assert at.host.group.servers["h"].state == "open"
    assert [question.server.name for _, _, question in person.asked] == ["h", "plain"]
    assert at.of(Noted)[0].text.startswith("sandbox: none")
    file.write_text(json.dumps({"mcpServers": {"h": {**entry, "sandbox": {"reed": []}}}}))
    with pytest.raises(LocalError, match="unknown field `reed`"):
        entries(str(file))


async def test_an_address_that_a_tool_gave_can_be_read_where_the_server_has_no_tool_for_that(tmp_path: Path) -> None:
    server, other = Server("files"), Server("other")
    server.tool(lambda: ResourceLink(uri="docs://files/a", name="a"), name="find", description="Find a file.")
    server.resource("docs://files/a", name="a")(lambda: "Found: 7")
    other.resource("docs://other/secret", name="secret")(lambda: "4711")
    script: list[Move] = [
        Use("s__find"),
        [
            Use("read_resource", {"server": "s", "uri": "docs://files/a"}),
            Use("read_resource", {"server": "x", "uri": "y"}),
        ],
        Use(READ, {"server": "t", "uri": "docs://other/secret"}),
        Say("7"),
    ]
    rules = {"rules": {"s/*": "allow"}}
    async with desk(tmp_path, {"s": server, "t": other}, script, rules=rules) as at:
        answer = await at.host.ask("?")
    assert at.model.seen[0].tools.keys() == {"s__find", READ}
    results = [text for _, text in at.model.seen[3].results]
    assert results[1] == "```data from s, tool resources/read\nresource docs://files/a\nFound: 7\n```"
    assert results[2] == "`server` has to be one of s, t"
    assert "it is not allowed" in results[3]  # an address of one server does not open another
    assert answer.sources == ("docs://files/a",)


def test_what_grows_too_long_loses_its_oldest_results_and_nothing_else() -> None:
    long = Given("1", "s__long", (Text("x" * 4000), Picture("A" * 9000, "image/png")))
    turns = [
        Turn("user", (Text("first"),)), Turn("assistant", (Wanted("1", "s__long", "{}"),)), Turn("user", (long,)),
        Turn("assistant", (Text("yes"),)), Turn("user", (Text("second"),)), Turn("user", (long,)),
    ]  # fmt: skip
    assert fitted(turns, 100_000) == turns
    short = fitted(turns, 4_000)
    assert short[2] == Turn("user", (Given("1", "s__long", (Text(LEFT_OUT),)),))
    assert [*short[:2], *short[3:]] == [*turns[:2], *turns[3:]]
    assert fitted(turns, 1)[-1] == turns[-1]  # what was just given is needed now


async def test_an_endpoint_that_does_not_count_tokens_is_counted_for(tmp_path: Path) -> None:
    chunk = b'data: {"choices":[{"delta":{"content":"Yes, twelve."},"finish_reason":"stop"}]}\n\n'
    async with desk(tmp_path, {"s": shop()}, [Raw(chunk)]) as at:
        answer = await at.host.ask("x" * 4000)
    assert answer.usage.read > 1000 and answer.usage.written == 3


async def test_images_that_go_along_are_as_bounded_as_those_of_tools(tmp_path: Path) -> None:
    picture = AnyContents(uri="img://a", blob="A" * 100, mime_type="image/png")
    huge = AnyContents(uri="img://b", blob="B" * 2000, mime_type="image/png")
    limits = HostLimits(image=1000, images=2)
    async with desk(tmp_path, {"s": shop()}, [Say("ok")], limits=limits) as at:
        await at.host.ask("?", [Attached("s", "img://", (picture, huge, picture, picture))])
    sent = json.dumps(at.model.seen[0].body)
    assert sent.count("base64,AAAA") == 2 and "BBBB" not in sent

"""Models over real HTTP: both wire formats, the faults that endpoints have, and names."""

from itertools import pairwise

import keyring
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyring.backend import KeyringBackend

from dragoman.errors import LocalError, ModelError, UnreachableError
from dragoman.host.models.anthropic import Messages
from dragoman.host.models.asking import Model, Patience
from dragoman.host.models.choosing import model_of
from dragoman.host.models.openai import ChatCompletions
from dragoman.host.models.turns import Given, Offer, Picture, Reply, Request, Text, Turn, Usage, Wanted
from dragoman.protocol.sse import EventReader
from dragoman.testing.models import Cut, Drop, Raw, Refuse, Say, ScriptedModel, Stall, Use

ADD = Offer("add", "Add two numbers.", {"type": "object", "properties": {"a": {"type": "integer"}}})
HELLO = Request(turns=[Turn("user", (Text("hello"),))], system="Be brief.", offers=[ADD])
KINDS = ["", "anthropic+"]
SWIFT = Patience(first=0.001, quiet=5.0)


def model(server: ScriptedModel, kind: str = "", patience: Patience = SWIFT) -> Model:
    return model_of(f"{kind}{server.name}", environ={}, patience=patience)


@pytest.mark.parametrize("kind", KINDS)
async def test_words_come_in_pieces_and_make_one_reply(kind: str) -> None:
    heard: list[str] = []
    async with ScriptedModel([Say("Good day to you.")], pieces=3) as server, model(server, kind) as asked:
        reply = await asked.complete(HELLO, heard.append)
    assert "".join(heard) == reply.text == "Good day to you."
    assert len(heard) > 3
    assert (reply.stop, reply.wanted) == ("end", [])
    assert reply.usage.read > 0 and reply.usage.written > 0
    assert (server.seen[0].question, list(server.seen[0].tools)) == ("hello", ["add"])


@pytest.mark.parametrize("kind", KINDS)
async def test_several_calls_at_once_come_out_whole_whatever_pieces_they_come_in(kind: str) -> None:
    move = [Say("Let me see."), Use("add", {"a": 1}), Use("add", '{"a": 2, "b": "ü"}'), Use("other")]
    for pieces in (1, 4, 1000):
        async with ScriptedModel([move], pieces=pieces) as server, model(server, kind) as asked:
            reply = await asked.complete(HELLO)
        assert reply.stop == "tools"
        assert [(one.name, msgspec.json.decode(one.arguments or "{}")) for one in reply.wanted] == [
            ("add", {"a": 1}), ("add", {"a": 2, "b": "ü"}), ("other", {}),
        ]  # fmt: skip
        assert len({one.id for one in reply.wanted}) == 3


@pytest.mark.parametrize("kind", KINDS)
async def test_what_tools_gave_goes_back_with_its_images(kind: str) -> None:
    turns = [
        Turn("user", (Text("hello"), Picture("AAAA", "image/png"))),
        Turn("assistant", (Text("I look."), Wanted("c1", "add", '{"a": 1}'), Wanted("c2", "see", "{broken"))),
        Turn("user", (Given("c1", "add", (Text("1"), Picture("BBBB", "image/png"))), Given("c2", "see", (), True))),
    ]
    async with ScriptedModel([Say("done")]) as server, model(server, kind) as asked:
        await asked.complete(Request(turns=turns))
    seen = server.seen[0]
    assert seen.question == "hello"
    assert [name for name, _ in seen.results] == ["add", "see"]
    assert seen.results[0][1] == "1"
    sent = msgspec.json.encode(seen.body).decode()
    assert "AAAA" in sent and "BBBB" in sent and "{broken" not in sent
    # Up to there the endpoint may keep what it read: the next request begins with it.
    assert sent.count("cache_control") == (1 if kind else 0)
    assert seen.headers.get("anthropic-version", "") == ("2023-06-01" if kind else "")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "move", [Refuse(429, "slow down", "0"), Refuse(503), Cut("Good d"), Drop(), Refuse(529)], ids=repr
)
async def test_a_rate_limit_an_outage_and_a_cut_stream_are_asked_again(kind: str, move: Refuse | Cut | Drop) -> None:
    told: list[str] = []
    async with ScriptedModel([move, Say("yes")]) as server, model(server, kind) as asked:
        reply = await asked.complete(HELLO, on_again=lambda error, pause: told.append(str(error)))
    assert reply.text == "yes"
    assert len(told) == 1 and len(server.seen) == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refusal_that_asking_again_cannot_help_is_told_at_once(kind: str) -> None:
    async with ScriptedModel([Refuse(401, "bad key"), Say("never")]) as server, model(server, kind) as asked:
        with pytest.raises(ModelError, match=r"HTTP 401: bad key \(the key is missing or wrong") as caught:
            await asked.complete(HELLO)
    assert (caught.value.status, caught.value.again, len(server.seen)) == (401, False, 1)


async def test_an_endpoint_that_says_come_again_in_an_hour_is_not_waited_for() -> None:
    async with ScriptedModel([Refuse(429, "slow", "3600"), Say("never")]) as server, model(server) as asked:
        with pytest.raises(ModelError, match="come again in 3600 s, and 60 s is the longest"):
            await asked.complete(HELLO)


async def test_asking_again_has_an_end() -> None:
    async with ScriptedModel([Cut()] * 9) as server, model(server) as asked:
        with pytest.raises(ModelError, match="cut off"):
            await asked.complete(HELLO)
    assert len(server.seen) == SWIFT.tries


async def test_a_model_that_falls_silent_is_left() -> None:
    patience = Patience(tries=1, quiet=0.05)
    async with ScriptedModel([Stall("Well")]) as server, model(server, patience=patience) as asked:
        with pytest.raises(ModelError, match=r"said nothing for 0\.05 s"):
            await asked.complete(HELLO)


@pytest.mark.parametrize(
    ("kind", "body", "fault"),
    [
        ("", b"data: {nonsense}\n\n", "not JSON"),
        ("", b'data: {"error": {"message": "overloaded"}}\n\n', "broke off: overloaded"),
        ("", b"data: [1]\n\n", "list where a JSON object was due"),
        ("anthropic+", b'event: error\ndata: {"type":"error","error":{"message":"busy"}}\n\n', "broke off: busy"),
        ("anthropic+", b'data: {"type":"content_block_delta","index":4,"delta":{}}\n\n', "had not begun"),
        ("anthropic+", b"", "cut off"),
    ],
)
async def test_an_answer_that_is_none_is_named(kind: str, body: bytes, fault: str) -> None:
    async with ScriptedModel([Raw(body)]) as server, model(server, kind, Patience(tries=1)) as asked:
        with pytest.raises(ModelError, match=fault):
            await asked.complete(HELLO)


async def test_nobody_at_the_address_is_unreachable() -> None:
    async with ScriptedModel([]) as server:
        gone = model(server)
    async with gone:
        with pytest.raises(UnreachableError):
            await gone.complete(HELLO)


def read(dialect: ChatCompletions | Messages, stream: bytes, cuts: list[int]) -> Reply:
    events, reader = EventReader(), dialect.reader()
    places = sorted({cut % (len(stream) + 1) for cut in cuts} | {0, len(stream)})
    for start, end in pairwise(places):
        for event in events.feed(stream[start:end]):
            reader.feed(event.event, event.data)
    return reader.reply()


# As Ollama numbers them: all 0, told apart by their ids; arguments as an object; no [DONE].
BADLY_NUMBERED = (
    b'data: {"choices":[{"delta":{"tool_calls":['
    b'{"index":0,"id":"a","function":{"name":"add","arguments":"{}"}}]}}]}\n\n'
    b'data: {"choices":[{"delta":{"tool_calls":['
    b'{"index":0,"id":"b","function":{"name":"see","arguments":{"x":1}}}]}}]}\n\n'
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":2}}\n\n'
)


@settings(max_examples=30)
@given(st.lists(st.integers(min_value=0, max_value=10_000), max_size=20))
def test_any_cut_of_a_stream_gives_the_same_reply(cuts: list[int]) -> None:
    assert read(ChatCompletions(), BADLY_NUMBERED, cuts) == Reply(
        (Wanted("a", "add", "{}"), Wanted("b", "see", '{"x":1}')), "tools", Usage(7, 0, 2)
    )


@settings(max_examples=30)
@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_no_event_makes_a_reader_fail_otherwise_than_by_a_model_error(value: object) -> None:
    shaped = [
        value, {"choices": value}, {"choices": [{"delta": value}]}, {"choices": [{"delta": {"tool_calls": [value]}}]},
        {"type": "content_block_start", "content_block": value}, {"type": "message_delta", "usage": value},
    ]  # fmt: skip
    for dialect in (ChatCompletions(), Messages()):
        for one in shaped:
            try:
                dialect.reader().feed("message", msgspec.json.encode(one))
                dialect.reader().whole(msgspec.json.encode(one))
            except ModelError:
                pass


@pytest.mark.parametrize(
    ("name", "environ", "shown", "hosted"),
    [
        ("ollama/llama3.2", {}, "ollama/llama3.2 at http://127.0.0.1:11434/v1/chat/completions", False),
        ("ollama/big:cloud", {}, "ollama/big:cloud at http://127.0.0.1:11434/v1/chat/completions", True),
        ("ollama/m", {"OLLAMA_HOST": "0.0.0.0:99"}, "ollama/m at http://127.0.0.1:99/v1/chat/completions", False),
        ("openai/x", {"OPENAI_API_KEY": "k"}, "openai/x at https://api.openai.com/v1/chat/completions", True),
        ("anthropic/x", {"ANTHROPIC_API_KEY": "k"}, "anthropic/x at https://api.anthropic.com/v1/messages", True),
        ("http://localhost:1/v1#m", {}, "m at http://localhost:1/v1/chat/completions", False),
        ("http://192.168.0.9:1/v1#m", {}, "m at http://192.168.0.9:1/v1/chat/completions", True),
    ],
)
def test_names_lead_to_endpoints_and_keys_are_never_shown(
    name: str, environ: dict[str, str], shown: str, hosted: bool
) -> None:
    found = model_of(name, environ=environ)
    assert (repr(found), found.hosted) == (f"<Model {shown}>", hosted)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("llama3.2", "names no model: write ollama/"),
        ("olama/x", "did you mean 'ollama'"),
        ("ollama/", "names no model"),
        ("openai/x", "set OPENAI_API_KEY, or keep it: keyring set dragoman openai"),
        ("http://me:pw@localhost/v1#m", "URLs end up in logs"),
        ("http://example.com/v1#m", "would travel in the open"),
    ],
)
def test_a_name_that_leads_nowhere_says_what_to_write(name: str, fault: str) -> None:
    with pytest.raises(LocalError, match=fault):
        model_of(name, environ={"DRAGOMAN_MODEL_KEY": "k"} if "example" in name else {})


class Ring(KeyringBackend):
    """A keyring that lasts as long as the test."""

    priority = -1  # never chosen by itself  # type: ignore[assignment]

    def __init__(self) -> None:
        self.kept = {("dragoman", "openai"): "from the ring"}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError


async def test_keys_come_from_the_environment_or_the_keyring_and_go_to_their_endpoint_only() -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(Ring())
    try:
        async with ScriptedModel([Say("yes")] * 3) as server:
            base = {"OPENAI_BASE_URL": server.url, "ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "from env"}
            for name in ("openai/m", "anthropic/m", server.name):
                async with model_of(name, environ=base, patience=SWIFT) as asked:
                    await asked.complete(HELLO)
    finally:
        keyring.set_keyring(before)
    sent = [(seen.headers.get("authorization"), seen.headers.get("x-api-key")) for seen in server.seen]
    assert sent == [("Bearer from the ring", None), (None, "from env"), (None, None)]

"""The questions themselves: what goes out for each, in the words of each revision, and what is refused."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from tests.protocol.fixtures import LEGACY, MODERN
from tests.serving.person import Person, accept

from dragoman import Context, LocalError, Server, ask
from dragoman.wire.content import AudioContent, TextContent, ToolUse, ToolUseResult
from dragoman.wire.lifecycle import ClientCapabilities, Sampling
from dragoman.wire.questions import ModelHint, ModelPreferences, SamplingMessage

SAID = {"role": "assistant", "content": {"type": "text", "text": "Hi"}, "model": "m", "stopReason": "endTurn"}
ACCEPTED = {"action": "accept"}


async def asked_for(question: Any, version: str, answer: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what goes out for a question in a version, and the response of the call that asks it."""
    server = Server("asker")

    @server.tool
    async def put(ctx: Context) -> str:
        return str((await ctx.ask_all({"it": question}))["it"])

    person = Person(server, lambda method, params: answer, version)
    response = await person.ask("tools/call", name="put")
    return (person.asked[0][1] if person.asked else {}), response


# --- pages -----------------------------------------------------------------------------------------------------


async def test_a_page_has_an_id_only_where_the_revision_has_one() -> None:
    """ELIC-18, LEG-22"""
    question = ask.page("Sign in", "https://a.example/in?x=1")
    sent, response = await asked_for(question, MODERN, ACCEPTED)
    assert sent == {"mode": "url", "message": "Sign in", "url": "https://a.example/in?x=1"}
    assert response["result"]["content"][0]["text"] == "True"
    first, _ = await asked_for(question, LEGACY[0], ACCEPTED)
    second, _ = await asked_for(question, LEGACY[0], ACCEPTED)
    assert first.pop("elicitationId") != second.pop("elicitationId")
    assert first == second == sent


async def test_a_revision_without_pages_refuses_them() -> None:
    """LEG-22"""
    for version in LEGACY[1:]:
        sent, response = await asked_for(ask.page("Sign in", "https://a.example/in"), version, ACCEPTED)
        assert sent == {}
        assert "a visit to a page, which its protocol version cannot" in str(response)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example",
        "https://a.example:8443/b?c#d",
        "http://localhost:8000/in",
        "http://127.0.0.1/",
        "http://[::1]:9/x",
    ],
)
def test_a_safe_page_can_be_asked_for(url: str) -> None:
    assert ask.page("Go", url).params.url == url


@pytest.mark.parametrize(
    "url, told",
    [
        ("", "is an https:// URL"),
        ("a.example/in", "is an https:// URL"),
        ("javascript:alert(1)", "is an https:// URL"),
        ("file:///etc/passwd", "is an https:// URL"),
        ("data:text/html,x", "is an https:// URL"),
        ("https://", "is an https:// URL"),
        ("https://[::1", "is an https:// URL"),
        ("https://a.example/a b", "is an https:// URL"),
        ("https://a.example/\n", "is an https:// URL"),
        ("https://ada:secret@a.example/", "has a user or a password in its URL"),
        ("https://token@a.example/", "has a user or a password in its URL"),
        ("http://a.example/in", "is not safe from others: use https://"),
        ("http://localhost.a.example/in", "is not safe from others: use https://"),
    ],
)
def test_an_unsafe_page_is_refused(url: str, told: str) -> None:
    """ELIC-14; security row 50"""
    with pytest.raises(LocalError) as caught:
        ask.page("Go", url)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


# --- forms in the words of each revision -----------------------------------------------------------------------

Size = Annotated[Literal["s", "l"], ask.titles({"s": "Small", "l": "Large"})]
TITLED = {"type": "string", "oneOf": [{"const": "s", "title": "Small"}, {"const": "l", "title": "Large"}]}
NAMED = {"type": "string", "enum": ["s", "l"], "enumNames": ["Small", "Large"]}


@pytest.mark.parametrize(
    "version, mode, shown", [(MODERN, "form", TITLED), (LEGACY[0], "form", TITLED), (LEGACY[1], None, NAMED)]
)
async def test_titles_are_said_in_the_words_of_the_revision(version: str, mode: str | None, shown: Any) -> None:
    sent, response = await asked_for(ask.form("Size?", Size), version, accept(value="l"))
    assert sent.get("mode") == mode
    assert sent["requestedSchema"]["properties"]["value"] == shown
    assert response["result"]["content"][0]["text"] == "l"


async def test_a_choice_of_several_is_refused_where_there_is_none() -> None:
    question = ask.form("Sizes?", list[Size])
    sent, response = await asked_for(question, LEGACY[1], accept(value=["l"]))
    assert sent == {}
    assert response["error"]["message"] == (
        "this call asks for several choices ('value'), which its protocol version cannot"
    )
    for version in (MODERN, LEGACY[0]):
        sent, response = await asked_for(question, version, accept(value=["l"]))
        assert sent["requestedSchema"]["properties"]["value"]["items"] == {"anyOf": TITLED["oneOf"]}
        assert response["result"]["content"][0]["text"] == "['l']"


# --- a model's answer ------------------------------------------------------------------------------------------


async def test_a_model_is_asked_with_all_that_was_said() -> None:
    """SAMP-04, SAMP-05, SAMP-07"""
    question = ask.sample(
        ["Hello", SamplingMessage(role="assistant", content=TextContent(text="Hi")), "More"],
        max_tokens=9,
        system_prompt="Be brief",
        temperature=0.5,
        stop_sequences=["."],
        model_preferences=ModelPreferences(hints=[ModelHint(name="small")], speed_priority=1.0),
    )
    for version in (MODERN, *LEGACY):
        sent, response = await asked_for(question, version, SAID)
        assert sent == {
            "messages": [
                {"role": "user", "content": {"type": "text", "text": "Hello"}},
                {"role": "assistant", "content": {"type": "text", "text": "Hi"}},
                {"role": "user", "content": {"type": "text", "text": "More"}},
            ],
            "maxTokens": 9,
            "systemPrompt": "Be brief",
            "temperature": 0.5,
            "stopSequences": ["."],
            "modelPreferences": {"hints": [{"name": "small"}], "speedPriority": 1.0},
        }
        assert "text='Hi'" in response["result"]["content"][0]["text"]


async def test_messages_of_several_blocks_become_several_where_they_have_one() -> None:
    blocks: list[Any] = [TextContent(text="Listen"), AudioContent(data="AA==", mime_type="audio/wav")]
    question = ask.sample([SamplingMessage(role="user", content=blocks)])
    sent, _ = await asked_for(question, MODERN, SAID)
    assert [block["type"] for block in sent["messages"][0]["content"]] == ["text", "audio"]
    sent, _ = await asked_for(question, LEGACY[1], SAID)
    assert [message["content"]["type"] for message in sent["messages"]] == ["text", "audio"]
    sent, _ = await asked_for(question, LEGACY[3], SAID)
    assert [message["content"]["type"] for message in sent["messages"]] == ["text", "text"]


@pytest.mark.parametrize(
    "answer", [{}, {**SAID, "role": "nobody"}, {**SAID, "content": {"type": "film"}}, {"role": "assistant"}, 1]
)
async def test_an_answer_that_no_model_gives_is_an_error(answer: Any) -> None:
    _, response = await asked_for(ask.sample("Hi"), MODERN, answer)
    assert response["error"]["message"].startswith("inputResponses.it does not fit sampling/createMessage")


async def test_stop_reasons_are_an_open_set_and_content_may_be_a_list() -> None:
    """SAMP-07"""
    answer = {**SAID, "content": [SAID["content"], SAID["content"]], "stopReason": "boredom"}
    _, response = await asked_for(ask.sample("Hi"), MODERN, answer)
    assert "boredom" in response["result"]["content"][0]["text"]


@pytest.mark.parametrize(
    "options",
    [{"temprature": 1}, {"temperature": "hot"}, {"max_tokens": "many"}, {"stop_sequences": "."}, {"tools": 1}],
)
def test_an_option_that_a_model_does_not_have_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(LocalError, match="a model cannot be asked that"):
        ask.sample("Hi", **options)


def used(*names: str) -> SamplingMessage:
    return SamplingMessage(role="assistant", content=[ToolUse(id=name, name="t", input={}) for name in names])


def gave(*names: str, beside: Any = ()) -> SamplingMessage:
    content: list[Any] = [ToolUseResult(tool_use_id=name, content=[]) for name in names]
    return SamplingMessage(role="user", content=[*content, *beside])


TEXT = TextContent(text="and")


@pytest.mark.parametrize(
    "messages, told",
    [
        ([used("a")], "ends without the results of the uses of tools a"),
        ([used("a"), "well"], r"messages\[1\] must have the results of the uses of tools before it: a"),
        ([used("a", "b"), gave("a")], r"messages\[1\] must have .*: b"),
        ([gave("a")], r"messages\[0\] must have .*: a"),
        ([used("a"), gave("a", beside=[TEXT])], r"messages\[1\] has results of tools beside other content"),
        ([used("a"), gave("a"), gave("a")], r"messages\[2\] must have .*: a"),
    ],
)
def test_uses_of_tools_are_answered_by_the_next_message_and_by_nothing_else(messages: Any, told: str) -> None:
    """SAMP-06"""
    with pytest.raises(LocalError, match=told):
        ask.sample(messages)


def test_a_conversation_with_tools_that_is_in_order_needs_a_client_that_knows_them() -> None:
    """SAMP-02, SAMP-06"""
    question = ask.sample(["Go", used("a", "b"), gave("b", "a"), used("c"), gave("c"), "Thanks"])
    assert question.missing(ClientCapabilities(sampling=Sampling())) == {"sampling": {"tools": {}}}
    assert question.missing(ClientCapabilities(sampling=Sampling(tools={}))) is None


# --- folders ---------------------------------------------------------------------------------------------------


async def test_folders_are_asked_for_without_parameters() -> None:
    """SAMP-11"""
    for version in (MODERN, *LEGACY):
        sent, response = await asked_for(ask.roots(), version, {"roots": [{"uri": "file:///a", "name": "A"}]})
        assert sent == {}
        assert "file:///a" in response["result"]["content"][0]["text"]


def test_questions_are_told_apart_by_all_that_they_ask() -> None:
    made = [
        ask.form("A?", str),
        ask.form("B?", str),
        ask.form("A?", bool),
        ask.page("A?", "https://a.example"),
        ask.page("A?", "https://b.example"),
        ask.sample("A?"),
        ask.sample("A?", max_tokens=9),
        ask.roots(),
    ]
    assert len({question.digest() for question in made}) == len(made)
    assert ask.form("A?", str).digest() == made[0].digest()


def test_errors_quote_a_question_shortly() -> None:
    assert ask.form("Who?", str).label() == "elicitation/create 'Who?'"
    assert len(ask.form("Who? " * 1000, str).label()) < 200
    assert ask.sample("Hi").label().startswith("sampling/createMessage ")
    assert msgspec.json.encode(ask.roots().params) == b"{}"

"""The suite's fixtures that ask the client: forms, a model's answer, folders; in every era by the same code.

Also those that change the lists, and one that lets its client go while it runs.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from dragoman import Context, DeclinedError, PromptMessage, RequestError, Server, ask, user

NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
OK = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
CONTEXT = {"type": "object", "properties": {"context": {"type": "string"}}, "required": ["context"]}
CONTACT = {
    "type": "object",
    "properties": {
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    },
    "required": ["username", "email"],
}
DEFAULTS = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    },
}


def titled(value: str, names: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"const": f"{value}{number}", "title": name} for number, name in enumerate(names, 1)]


CHOICES = ["option1", "option2", "option3"]
ENUMS = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": CHOICES},
        "titledSingle": {"type": "string", "oneOf": titled("value", ("First Option", "Second Option", "Third Option"))},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": CHOICES}},
        "titledMulti": {
            "type": "array",
            "items": {"anyOf": titled("value", ("First Choice", "Second Choice", "Third Choice"))},
        },
    },
}


async def told(ctx: Context, message: str, schema: dict[str, Any]) -> str:
    """Ask for a form and say what came of it."""
    try:
        return f"Elicitation completed: action=accept, content={await ctx.elicit(message, schema)}"
    except DeclinedError as error:
        return f"Elicitation completed: {error}"


async def test_elicitation(message: str, ctx: Context) -> str:
    """Ask the user for a name and an address."""
    return await told(ctx, message, CONTACT)


async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Ask with a default for each type."""
    return await told(ctx, "Please review the defaults", DEFAULTS)


async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Ask with each kind of choice."""
    return await told(ctx, "Please choose", ENUMS)


async def test_sampling(prompt: str, ctx: Context) -> str:
    """Ask the client's model."""
    answer = await ctx.sample(prompt, max_tokens=100)
    return f"LLM response: {answer.content}"


async def test_missing_capability(ctx: Context) -> str:
    """Need a client that can sample."""
    answer = await ctx.sample("Say hello", max_tokens=10)
    return f"LLM response: {answer.content}"


async def test_streaming_elicitation(ctx: Context) -> str:
    """Ask the user after a first word of progress, which opens a stream for those who want it."""
    await ctx.progress(1, 2)
    return await told(ctx, "What is your name?", NAME)


async def test_input_required_result_elicitation(ctx: Context) -> str:
    """Greet the user by name."""
    answer = await ctx.elicit("What is your name?", NAME, key="user_name")
    return f"Hello, {answer['name']}!"


async def test_input_required_result_sampling(ctx: Context) -> str:
    """Let the client's model name a capital."""
    answer = await ctx.sample("What is the capital of France?", max_tokens=100, key="capital_question")
    return str(answer.content)


async def test_input_required_result_list_roots(ctx: Context) -> str:
    """Name the client's folders."""
    return ", ".join(root.uri for root in await ctx.roots(key="client_roots"))


async def test_input_required_result_request_state(ctx: Context) -> str:
    """Have something confirmed, with state that must come back."""
    await ctx.elicit("Please confirm", OK, key="confirm")
    return "state-ok"


async def test_input_required_result_tampered_state(ctx: Context) -> str:
    """Have something confirmed, with state that nobody may change."""
    await ctx.elicit("Please confirm", OK, key="confirm")
    return "state-ok"


async def test_input_required_result_multiple_inputs(ctx: Context) -> str:
    """Ask three questions at once."""
    questions = {
        "user_name": ask.form("What is your name?", NAME),
        "greeting": ask.sample("Generate a greeting", max_tokens=50),
        "client_roots": ask.roots(),
    }
    answers = await ctx.ask_all(questions)
    return f"{answers['greeting'].content} {answers['user_name']['name']}, {len(answers['client_roots'])} folders"


async def test_input_required_result_multi_round(ctx: Context) -> str:
    """Ask one question after the other."""
    name = await ctx.elicit("Step 1: What is your name?", NAME, key="step1")
    color = {"type": "object", "properties": {"color": {"type": "string"}}, "required": ["color"]}
    chosen = await ctx.elicit("Step 2: What is your favorite color?", color, key="step2")
    return f"{name['name']} likes {chosen['color']}"


async def test_input_required_result_capabilities(ctx: Context) -> str:
    """Ask just what the client can answer."""
    has, questions = ctx.client_capabilities, {}
    if has.elicitation is not msgspec.UNSET:
        questions["form"] = ask.form("What is your name?", NAME)
    if has.sampling is not msgspec.UNSET:
        questions["model"] = ask.sample("Say hello", max_tokens=10)
    if not questions:
        raise RequestError(
            -32021, "this tool needs elicitation or sampling", {"requiredCapabilities": {"sampling": {}}}
        )
    return ", ".join(await ctx.ask_all(questions))


async def test_input_required_result_prompt(ctx: Context) -> list[PromptMessage]:
    """A prompt that needs to know more first."""
    answer = await ctx.elicit("What context should the prompt use?", CONTEXT, key="user_context")
    return [user(f"Context: {answer['context']}")]


async def test_reconnection(ctx: Context) -> str:
    """Close the stream in the middle of the call; the result waits for the client's return."""
    await ctx.disconnect(0.5)
    await asyncio.sleep(0.1)
    return "Reconnection test completed"


TOOLS = [
    test_elicitation,
    test_elicitation_sep1034_defaults,
    test_elicitation_sep1330_enums,
    test_sampling,
    test_missing_capability,
    test_streaming_elicitation,
    test_input_required_result_elicitation,
    test_input_required_result_sampling,
    test_input_required_result_list_roots,
    test_input_required_result_request_state,
    test_input_required_result_tampered_state,
    test_input_required_result_multiple_inputs,
    test_input_required_result_multi_round,
    test_input_required_result_capabilities,
    test_reconnection,
]


def register(server: Server) -> None:
    """Give `server` the fixtures of this module."""
    for function in TOOLS:
        server.add_tool(function)
    server.add_prompt(test_input_required_result_prompt)

    @server.tool
    async def test_trigger_tool_change() -> str:
        """Change the list of tools, for a moment."""
        server.add_tool(test_sampling, name="test_passing_tool")
        server.remove_tool("test_passing_tool")
        return "changed"

    @server.tool
    async def test_trigger_prompt_change() -> str:
        """Change the list of prompts, for a moment."""
        server.add_prompt(test_input_required_result_prompt, name="test_passing_prompt")
        server.remove_prompt("test_passing_prompt")
        return "changed"

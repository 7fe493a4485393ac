"""The client that the official conformance suite starts: `python tests/conformance/client.py URL`.

The suite names scenario, protocol version and context in the environment. Only Dragoman's public API is used.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any
from urllib.parse import urlsplit

from dragoman import (
    Client,
    ClientCredentials,
    EnterpriseManaged,
    McpError,
    OAuth,
    SkillError,
    ToolError,
    WorkloadIdentity,
)

SCENARIO = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
VERSION = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "auto")
CONTEXT: dict[str, Any] = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))


def sample(schema: dict[str, Any]) -> Any:
    """Return some value that fits a simple schema."""
    kind = schema.get("type")
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object":
        return {name: sample(schema["properties"][name]) for name in schema.get("required", [])}
    return {"number": 1.5, "integer": 2, "boolean": True, "array": []}.get(str(kind), "text")


async def try_tool(client: Client, name: str, arguments: dict[str, Any]) -> None:
    """Call a tool whose answer does not matter, only what is sent."""
    try:
        await client.call_tool(name, arguments)
    except ToolError as error:
        print(f"{name}: {error}", file=sys.stderr)


async def call_every_tool(client: Client) -> None:
    for tool in await client.list_tools():
        await try_tool(client, tool.name, sample(tool.input_schema))


async def add_numbers(client: Client) -> None:
    await client.list_tools()
    await client.call_tool("add_numbers", {"a": 5, "b": 3})


async def everything(client: Client) -> None:
    """Use lists, tools, resources and prompts, so that every routing header is seen."""
    await call_every_tool(client)
    for resource in await client.list_resources():
        await client.read(resource.uri)
    for prompt in await client.list_prompts():
        wanted = prompt.arguments if isinstance(prompt.arguments, list) else []
        await client.prompt(prompt.name, {argument.name: "text" for argument in wanted})


async def given_calls(client: Client) -> None:
    await client.list_tools()
    for call in CONTEXT.get("toolCalls", []):
        await try_tool(client, call["name"], call.get("arguments") or {})


async def echo_schema(client: Client) -> None:
    schemas = {tool.name: tool.input_schema for tool in await client.list_tools()}
    await client.call_tool("json_schema_echo", {"schema": schemas["json_schema_2020_12_tool"]})


async def request_state(client: Client) -> None:
    await client.list_tools()
    for name in ("test_mrtr_echo_state", "test_mrtr_unrelated", "test_mrtr_no_state", "test_mrtr_no_result_type"):
        try:
            await client.call_tool(name, {})
        except McpError as error:  # one that cannot be answered says nothing of the others
            print(f"{name}: {error}", file=sys.stderr)


def answering() -> dict[str, Any]:
    """Return the callbacks of a scenario that asks: forms are filled in with their defaults, and with some value."""

    def fill(question: Any) -> dict[str, Any]:
        schema = question.requested_schema or {}
        wanted = schema.get("required", [])
        return {
            name: sample(field)
            for name, field in schema["properties"].items()
            if name in wanted and "default" not in field
        }

    asks = "elicitation" in SCENARIO or "request-state" in SCENARIO
    return {"on_elicit": fill} if asks else {}


async def only_list(client: Client) -> None:
    await client.list_tools()


async def auth(client: Client) -> None:
    await client.list_tools()
    await try_tool(client, "test-tool", {})


async def headless(url: str) -> str:
    """Return the address to which the authorization page sends the browser at once: the suite has no people."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {parts.path}?{parts.query} HTTP/1.0\r\nhost: {parts.netloc}\r\n\r\n".encode())
    head = (await reader.read()).decode().partition("\r\n\r\n")[0]
    writer.close()
    return next(line[9:].strip() for line in head.split("\r\n") if line.lower().startswith("location:"))


def proof() -> dict[str, Any]:
    """Return what the scenario's client proves itself with."""
    if not SCENARIO.startswith("auth/"):
        return {}
    told = CONTEXT.get
    if SCENARIO.startswith("auth/client-credentials"):
        key = told("private_key_pem", "")
        algorithm = told("signing_algorithm", "ES256")
        secret = told("client_secret", "")
        return {
            "auth": ClientCredentials(
                client_id=CONTEXT["client_id"], client_secret=secret, private_key=key, algorithm=algorithm
            )
        }
    if SCENARIO == "auth/wif-jwt-bearer":
        return {"auth": WorkloadIdentity(client_id=CONTEXT["client_id"], assertion=CONTEXT["valid_jwt"])}
    if SCENARIO == "auth/enterprise-managed-authorization":
        names = ("client_id", "client_secret", "idp_client_id", "idp_token_endpoint", "idp_issuer")
        return {"auth": EnterpriseManaged(id_token=CONTEXT["idp_id_token"], **{name: CONTEXT[name] for name in names})}
    return {
        "auth": OAuth(
            client_id=told("client_id", ""),
            client_secret=told("client_secret", ""),
            issuer=told("issuer", ""),
            client_metadata_url="https://conformance-test.local/client-metadata.json",
            redirect_uri="http://127.0.0.1:3000/callback",
            on_authorize=headless,
        )
    }


async def only_skills(client: Client) -> None:
    await client.skills.list()


async def load_skills(client: Client) -> None:
    """Load each skill, and its other files if its SKILL.md is what its entry says."""
    for skill in await client.skills.list():
        try:
            await client.skills.read(skill)
        except SkillError as error:
            print(error, file=sys.stderr)
            continue
        for file in skill.resources if isinstance(skill.resources, list) else []:
            await client.skills.read(skill, file.uri)


SCENARIOS = {
    "initialize": only_list,
    "tools_call": add_numbers,
    "elicitation-sep1034-client-defaults": lambda client: client.call_tool("test_client_elicitation_defaults", {}),
    "sse-retry": call_every_tool,
    "request-metadata": call_every_tool,
    "http-standard-headers": everything,
    "http-custom-headers": given_calls,
    "http-invalid-tool-headers": call_every_tool,
    "sep-2322-client-request-state": request_state,
    "sep-2640-client-no-prefetch": only_skills,
    "json-schema-ref-no-deref": only_list,
    "json-schema-2020-12-preservation": echo_schema,
}


async def main(url: str) -> int:
    """Return the exit status: 0 when the scenario's exchange came to its end."""
    run = SCENARIOS.get(SCENARIO) or (auth if SCENARIO.startswith("auth/") else load_skills)
    try:
        async with Client(url, mode=VERSION, timeout=20, **answering(), **proof()) as client:
            await run(client)
    except McpError as error:
        print(f"{SCENARIO}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))

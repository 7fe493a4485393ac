"""Asks the questions, each in a conversation of its own, and counts; and what a server's definitions cost a model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec
from benchmarks.scorecard.contestants import CHARS_PER_TOKEN, Contestant, Talk
from benchmarks.scorecard.questions import Question

from dragoman import Client
from dragoman.connectors.envelope import CHARS_PER_TOKEN as SERVED

assert SERVED == CHARS_PER_TOKEN  # the estimate that `serve --check` prints


async def definitions(client: Client) -> dict[str, int]:
    """Return the number of tools, and the tokens of what a model is given, of all definitions, and of instructions."""
    tools = await client.list_tools()
    told = [{"name": one.name, "description": one.description, "parameters": one.input_schema} for one in tools]
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    instructions = client.instructions or ""
    return {
        "tools": len(tools),
        "tokens": len(text) // CHARS_PER_TOKEN,
        "whole": len(msgspec.json.encode(tools)) // CHARS_PER_TOKEN,
        "instructions": len(instructions) // CHARS_PER_TOKEN,
    }


async def ask(contestant: Contestant, client: Client, every: Sequence[Question]) -> list[dict[str, Any]]:
    """Ask what it can be asked; return for each question its number, calls, tokens, and if it was answered."""
    asked: list[dict[str, Any]] = []
    for number, question in enumerate(every, 1):
        if not contestant.can(question):
            continue
        talk = Talk(client, question)
        await contestant.routes[question.kind](talk)
        row = {"question": number, "kind": question.kind, "answered": talk.answered}
        asked.append({**row, "calls": talk.calls, "tokens": talk.tokens})
    return asked


async def settled(client: Client, seconds: float = 120) -> None:
    """Wait until all documents are indexed, as the server itself says it."""
    async with asyncio.timeout(seconds):
        while True:
            result = await client.call_tool("list", {})
            if not any("goes on" in str(item.get("progress", "")) for item in result.structured["items"]):
                return
            await asyncio.sleep(0.2)


def totals(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return how many were answered, of how many, and calls and tokens for each."""
    count = len(rows)
    return {
        "asked": count,
        "answered": sum(row["answered"] for row in rows),
        "calls": round(sum(row["calls"] for row in rows) / count, 2) if count else 0,
        "tokens": round(sum(row["tokens"] for row in rows) / count) if count else 0,
    }

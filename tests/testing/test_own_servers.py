"""Every server that our tests, docs and interoperation use offers only what can be used."""

from pathlib import Path
from typing import Any

import pytest
from tests.app import asker, sample
from tests.connectors.desk import written
from tests.interop import server as interop
from tests.transcripts import server as transcript

from dragoman import Server
from dragoman.connectors import build
from dragoman.testing import Way, check_offers, connected, no_leaks, ways

SERVERS: list[tuple[Server, dict[str, dict[str, Any]]]] = [
    (sample.server, {"ask": {"name": "Ada"}, "add": {"a": 1, "b": 2}, "sample://numbers/{number}": {"number": 7}}),
    (interop.server, {"greet": {"name": "Ada"}}),
    (transcript.server, {"greet": {"name": "Ada"}, "user://{id}/name": {"id": 7}, "find": {"name": "Basel"}}),
]


@pytest.mark.parametrize("server, samples", SERVERS, ids=lambda value: getattr(value, "name", ""))
@pytest.mark.parametrize("way", ways(transports=["memory"]), ids=str)
async def test_what_our_servers_list_can_be_used(server: Server, samples: dict[str, Any], way: Way) -> None:
    async with no_leaks(), connected(server, way) as client:
        await check_offers(client, samples)


@pytest.mark.parametrize("way", ways(transports=["memory"]), ids=str)
async def test_a_prompt_that_asks_is_got_by_a_client_that_answers(way: Way) -> None:
    async with connected(asker.server, way, on_elicit=lambda _: "Ada") as client:
        await check_offers(client)


@pytest.mark.parametrize("way", ways(transports=["memory", "http"]), ids=str)
async def test_every_document_that_is_listed_can_be_read(way: Way, tmp_path: Path) -> None:
    written(tmp_path / "papers", pump_md="# The pump\n\nIt pumps.\n", deep__valve_txt="It closes.\n")
    server = build([str(tmp_path / "papers")], cache_dir=tmp_path / "cache")
    async with connected(server, way, cache=False) as client:
        while "goes on" in (await client.call_tool("describe", {"uri": "papers"})).structured["progress"]:
            pass
        assert len(await client.list_resources()) >= 2
        prompts = {"summarize_latest": {"where": "papers"}, "answer_from_documents": {"question": "What pumps?"}}
        await check_offers(client, prompts)

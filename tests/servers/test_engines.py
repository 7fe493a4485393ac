"""Engines of tasks on servers: the contract, and what is the queue's own."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.servers.places import NUMBERS
from tests.serving.engine_contract import *  # noqa: F403
from tests.serving.engine_contract import Site


@pytest.fixture(params=["postgres queue", "postgres store", "redis store"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    kind, _, engine = request.param.partition(" ")
    server: Any = request.getfixturevalue(f"{kind}_server")
    option = {"postgres": "schema", "redis": "prefix"}[kind]
    made = Site(f"{server.address}?{option}=site{next(NUMBERS)}", engine, tmp_path)
    yield made
    await made.close()

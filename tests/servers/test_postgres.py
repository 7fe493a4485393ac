"""The store in PostgreSQL: the contract, and what happens when the server is stopped, killed or full."""

from collections.abc import AsyncIterator

import pytest
from tests.servers.places import ServerPlace
from tests.servers.private import Private
from tests.store.contract import *  # noqa: F403
from tests.store.crowd import *  # noqa: F403

from dragoman.app.keeping import store_at


@pytest.fixture
async def place(postgres_server: Private) -> AsyncIterator[ServerPlace]:
    made = ServerPlace(postgres_server.address, "schema", store_at)
    yield made
    await made.close()

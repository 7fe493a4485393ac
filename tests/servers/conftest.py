"""The servers that the tests here use, one of each for all of them."""

from collections.abc import Iterator

import pytest
from tests.servers import private


@pytest.fixture(scope="session")
def redis_server() -> Iterator[private.Private]:
    if private.redis_program() is None:
        pytest.skip("no redis-server on this machine")
    with private.directory() as directory, private.redis(directory) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[private.Private]:
    if private.postgres_programs() is None:
        pytest.skip("no PostgreSQL on this machine")
    with private.directory() as directory, private.postgres(directory) as server:
        yield server

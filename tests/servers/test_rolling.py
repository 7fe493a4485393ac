"""Three processes over one store in a server, each restarted in turn while clients of four kinds work."""

from pathlib import Path

import pytest
from tests.replicas.rolling import rolled
from tests.servers import private


@pytest.mark.parametrize(("kind", "seed"), [("postgres_server", 1), ("postgres_server", 2), ("redis_server", 3)])
async def test_clients_do_not_notice_restarts(
    kind: str, seed: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store: private.Private = request.getfixturevalue(kind)
    visitors, faults = await rolled(store.address, seed, tmp_path)
    assert faults == []
    assert all(len(visitor.did) >= 4 for visitor in visitors), "too little was tried"

"""Workers killed in mid-task, with their tasks in servers: few here, more by `make faults TIMES=n` and `make kills`."""

from pathlib import Path

import pytest
from tests.faults.measure import times
from tests.kills.run import killed
from tests.servers.places import NUMBERS


@pytest.mark.parametrize(
    "kind, place, engine",
    [
        ("redis_server", "Redis", "store"),
        ("postgres_server", "PostgreSQL", "store"),
        ("postgres_server", "procrastinate on PostgreSQL", "queue"),
    ],
)
async def test_no_accepted_task_is_lost_and_no_charge_doubled(
    kind: str, place: str, engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """TASK-07, F19"""
    address = request.getfixturevalue(kind).address
    option = "prefix" if place == "Redis" else "schema"
    outcome = await killed(f"{address}?{option}=kills{next(NUMBERS)}", times(2, 1000), 5, str(tmp_path), engine)
    assert outcome.faults == []
    outcome.measured(place)

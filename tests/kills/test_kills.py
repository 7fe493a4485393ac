"""A small number of workers killed in mid-task, on SQLite; `make kills N=200` kills more, on every store."""

from collections import Counter
from pathlib import Path

import msgspec
from tests.faults.measure import times
from tests.kills.run import judged, killed

from dragoman.calling.task_handle import TaskStatus
from dragoman.serving.task_run import LOST


async def test_no_accepted_task_is_lost_and_no_charge_doubled(tmp_path: Path) -> None:
    """TASK-07, F19"""
    number = times(2, 1000)
    outcome = await killed(f"sqlite:///{tmp_path / 'store.db'}", number, 5, str(tmp_path))
    assert outcome.faults == []
    assert outcome.tasks == 6 * number
    outcome.measured("SQLite")


def done(status: str, message: str = "") -> TaskStatus:
    return TaskStatus(id="t", status=status, message=message, result=msgspec.Raw(b"{}"))  # type: ignore[arg-type]


def test_each_way_of_going_wrong_is_seen() -> None:
    right = {
        "charge-0": done("completed"),
        "charge-1": done("failed", LOST),
        "index-2": done("completed"),
    }
    effects = Counter(["charge charge-0", "charge charge-1", "index index-2", "index index-2"])
    assert judged(1, right, effects).faults == []
    assert len(judged(1, {**right, "order-3": None}, effects).faults) == 1
    assert len(judged(1, {**right, "order-3": done("input_required")}, effects).faults) == 1
    assert len(judged(1, right, effects + Counter(["charge charge-1"])).faults) == 1
    assert len(judged(1, {**right, "index-2": done("failed", LOST)}, effects).faults) == 1
    assert len(judged(1, {**right, "charge-1": done("failed", "?")}, effects).faults) == 1
    assert len(judged(1, {**right, "order-3": done("completed")}, effects).faults) == 1

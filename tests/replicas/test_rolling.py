"""Three processes over one file, each restarted in turn while clients of four kinds work: none sees an error."""

from pathlib import Path

import pytest
from tests.replicas.rolling import rolled


@pytest.mark.slow
async def test_clients_do_not_notice_that_each_process_is_restarted(tmp_path: Path) -> None:
    """LEG-09, LEG-18, LEG-19, MRTR-01, TASK-07"""
    visitors, faults = await rolled(f"sqlite:///{tmp_path}/shared.db", 1, tmp_path)
    assert faults == []
    assert all(len(visitor.did) >= 4 for visitor in visitors), "too little was tried"

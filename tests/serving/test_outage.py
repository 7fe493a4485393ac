"""A store that is away does not fill the log."""

import logging

import pytest

from dragoman.errors import StoreError
from dragoman.serving.outage import Outage


def test_an_outage_is_told_when_it_begins_each_minute_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    outage = Outage(logging.getLogger("dragoman"), "tasks wait", "tasks run again", lambda: now)
    outage.over()  # there was none
    for now in (0.0, 1.0, 59.0, 60.0, 61.0):
        outage.met(StoreError("the store is away"))
    now = 62.0
    outage.met(StoreError("the store is full"))
    now = 90.0
    outage.over()
    outage.over()
    outage.met(StoreError("the store is full"))
    assert [record.getMessage() for record in caplog.records] == [
        "tasks wait: the store is away",
        "tasks wait: the store is away",
        "tasks wait: the store is full",
        "tasks run again, after 90 s",
        "tasks wait: the store is full",
    ]

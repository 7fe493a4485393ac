"""Tasks on procrastinate, as far as that needs no server: see tests/servers/test_queue.py for the rest."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.engines.procrastinate import TASK, Discreet, Later
from dragoman.engines.queue_tables import QueueTables
from dragoman.errors import LocalError
from dragoman.serving.task_record import fresh_id
from dragoman.store.postgres import PostgresStore


def said(text: str, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("procrastinate.worker", logging.INFO, "", 0, text, (), None)
    record.__dict__.update(extra)
    assert Discreet().filter(record)
    return record


@given(st.sampled_from(["({})", "{}", " {} ", "'{}', '{}'", "task={}) ended"]))
def test_what_is_said_of_our_jobs_has_no_id_in_it(form: str) -> None:
    task = fresh_id()
    record = said(f"Starting job {TASK}[7]" + form.replace("{}", task))
    assert task not in record.getMessage()
    assert form.replace("{}", f"{task[:8]}...") in record.getMessage()


def test_what_is_said_of_other_jobs_is_left_as_it_is() -> None:
    text = f"Starting job shop.mail[7](to={fresh_id()})"
    assert said(text, job={"task_name": "shop.mail", "task_kwargs": {"to": 1}}).getMessage() == text
    assert said(text, job={"task_name": "shop.mail"}).__dict__["job"] == {"task_name": "shop.mail"}


def test_what_goes_along_with_a_line_has_no_id_either() -> None:
    job = {"id": 7, "task_name": TASK, "task_kwargs": {"task": fresh_id()}, "call_string": "..."}
    assert said("x", job=job).__dict__["job"] == {"id": 7, "task_name": TASK}


def test_a_job_goes_back_however_often_it_was_tried() -> None:
    decision = Later().get_retry_decision(exception=RuntimeError(), job=None)  # type: ignore[arg-type]
    assert decision.retry_at is not None


def test_a_schema_that_leaves_no_room_for_the_queues_is_refused() -> None:
    with pytest.raises(LocalError, match="too long for a queue beside it: use at most 48 characters"):
        QueueTables("s" * 49)
    assert QueueTables("s" * 48).schema.startswith("s" * 48)


def test_a_store_says_its_address_only_to_drivers() -> None:
    store = PostgresStore("postgresql://user:swordfish@localhost/shop")
    assert "swordfish" not in repr(store)

"""The short form of `make fuzz`: no reader lets anything escape but our own errors, and what does is found."""

from collections import Counter

import pytest
from tests.fuzz.readers import TARGETS
from tests.fuzz.run import attacked
from tests.fuzz.target import Target, tried

QUICK = [name for name in TARGETS if name not in ("SQL", "a Word file", "an EPUB", "HTML", "mail", "CSV", "rich text")]


@pytest.mark.parametrize("name", TARGETS)
def test_every_reader_takes_what_it_is_attacked_with_when_that_is_whole(name: str) -> None:
    assert any(tried(TARGETS[name], data) for data in TARGETS[name].seeds) or name == "a proof"


def test_nothing_but_our_own_errors_escapes_a_reader() -> None:
    taken: Counter[str] = Counter()
    assert [told for name in QUICK if (told := attacked(name, 8, 1, taken))] == []
    assert taken.total() > 20, "all are refused at the door"


def test_what_escapes_is_found_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    def fragile(data: bytes) -> None:
        if b"\x00" in data:
            raise KeyError("what nobody expects")

    monkeypatch.setitem(TARGETS, "fragile", Target(fragile, [b"abcdef"]))
    told = attacked("fragile", 500, 1, Counter())
    assert told.startswith("fragile: KeyError") and r"b'\x00" in told

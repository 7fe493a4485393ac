"""The short form of `make fuzz`: no reader lets anything escape but our own errors, and what does is found."""

from collections import Counter

import pytest
from tests.fuzz.readers import TARGETS
from tests.fuzz.run import attacked
from tests.fuzz.target import Target, tried

# Others load what only they need, or take long: `make fuzz` has them.
SLOW = {
    "SQL", "a Word file", "an EPUB", "HTML", "mail", "CSV", "rich text", "an OpenDocument text", "slides",
    "a book of sheets", "a PDF", "a picture", "a mailbox", "Markdown", "a query", "a wheel", "an npm package",
    "members of a zip",
}  # fmt: skip
QUICK = [name for name in TARGETS if name not in SLOW]


@pytest.mark.parametrize("name", TARGETS)
def test_every_reader_takes_what_it_is_attacked_with_when_that_is_whole(name: str) -> None:
    assert any(tried(TARGETS[name], data) for data in TARGETS[name].seeds) or name == "a proof"


def test_nothing_but_our_own_errors_escapes_a_reader() -> None:
    taken: Counter[str] = Counter()
    assert [told for name in QUICK if (told := attacked(name, 4, 1, taken))] == []
    assert taken.total() > 20, "all are refused at the door"


def test_what_escapes_is_found_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    def fragile(data: bytes) -> None:
        if b"\x00" in data:
            raise KeyError("what nobody expects")

    monkeypatch.setitem(TARGETS, "fragile", Target(fragile, [b"abcdef"]))
    told = attacked("fragile", 500, 1, Counter())
    assert told.startswith("fragile: KeyError") and r"b'\x00" in told

"""What holds for every test: processes that tests start can be interrupted, and properties are not about time."""

import gc
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings
from tests.canary import pytest_runtest_makereport as pytest_runtest_makereport  # secrets that tests plant stay hidden

# A shell that starts a job in the background tells it to ignore Ctrl-C, and its children inherit that: a server
# started by a test would then never end when the test interrupts it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Properties are about answers: on a busy machine the first example of each is slow. Forty of them each time, new ones
# every time; whoever looks for rare ones has more (`make fuzz`, or --hypothesis-profile=deep).
settings.register_profile("unhurried", deadline=None, max_examples=40)
settings.register_profile("deep", deadline=None, max_examples=2000)
settings.load_profile("unhurried")


def pytest_collection_finish() -> None:
    """What all tests together import is never garbage: whoever looks for leaks need not look through it each time."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """At the end it may go."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """A command that ends by Ctrl-C hears no second one; run inside a test, it must not deafen what comes after."""
    before = signal.getsignal(signal.SIGINT)
    yield
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _no_era_remembered() -> Iterator[None]:
    """A port that another test's server had must not be taken for that server."""
    yield
    negotiate = sys.modules.get("dragoman.calling.negotiate")
    if negotiate is not None:
        negotiate._spoken.clear()

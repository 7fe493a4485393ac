"""What holds for every test: processes that tests start can be interrupted, and properties are not about time."""

import atexit
import gc
import importlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import settings
from tests.canary import pytest_runtest_makereport as pytest_runtest_makereport  # secrets that tests plant stay hidden

# A shell that starts a job in the background tells it to ignore Ctrl-C, and its children inherit that: a server
# started by a test would then never end when the test interrupts it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests start hundreds of processes. Where the environment forbids to keep what is compiled, as containers do, each
# would compile the package anew: four times the work of the process itself.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Properties are about answers: on a busy machine the first example of each is slow. Forty of them each time, new ones
# every time; whoever looks for rare ones has more (`make fuzz`, or --hypothesis-profile=deep).
settings.register_profile("unhurried", deadline=None, max_examples=40)
settings.register_profile("deep", deadline=None, max_examples=2000)
settings.load_profile("unhurried")


def pytest_collection(session: pytest.Session) -> None:
    """Processes that share all tests share the compiling of them: each imports its part of the modules first.

    Every one of them needs all modules, compiled with assertions that explain themselves; twenty seconds, once.
    """
    gc.disable()
    parts, mine = (os.environ.get(f"PYTEST_XDIST_WORKER{word}", "") for word in ("_COUNT", ""))
    config = session.config
    if not mine or config.args != config.getini("testpaths"):
        return
    left_out = [config.rootpath / folder for folder in config.getini("norecursedirs")]
    files = (
        file.relative_to(config.rootpath)
        for file in sorted(config.rootpath.glob("tests/**/test_*.py"))
        if not any(file.is_relative_to(folder) for folder in left_out)
    )
    for number, file in enumerate(files):
        if number % int(parts) == int(mine.removeprefix("gw")):
            with suppress(Exception, pytest.skip.Exception):  # the collecting, which comes now, tells of it by name
                importlib.import_module(".".join(file.with_suffix("").parts))


def pytest_collection_finish() -> None:
    """What all tests together import is never garbage: whoever looks for leaks need not look through it each time."""
    gc.freeze()
    gc.enable()
    atexit.register(gc.unfreeze)  # at the very end it may go: libraries complain of what is left


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

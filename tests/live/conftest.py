"""The servers that the sources here are tried on, one of each, with the same shop in each; and what ran at the end."""

from collections.abc import Iterator

import pytest
from tests.live import shop
from tests.live.mariadb import mariadb, mariadb_program
from tests.servers import private

_TRIED: dict[str, dict[str, int]] = {}


@pytest.fixture(scope="session")
def postgres_shop() -> Iterator[str]:
    """Give the address of a shop in PostgreSQL, for an account that may read."""
    if private.postgres_programs() is None:
        pytest.skip("no PostgreSQL on this machine")
    with private.directory() as directory, private.postgres(directory) as server:
        yield shop.in_postgres(server.address)


@pytest.fixture(scope="session")
def mariadb_shop() -> Iterator[str]:
    """Give the address of a shop in MariaDB, for an account that may do anything, so that only we stand before it."""
    if mariadb_program() is None:
        pytest.skip("no MariaDB on this machine")
    with private.directory() as directory, mariadb(directory) as address:
        yield shop.in_mariadb(address)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or (report.when == "setup" and report.skipped):
        counted = _TRIED.setdefault(report.nodeid.partition("::")[0], {"passed": 0, "failed": 0, "skipped": 0})
        counted[report.outcome] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("what ran")
    for file, counted in sorted(_TRIED.items()):
        terminalreporter.line(f"{file}: " + ", ".join(f"{count} {name}" for name, count in counted.items() if count))

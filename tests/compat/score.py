"""How many example servers of other packages run unchanged: `make compat` prints N of M and writes docs/compat.md.

The examples come from the source distributions on the package index, and stay in a folder that git ignores. Each server
is started with `dragoman run FILE --stdio`, where `mcp` and `fastmcp` cannot be imported, and asked by our client.
It passes if it starts, lists all that it registers, and every tool, resource and prompt answers something other than an
internal error when called with made-up arguments. `ARGS="--only mcp-1 --show"` narrows it down.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import os
import re
import shlex
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

from tests.compat import page  # noqa: E402
from tests.compat.examples import DISTRIBUTIONS, Distribution, Example, examples, server_names  # noqa: E402

from dragoman import Client, DeadlineError, McpError, PeerError, RequestError, VisitNeededError  # noqa: E402
from dragoman.app.target import Options  # noqa: E402

CACHE = ROOT / ".compat"
# Shows that of two tools with one name the second is dropped.
DROPS = {"docs_src/troubleshooting/tutorial002.py"}
# Show that tools stay out of the list until they are searched for, or switched on.
HIDES = {"examples/namespace_activation/server.py", "examples/search/server_bm25.py", "examples/search/server_regex.py"}
# The one that sends texts is kept from reaching anybody.
SURGE = {
    "HTTPS_PROXY": "http://127.0.0.1:9",
    **{
        f"SURGE_{name}": "1234567"
        for name in ("API_KEY", "ACCOUNT_ID", "MY_PHONE_NUMBER", "MY_FIRST_NAME", "MY_LAST_NAME")
    },
}
# What an example says that its user sets before it is started; without it, its own package would not start it either.
SETTINGS = {
    "examples/auth/auth0_mcp/server.py": {
        "AUTH0_CONFIG_URL": "https://tenant.example.com/.well-known/openid-configuration"
    },
    "examples/auth/propelauth_oauth/server.py": {
        f"PROPELAUTH_{name}": "https://auth.example.com"
        for name in ("AUTH_URL", "INTROSPECTION_CLIENT_ID", "INTROSPECTION_CLIENT_SECRET")
    },
    **dict.fromkeys(("examples/text_me.py", "examples/mcpserver/text_me.py", "examples/fastmcp/text_me.py"), SURGE),
}
STARTS_IN, CALLS_IN = 30.0, 6.0  # seconds
OURS = ("the server's log has the cause", "not supported by dragoman")
TRACEBACK = re.compile(r'^  File "([^"]+)", line \d+', re.MULTILINE)
# A method that a server calls as its package allows, and that does not take it here.
MISFIT = re.compile(
    r"TypeError: (?:ServerSession|Context|FastContext|Face|FastMCP|MCPServer|Server|Handlers)\b.*argument.*"
)
CHOICES = re.compile(r"say (?:which: )?((?:[\w-]+\.py:\w+(?:, )?)+)")


@dataclass
class Verdict:
    """How one example did: `fault` is empty when it passes; `notes` are what calls answered that were not results."""

    example: Example
    fault: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def passes(self) -> bool:
        return not self.fault


def made_up(schema: dict[str, Any], defs: dict[str, Any] | None = None) -> Any:
    """Return a simple value that fits a JSON Schema."""
    defs = schema.get("$defs", defs or {})
    if "$ref" in schema:
        return made_up(defs.get(schema["$ref"].rpartition("/")[2], {}), defs)
    if "default" in schema:
        return schema["default"]
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return made_up(schema[key][0], defs)
    kind = schema.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {
            name: made_up(part, defs)
            for name, part in schema.get("properties", {}).items()
            if name in schema.get("required", ())
        }
    if kind == "array":
        return [made_up(schema.get("items", {}), defs) for _ in range(schema.get("minItems", 0))]
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    by_format = {
        "date": "2025-01-31",
        "date-time": "2025-01-31T12:00:00Z",
        "uri": "https://example.com/",
        "byte": "aGk=",
    }
    return by_format.get(
        schema.get("format", ""), "aGk=" if "contentEncoding" in schema else "x" * max(1, schema.get("minLength", 1))
    )


class Run:
    """One server, started and asked."""

    def __init__(self, target: str, folder: Path, log: Path, mode: str, settings: dict[str, str]) -> None:
        self.settings = settings
        self.target = target
        self.mode = mode
        self.folder = folder
        self.log = log
        self.notes: list[str] = []
        self.listed: Counter[str] = Counter()

    async def fault(self) -> str:
        """Return what is wrong with the server, or nothing."""
        words = [sys.executable, "-m", "dragoman", "run", self.target, "--stdio"]
        command = ["sh", "-c", f"exec {shlex.join(words)} 2>{shlex.quote(str(self.log))}"]
        env = {**self.settings, "PYTHONPATH": str(HERE / "blocker"), "HOME": str(self.log.parent)}
        try:
            async with Client(
                command, timeout=STARTS_IN, mode=self.mode, options=Options(env=env, cwd=str(self.folder))
            ) as client:
                fault = await self._ask(client)
        except McpError as error:
            started = "speaks" in self._said()
            return f"{error}" if started else self._last_words() or f"does not start: {error}"
        return fault or self._own_fault()

    def _last_words(self) -> str:
        lines = [line for line in self._said().splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""

    def _said(self) -> str:
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def _own_fault(self) -> str:
        """Return the fault behind a traceback that ends in Dragoman itself, not in the server's file."""
        if misfit := MISFIT.search(self._said()):
            return f"fails in dragoman: {misfit[0]}"
        for block in self._said().split("Traceback (most recent call last):")[1:]:
            files = [Path(name) for name in TRACEBACK.findall(block)]
            if files and files[-1].is_relative_to(ROOT / "src"):
                return "fails in dragoman: " + next(
                    (line for line in block.splitlines() if re.match(r"[\w.]+(Error|Exception)?: ", line)),
                    "see its log",
                )
        return ""

    async def _ask(self, client: Client) -> str:
        capabilities = client.server_capabilities
        faults: list[str] = []
        if capabilities.tools:
            for tool in await client.list_tools():
                self.listed["tool"] += 1
                faults.append(
                    await self._call(
                        f"tool {tool.name}",
                        client.call_tool(tool.name, made_up(tool.input_schema), timeout=CALLS_IN, raise_on_error=False),
                    )
                )
        if capabilities.resources:
            for resource in await client.list_resources():
                self.listed["resource"] += 1
                faults.append(await self._call(f"resource {resource.uri}", client.read(resource.uri, timeout=CALLS_IN)))
            self.listed["resource"] += len(await client.list_resource_templates())
        if capabilities.prompts:
            for prompt in await client.list_prompts():
                self.listed["prompt"] += 1
                given = {argument.name: "1" for argument in prompt.arguments or ()}
                faults.append(
                    await self._call(f"prompt {prompt.name}", client.prompt(prompt.name, given, timeout=CALLS_IN))
                )
        return next((fault for fault in faults if fault), "")

    async def _call(self, what: str, call: Any) -> str:
        try:
            result = await call
        except PeerError as error:
            self.notes.append(f"{what}: {error}")
            return f"{what}: {error}" if any(word in str(error) for word in OURS) else ""
        except McpError as error:
            self.notes.append(f"{what}: {type(error).__name__}")
            # It waits for something, asks its user, whom nobody plays here, or asks for ever: that is an answer.
            fine = isinstance(error, DeadlineError | RequestError | VisitNeededError) or "asked more than" in str(error)
            return "" if fine else f"{what}: {error}"
        if getattr(result, "is_error", False):
            text = result.text
            self.notes.append(f"{what}: {text}")
            if any(word in text for word in OURS):
                return f"{what}: {text}"
        return ""


def registered(file: Path) -> Counter[str]:
    """Count the decorators by which the file registers something."""
    found: Counter[str] = Counter()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        for decorator in getattr(node, "decorator_list", ()):
            named = decorator.func if isinstance(decorator, ast.Call) else decorator
            if isinstance(named, ast.Attribute) and named.attr in ("tool", "resource", "prompt"):
                found[named.attr] += 1
    return found


def servers_in(file: Path) -> list[str]:
    """Return the names of the servers that the file makes at module level."""
    tree = ast.parse(file.read_text("utf-8"))
    classes = server_names(tree)
    return [
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name) and getattr(node.value.func, "id", "") in classes
    ]


async def judge(example: Example, folder: Path, gate: asyncio.Semaphore, mode: str) -> Verdict:
    """Start one example, each of its servers if it has several, and say how it did."""
    async with gate:
        verdict = Verdict(example)
        several = servers_in(example.file)
        names: list[str] = [f":{name}" for name in several] if len(several) > 1 else [""]
        listed: Counter[str] = Counter()
        for number, name in enumerate(names):
            log = folder / f"{example.name.replace('/', '-')}.{number}.log"
            run = Run(f"{example.file}{name}", example.file.parent, log, mode, SETTINGS.get(example.name, {}))
            fault = await run.fault()
            if not name and (choices := CHOICES.search(fault)):
                names += [f":{choice.partition(':')[2]}" for choice in choices[1].split(", ") if choice]
                continue
            verdict.fault = verdict.fault or fault
            verdict.notes += run.notes
            listed += run.listed
        short = registered(example.file) - listed
        if short and not verdict.fault and example.name not in DROPS | HIDES:
            verdict.fault = f"lists fewer than it registers: {dict(short)} missing"
        return verdict


async def score(
    distribution: Distribution, folder: Path, options: argparse.Namespace
) -> tuple[list[Example], list[Verdict]]:
    found = list(examples(distribution, distribution.fetch(CACHE)))
    chosen = [
        e for e in found if e.kind == "server" and not e.missing and (not options.match or options.match in e.name)
    ]
    gate = asyncio.Semaphore(options.jobs)
    verdicts = await asyncio.gather(*(judge(example, folder, gate, options.mode) for example in chosen))
    return found, list(verdicts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of a distribution's name and version, as in mcp-1")
    parser.add_argument("--match", default="", help="part of an example's path")
    parser.add_argument("--show", action="store_true", help="print what calls answered, too")
    parser.add_argument("--mode", default="auto", choices=("auto", "modern", "legacy"), help="the era to speak")
    parser.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1), help="servers at a time")
    options = parser.parse_args()
    started = time.monotonic()
    sections: list[page.Section] = []
    with tempfile.TemporaryDirectory() as folder:
        for distribution in DISTRIBUTIONS:
            if options.only in f"{distribution.name}-{distribution.version}":
                found, verdicts = asyncio.run(score(distribution, Path(folder), options))
                sections.append(page.Section(distribution, found, verdicts))
                print(page.summary(sections[-1], show=options.show), flush=True)
    print(f"{time.monotonic() - started:.0f} s")
    if not options.only and not options.match and options.mode == "auto":
        (ROOT / "docs" / "compat.md").write_text(page.render(sections), "utf-8")
        print("wrote docs/compat.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())

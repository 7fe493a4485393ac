"""What `dragoman run --sandbox` does: the options, from words to a profile; then the command, its stdio untouched."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from dragoman.cli.outcome import OK, UsageError
from dragoman.cli.paste import own_words
from dragoman.cli.terminal import visible

_LISTS = ("read", "write", "connect", "env", "limit")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that go with --sandbox."""
    group = parser.add_argument_group("a command in a sandbox", "dragoman run --sandbox [options] -- COMMAND")
    group.add_argument("--sandbox", action="store_true", help="hide the home folder, cut the network, bound the rest")
    group.add_argument("--tier", metavar="NAME", help="container, bubblewrap, landlock or seatbelt; none for none")
    group.add_argument("--project", metavar="DIR", help="the folder that it starts in and may read (this one)")
    group.add_argument("--read", action="append", default=[], metavar="PATH", help="let it read that too")
    group.add_argument("--write", action="append", default=[], metavar="PATH", help="let it change that")
    group.add_argument("--connect", action="append", default=[], metavar="HOST[:PORT]", help="let it reach that host")
    group.add_argument("--env", action="append", default=[], metavar="NAME[=VALUE]", help="give it that variable")
    group.add_argument("--limit", action="append", default=[], metavar="NAME=AMOUNT", help="as in memory=2G; 0: none")
    group.add_argument("--install", action="store_true", help="only put in what uvx or npx would fetch")
    group.add_argument("--image", default="", help="the container image that has the command")


def misplaced(options: argparse.Namespace) -> str:
    """Return an option that is only for a sandbox and was given without one, "" if there is none."""
    given = [name for name in (*_LISTS, "tier", "project", "image", "install") if getattr(options, name)]
    return f"--{given[0]}" if given else ""


def run(options: argparse.Namespace) -> int:
    """Run the command, or the Python file's server over stdio, in a sandbox; returns its exit status."""
    words = list(options.command or [])
    if bool(words) == bool(options.file):
        raise UsageError("run --sandbox takes a command after --, or a FILE whose server then speaks over stdio")
    if os.name == "nt":
        raise UsageError("there is no sandbox on Windows yet, so nothing was started")
    sandbox: Any = import_module("dragoman.host.sandbox.profile")
    tiers: Any = import_module("dragoman.host.sandbox.tiers")
    running: Any = import_module("dragoman.host.sandbox.running")
    home = Path(os.path.realpath(Path.home()))
    read = list(options.read)
    if not words:
        words = [*own_words(), "run", os.path.abspath(options.file), "--stdio"]
        # Where we are imported from, which is listed on the way to us.
        read += [str(Path(__file__).parents[2])]
    profile = sandbox.Profile(
        project=options.project or ".", read=tuple(read), write=tuple(options.write), connect=tuple(options.connect),
        env=dict(map(_variable, options.env)), limits=sandbox.limits_of(dict(map(_limit, options.limit))),
        image=options.image,
    )  # fmt: skip
    profile = sandbox.checked(profile, home)
    found = tiers.tier(profile, _tier(options.tier, tiers.Tier))
    if found.tier is not tiers.Tier.CONTAINER and _is_fetched(words[0]):
        installing: Any = import_module("dragoman.host.sandbox.installing")
        if (one := installing.wanted(words)) is not None:
            words, folder = installing.placed(one, found, home, _say)
            profile = sandbox.also_read(profile, folder)
            if options.install:
                _say(f"{', '.join(one.packages)} is in {folder}")
                return OK
    if options.install:
        raise UsageError("--install is for: dragoman run --sandbox --install -- uvx PACKAGE, or npx PACKAGE")
    _say(tiers.told(found, profile))
    return int(running.run(running.Job(words, profile, found, home, _say)))


def _is_fetched(word: str) -> bool:
    return Path(word).name in {"uvx", "npx", "uv", "npm"}


def _say(text: str) -> None:
    print(visible(f"dragoman: {text}"), file=sys.stderr, flush=True)


def _tier(name: str | None, kind: Any) -> Any:
    if name is None:
        return None
    try:
        return kind(name)
    except ValueError:
        raise UsageError(f"there is no tier {name!r}; there is {', '.join(kind)}") from None


def _variable(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals and name not in os.environ:
        raise UsageError(f"--env {name}: there is no variable of that name here; write {name}=VALUE")
    return name, value if equals else os.environ[name]


def _limit(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise UsageError(f"--limit {word}: write a name and an amount, as in memory=2G")
    return name, value

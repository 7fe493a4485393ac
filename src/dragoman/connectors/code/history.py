"""How a repository came to be, as text for a model: short lines, statistics before patches, nothing quoted.

What a view does not show is left out of every form; a commit that touches only such files is not told of.
"""

from __future__ import annotations

import re

from dragoman.connectors.address import Span, make
from dragoman.connectors.code.git import Git
from dragoman.connectors.code.paths import shown
from dragoman.connectors.source import ALL, View

MAX_PATCH = 5_000_000  # bytes of one file's difference
MAX_NAMED = 2_000  # files in one statistic
_LOOKED = 20_000  # commits read for one page where most may be hidden
_PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color")
_BLAMED = re.compile(r"^([0-9a-f]{40,64}) \d+ (\d+)")


def log(git: Git, view: View, commit: str, path: str, skip: int, limit: int) -> list[str]:
    """Return lines "hash date author: subject", newest first, `skip` of them left out."""
    if path and not _reachable(view, path):
        return []
    hiding = _restricted(view)
    wanted = (
        ["--max-count", str(_LOOKED), "--name-only"] if hiding else ["--max-count", str(limit), "--skip", str(skip)]
    )
    printed = git.run(
        "log", "--no-show-signature", "--no-mailmap", "--no-decorate", *_PLAIN, "-z",
        "--format=%x01%h%x02%cs%x02%an%x02%s", *wanted, commit, *(("--", path) if path else ()),
    )  # fmt: skip
    lines: list[str] = []
    for record in printed.decode("utf-8", "replace").split("\x01")[1:]:
        head, _, names = record.partition("\0")
        if hiding and not any(shown(view, one) for one in names.strip("\n\0").split("\0") if one):
            continue
        short, day, author, subject = [*head.split("\x02", 3), "", "", ""][:4]
        lines.append(f"{short} {day} {author[:60]}: {subject[:200]}\n")
    return lines[skip : skip + limit] if hiding else lines


def show(git: Git, name: str, view: View, commit: str) -> str:
    """Return a commit's head, its message, and which files it changed by how much."""
    first, second = git.two(commit)
    files = _changed(git, view, first, second)
    if _restricted(view) and not files:
        return ""
    head = git.run(
        "log", "--no-show-signature", "--no-mailmap", "--no-decorate", "--max-count=1",
        "--format=commit %H%nauthor %an, %aI%ncommitter %cn, %cI%nparents %p%n%n%B", commit,
    )  # fmt: skip
    return f"{head.decode('utf-8', 'replace').rstrip()}\n\n{_statistic(name, commit, files)}"


def diff(git: Git, name: str, view: View, first: str, second: str, revision: str, path: str) -> str:
    """Return what changed between two commits: of a file the patch, else a statistic whose addresses give patches."""
    files = _changed(git, view, first, second, path)
    if not path or [one[2] for one in files] != [path]:
        return _statistic(name, revision or second, files) if files else "nothing changed\n"
    printed = git.run(
        "diff-tree", "-p", "-M", *_PLAIN, "--full-index", first, second, "--", path, most=MAX_PATCH
    )  # fmt: skip
    return printed.decode("utf-8", "replace")


def blame(git: Git, commit: str, path: str, lines: Span) -> str:
    """Return the lines of a file, each with the commit, the day and the author that it is from."""
    span = ("-L", f"{lines[0]},{'' if lines[1] >= 999_999_999 else lines[1]}") if lines[0] else ()
    printed = git.run("blame", "--no-textconv", "--line-porcelain", *span, commit, "--", path, seconds=30.0)
    told: list[str] = []
    head: dict[str, str] = {}
    for line in printed.decode("utf-8", "replace").split("\n"):
        if line.startswith("\t"):
            told.append(
                f"{head.get('hash', '')[:10]} {head.get('author', '')[:20]:20} {head.get('line', ''):>5} {line[1:]}\n"
            )
        elif found := _BLAMED.match(line):
            head = {"hash": found[1], "line": found[2]}
        else:
            key, _, value = line.partition(" ")
            head[key] = value
    return "".join(told)


def _changed(git: Git, view: View, first: str, second: str, path: str = "") -> list[tuple[str, str, str]]:
    """Return lines added, lines removed ("-" in what is no text) and the path of each file that changed."""
    printed = git.run(
        "diff-tree", "-r", "--numstat", "-z", "--no-renames", *_PLAIN, first, second, *(("--", path) if path else ())
    )
    found: list[tuple[str, str, str]] = []
    for record in printed.decode("utf-8", "replace").split("\0"):
        added, tab, rest = record.partition("\t")
        removed, _, name = rest.partition("\t")
        if tab and name and shown(view, name):
            found.append((added, removed, name))
    return found


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _statistic(name: str, revision: str, files: list[tuple[str, str, str]]) -> str:
    if not files:
        return "no files changed\n"
    text = "".join(f"+{added} -{removed} {path}\n" for added, removed, path in files[:MAX_NAMED])
    more = f"and {len(files) - MAX_NAMED:,} more\n" if len(files) > MAX_NAMED else ""
    uri = make("git", name, files[0][2], revision=revision)
    return (
        f"{_files(len(files))} changed; the patch of one: history mode=diff revision={revision} uri={uri}\n{text}{more}"
    )


def _restricted(view: View) -> bool:
    return bool(view.allow or view.deny)


def _reachable(view: View, path: str) -> bool:
    """Tell whether a path, or something below it, may be seen, without saying whether it is there."""
    return shown(View(deny=view.deny), path) and (view == ALL or view.sees(path) or view.enters(path))

"""Repositories made to harm: nothing that they name is started, nothing outside of them is read.

Each trap works when git is used as people use it, which the test shows first, so that a trap that is none cannot pass.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.code.repositories import git, made

from dragoman.connectors.address import make, parse
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_source
from dragoman.connectors.source import ALL, Question, SourceError
from dragoman.errors import ToolError

FILES: list[dict[str, str | None]] = [{"a.txt": "one\n", "b.dat": "x\n"}, {"a.txt": "two\n", "b.dat": "y\n"}]


def script(folder: Path, mark: Path) -> Path:
    """Write a program that leaves a mark when it is started, and passes on what it is given."""
    path = folder / "trap.sh"
    path.write_text(f'#!/bin/sh\necho "$0 $*" >> \'{mark}\'\n[ -f "$1" ] && cat "$1"\nexit 0\n')
    path.chmod(0o755)
    return path


def everything(source: Any) -> None:
    """Ask all that can be asked."""
    asks: list[Callable[[], Any]] = [
        lambda: source.items(ALL, "", "", 100),
        lambda: source.describe(ALL, parse("git://r/")),
        lambda: source.describe(ALL, parse("git://r/a.txt")),
        lambda: source.fetch(ALL, parse("git://r/a.txt"), None, 1_000),
        lambda: source.fetch(ALL, parse("git://r/b.dat"), None, 1_000),
        lambda: source.search(ALL, Question(text="two"), 5),
        lambda: source.search(ALL, Question(text="change", kind="commit"), 5),
        *(
            lambda mode=mode, path=path: source.history(ALL, parse(f"git://r/{path}"), mode, "", None, 1_000)
            for mode in ("log", "diff", "show", "blame")
            for path in ("", "a.txt", "b.dat")
        ),
    ]
    for ask in asks:
        try:
            ask()
        except ToolError:
            continue  # blame of the whole


CONFIGS = {
    "fsmonitor": ("core.fsmonitor", ["status"]),
    "external diff": ("diff.external", ["diff", "HEAD~1", "HEAD"]),
    "text conversion": ("diff.evil.textconv", ["log", "-p"]),
    "text conversion in blame": ("diff.evil.textconv", ["blame", "b.dat"]),
    "a driver's command": ("diff.evil.command", ["diff", "HEAD~1", "HEAD"]),
    "filter": ("filter.evil.smudge", ["archive", "HEAD"]),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_no_program_that_a_repository_names_is_started(name: str, tmp_path: Path) -> None:
    key, usual = CONFIGS[name]
    folder = made(tmp_path / "r", {".gitattributes": "*.dat diff=evil filter=evil\n"}, *FILES)
    mark = tmp_path / "mark"
    git(folder, "config", key, str(script(tmp_path, mark)))
    subprocess.run(
        ["git", *usual], cwd=folder, capture_output=True, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    )
    assert mark.exists(), "the trap is none"
    mark.unlink()
    everything(open_source(f"git:{folder}", (), Opening()))
    assert not mark.exists(), mark.read_text()


def test_hooks_and_aliases_and_signers_are_not_started(tmp_path: Path) -> None:
    folder = made(tmp_path / "r", *FILES)
    mark = tmp_path / "mark"
    trap = script(tmp_path, mark)
    for hook in ("post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman"):
        (folder / ".git" / "hooks" / hook).write_text(trap.read_text())
        (folder / ".git" / "hooks" / hook).chmod(0o755)
    for key in (
        "alias.log",
        "alias.grep",
        "gpg.program",
        "core.sshCommand",
        "core.askPass",
        "core.pager",
        "credential.helper",
    ):
        git(folder, "config", key, f"!{trap}" if key.startswith("alias") else str(trap))
    git(folder, "config", "log.showSignature", "true")
    everything(open_source(f"git:{folder}", (), Opening()))
    assert not mark.exists()


def test_a_link_that_leads_out_is_its_text_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("outside")
    folder = made(tmp_path / "r", *FILES)
    (folder / "link").symlink_to(tmp_path / "secret.txt")
    git(folder, "add", "link")
    git(folder, "commit", "-q", "-m", "link")
    source = open_source(f"git:{folder}", (), Opening())
    found: Any = source.fetch(ALL, parse("git://r/link"), None, 1_000)
    assert found.text == str(tmp_path / "secret.txt")


def test_objects_of_other_repositories_are_not_taken(tmp_path: Path) -> None:
    other = made(tmp_path / "other", {"private.txt": "private"})
    folder = made(tmp_path / "r", *FILES)
    open_source(f"git:{folder}", (), Opening()).close()
    (folder / ".git" / "objects" / "info" / "alternates").write_text(f"{other}/.git/objects\n")
    with pytest.raises(SourceError, match="outside of it"):
        open_source(f"git:{folder}", (), Opening())


def test_a_pointer_to_another_repository_is_not_followed(tmp_path: Path) -> None:
    other = made(tmp_path / "other", {"private.txt": "private"})
    folder = tmp_path / "r"
    folder.mkdir()
    (folder / ".git").write_text(f"gitdir: {other}/.git\n")
    with pytest.raises(SourceError, match="elsewhere"):
        open_source(f"git:{folder}", (), Opening())


@pytest.mark.parametrize(
    "name", ["--output=owned", "-rf", "a\nb", 'q"uote', "ä\u202eß", ":(glob)**", "x\ty", "\x1b[31mred", "a;touch owned"]
)
def test_names_of_files_are_only_names(name: str, tmp_path: Path) -> None:
    folder = made(tmp_path / "r", {name: "inside\n", "other": "x\n"})
    source: Any = open_source(f"git:{folder}", (), Opening())
    assert sorted(entry.key for entry in source.items(ALL, "", "", 9).entries) == sorted([name, "other"])
    address = parse(make("git", "r", name))
    assert source.fetch(ALL, address, None, 100).text == "inside\n"
    for mode in ("log", "diff", "blame"):
        assert source.history(ALL, address, mode, "", None, 1_000).text
    assert source.history(ALL, address, "log", "", None, 1_000).text.count("Change") == 1
    assert not (folder / "owned").exists() and not (tmp_path / "owned").exists()


def test_branches_named_like_options_are_only_named(tmp_path: Path) -> None:
    folder = made(tmp_path / "r", *FILES)
    (folder / ".git" / "refs" / "heads" / "--output=owned").write_text(git(folder, "rev-parse", "HEAD"))
    source: Any = open_source(f"git:{folder}", (), Opening())
    everything(source)
    with pytest.raises(ToolError, match="no revision"):
        source.history(ALL, parse("git://r/"), "log", "--output=owned", None, 100)
    assert not list(tmp_path.rglob("owned"))


def test_submodules_are_not_entered(tmp_path: Path) -> None:
    other = made(tmp_path / "other", {"private.txt": "private"})
    folder = made(tmp_path / "r", *FILES)
    git(folder, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "inner")
    git(folder, "commit", "-q", "-m", "submodule")
    source: Any = open_source(f"git:{folder}", (), Opening())
    assert "inner/private.txt" not in [entry.key for entry in source.items(ALL, "", "", 9).entries]
    assert source.search(ALL, Question(text="private"), 5).hits == []


def test_large_and_binary_files_are_told_and_not_shown(tmp_path: Path) -> None:
    folder = made(tmp_path / "r", {"large.txt": "x" * 5_000_001, "small.txt": "y"})
    (folder / "b.bin").write_bytes(b"a\0b")
    git(folder, "add", "b.bin")
    git(folder, "commit", "-q", "-m", "binary")
    source: Any = open_source(f"git:{folder}", (), Opening())
    with pytest.raises(ToolError, match="5,000,001 bytes"):
        source.fetch(ALL, parse("git://r/large.txt"), None, 100)
    with pytest.raises(ToolError, match="is no text"):
        source.fetch(ALL, parse("git://r/b.bin"), None, 100)
    assert source.fetch(ALL, parse("git://r/small.txt"), None, 100).text == "y"

"""Write commits into a Git repository with its work tree, by git itself; the same commits give the same hashes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from company.history import Commit

_HOUR = 9  # UTC


def write_repository(folder: Path, commits: Sequence[Commit]) -> list[str]:
    """Write `commits` as the branch main of a new repository; return their hashes in order."""
    folder.mkdir(parents=True)
    _git(folder, "init", "--quiet", "--template=", "--initial-branch=main")
    _git(folder, "fast-import", "--quiet", given=b"".join(_stream(commits)))
    _git(folder, "reset", "--quiet", "--hard", "main")
    # Who shares the demo's machine has no business in its history: reflogs say when and by whom it was made.
    for log in sorted((folder / ".git" / "logs").rglob("*"), reverse=True):
        log.unlink() if log.is_file() else log.rmdir()
    return _git(folder, "rev-list", "--reverse", "main").decode().split()


def _stream(commits: Sequence[Commit]) -> Iterator[bytes]:
    """Yield the stream of git-fast-import(1)."""
    for commit in commits:
        seconds = int(datetime(commit.day.year, commit.day.month, commit.day.day, _HOUR, tzinfo=UTC).timestamp())
        who = f"{commit.author} <{commit.author.lower().replace(' ', '.')}@acme.example> {seconds} +0000"
        yield f"commit refs/heads/main\nauthor {who}\ncommitter {who}\n".encode()
        yield _data(commit.message)
        for path, text in commit.changes.items():
            if text is None:
                yield f"D {path}\n".encode()
            else:
                yield f"M 100644 inline {path}\n".encode() + _data(text)
        if commit.tag:
            yield f"reset refs/tags/{commit.tag}\nfrom refs/heads/main\n\n".encode()


def _data(text: str) -> bytes:
    body = text.encode()
    return b"data %d\n" % len(body) + body + b"\n"


def _git(folder: Path, *words: str, given: bytes = b"") -> bytes:
    # Neither the user's configuration nor a repository around this folder counts.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    clean |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *words], cwd=folder, input=given, capture_output=True, env=clean, check=False)
    if done.returncode:
        raise RuntimeError(f"git {words[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout

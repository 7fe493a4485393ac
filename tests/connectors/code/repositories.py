"""Real repositories, made by git itself for one test."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

DAY = 1_767_225_600  # 2026-01-01


def git(folder: Path, *words: str, given: bytes = b"") -> str:
    """Run git as its owner does, with no configuration but ours."""
    env = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "Ann",
        "GIT_AUTHOR_EMAIL": "ann@example.com", "GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.com",
        "GIT_AUTHOR_DATE": f"{DAY} +0000", "GIT_COMMITTER_DATE": f"{DAY} +0000",
    }  # fmt: skip
    done = subprocess.run(["git", *words], cwd=folder, env=env, input=given, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace")


def made(folder: Path, *commits: dict[str, str | None]) -> Path:
    """Make a repository with a commit for each set of files; None removes one."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    for number, files in enumerate(commits):
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text, "utf-8")
        git(folder, "add", "-A", "--force")
        git(folder, "commit", "-q", "-m", f"Change {number}", "--no-verify")
    return folder


def long(folder: Path, commits: int) -> Path:
    """Make a bare repository with many commits, by git's fast import."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "--bare", "-b", "main")
    lines: list[str] = []
    for number in range(commits):
        text, subject = f"value = {number}\n", f"Set {number}\n"
        lines.append(
            f"commit refs/heads/main\ncommitter Bob <bob@example.com> {DAY + number * 60} +0000\n"
            f"data {len(subject)}\n{subject}M 100644 inline src/part{number % 100}.py\ndata {len(text)}\n{text}\n"
        )
    git(folder, "fast-import", "--quiet", given="".join(lines).encode())
    return folder

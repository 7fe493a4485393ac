"""The git command, run so that nothing in a repository runs with it, and nothing that a caller says is an option.

Configuration of the repository can name programs (hooks, fsmonitor, external diffs, filters, pagers, signers, helpers):
only commands are used that read objects, and what could start one of those is turned off for each by name.  Revisions
become hashes first; paths are literal and stand behind `--`.
Limit: what git itself gets wrong in reading an object is not caught here; its output and time are bounded.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from dragoman.connectors.programs.running import Limits, run
from dragoman.errors import ToolError

SECONDS = 10.0  # one command
MOST = 20_000_000  # bytes of what one command prints
_OFF = (
    "core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat", "core.untrackedCache=false",
    "core.sshCommand=false", "core.gitProxy=false", "core.askPass=true", "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null", "core.quotePath=false", "core.commitGraph=true", "core.alternateRefsCommand=true",
    "diff.external=", "diff.noprefix=false", "diff.mnemonicPrefix=false", "diff.orderFile=/dev/null",
    "diff.renames=true", "diff.ignoreSubmodules=all",
    "diff.submodule=short", "diff.relative=false", "diff.suppressBlankEmpty=false",
    "gpg.program=false", "log.showSignature=false", "log.mailmap=false", "log.follow=false", "protocol.allow=never",
    "credential.helper=", "submodule.recurse=false", "grep.fallbackToNoIndex=false", "maintenance.auto=false",
    "gc.auto=0", "color.ui=false", "safe.bareRepository=all", "blame.ignoreRevsFile=",
)  # fmt: skip
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./@+~^#-]{0,199}")
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class GitError(Exception):
    """git refused; the text is its own, without the path of the repository."""


def available() -> bool:
    """Tell whether there is a git command."""
    return shutil.which("git") is not None


class NoRevisionError(ToolError):
    """There is no such revision; `revision` is what was asked for, and `near` what to say of others, if anything."""

    def __init__(self, revision: str, near: str = "") -> None:
        super().__init__(f"there is no revision {revision[:80]!r} here{near}; describe on the repository names some")
        self.revision = revision


class Git:
    """One repository, `folder` being its work tree or itself when it is bare."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str, seconds: float = SECONDS, most: int = MOST, given: bytes = b"") -> bytes:
        """Return what a command prints, cut at `most` bytes.  Raises GitError, and ToolError when it takes too long."""
        limits = Limits(seconds, most)
        done = run(self._argv(words), self.folder, _environment(), given, limits, None, lambda: False)
        if done.ended == "time":
            raise ToolError("git took too long: ask about a path, or about fewer commits")
        if done.code != 0 and not done.cut:
            raise GitError(done.complaints.decode("utf-8", "replace").replace(str(self.folder), "").strip()[:500])
        return done.output

    def resolve(self, revision: str) -> str:
        """Return the hash of the commit that a branch, tag, hash or expression names.  Raises ToolError."""
        text = revision.strip() or "HEAD"
        if not _REVISION.fullmatch(text) or ".." in text or "@{" in text:
            raise ToolError(
                f"{revision[:80]!r} is no revision; name a branch, a tag or a commit, such as main or v1.2~3"
            )
        try:
            found = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}", most=200)
        except GitError as fault:
            raise NoRevisionError(text) from fault
        made = found.decode("ascii", "replace").strip()
        if not _HASH.fullmatch(made):
            raise ToolError(f"{text[:80]!r} names no single commit")
        return made

    def two(self, revision: str) -> tuple[str, str]:
        """Return the hashes of what "a..b" names, or of a revision and what was before it.  Raises ToolError.

        What was before the first commit is the empty tree.
        """
        first, dots, second = revision.partition("..")
        if dots:
            return self.resolve(first), self.resolve(second.lstrip("."))
        commit = self.resolve(revision)
        parents = self.run("rev-list", "--parents", "--max-count=1", commit).decode("ascii").split()[1:]
        return (parents[0] if parents else self._empty()), commit

    def _empty(self) -> str:
        return self.run("hash-object", "-t", "tree", "--stdin").decode("ascii").strip()

    def _argv(self, words: Sequence[str]) -> list[str]:
        options = [part for one in _OFF for part in ("-c", one)]
        return [
            "git", "--no-pager", "--literal-pathspecs", "--no-replace-objects", "--no-optional-locks", *options, *words
        ]  # fmt: skip


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    return {
        **kept, "LC_ALL": "C.UTF-8", "HOME": os.devnull, "XDG_CONFIG_HOME": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat", "GIT_ASKPASS": "true", "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_PROTOCOL_FROM_USER": "0", "GIT_FLUSH": "0",
        # The owner named this repository: whose files they are is no question here.
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
    }  # fmt: skip

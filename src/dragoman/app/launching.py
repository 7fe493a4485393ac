"""Which commands of configuration files may be started: those that their owner saw and approved, one by one.

A file that names servers comes from elsewhere, or is changed later; what the user types, or a program says in its
code, does not. Promise: nothing of a command is started, looked up in the network or loaded before it is approved.
Limit: an approval binds the words, not the bytes of the program.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dragoman.app.launch_risks import loaders, risks
from dragoman.app.target import Defined, defined
from dragoman.auth import private_files
from dragoman.auth.wallet_disk import config_home
from dragoman.errors import LocalError, NotApprovedError
from dragoman.transport.process import Command

MOST = 1024 * 1024  # bytes of the file with the approvals
_DIGITS = 32


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """A command as it would be started.

    `program` is the file that would run, `words` the command line as it is
    written in the file, before variables are filled in: secrets stay out of
    what is shown. `env` has the names of the variables that it gets;
    `loaders` those whose values are as good as code, with the values.
    """

    place: str
    program: str
    words: tuple[str, ...]
    env: tuple[str, ...]
    loaders: Mapping[str, str]
    cwd: str
    risks: tuple[str, ...]
    files: tuple[str, ...] = ()  # scripts of the owner's, each with the digest of its bytes
    sandbox: str = ""  # what of it is held back, as its profile says it; "" for nothing

    @property
    def digest(self) -> str:
        """What an approval is bound to: all but the place, as 32 hexadecimal digits."""
        said: list[Any] = [self.program, self.words, self.env, dict(sorted(self.loaders.items())), self.cwd, self.risks]
        said += [self.files] if self.files else []
        said += [{"sandbox": self.sandbox}] if self.sandbox else []
        return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:_DIGITS]


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One approval; all but `risky` is for people who read the file."""

    place: str
    program: str
    words: tuple[str, ...]
    risky: bool


class _File(msgspec.Struct, kw_only=True):
    approved: dict[str, _Kept] = {}


def launch_of(target: str) -> Launch | None:
    """Return what `path.json#name` would start, None if it is a URL. Raises LocalError if it cannot be read."""
    return _launch(defined(target))


def permit(found: Defined, once: str = "") -> None:
    """Return if what a file says may be started: it was approved, or its digest is `once`.

    Raises NotApprovedError, with the whole command and how to approve it; LocalError if approvals cannot be read.
    """
    launch = _launch(found)
    if launch is not None and launch.digest != once and not approvals().approved(launch):
        raise NotApprovedError(refusal(launch, found.target))


def launch_of_words(place: str, words: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> Launch:
    """Return what a command line would start in a folder; an approval is bound to the files in that folder, too."""
    folder, env = Path(os.path.realpath(cwd)), env or {}
    program = _resolved(words[0], folder, env)
    files = dict.fromkeys(os.path.realpath(folder / word) for word in (program, *words[1:]))
    digests = (_digested(Path(file)) for file in files if Path(file).is_relative_to(folder))
    return Launch(
        place=place, program=program, words=tuple(words), env=tuple(sorted(env)), loaders=loaders(env), cwd=str(folder),
        risks=tuple(risks(words, env)), files=tuple(filter(None, digests)),
    )  # fmt: skip


def _digested(path: Path) -> str:
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as opened:
            return f"{path} sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"
    except OSError:
        return ""


def _launch(found: Defined) -> Launch | None:
    written, meant = found.written, found.meant
    if meant.command is None or not meant.words or not meant.words[0]:
        return None
    cwd = Path(meant.cwd or ".").absolute()
    return Launch(
        place=found.place,
        program=_resolved(meant.words[0], cwd, meant.env),
        words=tuple(written.words),
        env=tuple(sorted(written.env)),
        loaders=loaders(written.env),
        # Also where the file names none: `python -m` and `npx` look into the folder that they are started in.
        cwd=str(cwd),
        # What a variable says may be an option too; what is in it is not shown.
        risks=tuple(dict.fromkeys([*risks(written.words, written.env), *risks(meant.words, ())])),
    )


def _resolved(word: str, cwd: Path, env: Mapping[str, str]) -> str:
    """Return the file that a process started in `cwd` would run, links followed; the word if there is none."""
    if os.path.dirname(word):
        return os.path.realpath(cwd / word)
    path = Command(words=(word,), env=env).environment.get("PATH", os.defpath)
    found = shutil.which(word, path=path)
    return os.path.realpath(found) if found else word


def approvals() -> Approvals:
    """Return what the user of this machine approved."""
    return Approvals(config_home() / "approved.json")


class Approvals:
    """What the user approved, kept in one file of mode 0600 that nobody else may write."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self, target: str) -> None:
        """Return if `path.json#name` names no command, or one that is approved.

        Raises NotApprovedError, with the whole command and how to approve it; LocalError if the file cannot be read.
        """
        launch = launch_of(target)
        if launch is not None and not self.approved(launch):
            raise NotApprovedError(refusal(launch, target))

    def approved(self, launch: Launch) -> bool:
        """Say whether exactly this was approved, risks and all."""
        kept = self._read().approved.get(launch.digest)
        return kept is not None and (kept.risky or not launch.risks)

    def approve(self, launch: Launch, digest: str, *, risky: bool = False) -> None:
        """Remember that `launch` may be started.

        Raises NotApprovedError if `digest` is of something else (it changed since it was shown), or if it has risks
        and they were not accepted.
        """
        if digest != launch.digest:
            raise NotApprovedError(f"this is not what was shown: its digest is {launch.digest} now; look again")
        if launch.risks and not risky:
            raise NotApprovedError("it needs --risky as well: " + "; ".join(launch.risks))
        file = self._read()
        kept = _Kept(place=launch.place, program=launch.program, words=launch.words, risky=risky)
        self._write(_File(approved={**file.approved, digest: kept}))

    def forget(self, digest: str) -> bool:
        """Take an approval back: say whether there was one of that digest."""
        file = self._read()
        if digest not in file.approved:
            return False
        self._write(_File(approved={one: kept for one, kept in file.approved.items() if one != digest}))
        return True

    def kept(self) -> dict[str, dict[str, Any]]:
        """Return what was approved, as plain data by digest: `place`, `program`, `words` and `risky`."""
        return {digest: msgspec.to_builtins(one) for digest, one in self._read().approved.items()}

    def _read(self) -> _File:
        return private_files.own_json(self.path, _File, MOST, "remove it, and approve again") or _File()

    def _write(self, file: _File) -> None:
        data: Any = msgspec.json.format(msgspec.json.encode(file), indent=2)
        if len(data) > MOST:
            raise LocalError(f"{str(self.path)!r} would be larger than {MOST} bytes; remove what is not needed")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            private_files.replace(self.path, data)
        except OSError as error:
            raise LocalError(f"cannot write {str(self.path)!r}: {error.strerror or error}") from None


def described(launch: Launch) -> list[str]:
    """Return all of a command, uncut, in lines for its owner. What comes from the file is shown as Python writes it."""
    lines = [f"program    {launch.program!r}", *(f"argument   {word!r}" for word in launch.words[1:])]
    lines += [f"variable   {name}" for name in launch.env if name not in launch.loaders]
    lines += [f"variable   {name}={value!r}" for name, value in launch.loaders.items()]
    lines += [f"file       {file!r}" for file in launch.files]
    lines += [f"sandbox    {launch.sandbox}"] if launch.sandbox else []
    return [*lines, f"folder     {launch.cwd!r}", *(f"risk       {risk}" for risk in launch.risks)]


def refusal(launch: Launch, target: str) -> str:
    """Return why a command is not started, and what to do."""
    more = " --risky" if launch.risks else ""
    lines = "\n".join(f"  {line}" for line in described(launch))
    return (
        f"{launch.place} starts a program, and this was not approved, or changed since:\n{lines}\n"
        f"nothing was started. If that is what you want: dragoman approve {target} --digest {launch.digest}{more}"
    )

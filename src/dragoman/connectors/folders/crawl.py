"""Walking a folder and deciding what in it may be seen at all.

Nothing hidden, no keys, no secrets, no link that leads out.  The same judgement (`Folder.locate`) stands before every
read, so that an address made up by a client gets no further than the walk did.
"""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

MAX_FILES = 200_000
MAX_DEPTH = 40
_SETTLED = 3_000_000_000  # nanoseconds: FAT's clock, the coarsest, goes by two seconds
_MOST_PLAIN = 10_000

# Keys and the private halves of certificates, then files that exist to hold passwords.
_SECRET_NAMES = """
    *.pem *.key *.p12 *.pfx *.p8 *.jks *.keystore *.kdbx *.kdb *.ppk *.gpg *.pgp *.asc *.age
    id_rsa* id_dsa* id_ecdsa* id_ed25519* *_rsa *_ed25519
    *.env env.* *.htpasswd htpasswd credentials credentials.* *-credentials.* secrets secrets.* secret.* *.secrets
    passwords.* password.* *.keychain *.kubeconfig kubeconfig pgpass* netrc* _netrc service-account*.json
    *.ovpn *.tfstate *.pst *.ost *.nst
"""
_SECRET = re.compile("|".join(fnmatch.translate(name) for name in _SECRET_NAMES.split()), re.IGNORECASE)
_SECRET_PLACES = frozenset(
    {".ssh", ".aws", ".azure", ".gnupg", ".kube", ".docker", ".npmrc", ".pypirc", ".git-credentials", ".pgpass", ".git"}
)
_NEVER = "\x00\\:" if os.name == "nt" else "\x00\\"
_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "__macosx", "$recycle.bin", "system volume information"})
# A folder with one of these in it is a profile of a browser or a mail program: nothing in it or below is served.
PROFILE_MARKS = (
    "key3.db", "key4.db", "logins.json", "places.sqlite", "cookies.sqlite", "Login Data", "Local State", "Web Data",
    "global-messages-db.sqlite", "abook.sqlite", "Envelope Index", "ImapMail",
)  # fmt: skip
MARKED = frozenset(name.lower() for name in PROFILE_MARKS)
_TEMPORARY = ("~$", ".~")  # what an open Office program leaves beside the file
_HIDDEN_ON_WINDOWS = getattr(stat, "FILE_ATTRIBUTE_HIDDEN", 2)


class NotServed(Exception):
    """This path is not part of what is served.  Says no more: whether the file exists is nobody's business."""


class Found(NamedTuple):
    """One file: its path relative to the folder, with slashes; size in bytes; time of last change in nanoseconds."""

    path: str
    size: int
    mtime_ns: int


class Left(NamedTuple):
    """What the walk left out, in numbers: for the report, never with names."""

    hidden: int = 0
    links: int = 0
    unreadable: int = 0
    over_limit: bool = False


def visible(name: str) -> bool:
    """Tell whether a file or folder of that name may be served."""
    return not (name.startswith((".", *_TEMPORARY)) or _SECRET.match(name) or name.lower() in _SKIPPED_FOLDERS)


def secret(name: str) -> bool:
    """Tell whether a file or folder of that name is one for secrets, hidden or not."""
    return bool(_SECRET.match(name) or _SECRET.match(name.lstrip("."))) or name.lower() in _SECRET_PLACES


class Folder:
    """A folder whose files are served, or one file of it alone."""

    def __init__(self, root: Path, only: str = "", *, links: bool = True) -> None:
        self.root = Path(os.path.realpath(root))
        self.only = only
        self.links = links  # whether links to files inside are served
        self.left = Left()
        self._rooted = str(self.root)
        self._plain: dict[str, tuple[int, int, int]] = {}  # folders that are no profile, as of their last change

    def locate(self, path: str) -> str:
        """Return the absolute path, free of links, of the file at the relative `path`.

        Raises NotServed for everything that the walk would not have found.
        """
        steps = path.split("/")
        bad = any(sign in path for sign in _NEVER) or any(
            step in ("", ".", "..") or not visible(step) for step in steps
        )
        if bad or os.path.isabs(path) or len(steps) > MAX_DEPTH or (self.only and path != self.only):
            raise NotServed(path)
        place = os.path.join(self.root, *steps)
        try:
            # A folder that is a link is never entered; a file that is one must end inside.
            if os.path.realpath(os.path.dirname(place)) != os.path.dirname(place) or self._in_profile(place):
                raise NotServed(path)
            if os.path.islink(place):
                if not self.links:
                    raise NotServed(path)
                place = self._inside(place)
            if not stat.S_ISREG(os.lstat(place).st_mode):
                raise NotServed(path)
        except (OSError, ValueError) as fault:
            raise NotServed(path) from fault
        return place

    def _inside(self, link: str) -> str:
        target = os.path.realpath(link)
        relative = os.path.relpath(target, self.root)
        if relative.startswith("..") or os.path.isabs(relative) or not all(map(visible, Path(relative).parts)):
            raise NotServed(link)
        if self._in_profile(target):
            raise NotServed(link)
        return target

    def _in_profile(self, place: str) -> bool:
        """Tell whether a folder on the way from the root to the place is a profile."""
        folder = os.path.dirname(place)
        while len(folder) >= len(self._rooted):
            if self._marked(folder):
                return True
            above = os.path.dirname(folder)
            if above == folder:
                return False
            folder = above
        return False

    def _marked(self, folder: str) -> bool:
        """Tell whether the folder is a profile itself; looked for again only once something in it came or went."""
        info = os.stat(folder)
        state = info.st_ino, info.st_mtime_ns, info.st_ctime_ns
        if self._plain.get(folder) == state:
            return False
        if any(os.path.lexists(os.path.join(folder, mark)) for mark in PROFILE_MARKS):
            return True
        if len(self._plain) >= _MOST_PLAIN:
            self._plain.clear()
        # What comes within one tick of a file system's clock leaves the time as it is: a fresh one proves nothing.
        if time.time_ns() - max(state[1:]) > _SETTLED:
            self._plain[folder] = state
        return False

    def walk(self, stopped: Callable[[], bool] = lambda: False) -> Iterator[Found]:
        """Yield the files, sorted by name within each folder; `left` tells afterwards what was left out.

        Ends early, after MAX_FILES files or when `stopped` says so.
        """
        self.left = Left()
        if self.only:
            yield from self._single()
            return
        count = 0
        stack = [("", 0)]
        while stack and not stopped():
            prefix, depth = stack.pop()
            files, folders = self._entries(prefix)
            for found in files:
                count += 1
                if count > MAX_FILES:
                    self.left = self.left._replace(over_limit=True)
                    return
                yield found
            if depth < MAX_DEPTH:
                stack.extend((f"{prefix}{name}/", depth + 1) for name in reversed(folders))

    def _single(self) -> Iterator[Found]:
        try:
            info = os.stat(self.locate(self.only))
        except (NotServed, OSError):
            return
        yield Found(self.only, info.st_size, info.st_mtime_ns)

    def _entries(self, prefix: str) -> tuple[list[Found], list[str]]:
        files: list[Found] = []
        folders: list[str] = []
        hidden, links, unreadable, _ = self.left
        try:
            with os.scandir(os.path.join(self.root, prefix)) as scanned:
                entries = sorted(scanned, key=lambda item: item.name)
            if any(entry.name.lower() in MARKED for entry in entries):
                hidden += len(entries)
            else:
                for entry in entries:
                    if not visible(entry.name) or _hidden_on_windows(entry) or not encodable(entry.name):
                        hidden += 1
                    elif entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    elif found := self._found(prefix + entry.name, entry):
                        files.append(found)
                    else:
                        links += entry.is_symlink()
        except OSError:
            unreadable += 1
        self.left = Left(hidden, links, unreadable)
        return files, folders

    def _found(self, path: str, entry: os.DirEntry[str]) -> Found | None:
        try:
            if entry.is_symlink():
                if not self.links:
                    return None
                info = os.stat(self._inside(entry.path))
            else:
                info = entry.stat(follow_symlinks=False)
        except (OSError, NotServed):
            return None
        return Found(path, info.st_size, info.st_mtime_ns) if stat.S_ISREG(info.st_mode) else None


def _hidden_on_windows(entry: os.DirEntry[str]) -> bool:
    try:
        attributes = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    except OSError:
        return False
    return bool(attributes & _HIDDEN_ON_WINDOWS)


def encodable(name: str) -> bool:
    """Tell whether the name is text: bytes that are not could not be put into an address."""
    return name.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in name)

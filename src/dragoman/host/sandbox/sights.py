"""Which files a command needs to see to run at all: its program, what that is installed with, its script.

Promise: neither the home folder nor a folder that holds it is among them, nor where keys and logins lie.
Limit: known layouts (bin/, virtual environments). What else a program needs is granted by its user.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dragoman.errors import UnreachableError
from dragoman.host.sandbox.profile import hidden

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store")
# What programs look up in /etc; the rest of it is not there: not /etc/shadow, nor the private keys in /etc/ssl.
ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "debian_version", "fonts", "group",
    "gai.conf", "host.conf", "hosts", "inputrc", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias",
    "localtime", "magic", "mime.types", "nsswitch.conf", "os-release", "passwd", "pki/ca-trust", "pki/tls/cert.pem",
    "pki/tls/certs", "profile", "protocols", "python3", "resolv.conf", "services", "ssl/cert.pem", "ssl/certs",
    "ssl/openssl.cnf", "terminfo", "timezone", "xattr.conf",
)  # fmt: skip
_SCRIPTS = {".py", ".pyz", ".js", ".mjs", ".cjs", ".ts", ".mts", ".rb", ".sh", ".pl", ".php", ".lua", ".jar"}
_HOPS = 16  # links to follow


def resolved(word: str, cwd: str, path: str) -> str:
    """Return the file that runs for the first word of a command. Raises UnreachableError if there is none."""
    if os.path.dirname(word):
        found = os.path.join(cwd or ".", os.path.expanduser(word))
        if os.access(found, os.X_OK) and not os.path.isdir(found):
            return os.path.abspath(found)
    elif found_in := shutil.which(word, path=path):
        return os.path.abspath(found_in)
    raise UnreachableError(f"there is no program {word!r} to put into a sandbox")


def needed(words: Sequence[str], cwd: str, home: Path, env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the files and folders outside the system's that a command needs, each once; `words[0]` is resolved."""
    found: list[str] = []
    for hop in _links(Path(words[0])):
        found += _installed(hop, home)
    for word in words[1:]:
        path = Path(os.path.abspath(os.path.join(cwd or ".", word)))
        if path.suffix in _SCRIPTS and path.is_file():
            found.append(str(_whole(path.parent, home) or path))
            break
    for folder in env.get("PYTHONPATH", "").split(os.pathsep) if env.get("PYTHONPATH") else []:
        path = Path(os.path.abspath(folder))
        if path.is_dir() and _whole(path, home):
            found.append(str(path))
    return tuple(dict.fromkeys(one for one in found if not _of_system(one) and not hidden(Path(one), home)))


def _links(path: Path) -> Iterator[Path]:
    for _ in range(_HOPS):
        yield path
        # The folder may be reached by a link as well: what it is called in the end is needed too.
        if (real := Path(os.path.realpath(path.parent)) / path.name) != path:
            yield real
        if not path.is_symlink():
            return
        path = Path(os.path.abspath(path.parent / os.readlink(path)))


def _installed(program: Path, home: Path) -> list[str]:
    """Return what is installed with a program: all beside its bin/, if that is not the user's own."""
    found = [str(program)]
    if program.parent.name in {"bin", "shims", ".bin"} and (root := _whole(program.parent.parent, home)):
        found.append(str(root))
        config = root / "pyvenv.cfg"
        if config.is_file():
            found += [str(base) for base in _bases(config, home)]
    return [*found, *_interpreters(program, home)]


def _interpreters(program: Path, home: Path) -> list[str]:
    """Return what the first line of a script wants, where that is a program outside the system's."""
    try:
        with program.open("rb") as opened:
            line = opened.readline(512)
    except OSError:
        return []
    if not line.startswith(b"#!"):
        return []
    word = Path(os.fsdecode(line[2:].split(None, 1)[0])) if line[2:].split() else Path()
    if not word.is_absolute() or _of_system(str(word)) or word == program:
        return []
    return [one for hop in _links(word) if not _of_system(str(hop)) for one in _installed_plain(hop, home)]


def _installed_plain(program: Path, home: Path) -> list[str]:
    root = _whole(program.parent.parent, home) if program.parent.name == "bin" else None
    bases = list(_bases(root / "pyvenv.cfg", home)) if root and (root / "pyvenv.cfg").is_file() else []
    return [str(program), *([str(root)] if root else []), *map(str, bases)]


def _bases(config: Path, home: Path) -> Iterator[Path]:
    for line in config.read_text(errors="replace").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "home" and (base := _whole(Path(os.path.realpath(value.strip())).parent, home)):
            yield base


def _whole(folder: Path, home: Path) -> Path | None:
    """Return a folder that may be shown whole, None for the home folder, its own shared ones, and those above it."""
    if folder in (home, home / ".local", home / ".config", home / ".cache") or home.is_relative_to(folder):
        return None
    return None if folder == Path("/") or hidden(folder, home) else folder


def _of_system(path: str) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in SYSTEM)

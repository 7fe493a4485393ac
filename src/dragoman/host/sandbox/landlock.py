"""A process that restricts itself: Landlock for files, seccomp for sockets. Neither needs root nor a namespace.

Promise: after `restrict`, this process and all that it starts open only what was granted, and no internet socket.
Limit: it sees the names of processes, and size and dates of files whose paths it knows; neither Landlock nor seccomp is
wrapped by Python, so the C library is called.
Source: Linux Documentation/userspace-api/landlock.rst and seccomp_filter.rst.
"""

from __future__ import annotations

import ctypes
import os
import platform
import stat
import struct
from collections.abc import Iterable, Sequence

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446  # the same numbers on every architecture
_VERSION_FLAG = 1
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | 1 << 1 | _READ_FILE | 1 << 14 | 1 << 15  # with write, truncate, and ioctl on devices
_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
# AUDIT_ARCH_*, the number of socket(2), and of io_uring_setup(2), by which sockets could be made as well.
_MACHINES = {"x86_64": (0xC000003E, 41, 425), "aarch64": (0xC00000B7, 198, 425)}
_LOCAL_FAMILIES = (1, 16)  # AF_UNIX, and AF_NETLINK, which lists interfaces
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | 13  # EACCES


def version() -> int:
    """Return the version of Landlock's interface here, 0 if there is none."""
    if platform.system() != "Linux" or platform.machine() not in _MACHINES:
        return 0
    found: int = ctypes.CDLL(None, use_errno=True).syscall(_CREATE, None, 0, _VERSION_FLAG)
    return max(0, found)


def restrict(read: Iterable[str], write: Iterable[str], *, online: bool) -> None:
    """Give up everything but reading and running what is in `read`, and all below `write`, for good. Raises OSError.

    Without `online` no internet socket can be made any more; ones that are open stay.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    abi = version()
    files = (1 << {0: 0, 1: 13, 2: 14, 3: 15, 4: 15}.get(abi, 16)) - 1
    # Signals and abstract sockets of others: from version 6 on.
    attributes = struct.pack("=QQQ", files, 0, 3 if abi >= 6 else 0)[: 24 if abi >= 6 else 16 if abi >= 4 else 8]
    ruleset = _checked(libc.syscall(_CREATE, attributes, len(attributes), 0))
    try:
        for paths, rights in ((read, _READ), (write, files)):
            for path in paths:
                _grant(libc, ruleset, path, rights & files)
        _checked(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(libc.syscall(_RESTRICT, ruleset, 0))
    finally:
        os.close(ruleset)
    if not online:
        _no_sockets(libc)


def _grant(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, getattr(os, "O_PATH", 0) | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, handle)
        _checked(libc.syscall(_ADD_RULE, ruleset, 1, rule, 0))
    finally:
        os.close(handle)


def _no_sockets(libc: ctypes.CDLL) -> None:
    code = b"".join(struct.pack("=HBBI", *line) for line in program(platform.machine()))
    kept = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: a count, and after padding a pointer.
    given = struct.pack("@HP", len(code) // 8, ctypes.addressof(kept))
    _checked(libc.prctl(_SET_SECCOMP, _FILTER, given, 0, 0))


def program(machine: str) -> Sequence[tuple[int, int, int, int]]:
    """Return the filter as instructions of BPF (code, jump if true, jump if false, value)."""
    architecture, socket, uring = _MACHINES[machine]
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    return [
        (load, 0, 0, 4),  # the architecture
        (equal, 1, 0, architecture),
        (give, 0, 0, _KILL),
        (load, 0, 0, 0),  # the number of the call
        (at_least, 6, 0, 0x40000000),  # x32: the same calls by other numbers
        (equal, 5, 0, uring),
        (equal, 0, 3, socket),
        (load, 0, 0, 16),  # its first argument, the family
        (equal, 1, 0, _LOCAL_FAMILIES[0]),
        (equal, 0, 1, _LOCAL_FAMILIES[1]),
        (give, 0, 0, _ALLOW),
        (give, 0, 0, _REFUSE),
    ]


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

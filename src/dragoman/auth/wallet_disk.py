"""Wallets that outlive the process: an encrypted file for each secret, or the system's keyring.

A file has mode 0600 in a folder of mode 0700, and is encrypted under a key that lies elsewhere: in the environment, or
in a file of its own in the user's state folder. That protects copies of the folder (backups, synchronised settings, a
folder put under version control by mistake), not against programs that run as the user: for those there is the keyring.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import sys
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dragoman.auth import private_files
from dragoman.auth.wallet_lock import locked
from dragoman.errors import LocalError
from dragoman.ports.wallet import Wallet

KEY = "DRAGOMAN_WALLET_KEY"  # names the variable that holds a key of the user's own
SERVICE = "dragoman"
NONCE = 12  # bytes
MAX_FILE = 1024 * 1024  # bytes


def default_wallet(environ: Mapping[str, str] = os.environ) -> Wallet:
    """Return the user's wallet: the system's keyring if there is one, else encrypted files.

    Raises LocalError, with what to install, when there is neither.
    """
    home = config_home(environ)
    if KEY not in environ and (ring := _keyring()) is not None:
        return KeyringWallet(ring, home)
    return FileWallet(home, state_home(environ) / "wallet.key", environ.get(KEY, ""))


def any_logins(environ: Mapping[str, str] = os.environ) -> bool:
    """Say whether anybody ever logged in here: if not, there is no need to look for tokens."""
    return (config_home(environ) / "wallet").is_dir()


def config_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the user's folder for settings of this program."""
    if sys.platform == "win32":
        return Path(environ.get("APPDATA") or Path.home() / "AppData/Roaming") / "dragoman"
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "dragoman"


def state_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the user's folder for what is not to be copied with the settings."""
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "dragoman"
    return Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "dragoman"


def _name(key: str) -> str:
    """Return the name of the file for a key: it tells nobody which servers are used."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


class FileWallet:
    """Encrypted files in `home`, under the key in `key_file`, or under one of the user's own words, `key`.

    Raises LocalError without the extra `auth`, and for files that others may read.
    """

    def __init__(self, home: Path, key_file: Path, key: str = "") -> None:
        if find_spec("cryptography") is None:
            raise LocalError("keeping logins needs dragoman[keyring] or dragoman[auth]: pip install 'dragoman[auth]'")
        self._aead: Any = import_module("cryptography.hazmat.primitives.ciphers.aead").AESGCM
        self._invalid: type[Exception] = import_module("cryptography.exceptions").InvalidTag
        self._home = home / "wallet"
        self._key_file = key_file
        self._given = key
        self._derived: bytes | None = None

    def __repr__(self) -> str:
        return f"FileWallet({str(self._home)!r})"

    async def read(self, key: str) -> bytes | None:
        """Return the value, None if there is none, or none that this key opens."""
        return await asyncio.to_thread(self._read, key)

    async def write(self, key: str, value: bytes) -> None:
        """Set the value: a reader sees the old one or the new one."""
        await asyncio.to_thread(self._write, key, value)

    async def remove(self, key: str) -> bool:
        """Remove the value; returns whether there was one."""
        path = self._home / _name(key)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        return True

    def alone(self, key: str) -> AbstractAsyncContextManager[None]:
        """Hold a lock file."""
        private_files.folder(self._home)
        return locked(self._home / f"{_name(key)}.lock")

    def _read(self, key: str) -> bytes | None:
        path = self._home / _name(key)
        try:
            data = private_files.read(path, MAX_FILE)
        except FileNotFoundError:
            return None
        try:
            value: bytes = self._cipher().decrypt(data[:NONCE], data[NONCE:], key.encode())
        except (self._invalid, ValueError):
            # Another key sealed it, or somebody changed it: as if nobody had logged in.
            return None
        return value

    def _write(self, key: str, value: bytes) -> None:
        private_files.folder(self._home)
        nonce = secrets.token_bytes(NONCE)
        private_files.write(self._home / _name(key), nonce + self._cipher().encrypt(nonce, value, key.encode()))

    def _cipher(self) -> Any:
        if self._given:
            if self._derived is None:
                # One salt serves all: words that are hard to guess are the user's part.
                words = self._given.encode()
                self._derived = hashlib.scrypt(words, salt=b"dragoman wallet", n=2**14, r=8, p=1, dklen=32)
            return self._aead(self._derived)
        try:
            secret = private_files.read(self._key_file, MAX_FILE)
        except FileNotFoundError:
            private_files.folder(self._key_file.parent)
            private_files.write(self._key_file, secrets.token_bytes(32), only_new=True)
            secret = private_files.read(self._key_file, MAX_FILE)
        if len(secret) != 32:
            raise LocalError(f"{self._key_file} is not a wallet key; remove it and log in again")
        return self._aead(secret)


class KeyringWallet:
    """The system's keyring. Lock files lie in `home`, and hold nothing."""

    def __init__(self, ring: Any, home: Path) -> None:
        self._ring = ring
        self._home = home / "wallet"

    def __repr__(self) -> str:
        return "KeyringWallet()"

    async def read(self, key: str) -> bytes | None:
        """Return the value, None if there is none."""
        found = await self._do("get_password", SERVICE, key)
        return None if found is None else b64decode(found)

    async def write(self, key: str, value: bytes) -> None:
        """Set the value."""
        private_files.folder(self._home)
        await self._do("set_password", SERVICE, key, b64encode(value).decode())

    async def remove(self, key: str) -> bool:
        """Remove the value; returns whether there was one."""
        if await self.read(key) is None:
            return False
        await self._do("delete_password", SERVICE, key)
        return True

    def alone(self, key: str) -> AbstractAsyncContextManager[None]:
        """Hold a lock file."""
        private_files.folder(self._home)
        return locked(self._home / f"{_name(key)}.lock")

    async def _do(self, name: str, *words: str) -> Any:
        try:
            return await asyncio.to_thread(getattr(self._ring, name), *words)
        except Exception as error:  # of whichever keyring it is
            raise LocalError(
                f"the system's keyring does not answer ({type(error).__name__}); set {KEY} to use encrypted files"
            ) from None


def _keyring() -> Any:
    """Return the system's keyring, None if there is none that keeps secrets."""
    if find_spec("keyring") is None:
        return None
    ring = import_module("keyring").get_keyring()
    # The library's own stand-ins for "no keyring" have a priority of 0 or less.
    return ring if getattr(ring, "priority", 0) > 0 else None

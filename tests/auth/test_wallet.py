"""Wallets: what lies on the disk cannot be read, is whole, and is renewed by one process at a time."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import keyring.backends.fail
import pytest
from keyring.backend import KeyringBackend

from dragoman import LocalError
from dragoman.auth.wallet import MemoryWallet
from dragoman.auth.wallet_disk import FileWallet, KeyringWallet, any_logins, default_wallet
from dragoman.auth.wallet_lock import locked


class Ring(KeyringBackend):
    """A keyring that lasts as long as the test, since a machine without people has none of its own."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, name: str) -> str | None:
        return self.values.get((service, name))

    def set_password(self, service: str, name: str, value: str) -> None:
        self.values[service, name] = value

    def delete_password(self, service: str, name: str) -> None:
        del self.values[service, name]


def made(kind: str, home: Path) -> Any:
    return {
        "memory": lambda: MemoryWallet(),
        "file": lambda: FileWallet(home / "config", home / "state" / "key"),
        "words": lambda: FileWallet(home / "config", home / "state" / "key", "some words"),
        "keyring": lambda: KeyringWallet(Ring(), home / "config"),
    }[kind]()


@pytest.mark.parametrize("kind", ["memory", "file", "words", "keyring"])
async def test_every_wallet_keeps_gives_replaces_and_forgets(kind: str, tmp_path: Path) -> None:
    """AUTHC-25."""
    wallet = made(kind, tmp_path)
    assert await wallet.read("a") is None
    assert await wallet.remove("a") is False
    for value in (b"one", b"", bytes(range(256)) * 40):
        await wallet.write("a", value)
        await wallet.write("b/../c\u00e9", b"other")
        assert await wallet.read("a") == value
    assert await wallet.remove("a") is True
    assert await wallet.read("a") is None
    assert await wallet.read("b/../c\u00e9") == b"other"
    async with wallet.alone("a"), wallet.alone("b"):
        pass


async def test_files_are_their_owners_whatever_the_umask_and_hold_no_plain_text(tmp_path: Path) -> None:
    """AUTHC-25: mode 0600, folders 0700, neither values nor names of servers in them."""
    before = os.umask(0)
    try:
        wallet = made("file", tmp_path)
        async with wallet.alone("token https://mcp.example"):
            await wallet.write("token https://mcp.example", b"canary-secret")
    finally:
        os.umask(before)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 3  # the value, its lock, the key
    for path in files:
        assert path.stat().st_mode & 0o777 == 0o600
        assert b"canary" not in path.read_bytes() and "mcp" not in path.name
    assert (tmp_path / "config/wallet").stat().st_mode & 0o777 == 0o700


async def test_a_copy_of_the_folder_is_worth_nothing_without_the_key(tmp_path: Path) -> None:
    wallet = made("file", tmp_path)
    await wallet.write("a", b"canary")
    elsewhere = FileWallet(tmp_path / "config", tmp_path / "other" / "key")
    assert await elsewhere.read("a") is None
    assert await made("words", tmp_path).read("a") is None
    assert await made("file", tmp_path).read("a") == b"canary"


async def test_a_value_that_was_moved_or_changed_is_no_value(tmp_path: Path) -> None:
    """A token of one server, put in the place of another's, must not be sent there."""
    wallet = made("file", tmp_path)
    await wallet.write("token https://one", b"one")
    await wallet.write("token https://two", b"two")
    first, second = sorted((tmp_path / "config/wallet").iterdir())
    data = first.read_bytes()
    second.write_bytes(data)
    assert None in [await wallet.read("token https://one"), await wallet.read("token https://two")]
    first.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert await wallet.read("token https://one") is await wallet.read("token https://two") is None
    first.write_bytes(b"")
    assert await wallet.read("token https://one") is await wallet.read("token https://two") is None


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
async def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    wallet = made("file", tmp_path)
    await wallet.write("a", b"x")
    (path,) = (tmp_path / "config/wallet").iterdir()
    for file in (path, tmp_path / "state/key"):
        file.chmod(0o640)
        with pytest.raises(LocalError, match="chmod 600"):
            await wallet.read("a")
        file.chmod(0o600)
        assert await wallet.read("a") == b"x"


async def test_a_lock_is_held_by_one_process_and_freed_when_that_dies(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    program = (
        "import asyncio, sys, pathlib\n"
        "from dragoman.auth.wallet_lock import locked\n"
        "async def main():\n"
        "    async with locked(pathlib.Path(sys.argv[1])):\n"
        "        print('held', flush=True)\n"
        "        sys.stdin.read()\n"
        "asyncio.run(main())\n"
    )
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    assert await other.stdout.readline() == b"held\n"
    with pytest.raises(LocalError, match="another process"):
        async with locked(path, patience=0.05):
            raise AssertionError
    other.kill()
    await other.wait()
    async with locked(path, patience=10):
        pass


async def test_two_first_writers_agree_on_a_key(tmp_path: Path) -> None:
    one, two = made("file", tmp_path), made("file", tmp_path)
    await asyncio.gather(*(wallet.write(name, b"x") for wallet in (one, two) for name in "abcd"))
    assert [await one.read(name) for name in "abcd"] == [b"x"] * 4


def test_the_users_wallet_lies_where_the_system_says(tmp_path: Path) -> None:
    environ = {
        "XDG_CONFIG_HOME": str(tmp_path / "c"),
        "XDG_STATE_HOME": str(tmp_path / "s"),
        "DRAGOMAN_WALLET_KEY": "w",
    }
    wallet = default_wallet(environ)
    assert repr(wallet) == f"FileWallet({str(tmp_path / 'c/dragoman/wallet')!r})"
    assert any_logins(environ) is False
    asyncio.run(wallet.write("a", b"x"))
    assert any_logins(environ) is True


@pytest.fixture
def ring() -> Iterator[Ring]:
    before, made = keyring.get_keyring(), Ring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


async def test_a_keyring_is_preferred_where_the_system_has_one(tmp_path: Path, ring: Ring) -> None:
    """AUTHC-25: found through the library, and nothing secret is then on the disk."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "c"), "XDG_STATE_HOME": str(tmp_path / "s")}
    wallet = default_wallet(environ)
    await wallet.write("token https://mcp.example", b"canary")
    assert await default_wallet(environ).read("token https://mcp.example") == b"canary"
    assert len(ring.values) == 1 and any_logins(environ)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    # Words of the user's own come first.
    assert isinstance(default_wallet({**environ, "DRAGOMAN_WALLET_KEY": "words"}), FileWallet)


async def test_the_librarys_stand_in_for_no_keyring_keeps_nothing(tmp_path: Path, ring: Ring) -> None:
    keyring.set_keyring(keyring.backends.fail.Keyring())
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "c"), "XDG_STATE_HOME": str(tmp_path / "s")}
    assert isinstance(default_wallet(environ), FileWallet)


async def test_a_keyring_that_fails_says_what_to_do_without_its_words(tmp_path: Path) -> None:
    class Broken(Ring):
        def get_password(self, service: str, name: str) -> str | None:
            raise RuntimeError("hush")

    with pytest.raises(LocalError, match="DRAGOMAN_WALLET_KEY") as caught:
        await KeyringWallet(Broken(), tmp_path).read("a")
    assert "hush" not in str(caught.value)

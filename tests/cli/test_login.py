"""Logging in from the command line: real processes, a real server, and nothing secret where it can be read."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from tests.auth.world import Issuer, World, world

PATIENCE = 30.0


async def started(home: Path, *words: str) -> asyncio.subprocess.Process:
    """Start the command line with a home of its own, and no keyring."""
    names = {"HOME": str(home), "DRAGOMAN_WALLET_KEY": "correct horse battery staple", "NO_COLOR": "1"}
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "VIRTUAL_ENV") if name in os.environ}
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dragoman", *words, env={**kept, **names}, **pipes
    )


async def ended(process: asyncio.subprocess.Process, given: bytes = b"") -> tuple[int | None, str, str]:
    """Return status, stdout and stderr."""
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate(given)
    return process.returncode, out.decode(), err.decode()


async def logged_in(there: World, home: Path, *words: str) -> tuple[int | None, str, str]:
    """Log in on a machine without a browser: read the address, visit it elsewhere, paste where that ended."""
    process = await started(home, "login", there.url, "--no-browser", *words)
    assert process.stderr is not None and process.stdin is not None
    said = ""
    async with asyncio.timeout(PATIENCE):
        while not (page := re.search(r"http://\S+/authorize\S+", said)):
            line = await process.stderr.readline()
            assert line, said
            said += line.decode()
    back = await there.visit(page[0])
    status, out, err = await ended(process, back.encode() + b"\n")
    return status, out, said + err


async def test_a_login_is_kept_used_by_other_commands_and_forgotten(tmp_path: Path) -> None:
    """AUTHC-25: and what is kept cannot be read, by others or at all."""
    metadata = {"revocation_endpoint": "{}"}
    async with world(one=Issuer(metadata=metadata)) as there:
        there.one.metadata = {"revocation_endpoint": f"{there.one.issuer}/revoke"}
        status, out, err = await logged_in(there, tmp_path)
        assert status == 0, err
        assert out == f"logged in to {there.url} at {there.one.issuer}\n"
        token = there.one.given[0]
        assert token not in out + err

        status, _, err = await ended(await started(tmp_path, "list", there.url))
        assert status == 0, err
        assert there.calls[-1].headers["authorization"] == f"Bearer {token}"

        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert files
        for path in files:
            assert path.stat().st_mode & 0o077 == 0
            assert b"token" not in path.read_bytes() and "127.0.0.1" not in path.name

        status, out, _ = await ended(await started(tmp_path, "logout", there.url))
        assert (status, out) == (0, f"logged out of {there.url}\n")
        assert there.one.at("/revoke")[0].form["token"] == f"refresh-{token}"
        status, _, err = await ended(await started(tmp_path, "list", there.url))
        assert status == 3 and "wants a login at" in err
        status, out, _ = await ended(await started(tmp_path, "logout", there.url, "--json"))
        assert (status, json.loads(out)) == (0, {"server": there.url, "loggedOut": False})


async def test_json_tells_of_a_login_and_of_a_refusal(tmp_path: Path) -> None:
    async with world(prm={"scopes_supported": ["read"]}) as there:
        status, out, err = await logged_in(there, tmp_path, "--json", "--scope", "write")
        assert status == 0, err
        told = json.loads(out)
        assert told.pop("expires") > 0
        assert told == {
            "server": there.url,
            "loggedIn": True,
            "issuer": there.one.issuer,
            "scopes": ["write", "read"],
            "renews": True,
        }
        there.one.redirect = {"code": None, "error": "access_denied"}
        status, out, err = await logged_in(there, tmp_path, "--json")
        assert status == 3 and out == ""
        assert json.loads(err.splitlines()[-1])["error"]["kind"] == "unauthorized"


async def test_a_server_that_wants_no_login_says_so_and_a_command_has_none(tmp_path: Path) -> None:
    async with world(accepts=lambda seen: None, prm=None) as there:
        status, out, _ = await ended(await started(tmp_path, "login", there.url))
        assert (status, out) == (0, f"{there.url} asks for no login\n")
    status, _, err = await ended(await started(tmp_path, "login", "--", "python", "server.py"))
    assert status == 2 and "only servers at a URL have logins" in err


async def test_without_a_login_a_command_says_how_to_get_one(tmp_path: Path) -> None:
    async with world() as there:
        status, _, err = await ended(await started(tmp_path, "list", there.url))
        assert status == 3 and f"dragoman login {there.url}" in err


async def test_two_processes_that_find_a_token_refused_renew_it_once(tmp_path: Path) -> None:
    """AUTHC-25: a refresh token that is used twice is taken for a stolen one."""
    async with world() as there:
        status, _, err = await logged_in(there, tmp_path)
        assert status == 0, err
        there.one.given.clear()
        running = [await started(tmp_path, "list", there.url) for _ in range(3)]
        for status, _, err in await asyncio.gather(*(ended(process) for process in running)):
            assert status == 0, err
        assert [form["grant_type"] for form in there.one.tokens] == ["authorization_code", "refresh_token"]


async def test_a_client_that_its_server_forgot_is_registered_anew_when_told_so(tmp_path: Path) -> None:
    async with world() as there:
        for words, number in (((), 1), ((), 1), (("--register",), 2), ((), 2)):
            status, _, err = await logged_in(there, tmp_path, *words)
            assert status == 0, err
            assert there.one.at("/authorize")[-1].query["client_id"] == f"client-{number}"

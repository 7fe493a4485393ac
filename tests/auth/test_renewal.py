"""Refreshing: before the end, after a refusal, once among many, and never elsewhere."""

import asyncio
from pathlib import Path

import pytest
from tests.auth.world import Issuer, World, world

from dragoman import AuthorizationError, AuthorizationNeededError, Client, ClientCredentials
from dragoman.auth.wallet import Held, MemoryWallet, client_key, token_key
from dragoman.auth.wallet_disk import FileWallet


def grants(there: World) -> list[str]:
    return [form["grant_type"] for form in there.one.tokens]


async def test_a_token_is_renewed_shortly_before_its_end() -> None:
    """AUTHC-24: with the refresh token that came, and the same resource (AUTHC-11)."""
    async with world(one=Issuer(expires_in=20)) as there:
        assert await there.use(calls=1) == ["done"]
        assert grants(there) == ["authorization_code", "refresh_token"]
        assert there.one.tokens[1]["refresh_token"] == f"refresh-{there.one.given[0]}"
        assert there.one.tokens[1]["resource"] == there.url
        assert len(there.pages) == 1


async def test_a_token_that_lasts_is_not_renewed() -> None:
    async with world(one=Issuer(expires_in=3600)) as there:
        await there.use(calls=3)
        assert grants(there) == ["authorization_code"]


async def test_without_a_refresh_token_the_user_is_asked_again_when_the_server_refuses() -> None:
    """AUTHC-24: a refresh token is not counted on."""
    async with world(one=Issuer(refreshes=False)) as there:
        auth = there.oauth()
        await there.use(auth)
        there.one.given.clear()
        assert await there.use(auth) == ["done"]
        assert grants(there) == ["authorization_code"] * 2


async def test_a_refused_refresh_token_leads_to_a_login_and_is_forgotten() -> None:
    async with world() as there:
        auth = there.oauth()
        await there.use(auth)
        there.one.given.clear()
        there.one.token = lambda seen: (
            (400, {"error": "invalid_grant"}, {}) if seen.form["grant_type"] == "refresh_token" else None
        )
        assert await there.use(auth) == ["done"]
        assert grants(there) == ["authorization_code", "refresh_token", "authorization_code"]
        assert len(there.pages) == 2


async def test_a_rotated_refresh_token_replaces_the_old_and_one_that_does_not_come_keeps_it() -> None:
    async with world(one=Issuer(expires_in=20)) as there:
        auth = there.oauth()
        await there.use(auth)
        there.one.refreshes = False
        second = there.one.tokens[1]["refresh_token"]
        await there.use(auth)
        third = there.one.tokens[2]["refresh_token"]
        await there.use(auth)
        assert second != third == there.one.tokens[3]["refresh_token"]


async def test_an_issuer_that_is_down_stops_no_call_whose_token_still_does() -> None:
    async with world(one=Issuer(expires_in=20)) as there:
        there.one.token = lambda seen: (503, {}, {}) if seen.form["grant_type"] == "refresh_token" else None
        assert await there.use(calls=5) == ["done"] * 5
        assert grants(there).count("refresh_token") == 1


async def test_two_clients_of_one_wallet_refresh_once(tmp_path: Path) -> None:
    """One at a time: the second takes what the first got. The lock is that between processes."""
    wallet = FileWallet(tmp_path / "config", tmp_path / "state" / "key")
    async with world() as there:
        auth = there.oauth(wallet=wallet)
        await there.use(auth)
        async with (
            Client(there.url, auth=auth, mode="modern") as one,
            Client(there.url, auth=auth, mode="modern") as two,
        ):
            there.one.given.clear()
            await asyncio.gather(one.call_tool("tool", {}), two.call_tool("tool", {}))
        assert grants(there) == ["authorization_code", "refresh_token"]


async def test_a_token_for_another_server_is_not_sent_to_this_one() -> None:
    """AUTHC-23: tokens are kept by server."""
    async with world() as there, world() as other:
        auth = there.oauth()
        await there.use(auth)
        with pytest.raises(AuthorizationNeededError):
            await other.use(there.oauth(wallet=auth.wallet, interactive=False))
        assert other.nothing_left()
        assert not any(there.one.given[0] in seen.text for seen in other.seen)


async def test_a_kept_token_is_used_without_a_user() -> None:
    async with world() as there:
        auth = there.oauth()
        await there.use(auth)
        assert await there.use(there.oauth(wallet=auth.wallet, interactive=False)) == ["done"]
        assert len(there.pages) == 1


async def test_what_is_kept_does_not_show_itself() -> None:
    held = Held(token="hush", kind="Bearer", issuer="https://i", resource="https://r", refresh="hush-hush")
    wallet = MemoryWallet()
    await wallet.write("k", b"hush")
    assert "hush" not in f"{held!r}{held}{wallet!r}{[held]}"


async def test_a_refusal_of_a_machines_token_gets_another_one_without_a_user() -> None:
    async with world(one=Issuer(refreshes=False)) as there:
        auth = ClientCredentials(client_id="me", client_secret="x", issuer=there.one.issuer)
        async with Client(there.url, auth=auth, mode="modern") as client:
            there.one.given.clear()
            await client.call_tool("tool", {})
        assert grants(there) == ["client_credentials"] * 2


async def test_an_unreachable_issuer_is_told_of_as_such() -> None:
    async with world() as there:
        there.one.token = lambda seen: (500, {}, {})
        with pytest.raises(AuthorizationError, match="HTTP 500; try again later"):
            await there.use()


@pytest.mark.parametrize("kept", [b"", b"{", b'{"token": 5}', b"\xff", b"[]"])
async def test_what_cannot_be_read_from_a_wallet_is_as_if_nothing_were_kept(kept: bytes) -> None:
    async with world() as there:
        wallet = MemoryWallet()
        await wallet.write(token_key(there.url), kept)
        await wallet.write(client_key(there.one.issuer), kept)
        assert await there.use(there.oauth(wallet=wallet)) == ["done"]

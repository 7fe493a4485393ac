"""Challenge, metadata, issuer, endpoints and what is kept of a login: each fault, and none where there is none."""

import time

import msgspec
import pytest
from tests.doctor.fixtures.looping import guarded

from dragoman.auth.wallet import Held, Identity, MemoryWallet, client_key, token_key
from dragoman.doctor.examination import Plan, examine
from dragoman.doctor.findings import Report

FAULTS = {
    "": [],
    "no challenge": ["challenge-missing"],
    "no metadata": ["metadata-missing"],
    "unreachable": ["documents-unread"],
    "broken": ["metadata-broken"],
    "inside address": ["resource-differs"],
    "no issuer": ["issuer-missing"],
    "slash": ["issuer-differs"],
    "plain": ["endpoint-unsafe"],
    "no pkce": ["pkce-missing"],
    "by hand": ["registration-missing"],
}


def kinds(report: Report) -> list[str]:
    return [one.kind for one in report.findings]


@pytest.mark.parametrize("mistake", FAULTS)
async def test_what_is_wrong_on_the_way_to_a_login_is_named(mistake) -> None:
    async with guarded(mistake) as world:
        report = await examine(world.url, Plan())
    assert kinds(report) == ["login-needed", *FAULTS[mistake]]


async def kept(world, **change) -> MemoryWallet:
    wallet = MemoryWallet()
    usual = {"token": "a-secret", "kind": "Bearer", "issuer": world.origin, "resource": world.url}
    await wallet.write(token_key(world.url), msgspec.json.encode(Held(**{**usual, **change})))
    return wallet


async def test_a_header_that_is_not_taken_is_named_and_not_shown() -> None:
    async with guarded() as world:
        report = await examine(world.url, Plan(headers={"authorization": "Bearer a-secret"}))
    assert "login-refused" in kinds(report)
    assert "a-secret" not in str(report)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "login-refused"),
        ({"expires": time.time() - 60}, "login-ended"),
        ({"issuer": "https://old.invalid"}, "login-ended"),
    ],
)
async def test_a_login_of_no_use_is_named_and_forgotten_only_if_asked(change, expected) -> None:
    async with guarded() as world:
        wallet = await kept(world, **change)
        before = await wallet.read(token_key(world.url))
        report = await examine(world.url, Plan(wallet=wallet))
        assert expected in kinds(report)
        assert "a-secret" not in str(report)
        assert report.fixed == []
        if before is not None and await wallet.read(token_key(world.url)) is not None:
            report = await examine(world.url, Plan(wallet=wallet, fix=True))
            assert len(report.fixed) == 1
        assert await wallet.read(token_key(world.url)) is None


async def test_a_kept_registration_whose_redirect_differs_is_forgotten_if_asked() -> None:
    async with guarded("one port") as world:
        wallet = MemoryWallet()
        known = Identity(client_id="old", redirect_uri="http://127.0.0.1:1/callback", registered=True)
        await wallet.write(client_key(world.origin), msgspec.json.encode(known))
        report = await examine(world.url, Plan(wallet=wallet, fix=True))
        assert "redirect-differs" in kinds(report)
        assert report.fixed == [
            f"forgot the client registered at {world.origin}; the next login registers anew",
        ]
        assert await wallet.read(client_key(world.origin)) is None
        assert "/register" not in world.asked

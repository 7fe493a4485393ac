"""The keys of our own authorization server: they change, and whoever holds a good token notices nothing."""

from __future__ import annotations

import jwt as pyjwt
import pytest
from tests.auth.issuing import RESOURCE, issuing

from dragoman import JWTAuth, LocalError, TokenError
from dragoman.app.protection import dial
from dragoman.auth.issuing.signing_keys import LOOK, ROTATE, SHOWN, SigningKeys
from dragoman.protocol.sealed import Ring, Signed
from dragoman.store.memory import MemoryStore

ISSUER = "https://as.example"
DAY = 24 * 3600.0
BEGINNING = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = BEGINNING

    def __call__(self) -> float:
        return self.now


def claims(now: float) -> dict[str, object]:
    return {"iss": ISSUER, "aud": RESOURCE, "sub": "ann", "client_id": "app", "iat": int(now), "exp": int(now + DAY)}


def judge(keys: SigningKeys, clock: Clock) -> JWTAuth:
    made = JWTAuth(ISSUER, RESOURCE, algorithms=["ES256"], strict=True, jwks=keys.public)
    made._clock = clock
    made._keys._clock = clock
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_keys_change_and_tokens_of_the_old_one_stay_good(clock: Clock) -> None:
    keys = SigningKeys(MemoryStore(), "keys", None, clock)
    verifier = judge(keys, clock)
    clock.now += ROTATE - 1
    old = await keys.sign(claims(clock.now))  # makes the first key, which signs for a month from now
    clock.now += ROTATE - 1
    late = await keys.sign(claims(clock.now))
    assert pyjwt.get_unverified_header(late)["kid"] == pyjwt.get_unverified_header(old)["kid"]
    clock.now += 2
    new = await keys.sign(claims(clock.now))
    assert pyjwt.get_unverified_header(new)["kid"] != pyjwt.get_unverified_header(late)["kid"]
    for token in (late, new):
        assert (await verifier.verify(token, RESOURCE)).subject == "ann"
    assert len((await keys.public())["keys"]) == 2
    with pytest.raises(TokenError, match="expired"):
        await verifier.verify(old, RESOURCE)
    clock.now += SHOWN - ROTATE
    # Nothing that the old key signed can be alive, so it is shown no more.
    assert [key["kid"] for key in (await keys.public())["keys"]] == [pyjwt.get_unverified_header(new)["kid"]]


async def test_a_key_that_another_process_made_is_known_here_when_its_first_token_comes(clock: Clock) -> None:
    store = MemoryStore()
    here, there = (SigningKeys(store, "keys", None, clock) for _ in range(2))
    verifier = judge(here, clock)
    assert (await verifier.verify(await there.sign(claims(clock.now)), RESOURCE)).subject == "ann"
    clock.now += ROTATE + 1
    new = await there.sign(claims(clock.now))
    assert (await verifier.verify(new, RESOURCE)).subject == "ann"
    # And this one signs with it as well, after a minute at the latest.
    clock.now += LOOK + 1
    mine = await here.sign(claims(clock.now))
    assert pyjwt.get_unverified_header(mine)["kid"] == pyjwt.get_unverified_header(new)["kid"]


async def test_no_private_member_is_shown_and_none_is_readable_in_the_store(clock: Clock) -> None:
    store = MemoryStore()
    sealer = Signed(Ring.of(["a secret of the owner's"]))
    keys = SigningKeys(store, "keys", sealer, clock)
    assert "d" not in (await keys.public())["keys"][0]
    other = SigningKeys(store, "keys", Signed(Ring.of(["another secret of sixteen"])), clock)
    with pytest.raises(LocalError, match="other secrets"):
        await other.sign(claims(clock.now))
    both = SigningKeys(store, "keys", Signed(Ring.of(["another secret of sixteen", "a secret of the owner's"])), clock)
    token = await both.sign(claims(clock.now))
    assert (await judge(keys, clock).verify(token, RESOURCE)).subject == "ann"


async def test_a_server_elsewhere_follows_a_change_of_keys() -> None:
    """By the network: an unknown key is fetched once, and what was withdrawn is good no more."""
    async with issuing() as issuer:
        verifier = JWTAuth(issuer.url, RESOURCE)
        now = 1000.0
        verifier._keys._clock = lambda: now
        verifier.connect(dial)
        assert (await verifier.verify(issuer.token(), RESOURCE)).subject == "ann"
        renamed = {**issuer.keys[0], "kid": "new"}
        issuer.keys = [renamed]
        now += 31
        for _ in range(3):
            assert (await verifier.verify(issuer.token(head={"kid": "new"}), RESOURCE)).subject == "ann"
            with pytest.raises(TokenError, match="a key that its issuer does not show"):
                await verifier.verify(issuer.token(head={"kid": "one"}), RESOURCE)
        assert issuer.asked.count("/keys") == 2
        await verifier.close()

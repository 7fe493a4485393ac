"""Keys handed out by hand: long ones only, kept as digests, all of them compared."""

import pytest

from dragoman import Identity, KeyAuth, LocalError
from dragoman.errors import TokenError

KEY = "a-key-of-24-characters-x"
OTHER = "another-key-of-24-chars-"


async def test_a_key_says_whose_it_is() -> None:
    ben = Identity("ben", scopes=frozenset({"admin"}))
    auth = KeyAuth({KEY: "ann", OTHER: ben}, implies={"admin": ["write"], "write": ["read"]})
    assert await auth.verify(KEY, "") == Identity("ann")
    assert (await auth.verify(OTHER, "")).scopes == {"admin", "write", "read"}


@pytest.mark.parametrize("wrong", ["", "x", KEY[:-1], KEY + "x", KEY.upper(), KEY[1:], " " + KEY, "ä" * 24])
async def test_any_other_key_is_refused(wrong: str) -> None:
    with pytest.raises(TokenError, match="no key of this server's") as caught:
        await KeyAuth({KEY: "ann"}).verify(wrong, "")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "bad", ["short", "with spaces in the key", "ümlauts-are-no-token-ü", "x" * 20_000, "x" * 30 + "\n"]
)
def test_keys_that_cannot_be_sent_or_can_be_guessed_are_refused(bad: str) -> None:
    with pytest.raises(LocalError, match="key 1") as caught:
        KeyAuth({bad: "ann"})
    assert bad not in str(caught.value)


def test_a_table_without_keys_is_refused() -> None:
    with pytest.raises(LocalError, match="a key at least"):
        KeyAuth({})


def test_keys_are_not_kept() -> None:
    auth = KeyAuth({KEY: "ann"})
    assert KEY not in repr(auth) and KEY not in repr(vars(auth))

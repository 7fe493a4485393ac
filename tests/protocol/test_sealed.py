"""Sealed handles: good for one purpose, one owner and a while; anything else is one and the same error."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.auth.encrypted import HEAD, Encrypted
from dragoman.errors import LocalError, RequestError
from dragoman.protocol.sealed import MAX_TEXT, Ring, Signed, not_ours, seal, unseal

OLD, NEW = b"an old secret, of 16 bytes or more", "a new secret, of 16 bytes or more"
RING = Ring.of([OLD])
TEXT = str(not_ours())
SEALERS = [Signed, Encrypted]
sealers = pytest.mark.parametrize("kind", SEALERS, ids=["signed", "encrypted"])


def refused(sealer: Any, text: str, binding: bytes = b"mine", now: float = 50) -> bool:
    """Say whether a handle is refused, with the one error that there is."""
    with pytest.raises(RequestError) as caught:
        sealer.unseal(text, binding, now)
    return (caught.value.code, str(caught.value), caught.value.data) == (-32602, TEXT, None)


@sealers
@given(payload=st.binary(max_size=300), binding=st.binary(max_size=100), expires=st.integers(0, 2**40))
def test_what_was_sealed_comes_back_until_it_expires(kind: Any, payload: bytes, binding: bytes, expires: int) -> None:
    sealer = kind(RING)
    text = sealer.seal(payload, binding, expires)
    assert sealer.unseal(text, binding, expires) == payload
    assert refused(sealer, text, binding, expires + 0.001)


@sealers
@given(payload=st.binary(max_size=60), at=st.integers(0), bit=st.integers(0, 7))
def test_any_flipped_bit_is_seen(kind: Any, payload: bytes, at: int, bit: int) -> None:
    sealer = kind(RING)
    text = sealer.seal(payload, b"mine", 100)
    data = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    data[at % len(data)] ^= 1 << bit
    assert refused(sealer, base64.urlsafe_b64encode(data).decode().rstrip("="))
    assert sealer.unseal(text, b"mine", 50) == payload


@sealers
@given(payload=st.binary(max_size=60), cut=st.integers(0))
def test_any_cut_is_seen(kind: Any, payload: bytes, cut: int) -> None:
    sealer = kind(RING)
    text = sealer.seal(payload, b"mine", 100)
    assert refused(sealer, text[: cut % len(text)])


@sealers
@given(payload=st.binary(max_size=60), letter=st.sampled_from("ABab01-_=+/ \n\u00e9"), at=st.integers(0))
def test_no_second_text_opens_the_same_handle(kind: Any, payload: bytes, letter: str, at: int) -> None:
    sealer = kind(RING)
    text = sealer.seal(payload, b"mine", 100)
    assert refused(sealer, f"{text}{letter}")
    at %= len(text)
    changed = text[:at] + letter + text[at + 1 :]
    assert changed == text or refused(sealer, changed)


@sealers
@given(st.text(max_size=200))
def test_any_text_is_refused_alike(kind: Any, text: str) -> None:
    assert refused(kind(RING), text)


@sealers
@given(payload=st.binary(max_size=60), binding=st.binary(max_size=20), other=st.binary(max_size=20))
def test_another_binding_is_seen_even_if_it_moves_into_the_payload(
    kind: Any, payload: bytes, binding: bytes, other: bytes
) -> None:
    sealer = kind(RING)
    text = sealer.seal(payload, binding, 100)
    assert other == binding or refused(sealer, text, other)


@sealers
def test_a_key_opens_as_long_as_it_is_on_the_ring(kind: Any) -> None:
    text = kind(RING).seal(b"x", b"mine", 100)
    rotated = kind(Ring.of([NEW, OLD]))
    assert rotated.unseal(text, b"mine", 50) == b"x"
    fresh = rotated.seal(b"y", b"mine", 100)
    assert kind(Ring.of([NEW])).unseal(fresh, b"mine", 50) == b"y"
    assert refused(kind(Ring.of([NEW])), text)
    assert refused(kind(RING), fresh)


@sealers
def test_a_text_of_any_length_is_refused_without_reading_it(kind: Any) -> None:
    assert refused(kind(RING), "A" * (MAX_TEXT + 4))


def test_signed_and_encrypted_handles_are_not_taken_for_each_other() -> None:
    assert refused(Encrypted(RING), Signed(RING).seal(b"x" * 60, b"mine", 100))
    assert refused(Signed(RING), Encrypted(RING).seal(b"x" * 60, b"mine", 100))


def test_an_encrypted_handle_shows_nothing_and_is_never_the_same_twice() -> None:
    sealer = Encrypted(RING)
    first, second = (sealer.seal(b"the answer is 42", b"mine", 100) for _ in range(2))
    opened = [base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) for text in (first, second)]
    assert b"42" not in opened[0]
    # No byte stream is used twice: what is alike would show.
    assert opened[0][HEAD : HEAD + 16] != opened[1][HEAD : HEAD + 16]
    assert (sealer.private, Signed(RING).private) == (True, False)


def test_the_bytes_of_a_signed_handle_do_not_change_between_versions() -> None:
    # Key id, expiry, payload, tag.
    text = "y4KOcAAAAAAAAABkcGF5bG9hZOu3mXzMuuTNxnf2OC10-zPrHkK3mhpvXgHDi9tHgU_f"
    assert seal(RING, b"payload", b"mine", 100) == text
    assert unseal(RING, text, b"mine", 100) == b"payload"


@pytest.mark.parametrize("ring", [[], [b"fifteen bytes!!"], [OLD, "short"]])
def test_a_ring_without_a_proper_secret_is_refused(ring: list[Any]) -> None:
    with pytest.raises(LocalError, match="a key ring needs at least one secret, and each at least 16 bytes"):
        Ring.of(ring)


def test_texts_and_bytes_are_secrets() -> None:
    assert Ring.of([NEW, OLD]).secrets == (NEW.encode(), OLD)

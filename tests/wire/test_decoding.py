"""Decoders that are built when first used."""

import sys
from typing import Any

import msgspec
import pytest

import dragoman.app.client
import dragoman.app.server  # noqa: F401 - loads what has decoders
from dragoman.calling.answers import READERS
from dragoman.wire.decoding import Decoding
from dragoman.wire.methods import BARE, METHODS, Method
from dragoman.wire.tools import CallTool


def test_a_decoder_reads_its_kind_and_nothing_else() -> None:
    numbers = Decoding(list[int])
    assert numbers.decode(b"[1,2]") == [1, 2]
    assert numbers.decode(msgspec.Raw(b"[3]")) == [3]
    with pytest.raises(msgspec.ValidationError):
        numbers.decode(b'["1"]')


def test_it_is_built_once_and_only_when_used() -> None:
    numbers = Decoding(list[int])
    with pytest.raises(AttributeError):
        object.__getattribute__(numbers, "decode")
    first = numbers.decode
    assert object.__getattribute__(numbers, "decode") is first
    assert numbers.decode is first


def test_a_kind_that_cannot_be_read_is_told_at_its_first_use() -> None:
    kind: Any = list[int] | set[int]
    strange = Decoding(kind)
    with pytest.raises(TypeError):
        strange.decode(b"[]")


def test_it_has_no_other_attributes() -> None:
    with pytest.raises(AttributeError, match="'Decoding' has no attribute 'encode'"):
        _ = Decoding(int).encode  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="'Method' has no attribute 'encode'"):
        _ = BARE.encode  # type: ignore[attr-defined]


def test_a_method_reads_its_parameters_and_takes_another_reader() -> None:
    method = Method("tools/call", CallTool)
    assert method.decode(b'{"name":"add"}').name == "add"
    own: Any = lambda raw: "own"  # noqa: E731
    method.decode = own
    assert method.decode(b"{}") == "own"


def test_every_decoder_that_is_built_late_can_be_built() -> None:
    late = [
        each
        for name, module in list(sys.modules.items())
        if name.startswith("dragoman.")
        for each in vars(module).values()
        if isinstance(each, Decoding)
    ]
    assert len(late) >= 15
    assert all(callable(each.decode) for each in late)
    assert all(callable(method.decode) for method in [*METHODS.values(), BARE])
    assert all(callable(reader._decoding.decode) for reader in READERS.values())

"""Trace context has the form that W3C gives it, in and out; what has not is dropped, and fails nothing."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.protocol.trace import complaint_about_trace, is_baggage, is_parent, is_state, trace_of
from dragoman.wire.lifecycle import RequestMeta

PARENT = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
hexes = st.text("0123456789abcdef", min_size=32, max_size=32).filter(lambda text: text.strip("0"))


@given(hexes, hexes.map(lambda text: text[:16]).filter(lambda text: text.strip("0")), st.integers(0, 255))
def test_every_traceparent_of_version_zero_is_one(trace: str, span: str, flags: int) -> None:
    """META-12"""
    assert is_parent(f"00-{trace}-{span}-{flags:02x}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        PARENT.upper(),
        PARENT[:-1],
        f"{PARENT}-more",
        f"{PARENT}\n",
        f" {PARENT}",
        PARENT.replace("00-0af", "ff-0af"),
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
        f"01{PARENT[2:]}more",
        f"01{PARENT[2:]}-{'x' * 9000}",
    ],
)
def test_what_is_no_traceparent_is_not_taken_for_one(text: str) -> None:
    """META-12"""
    assert not is_parent(text)
    assert is_parent(PARENT)


def test_a_later_version_may_say_more() -> None:
    assert is_parent(f"01{PARENT[2:]}") and is_parent(f"01{PARENT[2:]}-what comes later"[:60])


@pytest.mark.parametrize(
    "good, bad",
    [
        ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo"),
        ("a@b=1, c=2 ,", "A=1"),
        ("x=a b", "x=a=b"),
        (",".join(f"k{n}=v" for n in range(32)), ",".join(f"k{n}=v" for n in range(33))),
        (f"k={'v' * 256}", f"k={'v' * 257}"),
        (f"{'k' * 256}=v", f"{'k' * 257}=v"),
    ],
)
def test_a_tracestate_is_a_list_of_keys_and_values(good: str, bad: str) -> None:
    """META-12"""
    assert is_state(good) and not is_state(bad)


@pytest.mark.parametrize(
    "good, bad",
    [
        ("userId=alice,serverNode=DF%2028,isProduction=false", "user Id=alice"),
        ("k=v;property;other = 1 , k2=", "k=v;"),
        ("k=a=b", "k"),
        ("k= v", 'k="v"'),
        (f"k={'v' * 8190}", f"k={'v' * 8191}"),
        (",".join(f"k{n}=v" for n in range(180)), ",".join(f"k{n}=v" for n in range(181))),
    ],
)
def test_baggage_is_a_list_of_keys_values_and_properties(good: str, bad: str) -> None:
    """META-12"""
    assert is_baggage(good) and not is_baggage(bad)


@given(st.text(max_size=200))
def test_any_text_is_judged_and_none_is_repaired(text: str) -> None:
    found = trace_of(RequestMeta(traceparent=text, tracestate=text, baggage=text))
    assert set(found.values()) <= {text}
    assert complaint_about_trace(found) is None


@pytest.mark.parametrize("text", ["k=" + " " * 8189 + "\x00", "k=v;" * 2000 + "\x00", " \t" * 4000 + "é", "a" * 8000])
def test_text_made_to_be_slow_is_not(text: str) -> None:
    began = time.process_time()
    assert not is_baggage(text) and not is_state(text) and not is_parent(text)
    assert time.process_time() - began < 0.5


def test_what_is_valid_stays_and_the_rest_is_dropped() -> None:
    """META-12"""
    whole = {"traceparent": PARENT, "tracestate": "a=1", "baggage": "b=2"}
    assert trace_of(RequestMeta(**whole)) == whole
    assert trace_of(RequestMeta(**{**whole, "traceparent": "00-no"})) == {"baggage": "b=2"}
    assert trace_of(RequestMeta(**{**whole, "tracestate": "A"})) == {"traceparent": PARENT, "baggage": "b=2"}
    assert trace_of(RequestMeta()) == {}


def test_what_goes_out_must_have_the_form() -> None:
    """META-12"""
    assert complaint_about_trace({"traceparent": PARENT, "com.example/x": 1}) is None
    assert complaint_about_trace({"traceparent": "mine"}) == "traceparent in meta has not the form that W3C gives it"
    assert complaint_about_trace({"baggage": 7}) == "baggage in meta has not the form that W3C gives it"

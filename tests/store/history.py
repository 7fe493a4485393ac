"""Any history of calls, and what a dictionary with times makes of it: for stores whose clock a test sets."""

from collections.abc import Callable
from typing import Any, Protocol

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dragoman.ports.store import Change, Drop, Put, Store

KEY = st.sampled_from("ab")
VALUE = st.binary(max_size=2)
PUT = st.builds(Put, KEY, VALUE, st.integers(1, 5))
STEP = st.one_of(
    st.tuples(st.just("put"), KEY, VALUE, st.integers(1, 5)),
    st.tuples(st.just("add"), KEY, VALUE, st.integers(1, 5)),
    st.tuples(st.just("delete"), KEY),
    st.tuples(st.just("take"), KEY),
    st.tuples(
        st.just("commit"),
        st.lists(st.one_of(PUT, st.builds(Drop, KEY)), max_size=3),
        st.dictionaries(KEY, st.none() | VALUE, max_size=2),
    ),
    st.tuples(st.just("lease"), st.sampled_from(["me", "you"]), st.integers(1, 5)),
    st.tuples(st.just("release"), st.sampled_from(["me", "you"])),
    st.tuples(st.just("pass"), st.integers(1, 4)),
)
_given: Callable[..., Any] = given(steps=st.lists(STEP, max_size=25))
_some = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)


def STEPS(test: Callable[..., Any]) -> Callable[..., Any]:
    """Give a test any list of `steps`."""
    return _some(_given(test))


class Settable(Protocol):
    now: float


async def follow(store: Store, clock: Settable, steps: list[tuple[Any, ...]]) -> None:
    """Take the steps with the store and with a dictionary, and compare what they say."""
    for key in "ab":
        await store.delete(key)
    for owner in ("me", "you"):
        await store.release("job", owner)
    values: dict[str, tuple[bytes, float]] = {}
    leases: dict[str, tuple[str, float]] = {}

    def there(key: str) -> bytes | None:
        value = values.get(key)
        return value[0] if value is not None and value[1] > clock.now else None

    def change(changes: list[Change]) -> None:
        for one in changes:
            if isinstance(one, Put):
                values[one.key] = (one.value, clock.now + one.ttl)
            elif isinstance(one, Drop):
                values.pop(one.key, None)

    def holder() -> str | None:
        owner, until = leases.get("job", ("", 0.0))
        return owner if until > clock.now else None

    for name, *rest in steps:
        match name, *rest:
            case "pass", seconds:
                clock.now += seconds
            case "put", key, value, ttl:
                await store.put(key, value, ttl)
                change([Put(key, value, ttl)])
            case "add", key, value, ttl:
                before = there(key)
                assert await store.add(key, value, ttl) == before
                if before is None:
                    change([Put(key, value, ttl)])
            case "delete", key:
                await store.delete(key)
                change([Drop(key)])
            case "take", key:
                assert await store.take(key) == there(key)
                change([Drop(key)])
            case "commit", changes, conditions:
                holds = all(there(key) == value for key, value in conditions.items())
                assert await store.commit(changes, conditions) == holds
                if holds:
                    change(changes)
            case "lease", owner, ttl:
                free = holder() in (None, owner)
                assert await store.lease("job", owner, ttl) == free
                if free:
                    leases["job"] = (owner, clock.now + ttl)
            case "release", owner:
                ours = holder() == owner
                assert await store.release("job", owner) == ours
                if ours:
                    del leases["job"]
        assert [await store.get(key) for key in "ab"] == [there(key) for key in "ab"]
        assert await store.keys("") == [key for key in "ab" if there(key) is not None]

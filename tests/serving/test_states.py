"""What a call remembers between its runs: where it is, who can read it, how often it can be used."""

import asyncio
import base64
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.protocol.fixtures import MODERN
from tests.serving.person import Person, accept, by_message
from tests.serving.test_steps import ANSWERS, shop

from dragoman import Context, LocalError, RegistrationError, Server
from dragoman.auth.encrypted import Encrypted
from dragoman.errors import RequestError
from dragoman.ports.state import Sealer
from dragoman.protocol.sealed import Ring, Signed, not_ours
from dragoman.serving.states import TRAVELS, TTL, StoredStates
from dragoman.store.memory import MemoryStore

OLD, NEW = "an old secret of the server", "a new secret of the server"
SEALERS: dict[str, Any] = {"signed": Signed, "encrypted": Encrypted}
sealers = pytest.mark.parametrize("kind", SEALERS)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def states(
    kind: str, store: MemoryStore, ring: tuple[str, ...] = (OLD,), audience: str = "one", clock: Any = time.time
) -> StoredStates:
    def make(found: Any) -> Sealer:
        sealer: Sealer = SEALERS[kind](Ring.of(found))
        return sealer

    return StoredStates(store, ring, make, audience, clock)


async def refused(kept: StoredStates, text: str, binding: bytes = b"call") -> bool:
    with pytest.raises(RequestError) as caught:
        await kept.load(text, binding)
    return str(caught.value) == str(not_ours())


@sealers
@pytest.mark.parametrize("size", [0, 100, TRAVELS, TRAVELS + 1, 1_000_000])
async def test_what_was_saved_is_loaded_whatever_its_size(kind: str, size: int) -> None:
    kept = states(kind, MemoryStore())
    text = await kept.save(b"x" * size, b"call")
    assert len(text) < 64 * 1024
    assert await kept.load(text, b"call") == b"x" * size
    assert await refused(kept, text, b"other call")


@sealers
async def test_a_handle_expires(kind: str) -> None:
    clock = Clock()
    kept = states(kind, MemoryStore(clock=clock), clock=clock)
    text = await kept.save(b"x", b"call")
    clock.now += TTL - 1
    assert await kept.load(text, b"call") == b"x"
    clock.now += 2
    assert await refused(kept, text)


@sealers
async def test_a_handle_is_for_its_audience(kind: str) -> None:
    store = MemoryStore()
    text = await states(kind, store).save(b"x", b"call")
    assert await refused(states(kind, store, audience="two"), text)
    # Names and bindings cannot be cut elsewhere.
    assert await refused(states(kind, store, audience="onec"), text, b"all")
    assert await states(kind, store).load(text, b"call") == b"x"


@sealers
async def test_keys_rotate(kind: str) -> None:
    store = MemoryStore()
    text = await states(kind, store).save(b"x", b"call")
    assert await states(kind, store, (NEW, OLD)).load(text, b"call") == b"x"
    assert await refused(states(kind, store, (NEW,)), text)


async def test_encrypted_states_need_no_store_and_signed_ones_show_nothing() -> None:
    payload = b"the user's answer"
    text = await states("encrypted", MemoryStore()).save(payload, b"call")
    assert await states("encrypted", MemoryStore()).load(text, b"call") == payload
    for kind in SEALERS:
        shown = await states(kind, MemoryStore()).save(payload, b"call")
        assert payload not in base64.urlsafe_b64decode(shown + "=" * (-len(shown) % 4))
    signed = await states("signed", MemoryStore()).save(payload, b"call")
    assert await refused(states("signed", MemoryStore()), signed)


@sealers
async def test_without_secrets_all_who_share_a_store_share_its_own(kind: str) -> None:
    store = MemoryStore()
    first, second = states(kind, store, ()), states(kind, store, ())
    assert await second.load(await first.save(b"x", b"call"), b"call") == b"x"
    assert await refused(states(kind, MemoryStore(), ()), await first.save(b"x", b"call"))


@sealers
async def test_all_that_is_wrong_takes_about_as_long(kind: str) -> None:
    """The difference of the medians is far below what a network tells apart (5 ms)."""
    clock = Clock()
    kept = states(kind, MemoryStore(clock=clock), clock=clock)
    text = await kept.save(b"x", b"call")
    flipped = text[:-2] + ("A" if text[-2] != "A" else "B") + text[-1]

    async def median(changed: str, binding: bytes) -> float:
        taken = []
        for _ in range(50):
            start = time.process_time()
            assert await refused(kept, changed, binding)
            taken.append(time.process_time() - start)
        return statistics.median(taken)

    times = [await median(flipped, b"call"), await median(text, b"other"), await median("A" * 200, b"call")]
    clock.now += TTL + 1
    times.append(await median(text, b"call"))
    assert max(times) - min(times) < 0.005


# --- single use ------------------------------------------------------------------------------------------------


async def test_a_handle_can_be_redeemed_once() -> None:
    kept = states("encrypted", MemoryStore())
    text = await kept.save(b"x", b"call")

    tries = await asyncio.gather(*[kept.redeem(text) for _ in range(100)], return_exceptions=True)
    assert tries.count(None) == 1
    assert {str(error) for error in tries if error is not None} == {str(not_ours())}


@pytest.mark.parametrize("store", ["memory:", "sqlite:///kept.db"])
async def test_answers_for_a_tool_of_single_use_are_good_once(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MRTR-08"""
    monkeypatch.chdir(tmp_path)
    charged: list[int] = []
    server = shop(charged, single_use=True, store=store)
    person = Person(server, ANSWERS, MODERN)
    assert (await person.call("buy"))["content"][0]["text"] == "Receipt(number=1, amount=5) True"
    state = (await person.leg("tools/call", name="buy"))["result"]["requestState"]
    again = {"name": "buy", "requestState": state, "inputResponses": {"question-1": accept(value=7)}}
    legs = await asyncio.gather(*[person.leg("tools/call", **again) for _ in range(20)])
    assert sum("result" in leg for leg in legs) == 1
    assert {leg["error"]["message"] for leg in legs if "error" in leg} == {str(not_ours())}
    assert charged == [5, -1, 7]
    await server.service.stop()


def test_single_use_is_refused_for_a_tool_that_cannot_ask() -> None:
    server = Server("asker")

    def nothing() -> None: ...
    def something(ctx: Context) -> None: ...

    with pytest.raises(RegistrationError, match=r"single_use is for tools that ask.*test_states\.py:\d+"):
        server.add_tool(nothing, single_use=True)
    server.add_tool(something, single_use=True)


# --- replicas --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secrets", [{}, {"secrets": [OLD]}])
async def test_replicas_that_share_a_store_serve_one_call_by_turns(tmp_path: Path, secrets: Any) -> None:
    charged: list[int] = []
    replicas = [shop(charged, store=f"sqlite:///{tmp_path}/kept.db", **secrets) for _ in range(2)]
    params: dict[str, Any] = {"name": "buy"}
    for turn in range(3):
        # Each request twice, once at each replica; the answer of the last goes on.
        for replica in (replicas[turn % 2], replicas[1 - turn % 2]):
            result = (await Person(replica, ANSWERS, MODERN).leg("tools/call", **params))["result"]
        if result["resultType"] == "complete":
            break
        answers = {key: ANSWERS(asked["method"], asked["params"]) for key, asked in result["inputRequests"].items()}
        params = {"name": "buy", "requestState": result["requestState"], "inputResponses": answers}
    assert result["content"][0]["text"] == "Receipt(number=1, amount=5) True"
    assert charged == [5, -1]
    for replica in replicas:
        await replica.service.stop()


async def test_replicas_with_one_ring_need_no_store_for_answers() -> None:
    servers = []
    for _ in range(2):
        server = Server("asker", secrets=[OLD])

        @server.tool
        async def greet(ctx: Context) -> str:
            return f"{await ctx.elicit('First?', str)} {await ctx.elicit('Last?', str)}"

        servers.append(server)
    params: dict[str, Any] = {"name": "greet"}
    answers = by_message({"First?": accept(value="Ada"), "Last?": accept(value="Lovelace")})
    for turn in range(3):
        result = (await Person(servers[turn % 2], answers, MODERN).leg("tools/call", **params))["result"]
        found = {key: answers("", asked["params"]) for key, asked in result.get("inputRequests", {}).items()}
        params = {"name": "greet", "requestState": result.get("requestState"), "inputResponses": found}
    assert result["content"][0]["text"] == "Ada Lovelace"


async def test_the_results_of_steps_travel_with_the_answers() -> None:
    charged: list[int] = []
    # Two processes, as it were: one secret, and no store in common.
    servers = [shop(charged, secrets=[OLD]) for _ in range(2)]
    params: dict[str, Any] = {"name": "buy"}
    for turn in range(3):
        result = (await Person(servers[turn % 2], ANSWERS, MODERN).leg("tools/call", **params))["result"]
        found = {key: ANSWERS("", asked["params"]) for key, asked in result.get("inputRequests", {}).items()}
        params = {"name": "buy", "requestState": result.get("requestState"), "inputResponses": found}
    assert result["content"][0]["text"] == "Receipt(number=1, amount=5) True"
    assert charged == [5, -1]


async def test_without_cryptography_the_answers_stay_in_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    charged: list[int] = []
    first, second = (shop(charged, secrets=[OLD]) for _ in range(2))
    person = Person(first, ANSWERS, MODERN)
    assert (await person.call("buy"))["content"][0]["text"] == "Receipt(number=1, amount=5) True"
    state = (await person.leg("tools/call", name="buy"))["result"]["requestState"]
    elsewhere = await Person(second, ANSWERS, MODERN).leg("tools/call", name="buy", requestState=state)
    assert elsewhere["error"]["message"] == str(not_ours())
    assert "result" in await person.leg("tools/call", name="buy", requestState=state)


WITHOUT = """
import asyncio, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "cryptography":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
import importlib.util
found, importlib.util.find_spec = importlib.util.find_spec, lambda name, package=None: (
    None if name == "cryptography" else found(name, package))
from dragoman.app.keeping import sealer, states
from dragoman.errors import RequestError
from dragoman.store.memory import MemoryStore

async def main():
    store = MemoryStore()
    one = states("one", ["a secret of the server"], store)
    text = await one.save(b"payload", b"call")
    assert await one.load(text, b"call") == b"payload"
    cursor = await one.seal(b"2", b"list", 60)
    assert await one.unseal(cursor, b"list") == b"2"
    for bad in (text[:-1] + ("A" if text[-1] != "A" else "B"), "AAAA", cursor):
        try:
            await one.load(bad, b"call")
        except RequestError:
            continue
        raise SystemExit("a forged handle was taken")
    print(type(sealer(["a secret of the server"])).__name__, "cryptography" in sys.modules)

asyncio.run(main())
"""


def test_where_cryptography_is_not_installed_handles_are_signed_with_the_standard_library_alone() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Signed False\n", "")


def test_bad_secrets_and_stores_are_told_when_the_server_is_made() -> None:
    with pytest.raises(LocalError, match="each at least 16 bytes"):
        Server("asker", secrets=["short"])
    with pytest.raises(LocalError, match="no store 'mysql:"):
        Server("asker", store="mysql://localhost")


async def test_a_server_that_stops_closes_its_store_and_opens_it_again(tmp_path: Path) -> None:
    charged: list[int] = []
    server = shop(charged, store=f"sqlite:///{tmp_path}/kept.db")
    person = Person(server, ANSWERS, MODERN)
    state = (await person.leg("tools/call", name="buy"))["result"]["requestState"]
    await server.service.stop()
    assert not (tmp_path / "kept.db-wal").exists()
    result = await person.leg(
        "tools/call", name="buy", requestState=state, inputResponses={"question-1": accept(value=5)}
    )
    assert "question-2" in result["result"]["inputRequests"]
    await server.service.stop()

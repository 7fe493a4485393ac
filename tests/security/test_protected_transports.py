"""Many callers of one protected server: none gets another's answer or session, and the refused leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path

from tests.auth.issuing import bearing, endpoint, issuing, protected
from tests.transport.raw_http import Ask, call, hello, in_process, listening, modern, old
from tests.transport.raw_sse import STREAM, Stream

from dragoman import Context, Identity, JWTAuth, Server


async def test_nobody_gets_an_answer_that_was_for_somebody_else() -> None:
    """sec/48: the same ids, at the same time, over shared connections."""
    async with issuing() as issuer:
        server = Server("who", auth=JWTAuth(issuer.url))

        @server.tool
        async def who(ctx: Context, word: str) -> str:
            before = ctx.caller.subject
            await asyncio.sleep(0)
            assert before == ctx.caller.subject
            return f"{before} {word}"

        app = endpoint(server)
        tokens = {f"user{n}": issuer.token(sub=f"user{n}") for n in range(40)}

        async def ask(name: str, turn: int) -> None:
            answer = await in_process(app, bearing(call("who", 1, word=str(turn)), tokens[name]))
            assert answer.value == f"{name} {turn}"

        await asyncio.gather(*(ask(name, turn) for turn in range(5) for name in tokens))


async def test_a_flood_of_unknown_keys_makes_one_fetch() -> None:
    """sec/35: and those whose key is known get in all the while."""
    async with issuing() as issuer:
        app = endpoint(protected(JWTAuth(issuer.url)))
        assert (await in_process(app, bearing(call("greet"), issuer.token()))).value == "hello"
        flood = [bearing(call("greet"), issuer.token(head={"kid": f"k{n}"})) for n in range(100)]
        answers = await asyncio.gather(*(in_process(app, ask) for ask in flood))
        assert {answer.status for answer in answers} == {401}
        assert issuer.asked.count("/keys") == 1
        assert (await in_process(app, bearing(call("greet"), issuer.token(jti="fresh")))).value == "hello"


async def test_a_slow_issuer_holds_up_only_those_whose_key_is_not_here() -> None:
    async with issuing() as issuer:
        app = endpoint(protected(JWTAuth(issuer.url)))
        issuer.held = asyncio.Event()
        waiting = asyncio.create_task(in_process(app, bearing(call("greet"), issuer.token())))
        refused = await in_process(app, call("greet"))
        assert refused.status == 401 and not waiting.done()
        issuer.held.set()
        assert (await waiting).value == "hello"


async def test_the_refused_leave_nothing_behind() -> None:
    """sec/36."""
    async with issuing() as issuer:
        app = endpoint(protected(JWTAuth(issuer.url)))
        good = issuer.token()
        bad = [call("greet"), bearing(call("greet"), "x.y"), bearing(call("wipe"), good), bearing(Ask(b"{"), good)]
        bad += [bearing(Ask(hello()), issuer.token(aud="x")), bearing(Ask(method="GET"), None)]

        async def each(times: int) -> None:
            for _ in range(times):
                for ask in bad:
                    assert (await in_process(app, ask)).status in (400, 401, 403)
                await asyncio.sleep(0)  # a loop that never turns is behind, and the server says so

        await each(20)
        gc.collect()
        before, tasks = len(gc.get_objects()), len(asyncio.all_tasks())
        await each(100)
        gc.collect()
        assert len(gc.get_objects()) - before < 100 and len(asyncio.all_tasks()) == tasks


async def test_a_session_of_the_old_transport_belongs_to_whoever_opened_it() -> None:
    """sec/03."""
    async with issuing() as issuer:
        app = endpoint(protected(JWTAuth(issuer.url)), sse=True)
        async with listening(app) as place, place.connected() as wire:
            mine = {"authorization": f"Bearer {issuer.token(scope='write')}"}
            theirs = {"authorization": f"Bearer {issuer.token(sub='ben')}"}
            wire.write(STREAM._replace(headers={**STREAM.headers, **mine}))
            assert (await wire.head())[0] == 200
            stream = Stream(place, wire)
            _, data = await stream.event()
            stream.address = data.decode()
            assert (await stream.post(hello("2024-11-05"))).status == 401
            assert (await stream.post(hello("2024-11-05"), theirs)).status == 404
            unknown = await place.ask(Ask(hello("2024-11-05"), theirs, path="/messages?session_id=none"))
            assert unknown.status == 404
            assert (await stream.post(hello("2024-11-05"), mine)).status == 202
            assert "result" in await stream.next()
            change = old("tools/call", 2, name="change", arguments={"what": "x"})
            assert (await stream.post(change, mine)).status == 202
            assert (await stream.next())["result"]["content"][0]["text"] == "changed x"
            wipe = old("tools/call", 3, name="wipe", arguments={})
            assert (await stream.post(wipe, mine)).status == 202
            assert (await stream.next())["error"]["code"] == -32600
        async with listening(app) as place:
            assert (await place.ask(STREAM)).status == 401


async def test_another_process_knows_whose_session_it_is(tmp_path: Path) -> None:
    """sec/03: replicas that share a store share the rule."""
    async with issuing() as issuer:
        store = f"sqlite:///{tmp_path / 'shared.db'}"
        one, two = (protected(JWTAuth(issuer.url), store=store) for _ in range(2))
        first, second = endpoint(one), endpoint(two)
        opened = await in_process(first, bearing(Ask(hello()), issuer.token()))
        named = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        ask = Ask(old("tools/call", 2, name="greet", arguments={}), named)
        for app in (second, first):
            assert (await in_process(app, bearing(ask, issuer.token(sub="ben")))).status == 404
            assert (await in_process(app, bearing(ask, issuer.token()))).value == "hello"
        for server in (one, two):
            await server.service.stop()


class Brief:
    """Takes any token: one that begins with "short" lives for a moment from when it is judged."""

    issuer, scopes, cache_seconds = "", (), 0.0

    def takes(self, token: str, issuer: str | None) -> bool:
        return True

    async def verify(self, token: str, resource: str) -> Identity:
        return Identity("ann", expires_at=time.time() + (0.1 if token.startswith("short") else 300.0))


async def test_nobody_hears_of_changes_for_longer_than_the_token_lives() -> None:
    server = protected(Brief())
    async with listening(server.asgi()) as place:
        wanted = modern("subscriptions/listen", notifications={"toolsListChanged": True})
        async with place.connected() as wire, place.connected() as other:
            other.write(bearing(wanted, "long"))
            assert (await other.head())[0] == 200
            wire.write(bearing(wanted, "short"))
            # It ends by itself, as it does when a server stops: with the response to the request.
            events = (await wire.answer()).events
            assert events[0]["method"] == "notifications/subscriptions/acknowledged" and "result" in events[-1]
            server.notify_tools_changed()
            heard = b""
            while b"list_changed" not in heard:
                heard += await other.chunk()


async def test_a_sessions_listening_stream_ends_with_its_token() -> None:
    async with listening(protected(Brief()).asgi()) as place:
        opened = await place.ask(bearing(Ask(hello()), "long"))
        named = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        listen = Ask(method="GET", headers={**named, "accept": "text/event-stream", "content-type": None})
        async with place.connected() as wire:
            wire.write(bearing(listen, "short"))
            assert (await wire.answer()).status == 200
        # The session is there, for whoever comes back with another token.
        assert (await place.ask(bearing(Ask(old("ping", 2), named), "long"))).status == 200

"""A protected server over HTTP, in both eras: who comes in, what they may do, and what they are told otherwise."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from tests.auth.issuing import RESOURCE, Issuer, bearing, challenge, endpoint, issuing, protected
from tests.faults.measure import figure
from tests.transport.raw_http import Answer, Ask, call, hello, in_process, listening, modern, old

from dragoman import (
    Client,
    Context,
    Identity,
    JWTAuth,
    KeyAuth,
    LocalError,
    PeerError,
    RegistrationError,
    ScopeError,
    Server,
)
from dragoman.protocol.challenge import read_challenges

KEY = "a-key-of-24-characters-x"
KNOWN = "/.well-known/oauth-protected-resource"


def guarded(issuer: Issuer, **options: Any) -> Any:
    auth = JWTAuth(issuer.url, implies={"admin": ["write"]}, algorithms=["RS256", "ES256"])
    return endpoint(protected(auth, **options))


async def modern_call(app: Any, token: str | None, ask: Ask) -> Answer:
    return await in_process(app, bearing(ask, token))


async def old_call(app: Any, token: str | None, method: str, **params: Any) -> Answer:
    opened = await in_process(app, bearing(Ask(hello()), token))
    if opened.status != 200:
        return opened
    named = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
    return await in_process(app, bearing(Ask(old(method, 2, **params), named), token))


async def test_a_good_token_comes_in_in_both_eras() -> None:
    async with issuing() as issuer:
        app, token = guarded(issuer), issuer.token()
        assert (await modern_call(app, token, call("greet"))).value == "hello"
        assert (await old_call(app, token, "tools/call", name="greet", arguments={})).value == "hello"


@pytest.mark.parametrize("change", [{"aud": "https://a.example/mcp"}, {"iss": "https://x.example"}, {"exp": 1}])
async def test_a_token_that_is_not_for_this_server_is_refused_in_both_eras(change: dict[str, Any]) -> None:
    """AUTHRS-03, AUTHRS-09, sec/01."""
    async with issuing() as issuer:
        app, token = guarded(issuer), issuer.token(**change)
        for answer in (
            await modern_call(app, token, call("greet")),
            await old_call(app, token, "tools/call", name="greet", arguments={}),
        ):
            (asked,) = read_challenges(challenge(answer))
            assert (answer.status, asked.error) == (401, "invalid_token")
            assert asked.metadata_url == f"http://127.0.0.1:8000{KNOWN}/mcp"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "HEAD"])
async def test_without_a_token_every_method_is_refused_before_anything_is_read(method: str) -> None:
    """AUTHRS-09, AUTHRS-10."""
    async with issuing() as issuer:
        app = guarded(issuer)
        for body in (b"", b"not json", hello()):
            answer = await in_process(app, Ask(body, method=method))
            assert answer.status == 401 and "resource_metadata" in challenge(answer)
        assert issuer.asked == []


async def test_a_preflight_needs_no_token() -> None:
    async with issuing() as issuer:
        assert (await in_process(guarded(issuer), Ask(method="OPTIONS"))).status == 204


async def test_a_token_in_the_address_or_the_body_is_none() -> None:
    async with issuing() as issuer, listening(guarded(issuer)) as place:
        token = issuer.token()
        for ask in (
            call("greet")._replace(path=f"/mcp?access_token={token}"),
            call("greet", headers={"cookie": f"access_token={token}"}),
            call("greet", headers={"x-authorization": f"Bearer {token}"}),
            Ask(f"access_token={token}".encode(), {"content-type": "application/x-www-form-urlencoded"}),
        ):
            answer = await place.ask(ask)
            assert answer.status == 401, answer


async def test_two_tokens_are_none() -> None:
    async with issuing() as issuer:
        pairs = (("authorization", f"Bearer {issuer.token()}"), ("authorization", f"Bearer {issuer.token()}"))
        answer = await in_process(guarded(issuer), call("greet")._replace(pairs=pairs))
        assert answer.status == 400


async def test_the_metadata_is_for_everybody_and_under_no_other_name() -> None:
    """AUTHRS-01, AUTHRS-02."""
    async with issuing() as issuer:
        app = guarded(issuer)
        for path in (f"{KNOWN}/mcp", KNOWN):
            document = (await in_process(app, Ask(method="GET", path=path))).json
            assert document["resource"] == RESOURCE and document["authorization_servers"] == [issuer.url]
            assert document["scopes_supported"] == ["admin", "files", "notes", "prompts", "write"]
        assert (await in_process(app, Ask(method="POST", path=KNOWN))).status == 401
        assert (await in_process(app, Ask(method="GET", path=f"{KNOWN}/other"))).status == 401
        evil = await in_process(app, Ask(method="GET", path=KNOWN, headers={"host": "evil.example"}))
        assert evil.status == 421


PLAN = {"type": "ref/prompt", "name": "plan"}
CALLS = [
    (call("change", what="x"), ("tools/call", {"name": "change", "arguments": {"what": "x"}}), ["write"]),
    (call("wipe"), ("tools/call", {"name": "wipe", "arguments": {}}), ["admin", "write"]),
    (modern("resources/read", uri="note://secret"), ("resources/read", {"uri": "note://secret"}), ["notes"]),
    (modern("resources/read", uri="file://private/a"), ("resources/read", {"uri": "file://private/a"}), ["files"]),
    (modern("prompts/get", name="plan"), ("prompts/get", {"name": "plan"}), ["prompts"]),
    (
        modern("completion/complete", ref={"type": "ref/prompt", "name": "plan"}, argument={"name": "a", "value": ""}),
        (
            "completion/complete",
            {"ref": {"type": "ref/prompt", "name": "plan"}, "argument": {"name": "a", "value": ""}},
        ),
        ["prompts"],
    ),
]


@pytest.mark.parametrize(
    "ask, legacy, scopes", CALLS, ids=lambda value: str(value)[:40] if isinstance(value, list) else ""
)
async def test_what_needs_scopes_is_refused_without_all_of_them(ask: Ask, legacy: Any, scopes: list[str]) -> None:
    """AUTHRS-06: 403 with all that is needed, in one challenge, before the first byte."""
    async with issuing() as issuer:
        server = protected(JWTAuth(issuer.url))

        @server.completion("plan", "a")
        async def complete(value: str, chosen: Any) -> list[str]:
            return ["x"]

        app = endpoint(server)
        method, params = legacy
        lacking = issuer.token(scope=" ".join(["read", *scopes[1:]]))
        for answer in (await modern_call(app, lacking, ask), await old_call(app, lacking, method, **params)):
            (asked,) = read_challenges(challenge(answer))
            assert (answer.status, asked.error, list(asked.scopes or ())) == (403, "insufficient_scope", scopes)
            assert asked.metadata_url == f"http://127.0.0.1:8000{KNOWN}/mcp"
            assert answer.json["error"]["code"] == -32600
        enough = issuer.token(scope=" ".join(scopes))
        for answer in (await modern_call(app, enough, ask), await old_call(app, enough, method, **params)):
            assert answer.status == 200 and "result" in answer.json, answer


async def test_subscribing_needs_the_scopes_of_reading() -> None:
    async with issuing() as issuer:
        app = guarded(issuer)
        answer = await old_call(app, issuer.token(), "resources/subscribe", uri="note://secret")
        assert (answer.status, read_challenges(challenge(answer))[0].scopes) == (403, ("notes",))
        assert (await old_call(app, issuer.token(), "resources/subscribe", uri="note://open")).status == 200
        wanted = {"resourceSubscriptions": ["note://open", "note://secret", "file://private/a"]}
        listen = modern("subscriptions/listen", notifications=wanted)
        answer = await modern_call(app, issuer.token(), listen)
        assert (answer.status, read_challenges(challenge(answer))[0].scopes) == (403, ("files", "notes"))


async def test_a_client_that_takes_streams_only_gets_the_refusal_as_a_status() -> None:
    async with issuing() as issuer:
        app = guarded(issuer)
        ask = call("wipe", headers={"accept": "text/event-stream"})
        answer = await modern_call(app, issuer.token(), ask)
        assert answer.status == 403 and "insufficient_scope" in challenge(answer)


async def test_a_broader_scope_includes_a_narrower_one() -> None:
    """AUTHRS-07."""
    async with issuing() as issuer:
        app = guarded(issuer)
        assert (await modern_call(app, issuer.token(scope="admin"), call("change", what="x"))).value == "changed x"


def names(answer: Answer) -> list[str]:
    return [tool["name"] for tool in answer.json["result"]["tools"]]


async def test_lists_show_everything_to_everybody() -> None:
    async with issuing() as issuer:
        app = guarded(issuer, cache_scope="public", ttl_ms=1000)
        answer = await modern_call(app, issuer.token(), modern("tools/list"))
        assert names(answer) == ["greet", "change", "wipe"]
        assert answer.json["result"]["cacheScope"] == "public"


async def test_hidden_things_are_neither_listed_nor_there_and_lists_are_private() -> None:
    """CACHE-04: a list that differs by caller is kept for that caller only, whatever the server says of lists."""
    async with issuing() as issuer:
        app = guarded(issuer, hide_unscoped=True, cache_scope="public", ttl_ms=1000)
        few, many = issuer.token(), issuer.token(scope="write notes files prompts")
        listed = await modern_call(app, few, modern("tools/list"))
        assert names(listed) == ["greet"] and listed.json["result"]["cacheScope"] == "private"
        assert names(await modern_call(app, many, modern("tools/list"))) == ["greet", "change"]
        for method, key, seen, all_of in (
            ("resources/list", "resources", ["note://open"], ["note://open", "note://secret"]),
            ("resources/templates/list", "resourceTemplates", [], ["file://private/{name}"]),
            ("prompts/list", "prompts", [], ["plan"]),
        ):
            for token, expected in ((few, seen), (many, all_of)):
                result = (await modern_call(app, token, modern(method))).json["result"]
                found = [item.get("uri") or item.get("uriTemplate") or item["name"] for item in result[key]]
                assert found == expected and result["cacheScope"] == "private"
                assert len((await old_call(app, token, method)).json["result"][key]) == len(expected)


@pytest.mark.parametrize("hidden, absent, field", [("wipe", "wape", "name"), ("change", "chang", "name")])
async def test_a_hidden_tool_is_answered_exactly_as_one_that_is_not_there(hidden: str, absent: str, field: str) -> None:
    async with issuing() as issuer:
        app, token = guarded(issuer, hide_unscoped=True), issuer.token()
        there = await modern_call(app, token, call(hidden))
        nowhere = await modern_call(app, token, call(absent))
        assert there.body.replace(hidden.encode(), b"X") == nowhere.body.replace(absent.encode(), b"X")
        assert there.status == nowhere.status and challenge(there) == ""
        read = [
            await modern_call(app, token, modern("resources/read", uri=uri))
            for uri in ("note://secret", "note://sacred")
        ]
        assert read[0].body.replace(b"secret", b"X") == read[1].body.replace(b"sacred", b"X")


async def test_functions_see_who_asks_and_never_the_token() -> None:
    async with issuing() as issuer:
        server = Server("me", auth=JWTAuth(issuer.url))

        @server.tool
        def who(ctx: Context) -> dict[str, Any]:
            caller = ctx.caller
            return {
                "who": [caller.subject, caller.client_id, caller.issuer, sorted(caller.scopes), caller.claims["email"]],
                "headers": sorted(ctx.headers),
                "all": repr(ctx.caller) + repr(ctx.headers) + repr(dict(caller.claims)),
            }

        app, token = endpoint(server), issuer.token(email="ann@example.com")
        for answer in (
            await modern_call(app, token, call("who")),
            await old_call(app, token, "tools/call", name="who", arguments={}),
        ):
            said = answer.json["result"]["structuredContent"]
            assert said["who"] == ["ann", "app", issuer.url, ["read"], "ann@example.com"]
            assert "authorization" not in said["headers"] and "host" in said["headers"]
            assert token not in said["all"] and token.split(".")[2] not in answer.body.decode()


async def test_a_session_belongs_to_whoever_opened_it() -> None:
    """AUTHRS-10, sec/03: to others it is not there, byte for byte; a fresh token of the same one keeps it."""
    async with issuing() as issuer:
        app = guarded(issuer)
        opened = await in_process(app, bearing(Ask(hello()), issuer.token()))
        named = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        unknown = {**named, "mcp-session-id": "x" * 32}
        ask = old("tools/call", 2, name="greet", arguments={})
        others = [{"sub": "ben"}, {"client_id": "other"}, {"client_id": None}]
        for change in others:
            token = issuer.token(**change)
            for method, body in (("POST", ask), ("DELETE", b""), ("GET", b"")):
                theirs = await in_process(app, bearing(Ask(body, named, method), token))
                nobodys = await in_process(app, bearing(Ask(body, unknown, method), token))
                assert theirs == nobodys and theirs.status == 404
        assert (await in_process(app, Ask(ask, named))).status == 401
        renewed = issuer.token(scope="write", jti="another")
        assert (await in_process(app, bearing(Ask(ask, named), renewed))).value == "hello"


async def test_a_session_id_is_no_credential_and_scopes_are_of_the_request() -> None:
    """AUTHRS-10: each request is judged by its own token, whatever the session was opened with."""
    async with issuing() as issuer:
        app = guarded(issuer)
        opened = await in_process(app, bearing(Ask(hello()), issuer.token(scope="write")))
        named = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        ask = Ask(old("tools/call", 2, name="change", arguments={"what": "x"}), named)
        assert (await in_process(app, bearing(ask, issuer.token(scope="read")))).status == 403
        assert (await in_process(app, bearing(ask, issuer.token(scope="write")))).value == "changed x"
        assert (await in_process(app, bearing(ask, issuer.token(exp=1)))).status == 401


async def test_keys_protect_a_server_without_an_issuer() -> None:
    server = protected(KeyAuth({KEY: Identity("ann", scopes=frozenset({"write"}))}))
    app = server.asgi()
    assert (await modern_call(app, KEY, call("change", what="x"))).value == "changed x"
    refused = await modern_call(app, "another-key-of-24-chars-", call("greet"))
    assert (refused.status, read_challenges(challenge(refused))[0].error) == (401, "invalid_token")
    assert "resource_metadata" not in challenge(refused)
    assert (await in_process(app, Ask(method="GET", path=KNOWN))).status == 401


async def test_an_issuer_that_is_down_shuts_the_door_and_says_when_to_come_again() -> None:
    async with issuing() as issuer:
        issuer.down = True
        begun = time.monotonic()
        answer = await modern_call(guarded(issuer), issuer.token(), call("greet"))
        assert answer.status == 503 and answer.headers["retry-after"] == "5" and challenge(answer) == ""
    figure("closed", "until a new key was refused while its issuer was down", time.monotonic() - begun, 1.0, "s")


async def test_several_issuers_are_told_apart_and_their_subjects_too() -> None:
    async with issuing() as one, issuing() as two:
        app = endpoint(protected([JWTAuth(one.url), JWTAuth(two.url), KeyAuth({KEY: "ann"})]))
        for token in (one.token(), two.token(), KEY):
            assert (await modern_call(app, token, call("greet"))).value == "hello"
        document = (await in_process(app, Ask(method="GET", path=KNOWN))).json
        assert document["authorization_servers"] == [one.url, two.url]
        opened = await in_process(app, bearing(Ask(hello()), one.token()))
        named = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        assert (await in_process(app, bearing(Ask(old("ping", 2), named), two.token()))).status == 404
        assert (await in_process(app, bearing(Ask(old("ping", 2), named), one.token()))).status == 200


async def test_behind_a_proxy_the_public_url_counts_and_its_host_is_taken() -> None:
    async with issuing() as issuer:
        url = "https://example.com/team/mcp"
        app = protected(JWTAuth(issuer.url)).asgi(url=url)
        token = issuer.token(aud=url)
        there = call("greet", headers={"host": "example.com"})
        assert (await modern_call(app, token, there)).value == "hello"
        # What a client says of itself changes nothing of where clients are sent.
        asked = await in_process(
            app, call("greet", headers={"x-forwarded-host": "evil.example", "forwarded": "host=evil"})
        )
        assert f"https://example.com{KNOWN}/team/mcp" in challenge(asked) and "evil" not in challenge(asked)
        assert (await in_process(app, Ask(method="GET", path=f"{KNOWN}/team/mcp"))).json["resource"] == url


async def test_mounted_below_another_application_it_publishes_at_the_mount_too() -> None:
    from starlette.applications import Starlette
    from starlette.routing import Mount, Route

    async with issuing() as issuer:
        url = "http://127.0.0.1:8000/team/mcp"
        app = protected(JWTAuth(issuer.url)).asgi(url=url)
        outer = Starlette(routes=[Route(f"{KNOWN}/team/mcp", app), Mount("/team", app)])
        assert (await in_process(outer, Ask(method="GET", path=f"{KNOWN}/team/mcp"))).json["resource"] == url
        ask = call("greet")._replace(path="/team/mcp")
        assert (await in_process(outer, ask)).status == 401
        assert (await in_process(outer, bearing(ask, issuer.token(aud=url)))).value == "hello"


async def test_over_a_real_socket_the_first_byte_is_the_refusal() -> None:
    """HTTP-03, AUTHRS-09."""
    async with issuing() as issuer, listening(guarded(issuer)) as place:
        async with place.connected() as wire:
            # The body never comes: the answer does not wait for it.
            wire.write(b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
                       b"accept: application/json, text/event-stream\r\ncontent-length: 1000\r\n\r\n")  # fmt: skip
            status, headers = await wire.head()
            assert status == 401 and headers["www-authenticate"].startswith("Bearer ")
        token = issuer.token(aud=RESOURCE)
        assert (await place.ask(bearing(call("greet"), token))).value == "hello"


def test_a_server_that_cannot_be_told_its_url_does_not_start() -> None:
    with pytest.raises(LocalError, match="public URL"):
        protected(JWTAuth("https://issuer.example")).asgi()
    with pytest.raises(LocalError, match="public URL"):
        protected(JWTAuth("https://issuer.example")).asgi(url="example.com")


def test_scopes_without_auth_are_refused_over_http_and_mean_nothing_on_stdio() -> None:
    """AUTHRS-11."""
    with pytest.raises(LocalError, match="without auth nobody has any"):
        protected(None).asgi()
    with pytest.raises(LocalError, match="judges no tokens"):
        Server("x", auth="secret")  # type: ignore[arg-type]


async def test_a_scoped_tool_added_to_an_open_server_later_is_not_open() -> None:
    server = Server("x")
    app = server.asgi()

    @server.tool(scopes=["write"])
    def late() -> str:
        return "late"

    answer = await in_process(app, call("late"))
    assert answer.status == 403 and answer.code == -32600


async def test_a_tool_can_find_that_its_arguments_need_more() -> None:
    """AUTHRS-06: what is needed may follow from the request."""
    async with issuing() as issuer:
        server = Server("shop", auth=JWTAuth(issuer.url))

        @server.tool
        async def refund(amount: int, ctx: Context) -> str:
            needed = frozenset({"refund"} if amount > 10 else ())
            if not needed <= ctx.caller.scopes:
                raise ScopeError(needed)
            return "done"

        app = endpoint(server)
        for token, amount, status in ((issuer.token(), 5, 200), (issuer.token(), 50, 403)):
            answer = await modern_call(app, token, call("refund", amount=amount))
            old_one = await old_call(app, token, "tools/call", name="refund", arguments={"amount": amount})
            assert (answer.status, old_one.status) == (status, status)
            assert ("refund" in challenge(answer)) is (status == 403) is ("refund" in challenge(old_one))
        assert (await modern_call(app, issuer.token(scope="refund"), call("refund", amount=50))).value == "done"


async def test_a_token_is_judged_once_for_many_calls() -> None:
    class Desk:
        issuer, scopes, cache_seconds, asked = "", (), 60.0, 0

        def takes(self, token: str, issuer: str | None) -> bool:
            return True

        async def verify(self, token: str, resource: str) -> Identity:
            self.asked += 1
            return Identity(token)

    desk = Desk()
    app = protected(desk).asgi()
    for _ in range(5):
        for token in ("ann", "ben"):
            assert (await modern_call(app, token, call("greet"))).value == "hello"
    assert desk.asked == 2


async def test_in_memory_a_test_can_say_who_calls() -> None:
    server = protected(KeyAuth({KEY: "ann"}), hide_unscoped=True)

    @server.tool
    def who(ctx: Context) -> str:
        return f"{ctx.caller.subject} {sorted(ctx.caller.scopes)}"

    for mode in ("2026-07-28", "2025-11-25"):
        identity = Identity("ben", scopes=frozenset({"write"}))
        async with Client(server, mode=mode, auth=identity) as client:
            assert [tool.name for tool in await client.list_tools()] == ["greet", "change", "who"]
            assert (await client.call_tool("who")).value == "ben ['write']"
            with pytest.raises(PeerError, match="unknown tool"):
                await client.call_tool("wipe")
    with pytest.raises(LocalError, match=r"auth=Identity"):
        async with Client(server, auth="token"):
            pass


async def test_in_memory_nobody_is_asked() -> None:
    """AUTHRS-11: whoever has the server in its own process needs no token."""
    async with issuing() as issuer, Client(protected(JWTAuth(issuer.url))) as client:
        assert (await client.call_tool("change", {"what": "x"})).value == "changed x"


@pytest.mark.parametrize("scopes", ["write", ["a b"], [1], None])
def test_scopes_that_are_none_are_refused_where_they_are_written(scopes: Any) -> None:
    server = Server("x")
    with pytest.raises(RegistrationError, match="scope"):
        server.add_tool(lambda: "x", name="t", scopes=scopes)
    with pytest.raises(RegistrationError, match="scope"):
        server.add_resource(lambda: "x", "note://x", name="r", scopes=scopes)
    with pytest.raises(RegistrationError, match="kept for everybody"):
        server.add_resource(lambda: "x", "note://x", name="r", scopes=["a"], cache_scope="public")


async def test_a_batch_is_judged_call_by_call() -> None:
    async with issuing() as issuer:
        app = guarded(issuer)
        opened = await in_process(app, bearing(Ask(hello("2025-03-26")), issuer.token()))
        named = {"mcp-session-id": opened.headers["mcp-session-id"]}
        calls = [old("tools/call", n, name=name, arguments={}) for n, name in ((1, "greet"), (2, "wipe"))]
        batch = b"[" + b",".join(calls) + b"]"
        answer = await in_process(app, bearing(Ask(batch, named), issuer.token()))
        found = {item["id"]: item for item in json.loads(answer.body)}
        assert "result" in found[1] and found[2]["error"]["code"] == -32600
        assert (await in_process(app, Ask(batch, named))).status == 401

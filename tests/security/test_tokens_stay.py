"""A token that came in never goes out again (threat 1): not to issuers, upstreams, logs, errors, tools or stores."""

from __future__ import annotations

import logging
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.auth.issuing import bearing, endpoint, issuing, protected
from tests.transport.raw_http import Ask, call, hello, in_process, modern, old
from tests.transport.raw_peer import Got, serving

from dragoman import Client, Context, IntrospectionAuth, JWTAuth, Server


def forms(token: str) -> list[bytes]:
    """Return a token in the forms in which it could hide."""
    data = token.encode()
    signature = token.rpartition(".")[2].encode()
    return [
        data,
        signature,
        b64encode(data),
        urlsafe_b64encode(data),
        quote(token, safe="").encode(),
        data.hex().encode(),
    ]


async def test_what_a_tool_asks_elsewhere_does_not_carry_the_callers_token() -> None:
    """AUTHRS-04, sec/01: no passthrough, even by a tool that hands on all that it can see."""
    captured: list[bytes] = []

    async def upstream(got: Got) -> None:
        captured.append(repr(got.headers).encode() + got.body)
        got.error(-32601, "no")

    async with issuing() as issuer, serving(upstream) as url:
        server = Server("relay", auth=JWTAuth(issuer.url))

        @server.tool
        async def relay(ctx: Context) -> str:
            seen = f"{ctx.headers!r} {ctx.caller!r} {ctx.caller.claims!r}"
            async with Client(url, headers={"x-seen": seen}) as client:
                await client.list_tools()
            return "told"

        token = issuer.token()
        await in_process(endpoint(server), bearing(call("relay", headers={"x-mine": "passed on"}), token))
        sent = b"".join(captured)
        assert b"passed on" in sent
        assert [form for form in forms(token) if form in sent] == []


async def test_an_issuer_of_signed_tokens_is_never_shown_one() -> None:
    async with issuing() as issuer:
        app = endpoint(protected(JWTAuth(issuer.url)))
        for token in (issuer.token(), issuer.token(aud="x"), issuer.token(head={"kid": "unknown"})):
            await in_process(app, bearing(call("greet"), token))
        assert issuer.asked and not any("authorization" in got.headers for got in issuer.seen)
        assert not any("eyJ" in repr(got.headers) + got.target or got.body for got in issuer.seen)


async def test_neither_logs_nor_errors_nor_files_hold_a_token(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG)
    async with issuing() as issuer:
        store = tmp_path / "store.db"
        server = protected(JWTAuth(issuer.url), store=f"sqlite:///{store}")

        @server.tool
        def broken(ctx: Context) -> str:
            raise RuntimeError(f"all there is: {ctx.caller!r} {ctx.headers!r}")

        app = endpoint(server)
        tokens = [issuer.token(jti=f"canary {n}") for n in range(2)] + [issuer.token(aud="x"), issuer.token() + "x"]
        answers: list[Any] = []
        for token in tokens:
            asks = [call("broken"), call("wipe"), modern("tools/list"), Ask(hello()), Ask(b"{")]
            answers += [await in_process(app, bearing(ask, token)) for ask in asks]
        issuer.down = True
        answers.append(await in_process(endpoint(protected(JWTAuth(issuer.url))), bearing(call("greet"), tokens[0])))
        await server.service.stop()
        kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        everything = caplog.text.encode() + repr(answers).encode() + kept
        assert b"all there is" in everything and kept
        assert [form for token in tokens for form in forms(token) if form in everything] == []


async def test_the_secret_of_the_server_at_its_issuer_stays_out_of_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with issuing() as issuer:
        issuer.down = True
        auth = IntrospectionAuth(issuer.url, client_id="me", client_secret="canary-secret-of-the-server")
        answer = await in_process(endpoint(protected(auth)), bearing(call("greet"), "opaque-canary-token"))
        assert answer.status == 503
        for secret in ("canary-secret-of-the-server", "opaque-canary-token"):
            assert secret not in caplog.text + repr(answer) + repr(auth)


async def test_a_session_id_alone_opens_nothing() -> None:
    """AUTHRS-10."""
    async with issuing() as issuer:
        app = endpoint(protected(JWTAuth(issuer.url)))
        opened = await in_process(app, bearing(Ask(hello()), issuer.token()))
        named = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        assert (await in_process(app, Ask(old("ping", 2), named))).status == 401
        assert (await in_process(app, bearing(Ask(old("ping", 2), named), issuer.token()))).status == 200

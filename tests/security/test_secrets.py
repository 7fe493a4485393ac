"""Logins, calls and failures with every kind of secret in them, and nothing that goes out shows one (threat 31).

What is looked through: see tests/canary.py, which fails a test of these that shows what was planted. What only these
tests have is given to it here: spans, metrics, answers to others.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.app.test_telemetry import Seen
from tests.auth.desk import CALLBACK, beside, desk
from tests.auth.issuing import bearing, endpoint, issuing, protected
from tests.auth.world import Issuer, world
from tests.canary import hear_processes, heard, plant
from tests.transport.raw_http import Ask, call, hello, in_process, modern

from dragoman import (
    AuthorizationError,
    Client,
    ClientCredentials,
    IntrospectionAuth,
    JWTAuth,
    McpError,
    OAuth,
    PeerError,
    Server,
    WorkloadIdentity,
)
from dragoman.app.target import Options


def hear_telemetry(seen: Seen) -> None:
    """Look through all spans and metrics; there have to be some."""
    words = seen.words()
    assert "tools/call" in words
    heard("spans", words)
    heard("metrics", str(seen._reader.get_metrics_data()))


def secret(what: str) -> str:
    return plant(f"{what}-{secrets.token_hex(12)}")


async def test_a_login_at_our_own_server_in_one_trace_with_its_calls() -> None:
    """sec/31: codes, verifiers, tokens, cookies, and a header of the user's own; what fails, too."""
    seen = Seen()

    def traced(auth: Any) -> Server:
        made = beside(auth)
        server = Server("notes", auth=auth, telemetry=seen.telemetry)
        server.mount(made)

        @server.tool
        def fails() -> str:
            raise RuntimeError("for reasons of its own")

        return server

    async with desk(make=traced) as there:
        auth = OAuth(on_authorize=there.browser.allow, redirect_uri=CALLBACK)
        headers = {"x-api-key": secret("key")}
        async with Client(there.mcp, auth=auth, headers=headers, telemetry=seen.telemetry, timeout=20) as client:
            assert (await client.call_tool("whoami", {})).text == "ann"
            assert (await client.call_tool("write", {})).text == "written"  # a step-up
            for name in ("fails", "nowhere"):
                with pytest.raises(McpError) as caught:
                    await client.call_tool(name, {})
                heard("errors", repr(caught.value))
    hear_telemetry(seen)


@pytest.mark.parametrize("fails", [False, True])
async def test_each_way_of_a_client_to_a_token(fails: bool) -> None:
    """sec/31: client secrets, assertions and refresh tokens, in traces, and in errors when the issuer refuses."""
    methods = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    async with world(one=Issuer(metadata=methods, expires_in=1)) as there:
        if fails:
            there.one.token = lambda seen: (400, {"error": "invalid_client", "error_description": "no"}, {})
        for auth in (
            there.oauth(client_id="me", client_secret=secret("client")),
            ClientCredentials(client_id="me", client_secret=secret("client")),
            WorkloadIdentity(client_id="me", assertion=secret("assertion")),
        ):
            seen = Seen()
            try:
                async with Client(there.url, auth=auth, mode="modern", telemetry=seen.telemetry) as client:
                    assert not fails
                    for _ in range(2):  # with a renewal between
                        assert (await client.call_tool("tool", {})).text == "done"
                hear_telemetry(seen)
            except AuthorizationError as error:
                assert fails
                heard("errors", f"{error!r} {error} {error.challenge}")
            heard("reprs", f"{auth!r} {auth.wallet!r}")
        assert len(there.one.tokens) >= 3


async def test_a_server_that_judges_tokens_tells_nobody_of_them() -> None:
    """sec/31: good and bad ones, judged here and by the issuer, whose secret of the server stays, too."""
    async with issuing() as issuer:
        seen = Seen()
        asking = IntrospectionAuth(issuer.url, client_id="server", client_secret=secret("introspection"))
        for auth in (JWTAuth(issuer.url), asking):
            app = endpoint(protected(auth, telemetry=seen.telemetry))
            good, bad = issuer.token(), issuer.token(aud="https://other.example")
            issuer.active[good] = {"active": True, **issuer.claims()}
            for token in (good, bad, secret("opaque")):
                for ask in (call("greet"), call("wipe"), modern("tools/list"), Ask(hello()), Ask(b"{")):
                    answer = await in_process(app, bearing(ask, token))
                    heard("answers", f"{answer.headers} {answer.body!r}")
        hear_telemetry(seen)


ADDRESSES = ["redis://user:{}@127.0.0.1:1/0", "postgresql://user:{}@127.0.0.1:1/none?connect_timeout=1"]


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_store_that_cannot_be_reached_is_told_of_without_its_password(address: str) -> None:
    """sec/31: to the log, to callers, and by the server itself."""
    password = secret("store")
    server = Server("kept", store=address.format(password))

    @server.tool(task="required")
    def later() -> str:
        return "done"

    app = server.asgi()
    answer = await in_process(app, Ask(hello()))
    assert answer.status >= 500
    heard("answers", f"{answer.headers} {answer.body!r}")
    heard("reprs", f"{server!r} {vars(server.surface)!r}")
    with pytest.raises(McpError) as caught:
        async with Client(server) as client:
            await client.call_tool("later", {})
    heard("errors", f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}")
    await server.service.stop()


SERVER = """
import os
from dragoman import Server
server = Server("child")

@server.tool
def length() -> int:
    return len(os.environ["TOKEN"])

server.run()
"""


async def test_a_secret_for_a_process_is_in_its_environment_only(tmp_path: Path) -> None:
    """sec/31: not in the arguments of any process, while it runs."""
    (tmp_path / "server.py").write_text(SERVER)
    token = secret("token")
    command = [sys.executable, str(tmp_path / "server.py")]
    async with Client(command, options=Options(env={"TOKEN": token})) as client:
        assert (await client.call_tool("length", {})).value == len(token)
        hear_processes()
        with pytest.raises(PeerError):
            await client.request("nothing/there")
    heard("reprs", repr(client))

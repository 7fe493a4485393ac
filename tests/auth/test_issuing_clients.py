"""Clients that describe themselves: by a document at their id, or by registering."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.auth.desk import APP, CALLBACK, desk
from tests.transport.raw_peer import Got, serving
from tests.transport.test_fetch import canary

from dragoman import AuthorizationServer, LocalError
from dragoman.auth.issuing import clients as bounds


class Document:
    """A client's document on this machine; `body` answers instead of the usual."""

    url = ""
    asked = 0
    changes: dict[str, Any] = {}
    body: bytes | None = None
    status = 200
    headers: dict[str, str] = {}

    async def answer(self, got: Got) -> None:
        self.asked += 1
        usual = {"client_id": self.url, "client_name": "Document", "redirect_uris": [CALLBACK], **self.changes}
        body = self.body if self.body is not None else json.dumps(usual).encode()
        got.reply(body, self.status, **self.headers)


@contextlib.asynccontextmanager
async def document(**settings: Any) -> AsyncIterator[Document]:
    made = Document()
    for name, value in settings.items():
        setattr(made, name, value)
    async with serving(made.answer) as url:
        made.url = url.removesuffix("/mcp") + "/client.json"
        yield made


async def test_a_client_may_be_the_url_of_its_document() -> None:
    """AUTHAS-02, AUTHAS-03: fetched once, kept, shown with its host."""
    async with desk() as there, document() as client:
        page = await there.browser.get(there.asks(client.url))
        assert page.status == 200 and "Vouched for by" in page.text and "Document" in page.text
        assert "any program here could use its" in page.text
        code = (await there.browser.send(page, answer="allow")).answer["code"]
        assert (await there.redeem(code, client.url)).status == 200
        assert client.asked == 1


@pytest.mark.parametrize("settings", [
    {"changes": {"client_id": "https://other.example/client.json"}},
    {"changes": {"client_name": ""}},
    {"changes": {"redirect_uris": []}},
    {"changes": {"redirect_uris": ["http://evil.example/cb"]}},
    {"changes": {"redirect_uris": ["http://127.0.0.1:3000/other"]}},
    {"changes": {"token_endpoint_auth_method": "client_secret_basic"}},
    {"changes": {"client_secret": "x"}},
    {"changes": {"client_name": 7}},
    {"body": b"not json"},
    {"body": b"[]"},
    {"body": b"[" * 100_000},
    {"status": 404},
    {"status": 302, "headers": {"location": "https://evil.example/"}},
    {"changes": {"padding": "x" * 20_000}},
])  # fmt: skip
async def test_a_document_that_is_wrong_makes_no_client(settings) -> None:
    """AUTHAS-03, threat 43: the user sees a page, and nothing is sent anywhere."""
    async with desk() as there, document(**settings) as client:
        reply = await there.browser.get(there.asks(client.url))
        assert reply.status == 400 and "location" not in reply.headers


@pytest.mark.parametrize("client_id", [
    "https://169.254.169.254/latest/meta-data", "https://10.0.0.1/client.json", "https://[::1]/client.json",
    "https://127.0.0.1/client.json", "https://localhost/client.json", "http://client.example/client.json",
    "https://client.example", "https://client.example/", "https://client.example/a/../b",
    "https://u:p@client.example/c.json", "https://client.example/c.json#f", "file:///etc/passwd", "https://0x7f.1/c",
    "https://metadata.internal/c",
])  # fmt: skip
async def test_a_server_on_the_internet_fetches_nothing_near_it(client_id: str) -> None:
    """AUTHAS-03, threat 4: the fetcher refuses before a byte is sent."""
    assert (await asked_on_the_internet(client_id))[0]["status"] == 400


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_nobody_here_is_connected_to_for_a_client_of_the_internet(host: str) -> None:
    """AUTHAS-03, threat 4: as who listens here sees it."""
    async with canary() as (port, came):
        assert (await asked_on_the_internet(f"https://{host}:{port}/client.json"))[0]["status"] == 400
        await asyncio.sleep(0)
        assert came == []


async def asked_on_the_internet(client_id: str) -> list[Any]:
    """Return what an authorization server on the internet answers to a request of that client."""
    there = AuthorizationServer("https://auth.example.com", login=lambda visitor: "ann")
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    query = f"response_type=code&client_id={client_id.replace('#', '%23')}".encode()
    scope = {
        "type": "http", "method": "GET", "path": "/authorize", "query_string": query,
        "headers": [(b"host", b"auth.example.com")],
    }  # fmt: skip
    await there(scope, receive, send)
    await there.close()
    return sent


async def test_a_client_that_registers_is_told_all_and_its_secret_once() -> None:
    async with desk() as there:
        public = await there.register()
        assert public.status == 201 and "client_secret" not in public.json
        assert public.json["redirect_uris"] == [CALLBACK] and public.headers["cache-control"] == "no-store"
        secret = (await there.register(token_endpoint_auth_method="client_secret_post")).json
        client, word = secret["client_id"], secret["client_secret"]
        code = await there.code(client)
        assert (await there.redeem(code, client)).status == 401
        code = await there.code(client)
        assert (await there.redeem(code, client, client_secret="wrong")).status == 401
        assert (await there.redeem(code, client, client_secret=word)).status == 200


async def test_a_secret_goes_where_the_client_said() -> None:
    from base64 import b64encode

    async with desk() as there:
        made = (await there.register(token_endpoint_auth_method="client_secret_basic")).json
        client, word = made["client_id"], made["client_secret"]
        code = await there.code(client)
        assert (await there.redeem(code, client, client_secret=word)).status == 401
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": "v" * 43}
        pair = b64encode(f"{client}:{word}".encode()).decode()
        bad = await there.own.post(f"{there.url}/token", form, authorization="Basic !!")
        assert bad.status == 401 and bad.headers["www-authenticate"].startswith("Basic")
        assert (await there.own.post(f"{there.url}/token", form, authorization=f"Basic {pair}")).status == 200


@pytest.mark.parametrize("document", [
    {"redirect_uris": []}, {"redirect_uris": "https://a.example/"}, {"redirect_uris": ["http://evil.example/"]},
    {"redirect_uris": ["myapp:/cb"]}, {"redirect_uris": ["https://*.example/cb"]}, {"redirect_uris": ["https://a/#f"]},
    {"redirect_uris": ["https://a.example/"] * 21}, {"grant_types": ["implicit"]}, {"response_types": ["token"]},
    {"token_endpoint_auth_method": "private_key_jwt"}, {"client_name": ["x"]},
])  # fmt: skip
async def test_a_registration_that_cannot_be_is_refused(document) -> None:
    """AUTHAS-05."""
    async with desk() as there:
        reply = await there.register(**document)
        assert reply.status == 400 and reply.json["error"] in ("invalid_redirect_uri", "invalid_client_metadata")


async def test_a_registration_cannot_choose_its_id_or_secret() -> None:
    async with desk() as there:
        made = (await there.register(client_id="app", client_secret="mine", secret="0" * 64)).json
        assert made["client_id"] != "app" and "client_secret" not in made


async def test_registrations_are_bounded_in_pace() -> None:
    async with desk() as there:
        replies = [(await there.register()).status for _ in range(bounds.PER_MINUTE + 2)]
        assert replies == [201] * bounds.PER_MINUTE + [429] * 2


async def test_without_registration_there_is_no_such_endpoint() -> None:
    async with desk(registration=False) as there:
        assert (await there.register()).status != 201
        found = (await there.own.get(f"{there.url}/.well-known/oauth-authorization-server")).json
        assert "registration_endpoint" not in found


def test_clients_of_the_owners_are_checked_at_the_start() -> None:
    def made(**client: Any) -> AuthorizationServer:
        return AuthorizationServer("https://a.example", login=lambda visitor: "ann", clients={"app": client})

    assert made(**APP) and made(**APP, client_secret="s")
    with pytest.raises(LocalError, match="'app' cannot be"):
        made(redirect_uris=["http://evil.example/"])
    with pytest.raises(LocalError, match="not both"):
        made(**APP, client_secret="s", token_endpoint_auth_method="none")

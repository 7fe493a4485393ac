"""Authorization and resource servers that do wrong on purpose (threats 38 to 47), judged by what left the machine.

The world of tests/auth/world.py has a resource server and the issuers `one` and `two`; here `two` is evil, or what the
server says of them is. Each misbehaviour is refused or harmless: no code, token, verifier or secret reaches whom it is
not for. The honest twin is the first test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.auth.world import SERVER, Issuer, Seen, World, world
from tests.transport.raw_peer import Got

from dragoman import AuthorizationError, McpError

SECRETS = {"code_verifier", "code", "refresh_token", "client_secret", "assertion", "authorization", "dpop"}


def secrets_at(there: World, issuer: Issuer) -> list[str]:
    """Return the names of the secrets that an issuer was sent."""
    forms = (
        [name for seen in issuer.seen for name in (*seen.form, *seen.query) if name in SECRETS] if issuer.seen else []
    )
    return forms + [name for seen in issuer.seen for name in seen.headers if name in ("authorization", "dpop")]


async def test_honest_servers_get_what_is_theirs() -> None:
    async with world() as there:
        assert await there.use() == ["done"]
        assert sorted(secrets_at(there, there.one)) == ["code", "code_verifier"] and there.two.seen == []


def mixed_up(there: World) -> None:
    """The evil issuer sends the user to the honest one, and wants the code for itself."""
    there.issuer = there.two
    there.two.metadata = {"authorization_endpoint": f"{there.one.issuer}/authorize"}
    there.one.redirect = {"iss": there.one.issuer}


def mixed_up_and_silent(there: World) -> None:
    """So does one that promises no `iss`, with an honest one that sends it all the same."""
    mixed_up(there)
    there.two.metadata["authorization_response_iss_parameter_supported"] = None


def borrowed_name(there: World) -> None:
    """The evil one's metadata says that it is the honest one."""
    there.issuer = there.two
    there.two.metadata = {"issuer": there.one.issuer}


def tokens_elsewhere(there: World) -> None:
    """The token endpoint hands the request on, code and verifier with it."""
    there.one.token = lambda seen: (307, b"", {"location": f"{there.two.issuer}/token"})


def registrations_elsewhere(there: World) -> None:
    """The registration endpoint hands the client on."""
    there.one.moved = {"/register": (308, f"{there.two.issuer}/register")}


def metadata_elsewhere(there: World) -> None:
    """The metadata has moved to the evil one."""
    there.one.moved = {"/.well-known/": (302, f"{there.two.issuer}{SERVER}")}


def without_pkce(there: World) -> None:
    there.one.metadata = {"code_challenge_methods_supported": ["plain"]}


def another_resource(there: World) -> None:
    """The server wants tokens for a server of somebody else's."""
    there.prm = {"resource": "https://bank.example/mcp"}


def code_of_another(there: World) -> None:
    """The answer to another login."""
    there.one.redirect = {"state": "of-another-login"}


def plain_endpoint(there: World) -> None:
    there.one.metadata = {"token_endpoint": "http://evil.example/token"}


def script_for_a_page(there: World) -> None:
    there.one.metadata = {"authorization_endpoint": "javascript:fetch('//evil.example')"}


REFUSED: list[Callable[[World], None]] = [
    mixed_up, mixed_up_and_silent, borrowed_name, tokens_elsewhere, registrations_elsewhere, metadata_elsewhere,
    without_pkce, another_resource, code_of_another, plain_endpoint, script_for_a_page,
]  # fmt: skip
# Where the honest issuer itself misbehaves after the user agreed, it has what is its own.
ITS_OWN = {tokens_elsewhere}


@pytest.mark.parametrize("misbehave", REFUSED, ids=lambda value: value.__name__)
async def test_what_misbehaves_gets_nothing(misbehave: Callable[[World], None]) -> None:
    """sec/38, sec/39, sec/41: the login fails, and the evil one was sent no secret at all."""
    async with world() as there:
        misbehave(there)
        with pytest.raises(AuthorizationError):
            await there.use()
        assert secrets_at(there, there.two) == []
        assert not any("authorization" in seen.headers for seen in there.seen)
        assert misbehave in ITS_OWN or there.nothing_left()


async def test_a_server_that_leads_elsewhere_takes_no_token_along() -> None:
    """sec/39: neither another origin, nor the evil issuer, is sent what was given for this server."""
    async with world() as there:
        assert await there.use() == ["done"]
        auth = there.oauth()
        usual, status = there.answer, 307

        async def leading(got: Got) -> None:
            if got.target == "/mcp" and "authorization" in got.headers:
                there.seen.append(Seen(got.method, got.target, {}, got.headers, got.body))
                got.reply(b"", status, location=f"{there.two.origin}/mcp")
            else:
                await usual(got)

        there.behaves = leading
        for status in (301, 302, 303, 307, 308):
            with pytest.raises(McpError):
                await there.use(auth)
        assert there.two.seen == []


TOKENS: dict[str, dict[str, Any]] = {
    "a field of its own": {"access_token": "t\r\nx-evil: 1"},
    "none": {"access_token": ""},
    "a number": {"access_token": 7},
    "a megabyte": {"access_token": "t" * 100_000},
    "of another kind": {"token_type": "mac"},
    "bound to a key that nobody has": {"token_type": "DPoP"},
    "a refresh token that breaks lines": {"refresh_token": "r\n"},
    "for a time that is none": {"expires_in": "nan"},
    "without end": {"expires_in": "inf"},
}


@pytest.mark.parametrize("change", TOKENS.values(), ids=TOKENS.keys())
async def test_a_token_that_is_made_to_harm_is_not_sent(change: dict[str, Any]) -> None:
    """sec/47, of a client: it goes into no header, and into no wallet."""
    async with world() as there:
        auth = there.oauth()
        there.one.token = lambda seen: (200, {"access_token": "good", "token_type": "Bearer", **change}, {})
        with pytest.raises(AuthorizationError):
            await there.use(auth)
        assert not any("authorization" in seen.headers for seen in there.seen)
        assert "1 kept" in repr(auth.wallet), "what was registered, and nothing else"


async def test_a_token_of_one_server_is_nothing_to_an_evil_one() -> None:
    """sec/01, sec/39: the same wallet, two servers, one of which names the other's issuer."""
    async with world() as there, world() as evil:
        auth = there.oauth()
        assert await there.use(auth) == ["done"]
        evil.issuer = there.one
        evil.prm = {"resource": there.url}
        with pytest.raises(AuthorizationError, match="another resource"):
            await evil.use(auth)
        everything = " ".join(seen.text for place in (evil, evil.one, evil.two) for seen in place.seen)
        assert not any(token in everything for token in there.one.given)

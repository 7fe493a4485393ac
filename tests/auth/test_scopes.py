"""Which scopes are asked for, and how often."""

import pytest
from tests.auth.world import Issuer, Seen, World, world

from dragoman import AuthorizationError, AuthorizationNeededError, Client


def asked(there: World) -> list[str | None]:
    return [seen.query.get("scope") for seen in there.one.at("/authorize")]


@pytest.mark.parametrize("challenged, listed, found", [
    ("a b", ["c"], "a b"),
    ("a a", None, "a"),
    (None, ["c", "d"], "c d"),
    (None, None, None),
    (None, [], None),
    ("", ["c"], None),
])  # fmt: skip
async def test_the_challenge_says_the_scopes_else_the_metadata_else_nobody(challenged, listed, found) -> None:
    """AUTHC-12, AUTHC-13: the challenge counts whatever the metadata lists."""
    async with world(prm={"scopes_supported": listed}) as there:
        if challenged is not None:
            there.challenge = f'{there.usual_challenge()}, scope="{challenged}"'
        assert await there.use() == ["done"]
        assert asked(there) == [found]


@pytest.mark.parametrize("supported, found", [
    (["offline_access"], "a offline_access"), (["a"], "a"), (None, "a"),
])  # fmt: skip
async def test_offline_access_is_asked_for_where_the_server_has_it(supported, found: str) -> None:
    """AUTHC-24."""
    async with world(one=Issuer(metadata={"scopes_supported": supported}), prm={"scopes_supported": ["a"]}) as there:
        assert await there.use() == ["done"]
        assert asked(there) == [found]


def wanting(there: World, scopes: dict[str, str]):
    """Return a judge that wants a scope for each method, and knows which token has which."""

    def judge(seen: Seen) -> tuple[int, str] | None:
        token = seen.headers.get("authorization", "").partition(" ")[2]
        if token not in there.one.given:
            return 401, f'{there.usual_challenge()}, scope="basic"'
        held = (asked(there)[there.one.given.index(token)] or "").split()
        method = seen.headers["mcp-method"]
        wanted = scopes.get(method, "basic")
        if wanted in held:
            return None
        return 403, f'{there.usual_challenge()}, error="insufficient_scope", scope="{wanted}"'

    return judge


async def test_a_step_up_asks_for_what_is_held_and_what_is_missing() -> None:
    """AUTHC-14: the union, once."""
    async with world() as there:
        there.accepts = wanting(there, {"tools/call": "write"})
        assert await there.use(calls=2) == ["done", "done"]
        assert asked(there) == ["basic", "basic write"]


async def test_scopes_that_were_asked_for_and_not_given_are_not_asked_for_for_ever() -> None:
    """AUTHC-14: a bounded number of tries, counted at the server."""
    async with world() as there:
        there.accepts = wanting(there, {"tools/call": "write"})
        base = there.accepts

        def never(seen: Seen) -> tuple[int, str] | None:
            if seen.headers["mcp-method"] == "tools/call" and "authorization" in seen.headers:
                return 403, 'Bearer error="insufficient_scope", scope="write"'
            return base(seen)

        there.accepts = never
        there.challenge = "Bearer"
        async with Client(there.url, auth=there.oauth(), mode="modern") as client:
            for _ in range(3):
                with pytest.raises(AuthorizationError, match="wants write"):
                    await client.call_tool("tool", {})
        assert asked(there) == ["basic", "basic write"]
        assert len([seen for seen in there.calls if seen.headers["mcp-method"] == "tools/call"]) == 4


async def test_ever_new_scopes_end_after_a_few_tries_of_one_request() -> None:
    """AUTHC-14."""
    async with world() as there:

        def more(seen: Seen) -> tuple[int, str] | None:
            if "authorization" not in seen.headers:
                return 401, there.usual_challenge()
            if seen.headers["mcp-method"] == "tools/call":
                return 403, f'Bearer error="insufficient_scope", scope="scope-{len(there.pages)}"'
            return None

        there.accepts = more
        with pytest.raises(AuthorizationError):
            await there.use()
        assert len([seen for seen in there.calls if seen.headers["mcp-method"] == "tools/call"]) == 4
        assert len(there.pages) == 4  # the first login, and three steps


async def test_a_403_that_is_not_about_scopes_opens_no_page() -> None:
    """AUTHC-14, the twin: a refusal that no token cures."""
    async with world() as there:
        there.one.given.append("kept")

        def judge(seen: Seen) -> tuple[int, str] | None:
            return (403, "Bearer") if "authorization" in seen.headers else (401, there.usual_challenge())

        there.accepts = judge
        with pytest.raises(AuthorizationError, match="HTTP 403"):
            await there.use()
        assert len(there.pages) == 1


async def test_scopes_of_the_users_come_beside_the_servers() -> None:
    async with world(prm={"scopes_supported": ["a"]}) as there:
        await there.use(there.oauth(scopes=["mine"]))
        assert asked(there) == ["mine a"]


async def test_without_a_user_the_command_for_further_scopes_is_told_and_harms_nobody() -> None:
    """The names are the server's: what is to be pasted into a shell is quoted."""
    async with world() as there:
        auth = there.oauth()
        await there.use(auth)
        there.accepts = lambda seen: (403, 'Bearer error="insufficient_scope", scope="write $(touch;x)"')
        with pytest.raises(AuthorizationNeededError) as caught:
            await there.use(there.oauth(wallet=auth.wallet, interactive=False))
        assert str(caught.value).endswith(f"dragoman login {there.url} --scope write --scope '$(touch;x)'")
        assert caught.value.status == 403

"""Skills from a folder to a client, in every era: listed, read, changed, and refused where something is wrong."""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from dragoman import Client, Limits, LocalError, PeerError, RegistrationError, Server, Skill, SkillError
from dragoman.serving import skills as serving
from dragoman.wire.skills import MAX_FILES, SkillFile

MODES = pytest.mark.parametrize("mode", ["modern", "legacy"])
HEAD = "---\nname: {}\ndescription: What it is for.\nmetadata:\n  version: 1.0\n---\nDo it.\n"
SIZED = HEAD.format("liar")


def write(folder: Path, name: str, **files: str) -> Path:
    home = folder / name
    home.mkdir(parents=True)
    (home / "SKILL.md").write_text(HEAD.format(home.name))
    for file, text in files.items():
        (home / file).write_text(text)
    return home


def served(folder: Path, prefix: str = "") -> Server:
    server = Server("skilled")
    server.add_skills(folder, prefix=prefix)
    return server


@MODES
async def test_a_folder_of_skills_is_listed_and_read(tmp_path: Path, mode: str) -> None:
    home = write(tmp_path, "billing/refunds", LICENSE="Free.")
    (home / "templates").mkdir()
    (home / "templates" / "50% off.md").write_bytes(b"\xef\xbb\xbfline\r\n")
    (home / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    async with Client(served(tmp_path), mode=mode) as client:
        assert client.server_capabilities.extensions == {"io.modelcontextprotocol/skills": {"directoryRead": True}}
        (skill,) = await client.skills.list()
        assert (skill.uri, skill.name) == ("skill://billing/refunds/SKILL.md", "refunds")
        assert await client.skills.get(skill.uri) == skill
        assert (await client.skills.read(skill)).text == HEAD.format("refunds")
        assert (await client.skills.read(skill, "templates/50% off.md")).data == b"\xef\xbb\xbfline\r\n"
        assert (await client.skills.read(skill, "./logo.png")).data.startswith(b"\x89PNG")
        assert (await client.skills.read(skill, "LICENSE")).mime_type == "text/plain"
        names = [one.name for one in await client.skills.directory("skill://billing/refunds")]
        assert names == ["LICENSE", "refunds", "logo.png", "templates"]
        (listed,) = await client.list_resources()
        assert (listed.name, listed.description, listed.mime_type) == ("refunds", "What it is for.", "text/markdown")


async def test_a_folder_that_is_a_skill_goes_by_its_own_name(tmp_path: Path) -> None:
    async with Client(served(write(tmp_path, "alone"), "acme/tools")) as client:
        assert [skill.uri for skill in await client.skills.list()] == ["skill://acme/tools/alone/SKILL.md"]


async def test_a_nested_skill_is_one_of_its_own_and_part_of_the_other(tmp_path: Path) -> None:
    write(tmp_path, "outer")
    write(tmp_path, "outer/inner")
    async with Client(served(tmp_path)) as client:
        outer, inner = await client.skills.list()
        assert [file.uri for file in outer.resources] == ["skill://outer/SKILL.md", "skill://outer/inner/SKILL.md"]  # type: ignore[union-attr]
        assert [file.uri for file in inner.resources] == ["skill://outer/inner/SKILL.md"]  # type: ignore[union-attr]


async def test_what_changes_in_the_folder_is_served_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "WATCH_SECONDS", 0.02)
    home = write(tmp_path, "living", notes="one")
    async with Client(served(tmp_path)) as client:
        (before,) = await client.skills.list()
        async with asyncio.timeout(10), client.listen(tools=False, prompts=False, resources=True) as changes:
            (home / "notes").write_text("two, and longer")
            assert (await anext(aiter(changes))).kind == "resources"
        with pytest.raises(SkillError, match="bytes"):
            await client.skills.read(before, "notes")
        now = await client.skills.get(before.uri)
        assert (await client.skills.read(now, "notes")).text == "two, and longer"
        write(tmp_path, "second")
        assert len(await client.skills.list()) == 2
        (home / "SKILL.md").unlink()
        assert [skill.name for skill in await client.skills.list()] == ["second"]
        with pytest.raises(PeerError, match="not found"):
            await client.read("skill://living/notes")


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
async def test_links_put_in_later_lead_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("hidden")
    home = write(tmp_path / "skills", "safe", notes="plain")
    (home / "deep").mkdir()
    (home / "deep" / "key").write_text("public")
    async with Client(served(tmp_path / "skills"), cache=False) as client:
        assert (await client.read("skill://safe/deep/key")).text == "public"
        # Known to the server by name, and swapped behind its back: a file, and a folder on the way.
        (home / "notes").unlink()
        (home / "notes").symlink_to(secret / "key")
        (home / "deep" / "key").unlink()
        (home / "deep").rmdir()
        (home / "deep").symlink_to(secret)
        for uri in ("skill://safe/notes", "skill://safe/deep/key"):
            with pytest.raises(PeerError, match="not found"):
                await client.read(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "skill://safe/../../etc/passwd",
        "skill://safe/%2e%2e/other",
        "skill://safe/.hidden",
        "skill://safe",
        "skill:///etc/passwd",
        "skill://safe/notes/",
        "skill://nobody/SKILL.md",
    ],
)
async def test_only_names_that_were_found_are_read(tmp_path: Path, uri: str) -> None:
    home = write(tmp_path, "safe", notes="plain")
    (home / ".hidden").write_text("hidden")
    async with Client(served(tmp_path)) as client:
        assert (await client.read("skill://safe/notes")).text == "plain"
        with pytest.raises(PeerError):
            await client.read(uri)
        with pytest.raises(PeerError) as caught:
            await client.request("skills/get", {"uri": uri})
        assert caught.value.code == -32602


@pytest.mark.parametrize("uri", ["skill://safe/SKILL.md", "skill://", "skill://safe/", "file:///etc"])
async def test_what_is_no_directory_is_not_listed_as_one(tmp_path: Path, uri: str) -> None:
    write(tmp_path, "safe")
    async with Client(served(tmp_path)) as client:
        with pytest.raises(PeerError) as caught:
            await client.skills.directory(uri)
        assert caught.value.code == -32602


def _no_head(home: Path) -> None:
    (home / "SKILL.md").write_text("no head")


def _other_name(home: Path) -> None:
    (home / "SKILL.md").write_text(HEAD.format("other"))


def _no_description(home: Path) -> None:
    (home / "SKILL.md").write_text("---\nname: bad\n---\n")


def _too_many(home: Path) -> None:
    for number in range(MAX_FILES):
        (home / str(number)).touch()


def _linked(home: Path) -> None:
    (home / "link").symlink_to("/etc/hostname")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_no_head, "front matter"),
        (_other_name, "have to be the same"),
        (_no_description, "description"),
        (_too_many, "513 files"),
        (_linked, "is a link"),
    ],
)
def test_a_skill_that_is_none_is_refused_with_its_place(
    tmp_path: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    home = write(tmp_path, "bad")
    served(tmp_path)
    spoil(home)
    server = Server("skilled")
    with pytest.raises(RegistrationError, match=reason) as caught:
        server.add_skills(tmp_path)
    assert str(home) in str(caught.value)
    assert "skills/list" not in server.service.methods


def test_folders_that_cannot_be_served_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a", "one")
    (tmp_path / "empty").mkdir()
    server = served(tmp_path / "a")
    with pytest.raises(RegistrationError, match="prefix"):
        server.add_skills(tmp_path / "a")
    server.add_skills(tmp_path / "a", prefix="again")
    with pytest.raises(RegistrationError, match="no skill"):
        server.add_skills(tmp_path / "empty")
    with pytest.raises(RegistrationError, match="no folder"):
        server.add_skills(tmp_path / "gone")
    with pytest.raises(RegistrationError, match="prefix"):
        server.add_skills(tmp_path / "a", prefix="../up")


async def test_skills_of_a_mounted_server_are_read_under_its_prefix(tmp_path: Path) -> None:
    write(tmp_path, "one", notes="plain")
    outer = Server("outer")
    outer.mount(served(tmp_path), "inner")
    async with Client(outer) as client:
        (skill,) = await client.skills.list()
        assert skill.uri == "skill://inner/one/SKILL.md"
        assert await client.skills.get(skill.uri) == skill
        assert (await client.skills.read(skill, "notes")).text == "plain"


async def test_a_server_without_skills_is_not_asked() -> None:
    async with Client(Server("plain")) as client:
        with pytest.raises(LocalError, match="no skills"):
            await client.skills.list()


def lying(change: dict[str, Any], text: str = HEAD.format("liar")) -> Server:
    """Return a server whose entry and file are as given: what the wire allows, and no honest server does."""
    from dragoman.serving.skill_folder import digest_of

    server = Server("liar")
    uri = "skill://liar/SKILL.md"
    front = {"name": "liar", "description": "What it is for.", "metadata": {"version": 1}}
    files = [{"uri": uri, "digest": digest_of(text.encode()), "size": len(text)}]
    entry = {"uri": uri, "frontmatter": front, "resources": files, **change}
    entry = {name: value for name, value in entry.items() if value is not UNSET}
    server.add_extension("io.modelcontextprotocol/skills", {})

    async def answer(call: Any) -> Any:
        return {"skills": [entry], "ttlMs": 0, "cacheScope": "private"}

    server.service.handle("skills/list", answer)

    @server.resource(uri, mime_type="text/markdown")
    def manifest() -> str:
        return text

    return server


@pytest.mark.parametrize(
    ("change", "text", "reason"),
    [
        ({"frontmatter": {"name": "liar", "description": "Other."}}, HEAD, "front matter"),
        ({"frontmatter": {"name": "other", "description": "x"}}, HEAD, "name"),
        ({"resources": []}, HEAD, "own SKILL.md"),
        ({"resources": [{"uri": "skill://liar/SKILL.md", "digest": "sha256:" + "0" * 64}]}, HEAD, "gives no size"),
        (
            {"resources": [{"uri": "skill://liar/SKILL.md", "digest": "sha256:" + "0" * 64, "size": len(SIZED)}]},
            HEAD,
            "digest",
        ),
        ({"resources": UNSET}, HEAD, "says nothing of its files"),
        ({"resources": [{"uri": "skill://liar/SKILL.md", "digest": "sha256:" + "0" * 64, "size": 3}]}, HEAD, "bytes"),
        ({"resources": [{"uri": "skill://liar/../x", "digest": ""}]}, HEAD, "outside"),
        ({"resources": [{"uri": "file:///etc/passwd", "digest": ""}]}, HEAD, "outside"),
        ({"resources": "dynamic"}, HEAD, "unverified=True"),
        ({}, "no head at all", "front matter"),
    ],
)
async def test_a_skill_that_is_not_what_its_entry_says_is_refused(
    change: dict[str, Any], text: str, reason: str
) -> None:
    async with Client(lying(change, text.format("liar"))) as client:
        (skill,) = await client.skills.list()
        with pytest.raises(SkillError, match=reason) as caught:
            await client.skills.read(skill)
        assert caught.value.uri.startswith("skill://liar/")
    async with Client(lying({})) as client:
        (skill,) = await client.skills.list()
        assert (await client.skills.read(skill)).text == HEAD.format("liar")


async def test_a_skill_that_says_nothing_of_its_files_is_not_read_even_unverified() -> None:
    async with Client(lying({"resources": UNSET})) as client:
        (skill,) = await client.skills.list()
        with pytest.raises(SkillError, match="says nothing of its files"):
            await client.skills.read(skill, unverified=True)


async def test_an_empty_directory_of_a_skill_is_one(tmp_path: Path) -> None:
    """Two levels of it: each is listed in the one above, and has nothing itself."""
    (tmp_path / "a" / "made" / "later").mkdir(parents=True)
    (tmp_path / "a" / "SKILL.md").write_text(HEAD.format("a"))
    (tmp_path / "elsewhere").mkdir()
    server = Server("skilled")
    server.add_skills(tmp_path)
    async with Client(server) as client:
        inside = await client.skills.directory("skill://a")
        assert [one.uri for one in inside] == ["skill://a/SKILL.md", "skill://a/made"]
        assert [one.uri for one in await client.skills.directory("skill://a/made")] == ["skill://a/made/later"]
        assert await client.skills.directory("skill://a/made/later") == []
        with pytest.raises(PeerError, match="no directory of a skill"):
            await client.skills.directory("skill://elsewhere")


async def test_a_skill_without_digests_is_read_by_who_allows_it() -> None:
    async with Client(lying({"resources": "dynamic"})) as client:
        (skill,) = await client.skills.list()
        assert (await client.skills.read(skill, unverified=True)).text == HEAD.format("liar")
    async with Client(lying({"resources": "dynamic"}, HEAD.format("other"))) as client:
        (skill,) = await client.skills.list()
        with pytest.raises(SkillError, match="front matter"):
            await client.skills.read(skill, unverified=True)


@pytest.mark.parametrize("path", ["../other/x", "/etc/passwd", "..", "a\\b", "https://x/", "", "notes\0"])
async def test_a_path_out_of_a_skill_is_not_asked_for(path: str) -> None:
    async with Client(lying({})) as client:
        (skill,) = await client.skills.list()
        with pytest.raises(SkillError, match="not in the skill"):
            await client.skills.read(skill, path)


async def test_a_file_that_is_not_in_the_entry_is_not_asked_for() -> None:
    async with Client(lying({})) as client:
        (skill,) = await client.skills.list()
        with pytest.raises(SkillError, match="does not list"):
            await client.skills.read(skill, "extra.md")


def test_an_entry_keeps_every_field_of_its_head() -> None:
    files = [SkillFile(uri="skill://a/SKILL.md", digest="sha256:0", size=0)]
    skill = Skill(uri="skill://a/SKILL.md", frontmatter={"name": "a", "x": None}, resources=files)
    assert msgspec.json.decode(msgspec.json.encode(skill), type=Skill) == skill


@MODES
@pytest.mark.parametrize("behind", [False, True])
async def test_skills_of_a_mounted_server_are_where_they_say(tmp_path: Path, mode: str, behind: bool) -> None:
    write(tmp_path, "refunds", LICENSE="Free.")
    outer, inner = Server("outer"), served(tmp_path)
    outer.mount(Server.proxy(inner) if behind else inner, "shop")
    async with Client(outer, mode=mode) as client:
        (skill,) = await client.skills.list()
        assert skill.uri == "skill://shop/refunds/SKILL.md"
        assert (await client.skills.read(skill)).text == HEAD.format("refunds")
        assert (await client.skills.read(await client.skills.get(skill.uri), "LICENSE")).text == "Free."
        inside = await client.skills.directory("skill://shop/refunds")
        assert [one.uri for one in inside] == ["skill://shop/refunds/LICENSE", "skill://shop/refunds/SKILL.md"]


@MODES
async def test_skills_of_all_mounted_servers_are_listed_together(
    tmp_path: Path, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "dragoman")
    for name in ("own", "near", "far"):
        write(tmp_path / name, name)
    outer = Server("outer", limits=Limits(listed=2))
    outer.mount(served(tmp_path / "near"), "near")
    outer.add_skills(tmp_path / "own")
    outer.mount(Server.proxy(served(tmp_path / "far")), "far")
    outer.mount(Server.proxy("http://127.0.0.1:9/mcp"), "dead")
    outer.mount(Server("plain"), "plain")
    async with Client(outer, mode=mode) as client:
        first = await client.request("skills/list")
        assert len(first["skills"]) == 2 and "nextCursor" in first
        with pytest.raises(PeerError, match="unknown cursor"):
            await client.request("skills/list", {"cursor": "strange"})
        listed = await client.skills.list()
        assert [one.uri for one in listed] == [
            "skill://own/SKILL.md",
            "skill://near/near/SKILL.md",
            "skill://far/far/SKILL.md",
        ]
        for skill in listed:
            assert await client.skills.get(skill.uri) == skill
            assert (await client.skills.read(skill)).text == HEAD.format(skill.name)
            assert await client.skills.directory(skill.uri.removesuffix("/SKILL.md"))
        for strange in ("skill://near/own/SKILL.md", "skill://nobody/SKILL.md"):
            with pytest.raises(PeerError) as refused:
                await client.skills.get(strange)
            assert refused.value.code == -32602


async def test_who_has_no_skills_inside_knows_no_such_method() -> None:
    outer = Server("outer")
    outer.mount(Server.proxy(Server("plain")), "in")
    async with Client(outer) as client:
        with pytest.raises(PeerError, match="method not found"):
            await client.request("skills/list")

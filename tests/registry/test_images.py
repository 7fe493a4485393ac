"""Images by tag, from a registry of images on a real port: docker is told a digest, and whose it is was asked."""

import asyncio
import hashlib
import json
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.registry.desk import over_http

from dragoman.errors import TransportError
from dragoman.registry import adding
from dragoman.registry.document import Listed, read_server
from dragoman.registry.faults import EntryError, IntegrityError
from dragoman.registry.images import LABEL, resolve
from dragoman.registry.inputs import Secret
from dragoman.registry.records import Records
from dragoman.registry.sources import Indexes, Source
from dragoman.transport.fetch import SafeFetcher

NAME = "com.example/made"
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Images:
    """A registry of images with one image, which wants a token that anybody gets."""

    def __init__(self, *, label: str = NAME, indexed: bool = True) -> None:
        self.url = ""
        self.status = 200
        self.asked: list[str] = []
        config = json.dumps({"config": {"Labels": {LABEL: label}}}).encode()
        manifest = json.dumps({"config": {"digest": digest_of(config)}}).encode()
        other = json.dumps({"config": {"digest": digest_of(b"other")}}).encode()
        index = json.dumps({"manifests": [
            {"digest": digest_of(other), "platform": {"architecture": "s390x"}},
            {"digest": digest_of(manifest), "platform": {"architecture": ARCH}},
        ]}).encode()  # fmt: skip
        top = index if indexed else manifest
        self.digest = digest_of(top)
        self.files = {
            "/v2/user/app/manifests/1.0": top,
            f"/v2/user/app/manifests/{self.digest}": top,
            f"/v2/user/app/manifests/{digest_of(manifest)}": manifest,
            f"/v2/user/app/blobs/{digest_of(config)}": config,
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers, status, body = dict(scope["headers"]), self.status, b""
        fields: list[tuple[bytes, bytes]] = []
        if scope["path"] == "/token":
            self.asked.append(scope["query_string"].decode())
            body = b'{"token": "anybody"}'
        elif headers.get(b"authorization") != b"Bearer anybody":
            status = 401
            fields = [(b"www-authenticate", f'Bearer realm="{self.url}/token",service="images"'.encode())]
        else:
            body = self.files.get(scope["path"], b"")
            status = self.status if body else 404
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def images() -> Iterator[Images]:
    made = Images()
    with over_http(lambda url: made) as made.url:
        yield made


async def asked(images: Images, reference: str = "user/app:1.0") -> Any:
    host = images.url.removeprefix("http://")
    return await resolve(f"{host}/{reference}", SafeFetcher(images.url))


@pytest.mark.parametrize("indexed", [True, False])
async def test_a_tag_becomes_a_digest_and_the_label_says_whose_it_is(images: Images, indexed: bool) -> None:
    images.__dict__.update({name: value for name, value in vars(Images(indexed=indexed)).items() if name != "url"})
    found = await asked(images)
    host = images.url.removeprefix("http://")
    assert found == (f"{host}/user/app@{images.digest}", images.digest, (NAME,))
    assert images.asked == ["scope=repository%3Auser%2Fapp%3Apull&service=images"]
    assert (await asked(images, f"user/app@{images.digest}")).digest == images.digest


@pytest.mark.parametrize("place", ["manifests", "blobs"])
async def test_other_bytes_than_a_digest_says_are_refused(images: Images, place: str) -> None:
    for path in images.files:
        if place in path and "sha256:" in path:
            images.files[path] += b" "
    with pytest.raises(IntegrityError, match="other bytes than its digest says"):
        await asked(images, f"user/app@{images.digest}")


def put(images: Images, folder: Path, name: str = NAME, **more: Any) -> adding.Brought:
    place = images.url.removeprefix("http://")
    image = {"registryType": "oci", "identifier": f"{place}/user/app:1.0", "transport": {"type": "stdio"}, **more}
    server = read_server({"name": name, "description": "d", "version": "1.0.0", "packages": [image]})
    choice = adding.judge(Listed(server=server), Source(name="x", url=images.url))
    return asyncio.run(adding.bring(choice, adding.ways(choice.listed), Records(folder), Indexes()))


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A program called docker, which nobody starts here."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return str(program)


def test_an_image_is_started_by_its_digest_and_gets_its_variables_by_name(
    images: Images, docker: str, tmp_path: Path
) -> None:
    inputs: dict[str, Any] = {
        "runtimeArguments": [{"type": "named", "name": "--network", "value": "none"}],
        "packageArguments": [{"type": "positional", "value": "serve"}],
        "environmentVariables": [{"name": "KEY", "isSecret": True}],
    }
    brought = put(images, tmp_path / "servers", **inputs)
    assert brought.pin.hash == images.digest
    package = read_server({"name": NAME, "description": "d", "version": "1", "packages": [
        {"registryType": "oci", "identifier": "x:1", "transport": {"type": "stdio"}, **inputs}
    ]}).packages[0]  # fmt: skip
    made = adding.cook(package, brought, {"KEY": [Secret("s")]}, Path("/home/ada"))
    image = f"{images.url.removeprefix('http://')}/user/app@{images.digest}"
    assert made.shown() == [docker, "run", "-i", "--rm", "--network", "none", "-e", "KEY", image, "serve"]
    assert made.env == {"KEY": (Secret("s"),)} and not made.exposed()


def test_an_image_of_somebody_elses_or_with_other_bytes_is_not_put_in(
    images: Images, docker: str, tmp_path: Path
) -> None:
    with pytest.raises(IntegrityError, match=r"it says it is of com\.example/made"):
        put(images, tmp_path / "servers", "com.example/other")
    images.__dict__.update({name: value for name, value in vars(Images(label="")).items() if name != "url"})
    with pytest.raises(IntegrityError, match="it names no server"):
        put(images, tmp_path / "servers")
    assert list((tmp_path / "servers").iterdir()) == []


@pytest.mark.parametrize("status", [429, 500, 403])
def test_a_registry_of_images_that_does_not_say_puts_nothing_in(
    images: Images, docker: str, tmp_path: Path, status: int
) -> None:
    images.status = status
    with pytest.raises(TransportError):
        put(images, tmp_path / "servers")
    assert list((tmp_path / "servers").iterdir()) == []


NO_IMAGES = ["app", "ghcr.io/user/app", "-v:1", "ghcr.io/User/App:1", "a b:1", "ghcr.io/a/b@sha256:12", "../x:1"]


@pytest.mark.parametrize("name", NO_IMAGES)
async def test_what_names_no_image_is_refused(name: str) -> None:
    with pytest.raises(EntryError, match="no name of an image"):
        await resolve(name, SafeFetcher("https://registry.example.com"))


@given(st.text(alphabet="ab./:@-_19sha256", max_size=40))
def test_any_name_is_an_image_or_refused_before_anything_is_asked(name: str) -> None:
    class Nobody:
        async def get(self, url: str, headers: Any = None) -> Any:
            assert url.startswith(("https://", "http://localhost", "http://127.")) and "/v2/" in url
            raise TransportError("nobody")

        async def post(self, url: str, body: bytes, headers: Any = None) -> Any:
            raise AssertionError("images are only read")

        async def close(self) -> None:
            pass

    with pytest.raises((EntryError, TransportError)):
        asyncio.run(resolve(name, Nobody()))

"""Which bytes an image's name stands for now, and whose they say they are, asked of the registry of images.

A tag moves, so what is kept and started is the digest. Every answer is compared with the digest that it was asked by.
Source: OCI Distribution Specification 1.1, "Pulling manifests"; MCP registry, "Package Types" (the label of an image).
"""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from dragoman.errors import MalformedError, TransportError
from dragoman.ports.fetch import Fetched, Fetcher
from dragoman.protocol.challenge import read_challenges
from dragoman.protocol.strict import read_strict
from dragoman.registry.faults import EntryError, IntegrityError
from dragoman.registry.untyped import row, table

LABEL = "io.modelcontextprotocol.server.name"
MAX_ANSWER = 4 * 1024 * 1024  # bytes
_TYPES = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(
    rf"(?:(?P<host>[A-Za-z0-9.-]+\.[A-Za-z0-9-]+(?::\d+)?|localhost(?::\d+)?)/)?(?P<path>{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
_HUB = {"docker.io", "index.docker.io"}
_MACHINES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class Image(NamedTuple):
    """An image by its digest: `name` is what docker takes, `claims` are the servers that it says it is of."""

    name: str
    digest: str
    claims: tuple[str, ...]


async def resolve(identifier: str, fetcher: Fetcher) -> Image:
    """Return the image that an identifier names now.

    Raises EntryError for one that is none, IntegrityError for other bytes than were asked for, TransportError.
    """
    found = _NAME.fullmatch(identifier)
    if found is None or not (found["tag"] or found["digest"]):
        raise EntryError(f"{identifier!r} is no name of an image with a tag or a digest, as in ghcr.io/user/app:1.0.0")
    host, path = found["host"] or "docker.io", found["path"]
    if host in _HUB and "/" not in path:
        path = f"library/{path}"
    place = _Place(fetcher, "registry-1.docker.io" if host in _HUB else host, path)
    top = await place.get(f"manifests/{found['digest'] or found['tag']}", found["digest"] or "")
    digest = f"sha256:{hashlib.sha256(top).hexdigest()}"
    held = _json(top)
    claims = [_text(table(held.get("annotations")).get(LABEL))]
    if "manifests" in held:
        held = _json(await place.get(f"manifests/{(own := _own(held))}", own))
        claims.append(_text(table(held.get("annotations")).get(LABEL)))
    config = _text(table(held.get("config")).get("digest"))
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", config):
        raise IntegrityError(f"the manifest of {identifier} names no configuration")
    said = _json(await place.get(f"blobs/{config}", config))
    claims.append(_text(table(table(said.get("config")).get("Labels")).get(LABEL)))
    return Image(f"{host}/{found['path']}@{digest}", digest, tuple(dict.fromkeys(one for one in claims if one)))


def _own(index: Mapping[str, Any]) -> str:
    """Return the digest of the manifest for this machine, the first if none is."""
    wanted = _MACHINES.get(platform.machine(), platform.machine())
    every = [table(one) for one in row(index.get("manifests"))]
    fit = [one for one in every if table(one.get("platform")).get("architecture") == wanted]
    digest = _text((fit or every or [{}])[0].get("digest"))
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise IntegrityError("the index of the image names no manifest")
    return digest


class _Place:
    """One repository of images, and the token that was given for it."""

    def __init__(self, fetcher: Fetcher, host: str, path: str) -> None:
        self._fetcher = fetcher
        # As docker does: plain HTTP is for this machine only.
        scheme = "http" if re.match(r"(localhost|127\.\d+\.\d+\.\d+)(:|$)", host) else "https"
        self._base = f"{scheme}://{host}/v2/{path}"
        self._path = path
        self._token = ""

    async def get(self, part: str, digest: str) -> bytes:
        """Return a document, compared with `digest` unless that is "". Raises TransportError, IntegrityError."""
        fetched = await self._ask(part)
        if fetched.status == 401 and not self._token:
            self._token = await self._given(fetched)
            fetched = await self._ask(part)
        if fetched.status != 200:
            raise TransportError(f"{self._base}/{part} answers with status {fetched.status}")
        if digest and f"sha256:{hashlib.sha256(fetched.body).hexdigest()}" != digest:
            raise IntegrityError(f"{self._base}/{part} gives other bytes than its digest says")
        return fetched.body

    async def _ask(self, part: str) -> Fetched:
        token = {"authorization": f"Bearer {self._token}"} if self._token else {}
        return await self._fetcher.get(f"{self._base}/{part}", {"accept": _TYPES, **token})

    async def _given(self, refusal: Fetched) -> str:
        """Return the token that anybody gets for reading this repository."""
        for challenge in read_challenges(refusal.headers.get("www-authenticate", "")):
            realm = challenge.params.get("realm", "")
            if challenge.scheme.lower() == "bearer" and realm.startswith(("https://", "http://")):
                asked = {"scope": f"repository:{self._path}:pull"}
                if service := challenge.params.get("service", ""):
                    asked["service"] = service
                answer = await self._fetcher.get(f"{realm}{'&' if '?' in realm else '?'}{urlencode(asked)}")
                held = _json(answer.body) if answer.status == 200 else {}
                if token := _text(held.get("token")) or _text(held.get("access_token")):
                    return token
        raise TransportError(f"{self._base} gives its images only to those who log in there")


def _json(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_ANSWER:
        raise IntegrityError("what a registry of images says is too large")
    try:
        return table(read_strict(data, "what a registry of images says"))
    except MalformedError as error:
        raise IntegrityError(str(error)) from None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

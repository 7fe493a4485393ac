"""TLS: a custom authority, a client certificate, a tunnel through a proxy, and what is not trusted."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.transport.raw_peer import Got, serving
from tests.transport.test_http_client import ask

from dragoman.errors import LocalError, UnreachableError


class Paper(NamedTuple):
    """PEM files: an authority, a server's certificate of its, a client's."""

    ca: str
    server: str
    client: str


def _make(name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    )
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def _pem(path: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey | None = None) -> str:
    data = certificate.public_bytes(serialization.Encoding.PEM)
    if key is not None:
        data += key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    path.write_bytes(data)
    return str(path)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Paper:
    folder = tmp_path_factory.mktemp("tls")
    authority = _make("test authority", None)
    return Paper(
        _pem(folder / "ca.pem", authority[0]),
        _pem(folder / "server.pem", *_make("localhost", authority)),
        _pem(folder / "client.pem", *_make("client", authority)),
    )


def server_side(paper: Paper, *, wants_client: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(paper.server)
    if wants_client:
        context.load_verify_locations(paper.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def answer(got: Got) -> None:
    peer = got.writer.get_extra_info("peercert") or {}
    got.result({"client": str(peer.get("subject", ""))})


async def test_a_certificate_of_an_authority_that_is_named_is_trusted_and_no_other(paper: Paper) -> None:
    async with serving(answer, server_side(paper)) as url:
        assert (await ask(url, ca=paper.ca)).status == 200
        with pytest.raises(UnreachableError, match=r"certificate that is not trusted.*option ca"):
            await ask(url)


async def test_a_certificate_for_another_host_is_not_trusted(paper: Paper) -> None:
    async with serving(answer, server_side(paper)) as url:
        with pytest.raises(UnreachableError, match="not trusted"):
            await ask(url.replace("localhost", "127.0.0.1"), ca=paper.ca)


async def test_a_client_certificate_is_shown_to_a_server_that_wants_one(paper: Paper) -> None:
    async with serving(answer, server_side(paper, wants_client=True)) as url:
        answered = await ask(url, ca=paper.ca, certificate=paper.client)
        assert answered.frame is not None and b"client" in bytes(answered.frame.result)


async def test_certificate_files_that_cannot_be_used_are_named(paper: Paper, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no PEM")
    for settings in ({"ca": str(broken)}, {"certificate": paper.ca}, {"ca": str(tmp_path / "absent.pem")}):
        with pytest.raises(LocalError, match=next(iter(settings.values()))):
            await ask("https://localhost:1/mcp", **settings)


@asynccontextmanager
async def tunnelling(seen: list[str]) -> AsyncIterator[str]:
    """A proxy that only does CONNECT."""

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        seen.append(head)
        host, port = head.split()[1].rsplit(":", 1)
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pump(reader, back), pump(there, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"http://name:word@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        # Its connections end with those of the client.
        await asyncio.sleep(0.05)


async def test_tls_goes_through_a_proxy_in_a_tunnel(paper: Paper) -> None:
    seen: list[str] = []
    async with serving(answer, server_side(paper)) as url, tunnelling(seen) as proxy:
        assert (await ask(url, ca=paper.ca, proxy=proxy)).status == 200
    port = url.rpartition(":")[2].partition("/")[0]
    assert seen[0].startswith(f"CONNECT localhost:{port} HTTP/1.1\r\n")
    assert "proxy-authorization: Basic bmFtZTp3b3Jk" in seen[0]

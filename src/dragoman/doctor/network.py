"""The way to a server, step by step: its name, its addresses, its port, its certificate.

Opens connections itself, since the steps of one connection are what is asked about; only to the address that the
user gave, and without a byte of MCP.
"""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from dragoman.doctor.findings import Report
from dragoman.protocol.discovery import is_loopback
from dragoman.transport.fetch import Resolve, resolve_name
from dragoman.transport.http_route import Route, route_to
from dragoman.transport.http_settings import HttpSettings

MOST = 8  # addresses that are tried
SOON = 14  # days
_EXPIRED, _OTHER_NAMES = 10, frozenset({62, 64})  # of OpenSSL's X509_V_ERR


async def look(report: Report, url: str, seconds: float, resolve: Resolve = resolve_name) -> bool:
    """Return whether there is a connection to the server at `url`, with TLS where its scheme says so.

    Each step takes at most `seconds`. Raises LocalError for a URL that cannot be used.
    """
    route = route_to(url, HttpSettings())
    if urlsplit(url).scheme.lower() == "http" and not is_loopback(route.host):
        report.find("plain-http", f"{route.authority} is spoken to without TLS")
    if route.proxy is not None:
        proxy = f"{route.proxy.host}:{route.proxy.port}"
        report.skip("network", f"the proxy {proxy} does all this; it is what HTTPS_PROXY and HTTP_PROXY say")
        return True
    addresses = await _resolved(report, route, resolve)
    alive = await _connected(report, route, addresses, seconds) if addresses else []
    if not alive:
        return False
    return route.tls is None or await _secured(report, route, route.tls, alive[0], seconds)


async def _resolved(report: Report, route: Route, resolve: Resolve) -> list[str]:
    with report.stage("dns") as told:
        try:
            found = list(await resolve(route.host, route.port))
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            report.find("name-unknown", f"the name {route.host} leads nowhere: {reason}")
            told.said = f"{route.host}: no address"
            return []
        told.said = f"{route.host}: {', '.join(found[:MOST])}"
        return found[:MOST]


async def _connected(report: Report, route: Route, addresses: list[str], seconds: float) -> list[str]:
    """Return the addresses that take a connection."""
    with report.stage("tcp") as told:
        results = await asyncio.gather(*(_dialled(address, route.port, seconds) for address in addresses))
        alive = [address for address, fault in zip(addresses, results, strict=True) if fault is None]
        dead = {address: fault for address, fault in zip(addresses, results, strict=True) if fault is not None}
        told.said = (
            f"port {route.port} answers at {', '.join(alive)}" if alive else f"port {route.port} does not answer"
        )
        for address, fault in dead.items():
            if alive:
                report.find("address-dead", f"{address}, one of the addresses of {route.host}: {fault}")
        if not alive:
            refused = any(isinstance(fault, ConnectionRefusedError) for fault in dead.values())
            said = "; ".join(f"{address}: {fault}" for address, fault in dead.items())
            report.find("port-closed" if refused else "no-connection", f"port {route.port}: {said}")
        return alive


class _Silent(asyncio.Protocol):
    """Says nothing and hears nothing."""


async def _dialled(address: str, port: int, seconds: float, **tls: Any) -> Exception | None:
    """Return what went wrong; None for a connection that stood, and is closed."""
    try:
        async with asyncio.timeout(seconds):
            transport, _ = await asyncio.get_running_loop().create_connection(_Silent, address, port, **tls)
    except TimeoutError:
        return TimeoutError(f"no answer within {seconds:g} s")
    except ConnectionRefusedError:
        return ConnectionRefusedError("connection refused")
    except OSError as error:
        return error
    transport.abort()
    return None


async def _secured(report: Report, route: Route, tls: ssl.SSLContext, address: str, seconds: float) -> bool:
    with report.stage("tls") as told:
        shown: dict[str, Any] = {}
        fault = await _handshaken(route, tls, address, seconds, shown)
        if fault is None:
            told.said = f"{shown.get('version')}{_dated(report, route, shown)}"
            return True
        told.said = "no TLS connection"
        if isinstance(fault, ssl.SSLCertVerificationError):
            report.find(_verdict(fault), f"{route.host} shows a certificate that is refused: {fault.verify_message}")
        else:
            reason = getattr(fault, "reason", None) or fault
            report.find("tls-failed", f"{route.authority}: {str(reason).replace('_', ' ').lower()}")
        return False


def _verdict(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code == _EXPIRED:
        return "certificate-expired"
    return "certificate-other-name" if error.verify_code in _OTHER_NAMES else "certificate-untrusted"


async def _handshaken(
    route: Route, tls: ssl.SSLContext, address: str, seconds: float, shown: dict[str, Any]
) -> Exception | None:
    try:
        async with asyncio.timeout(seconds):
            transport, _ = await asyncio.get_running_loop().create_connection(
                _Silent, address, route.port, ssl=tls, server_hostname=route.host
            )
    except TimeoutError:
        return TimeoutError(f"no answer to the TLS greeting within {seconds:g} s")
    except OSError as error:  # ssl.SSLError is one
        return error
    met: ssl.SSLObject = transport.get_extra_info("ssl_object")
    shown.update(certificate=met.getpeercert() or {}, version=met.version())
    transport.abort()
    await asyncio.sleep(0)  # the transport closes in the next turn of the loop
    return None


def _dated(report: Report, route: Route, shown: dict[str, Any]) -> str:
    """Return in words when the certificate ends."""
    end = shown["certificate"].get("notAfter")
    if not isinstance(end, str):
        return ""
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC)
    days = (until - datetime.now(UTC)).days
    report.facts["certificateEnds"] = f"{until:%Y-%m-%d}"
    if days < SOON:
        report.find("certificate-ends-soon", f"the certificate of {route.host} ends on {until:%Y-%m-%d}")
    return f", certificate until {until:%Y-%m-%d} ({days} days)"

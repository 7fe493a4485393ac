"""Where an HTTP request goes: origin, proxy, TLS.

Reads the environment once, when a client opens. Proxies are spoken to in plain HTTP; through them TLS goes in a tunnel.
Source: RFC 9110, sections 7.1 and 9.3.6; the conventions of curl for *_PROXY and NO_PROXY.
"""

from __future__ import annotations

import os
import ssl
from base64 import b64encode
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from dragoman.errors import LocalError
from dragoman.transport.http_settings import HttpSettings

_PORTS = {"http": 80, "https": 443}
# What a path and a query may hold as they are (RFC 3986, section 3.3 and 3.4); % stands for what is encoded already.
_PATH = "/:@!$&'()*+,;=-._~%"


class Proxy(NamedTuple):
    """A proxy, and the Proxy-Authorization that it wants, "" for none."""

    host: str
    port: int
    authorization: str


class Route(NamedTuple):
    """The way to one URL. `target` is what the request line names, `authority` what Host does.

    `pinned` is the address to connect to, where that was judged before; else `host` is resolved.
    """

    host: str
    port: int
    authority: str
    target: str
    tls: ssl.SSLContext | None
    proxy: Proxy | None
    pinned: str = ""


def route_to(url: str, settings: HttpSettings, environ: Mapping[str, str] = os.environ) -> Route:
    """Return the way to `url`. Raises LocalError for a URL, proxy or certificate that cannot be used."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError) as error:
        raise LocalError(f"{url[:200]!r} is no URL: {error}") from None
    scheme = parts.scheme.lower()
    port = port or _PORTS[scheme]
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port == _PORTS[scheme] else f"{shown}:{port}"
    target = quote(parts.path, safe=_PATH) or "/"
    if parts.query:
        target += "?" + quote(parts.query, safe=_PATH + "?")
    tls = _tls(settings) if scheme == "https" else None
    proxy = _proxy(scheme, host, port, settings, environ)
    if proxy is not None and tls is None:
        target = f"http://{authority}{target}"
    return Route(host, port, authority, target, tls, proxy)


def _tls(settings: HttpSettings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    try:
        if settings.ca is not None:
            context.load_verify_locations(settings.ca)
        if settings.certificate is not None:
            context.load_cert_chain(settings.certificate)
    except (OSError, ssl.SSLError) as error:
        # OpenSSL does not say which file; the user has at most two.
        named = " and ".join(repr(path) for path in (settings.ca, settings.certificate) if path is not None)
        raise LocalError(f"cannot use the certificates in {named}: {error}") from None
    return context


def _proxy(scheme: str, host: str, port: int, settings: HttpSettings, environ: Mapping[str, str]) -> Proxy | None:
    url = settings.proxy
    if url is None:
        url = _from_environment(scheme, environ)
        if url and _excluded(host, port, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
            return None
    if not url:
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        name, number = parts.hostname, parts.port
    except ValueError as error:
        raise LocalError(f"the proxy is no URL: {error}") from None
    if parts.scheme != "http" or not name:
        raise LocalError(f"the proxy must be an http:// address, not {parts.scheme}://{name or ''}")
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + b64encode(pair.encode()).decode()
    return Proxy(name, number or 80, authorization)


def _from_environment(scheme: str, environ: Mapping[str, str]) -> str:
    names = [f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"]
    if "REQUEST_METHOD" in environ:
        # In a CGI script a request's own "Proxy" header would arrive as HTTP_PROXY.
        names.remove("HTTP_PROXY") if scheme == "http" else None
    return next((environ[name] for name in names if environ.get(name)), "")


def _excluded(host: str, port: int, rules: str) -> bool:
    """Say whether NO_PROXY names `host`: as itself, a parent domain, a network, or *."""
    for rule in (item.strip().lower() for item in rules.split(",")):
        if rule == "*":
            return True
        name, colon, stated = rule.rpartition(":")
        if colon and stated.isdigit() and "]" not in stated and name.count(":") == 0:
            if int(stated) != port:
                continue
            rule = name
        rule = rule.strip("[]").lstrip(".").removeprefix("*.")
        if rule and (host == rule or host.endswith(f".{rule}") or _within(host, rule)):
            return True
    return False


def _within(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False

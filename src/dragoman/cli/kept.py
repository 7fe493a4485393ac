"""The login that a command uses by itself, if the user once logged in to the server.

Looks for one only where there was a login, so that a command for other servers opens no keyring.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from dragoman.app.target import Options, way_to
from dragoman.cli.target import Target
from dragoman.ports.exchange import NO_FIELDS


def http_url(target: Target) -> str:
    """Return the URL of a server over HTTP, "" for one that is started as a command."""
    key = "" if isinstance(target, list) else way_to(target, NO_FIELDS, Options()).key
    return key if key.lower().startswith(("http://", "https://")) else ""


def kept_login(target: Target, headers: Mapping[str, str]) -> Any:
    """Return what a client of `target` proves itself with, None if there is nothing."""
    disk = import_module("dragoman.auth.wallet_disk")
    if not disk.any_logins() or any(name.lower() == "authorization" for name in headers) or not http_url(target):
        return None
    return import_module("dragoman.auth.oauth").OAuth(interactive=False, wallet=disk.default_wallet())

"""From a name such as `ollama/llama3.2` to a model that can be asked.

Keys come from the environment or the keyring, never from a file or a command line. Promise: a key goes over TLS, or
stays on this machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from dragoman.errors import LocalError
from dragoman.host.models.anthropic import Messages
from dragoman.host.models.asking import Model, Patience
from dragoman.host.models.openai import ChatCompletions
from dragoman.host.models.turns import Dialect
from dragoman.protocol.addresses import Reach, reach_of
from dragoman.serving.nearest import nearest

VARIABLE = "DRAGOMAN_MODEL"  # which model, where a command line names none
KEY = "DRAGOMAN_MODEL_KEY"  # for endpoints that are named by their address
SERVICE = "dragoman"  # in the keyring, with the vendor's or the host's name as the user
_ADDRESS = re.compile(r"(?:(anthropic|openai)\+)?(https?://[^#\s]+)#(\S+)")
_FORMS = "ollama/llama3.2, openai/NAME, anthropic/NAME or http://HOST:PORT/v1#NAME"


class _Vendor(NamedTuple):
    url: str
    base: str  # the variable that may say another address
    key: str  # the variable with the key, "" where none is needed
    dialect: type[Messages] | type[ChatCompletions]
    limit: str = "max_tokens"


_VENDORS = {
    "anthropic": _Vendor("https://api.anthropic.com/v1", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", Messages),
    "openai": _Vendor(
        "https://api.openai.com/v1", "OPENAI_BASE_URL", "OPENAI_API_KEY", ChatCompletions, "max_completion_tokens"
    ),
    "ollama": _Vendor("http://127.0.0.1:11434/v1", "OLLAMA_HOST", "", ChatCompletions),
    "lmstudio": _Vendor("http://127.0.0.1:1234/v1", "LMSTUDIO_BASE_URL", "", ChatCompletions),
    "llamacpp": _Vendor("http://127.0.0.1:8080/v1", "LLAMACPP_BASE_URL", "", ChatCompletions),
    "vllm": _Vendor("http://127.0.0.1:8000/v1", "VLLM_BASE_URL", "", ChatCompletions),
}


def model_of(
    name: str, *, key: str = "", environ: Mapping[str, str] = os.environ, patience: Patience | None = None
) -> Model:
    """Return the model called `name`: `VENDOR/NAME`, or `http://HOST:PORT/v1#NAME` for any OpenAI-compatible one.

    `anthropic+https://HOST/v1#NAME` is an endpoint that speaks as Anthropic's. `key` is for programs that have it from
    elsewhere. Raises LocalError for a name of no such form, and where a key is needed and there is none.
    """
    found = _ADDRESS.fullmatch(name)
    if found is not None:
        dialect: Dialect = Messages() if found[1] == "anthropic" else ChatCompletions()
        host = urlsplit(found[2]).hostname or ""
        return _made(found[3], found[2], dialect, found[3], key or environ.get(KEY, "") or _kept(host), patience)
    vendor, slash, model = name.partition("/")
    if not slash or not model or vendor not in _VENDORS:
        near = nearest(vendor, _VENDORS) if slash else ""
        raise LocalError(f"{name[:200]!r} names no model{near}: write {_FORMS}")
    one = _VENDORS[vendor]
    key = key or (environ.get(one.key, "") or _kept(vendor) if one.key else "")
    if one.key and not key:
        raise LocalError(f"{vendor} wants a key: set {one.key}, or keep it: keyring set {SERVICE} {vendor}")
    dialect = Messages() if one.dialect is Messages else ChatCompletions(one.limit)
    return _made(model, _base(one, environ), dialect, name, key, patience)


def _base(vendor: _Vendor, environ: Mapping[str, str]) -> str:
    said = environ.get(vendor.base, "").rstrip("/")
    if not said:
        return vendor.url
    if "://" not in said:
        said = f"http://{said}"  # as OLLAMA_HOST is written
    host = urlsplit(said)
    if host.hostname == "0.0.0.0":  # where it listens, which is nowhere to call
        said = f"{host.scheme}://127.0.0.1:{host.port or 11434}"
    return said if urlsplit(said).path else f"{said}/v1"


def _made(name: str, url: str, dialect: Dialect, shown: str, key: str, patience: Patience | None) -> Model:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise LocalError(f"{url[:200]!r} is no URL: {error}") from None
    near = host == "localhost" or _is_here(host)
    if key and parts.scheme.lower() != "https" and not near:
        raise LocalError(f"the key for {host} would travel in the open: use https")
    if parts.username or parts.password:
        raise LocalError("leave user and password out of the model's URL: URLs end up in logs")
    # A local program may only pass on what it gets, and says so in the name.
    hosted = not near or name.endswith(("-cloud", ":cloud"))
    return Model(name, url, dialect, shown=shown, key=key, hosted=hosted, patience=patience)


def _is_here(host: str) -> bool:
    return reach_of(host) is Reach.LOOPBACK


def _kept(user: str) -> str:
    """Return the key that the keyring has, "" if there is none."""
    if not user or find_spec("keyring") is None:
        return ""
    ring: Any = import_module("keyring")
    try:
        return ring.get_password(SERVICE, user) or ""
    except Exception:  # of whichever keyring it is; without one there is no key
        return ""

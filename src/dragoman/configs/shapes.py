"""How a client writes one server: which keys, which spellings, which dialect. Data; `tables` reads and writes by it."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from dragoman.configs import values
from dragoman.configs.entry import Transport
from dragoman.configs.values import Dialect

Timed: TypeAlias = tuple[str, float]  # a key, and how many of its units are a second


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """The words of a client. "" or None: it has no word for that.

    `args` "" means that `command` is one list of words. `urls` are keys of
    an address with the transport they stand for; the first that fits is
    written, `types` decide where they are. `off` is a key and the value that
    switches a server off. `fixed` stands in every new entry.
    """

    dialect: Dialect = values.PLAIN
    command: str = "command"
    args: str = "args"
    env: str = "env"
    env_names: str = ""
    cwd: str = ""
    urls: tuple[tuple[str, Transport], ...] = ()
    type: str = ""
    types: dict[str, Transport] = {}
    headers: tuple[str, ...] = ("headers",)
    header_names: str = ""
    bearer: str = ""
    off: tuple[str, bool] | None = None
    always: bool = False
    timeout: Timed | None = None
    startup: Timed | None = None
    allow: str = ""
    deny: str = ""
    named: str = ""
    fixed: dict[str, Any] = {}
    inputs: bool = False


URL: tuple[tuple[str, Transport], ...] = (("url", "http"), ("url", "sse"))
SERVER_URL: tuple[tuple[str, Transport], ...] = (("serverUrl", "http"), ("serverUrl", "sse"), ("url", "http"))

DESKTOP = Shape()
CODE = Shape(
    dialect=values.SHELL, urls=URL, type="type",
    types={"stdio": "stdio", "http": "http", "streamable-http": "http", "sse": "sse"},
)  # fmt: skip
CURSOR = Shape(dialect=values.COLON, urls=URL)
VSCODE = Shape(
    dialect=values.INPUT,
    urls=URL,
    type="type",
    types={"stdio": "stdio", "http": "http", "sse": "sse"},
    cwd="cwd",
    inputs=True,
)
WINDSURF = Shape(dialect=values.COLON_FILE, urls=SERVER_URL, off=("disabled", True), deny="disabledTools")
ANTIGRAVITY = Shape(urls=SERVER_URL)
ZED = Shape(urls=URL, off=("enabled", False))
STDIO_ONLY = Shape()
PLAIN_URL = Shape(urls=URL)
CLINE = Shape(
    urls=URL, type="type", types={"stdio": "stdio", "streamableHttp": "http", "sse": "sse"}, off=("disabled", True),
    timeout=("timeout", 1.0), cwd="cwd",
)  # fmt: skip
ROO = Shape(
    dialect=values.COLON, urls=URL, type="type", types={"stdio": "stdio", "streamable-http": "http", "sse": "sse"},
    off=("disabled", True), timeout=("timeout", 1.0), deny="disabledTools", cwd="cwd",
)  # fmt: skip
CONTINUE = Shape(
    dialect=values.SECRETS, urls=URL, type="type", types={"stdio": "stdio", "streamable-http": "http", "sse": "sse"},
    headers=("requestOptions", "headers"), cwd="cwd", named="name",
)  # fmt: skip
GEMINI = Shape(
    dialect=values.DOLLAR, urls=(("httpUrl", "http"), ("url", "sse")), cwd="cwd", timeout=("timeout", 1000.0),
    allow="includeTools", deny="excludeTools",
)  # fmt: skip
CODEX = Shape(
    urls=(("url", "http"),), env_names="env_vars", cwd="cwd", headers=("http_headers",),
    header_names="env_http_headers", bearer="bearer_token_env_var", off=("enabled", False),
    timeout=("tool_timeout_sec", 1.0), startup=("startup_timeout_sec", 1.0),
    allow="enabled_tools", deny="disabled_tools",
)  # fmt: skip
GOOSE = Shape(
    command="cmd", env="envs", env_names="env_keys", urls=(("uri", "http"), ("uri", "sse")), type="type",
    types={"stdio": "stdio", "streamable_http": "http", "sse": "sse"}, off=("enabled", False), always=True,
    timeout=("timeout", 1.0), named="name",
)  # fmt: skip
OPENCODE = Shape(
    dialect=values.BRACE, args="", env="environment", urls=(("url", "http"),), type="type",
    types={"local": "stdio", "remote": "http"}, off=("enabled", False), timeout=("timeout", 1000.0),
)  # fmt: skip
OPENCODE_2 = msgspec.structs.replace(OPENCODE, off=("disabled", True), cwd="cwd")
COPILOT = Shape(
    urls=URL, type="type", types={"local": "stdio", "stdio": "stdio", "http": "http", "sse": "sse"}, cwd="cwd",
    fixed={"tools": ["*"]},
)  # fmt: skip
WARP = Shape(urls=URL, cwd="working_directory")
# What is exported: everything an entry can say.
NEUTRAL = Shape(
    dialect=values.NEUTRAL, urls=URL, type="type", types={"stdio": "stdio", "http": "http", "sse": "sse"}, cwd="cwd",
    off=("disabled", True), timeout=("timeoutSeconds", 1.0), startup=("startupSeconds", 1.0), allow="allowedTools",
    deny="deniedTools",
)  # fmt: skip

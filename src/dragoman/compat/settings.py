"""The settings of a server, as `server.settings`: read and written by name, taken by `run`.

Promise: every name that a constructor takes is here. Limit: what Dragoman has no use for is kept and not used.
"""

from __future__ import annotations

from typing import Any

from dragoman.compat.models import Model


class Settings(Model):
    """What can be set on a server."""

    debug: bool = False
    log_level: str = "INFO"
    host: str = "127.0.0.1"
    port: int = 8000
    mount_path: str = "/"
    sse_path: str = "/sse"
    message_path: str = "/messages/"
    streamable_http_path: str = "/mcp"
    json_response: bool = False
    stateless_http: bool = False
    max_request_body_size: int | None = None
    session_idle_timeout: float | None = None
    max_sessions: int | None = None
    warn_on_duplicate_resources: bool = True
    warn_on_duplicate_tools: bool = True
    warn_on_duplicate_prompts: bool = True
    dependencies: Any = ()
    lifespan: Any = None
    auth: Any = None
    transport_security: Any = None
    retry_interval: int | None = None
    event_store: Any = None


class FastSettings(Settings):
    """What can be set for all servers of a file, as `fastmcp.settings`: a server reads it when it is made."""

    mask_error_details: bool = False
    transport: str = "stdio"
    strict_input_validation: bool = False
    show_server_banner: bool = False
    test_mode: bool = False


settings = FastSettings()

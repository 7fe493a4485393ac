"""How much of everything a server takes, in one place. On by default; all can be changed.

Sizes in bytes, times in seconds.
"""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of a server.

    `body` and `line` bound one message, over HTTP and stdio; depth is fixed at
    64 levels. Over HTTP the head of a request has `head_seconds` to arrive, its body
    `body_seconds`. `result` is what a tool may return inline: more becomes a
    resource link that can be read in pages of `page`, kept for `kept_seconds`,
    `kept` of them at most, and `kept_bytes` of them together. `call_seconds` bounds one call; a tool's own
    `timeout` may be shorter. `calls` is how many may run at once on one
    connection or session, or of one caller without either, `calls_in_all` over HTTP
    in one process, of all callers; when the event loop runs late by `late_seconds`
    because of many requests, more are refused until it has caught up. `threads` is
    how many plain functions run at once, `listeners` how many clients may listen for changes. A stream that was
    silent for `quiet_seconds` gets a comment; a client that does not read for
    `stalled_seconds` is given up. `replay` is how much of what was said on
    streams is kept for clients that lost them, in all sessions together. Of
    several processes with one store, one that was silent for `worker_seconds`
    is taken to have ended. `tasks` run at once in one process, and a caller has at most
    `tasks_kept`; one is kept for `task_seconds` from its beginning, or as long
    as the client wants up to `task_most_seconds`. Clients are told to ask after
    `task_poll` seconds. Whoever stops a server gives the calls under
    way `drain_seconds` to end, and then the tasks that run.
    """

    body: int = 4 * 1024 * 1024
    line: int = 4 * 1024 * 1024
    result: int = 1024 * 1024
    page: int = 256 * 1024
    kept: int = 64
    kept_bytes: int = 256 * 1024 * 1024
    kept_seconds: float = 600.0
    call_seconds: float = 300.0
    calls: int = 256
    calls_in_all: int = 2048
    late_seconds: float = 2.0
    threads: int = 40
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    quiet_seconds: float = 15.0
    stalled_seconds: float = 30.0
    listeners: int = 10_000
    sessions: int = 10_000
    session_idle_seconds: float = 1800.0
    replay: int = 64 * 1024 * 1024
    worker_seconds: float = 10.0
    listed: int = 1000
    tasks: int = 32
    tasks_kept: int = 1000
    task_seconds: float = 3600.0
    task_most_seconds: float = 24 * 3600.0
    task_poll: float = 0.5
    drain_seconds: float = 10.0

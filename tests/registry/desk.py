"""A private registry on a real port, in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from dragoman.app import http
from dragoman.registry.document import OFFICIAL
from dragoman.registry.site import RegistrySite
from dragoman.transport.site import SiteApp


def write(folder: Path, name: str, version: str, **more: Any) -> Path:
    """Write an entry; `official` is what the registry says of it."""
    official = more.pop("official", None)
    server = {"name": name, "description": "Made for a test", "version": version, **more}
    path = folder / f"{name.replace('/', '_')}-{version}.json"
    path.write_text(json.dumps({"server": server, "_meta": {OFFICIAL: official}} if official else server))
    return path


@contextmanager
def registry(folder: Path) -> Iterator[tuple[str, RegistrySite]]:
    """Serve the entries in `folder`; yields the URL and the site."""
    made: list[RegistrySite] = []

    def app(url: str) -> Any:
        made.append(RegistrySite(folder, url))
        return SiteApp(made[0])

    with over_http(app) as url:
        yield url, made[0]


@contextmanager
def over_http(app: Callable[[str], Any]) -> Iterator[str]:
    """Serve what `app` makes for a URL, and yield that URL."""
    listener = http.listen("127.0.0.1", 0)
    url = http.address(listener, "")
    server = uvicorn.Server(uvicorn.Config(app(url), log_level="error", ws="none"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join()
        listener.close()

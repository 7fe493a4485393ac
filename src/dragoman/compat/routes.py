"""Paths of a file's own (`custom_route`) beside a server, however it is served over HTTP.

Promise: what is registered later is served, too. Limit: nobody is asked for a token there, as in the packages that this
stands for; the functions are Starlette's, which must be installed.
"""

from __future__ import annotations

import importlib
from typing import Any


class Routes:
    """The application that answers at those paths, and at those of `site`, if there is one."""

    def __init__(self, routes: list[Any], site: Any = None) -> None:
        self._routes = routes
        self._site = site
        self._made: tuple[int, Any] = (0, None)

    def _router(self) -> Any:
        if self._made[0] != len(self._routes):
            self._made = len(self._routes), made(self._routes)
        return self._made[1]

    def takes(self, path: str) -> bool:
        """Say whether a path is one of these."""
        if self._site is not None and self._site.takes(path):
            return True
        router = self._router()
        return router is not None and any(route.path_regex.match(path) for route in router.routes)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer."""
        if self._site is not None and self._site.takes(scope["path"]):
            await self._site(scope, receive, send)
        else:
            await self._router()(scope, receive, send)


def made(routes: list[Any]) -> Any:
    """Return Starlette's router of some routes; the file has imported it to write them."""
    routing: Any = importlib.import_module("starlette.routing")
    return routing.Router([routing.Route(path, function, methods=methods) for path, methods, _, function in routes])

"""How a server starts and stops: what it shares, what its author opens, what it offers, and backwards.

Promise: tasks end before what they use does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from dragoman.late import late

if TYPE_CHECKING:
    from dragoman.app.options import ServerOptions
    from dragoman.app.server import Server
    from dragoman.serving import lifespan
else:
    lifespan = late("dragoman.serving.lifespan")

Step = Callable[[], Awaitable[None]]


def living(server: Server, options: ServerOptions, rest: Step) -> tuple[Step, Step]:
    """Return what starts `server` and what stops it; `rest` is done last."""
    enter = options.get("lifespan")
    life = None if enter is None else lifespan.Lifespan(lambda: enter(server))

    async def start() -> None:
        if server.sharing is not None:
            await server.sharing.start()
        if life is not None:
            server.surface.face.state = await life.start()
        await server.surface.start()

    async def stop() -> None:
        await server.surface.stop()
        if life is not None:
            await life.stop()
        if server.sharing is not None:
            await server.sharing.stop()
        await rest()

    return start, stop

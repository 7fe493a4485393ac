"""A headless Chromium, driven over its debugging protocol: just what the tests of apps need."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import websockets


def program() -> str | None:
    return next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)


class Browser:
    """One tab, with all frames in one process, so that one target sees them all."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())
        self.contexts: dict[int, dict[str, Any]] = {}  # by their own numbers: where scripts can run
        self.session = ""

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if "id" in message:
                waiting = self._waiting.pop(message["id"])
                if not waiting.done():  # whoever asked may have given up
                    waiting.set_result(message)
            elif message["method"] == "Runtime.executionContextCreated":
                context = message["params"]["context"]
                self.contexts[context["id"]] = context
            elif message["method"] == "Runtime.executionContextDestroyed":
                self.contexts.pop(message["params"]["executionContextId"], None)
            elif message["method"] == "Runtime.executionContextsCleared":
                self.contexts.clear()

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        done = self._waiting[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params}
        await self._socket.send(json.dumps({**message, "sessionId": self.session} if self.session else message))
        answer = await done
        assert "error" not in answer, answer["error"]
        found: dict[str, Any] = answer["result"]
        return found

    async def run(self, script: str, context: int | None = None) -> Any:
        """Return the value of an expression, in the page or in one of its frames."""
        where = {} if context is None else {"contextId": context}
        found = await self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True, **where
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    async def until(self, script: str, context: int | None = None) -> Any:
        """Return the value of an expression as soon as it is true."""
        async with asyncio.timeout(10):
            while not (value := await self.run(script, context)):
                await asyncio.sleep(0.02)
        return value

    async def click(self, selector: str) -> None:
        """Press the mouse where an element is seen, as a hand would."""
        name = json.dumps(selector)
        # What was never painted takes no clicks.
        painted = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        seen = "(e => (e.scrollIntoView({block: 'center'}), e.getBoundingClientRect().toJSON()))"
        box = await self.run(f"{painted}.then(() => {seen}(document.querySelector({name})))")
        spot = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, **spot)

    async def write(self, selector: str, text: str) -> None:
        """Click into a field and type."""
        await self.click(selector)
        await self.send("Input.insertText", text=text)

    async def inner(self) -> int:
        """Return the context of the frame without an origin, as soon as there is one."""
        async with asyncio.timeout(10):
            while True:
                for number, context in self.contexts.items():
                    if context["origin"] in ("://", "null", ""):
                        return number
                await asyncio.sleep(0.02)

    async def picture(self, path: Path) -> None:
        found = await self.send("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(found["data"]))

    async def close(self) -> None:
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading


async def shows(tab: Browser, script: str) -> object:
    """Return the value of a script once it is true, over changes of the page."""
    async with asyncio.timeout(15):
        while True:
            with contextlib.suppress(AssertionError):  # the page went away under the script
                if value := await tab.run(script):
                    return value
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Browser]:
    """Start a browser for the block, which keeps all it writes in `folder`."""
    path = program()
    assert path is not None
    command = [path, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={folder}", "--no-first-run"]
    # As root, as in a container, Chromium has no sandbox of its own; what is tried here is that of the page.
    command += ["--no-sandbox"] if os.geteuid() == 0 else []
    command += ["--disable-gpu", "--disable-dev-shm-usage", "--disable-features=IsolateSandboxedIframes"]
    command += ["--disable-site-isolation-trials", "--window-size=1000,800", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        place = folder / "DevToolsActivePort"
        async with asyncio.timeout(30):
            while not place.exists() or place.read_text().count("\n") < 1:
                await asyncio.sleep(0.05)
        port, address = place.read_text().split("\n")[:2]
        async with websockets.connect(f"ws://127.0.0.1:{port}{address}", max_size=64 * 1024 * 1024) as socket:
            tab = Browser(socket)
            target = (await tab.send("Target.createTarget", url="about:blank"))["targetId"]
            attached = await tab.send("Target.attachToTarget", targetId=target, flatten=True)
            tab.session = attached["sessionId"]
            await tab.send("Page.enable")
            await tab.send("Runtime.enable")
            yield tab
            await tab.close()
    finally:
        process.terminate()
        process.wait(10)

"""Apps in a real browser: two origins, a page without any, and what it cannot do. Needs Debian's chromium."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.servers.chromium import Browser, browser, program

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif(program() is None, reason="no chromium on this machine")

# A page that does what it must not, and tells what came of it.
ROGUE = """
from dragoman import Server

server = Server("rogue")
HTML = '''<!doctype html><p id="told">waiting</p><script>
  const heard = []; let next = 1; const waiting = new Map();
  const send = (m) => parent.postMessage({jsonrpc: "2.0", ...m}, "*");
  const ask = (method, params) => new Promise((done) => {
    waiting.set(next, done);
    send({id: next++, method, params});
  });
  addEventListener("message", ({data}) => {
    if (data.method) heard.push(data.method);
    if (!data.method && waiting.has(data.id)) waiting.get(data.id)(data);
  });
  const tried = async (what) => { try { await what(); return "done"; } catch (error) { return error.name; } };
  async function run() {
    const early = heard.length;
    await new Promise((done) => setTimeout(done, 300));
    const before = heard.length - early;
    const me = {appInfo: {name: "r", version: "1"}, appCapabilities: {}};
    const greeted = await ask("ui/initialize", {protocolVersion: "2026-01-26", ...me});
    send({method: "ui/notifications/initialized", params: {}});
    const told = {
      before,
      version: greeted.result.protocolVersion,
      origin: self.origin,
      parent: await tried(() => parent.document.body),
      top: await tried(() => top.location.href),
      storage: await tried(() => localStorage.length),
      fetch: await tried(() => fetch(location.ancestorOrigins[0] + "/sandbox.js", {mode: "no-cors"})),
      host: await tried(() => fetch(location.ancestorOrigins[1] + "/", {mode: "no-cors"})),
      hidden: (await ask("tools/call", {name: "for_model", arguments: {}})).error?.message,
      own: (await ask("tools/call", {name: "for_app", arguments: {}})).result?.content[0].text,
      read: (await ask("resources/read", {uri: "ui://r/v.html"})).result?.contents.length,
      unknown: (await ask("ui/format-disk", {})).error?.code,
      proto: (await ask("constructor", {})).error?.code,
    };
    while (!heard.includes("ui/notifications/tool-result")) await new Promise((done) => setTimeout(done, 10));
    document.getElementById("told").textContent = JSON.stringify({...told, heard});
  }
  run();
</script>'''

@server.app("ui://r/v.html", html=HTML, visibility=["model"])
def for_model() -> str:
    return "shown"

@server.app("ui://r/v.html", visibility=["app"])
def for_app() -> str:
    return "for the app"
"""


@asynccontextmanager
async def previewed(file: Path, folder: Path) -> AsyncIterator[Browser]:
    """Run the preview of a server, and a browser that has opened it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dragoman", "run", str(file), "--preview", "--port", "0", stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(20):
            while " are at " not in (line := (await process.stderr.readline()).decode()):
                assert line
        async with browser(folder) as tab:
            await tab.send("Page.navigate", url=line.partition(" are at ")[2].strip())
            await tab.until("document.querySelectorAll('nav button').length")
            yield tab
    finally:
        process.terminate()
        await process.wait()


async def test_the_example_is_shown_called_and_closed(tmp_path: Path) -> None:
    """APPS-09: input before result, a call from the page, its size, and a leave taken before it goes."""
    async with previewed(ROOT / "examples" / "apps" / "weather.py", tmp_path / "profile") as tab:
        assert "#" not in await tab.run("location.href")
        await tab.run("document.getElementById('call').click()")
        inner = await tab.inner()
        assert await tab.until("document.querySelectorAll('li').length == 5", inner)
        assert await tab.run("document.getElementById('city').textContent", inner) == "Lisbon"
        await tab.run("document.getElementById('more').click()", inner)
        assert await tab.until("document.querySelectorAll('li').length == 6", inner)
        assert await tab.until("document.querySelector('#stage iframe').clientHeight > 250")
        await tab.picture(tmp_path / "shown.png")
        assert "high" in await tab.run("document.getElementById('text').textContent")
        await tab.run("document.getElementById('close').click()")
        assert await tab.until("document.querySelectorAll('iframe').length == 0")
        log = await tab.run("document.getElementById('log').textContent")
        order = [log.index(word) for word in ("initialized", "tool-input", "tool-result", "resource-teardown")]
        assert order == sorted(order)


async def test_a_rogue_page_reaches_nothing(tmp_path: Path) -> None:
    """APPS-07, APPS-08, APPS-09"""
    file = tmp_path / "rogue.py"
    file.write_text(ROGUE)
    async with previewed(file, tmp_path / "profile") as tab:
        await tab.run("document.getElementById('call').click()")
        inner = await tab.inner()
        told = await tab.until(
            "(t => t.startsWith('{') && JSON.parse(t))(document.getElementById('told').textContent)", inner
        )
        assert told["before"] == 0
        assert told["heard"] == ["ui/notifications/tool-input", "ui/notifications/tool-result"]
        assert told["origin"] == "null"
        assert told["parent"] == told["top"] == told["storage"] == "SecurityError"
        assert told["fetch"] == told["host"] == "TypeError"
        assert told["hidden"] == "the tool 'for_model' is not for the app"
        assert (told["own"], told["read"]) == ("for the app", 1)
        assert told["unknown"] == told["proto"] == -32601

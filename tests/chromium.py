"""A browser to look at pages with: Chromium without a window, spoken to through two pipes. Where there is none, tests skip.

    python tests/chromium.py SITE OUT [PATH ...]     writes pictures of pages: two widths, light and dark
"""
from __future__ import annotations

import base64
import contextlib
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
from typing import Iterator

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe",
         # Processor time: one renderer for all pages, and none kept in reserve.
         "--disable-extensions", "--renderer-process-limit=1", "--num-raster-threads=1", "--disable-back-forward-cache",
         "--disable-features=IsolateOrigins,site-per-process,SpareRendererForSitePerProcess,BackForwardCache,Translate,MediaRouter,"
         "RenderDocument,PaintHolding")
WAIT_S = 30
SIZES = ((1280, 900), (390, 844))


def path() -> str | None:
    return next((found for name in NAMES for found in [shutil.which(name)] if found), None) if os.name == "posix" else None


class Page:
    """One tab. What the page asked for, said and failed at is gathered from the first moment."""

    def __init__(self, to: int, source: int, is_painted: bool):
        self._to, self._source, self._number, self._session = to, source, 0, None
        self._read = bytearray()
        self.url = "about:blank"
        self._size: tuple[int, int] | None = None
        self._dark: bool | None = None
        self.events: list = []
        target = self.ask("Target.createTarget", url="about:blank", background=not is_painted)["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: object) -> dict:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def _next(self) -> dict:
        """The browser's next message; one that does not come is an error and no endless wait."""
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._source], [], [], WAIT_S)
            piece = os.read(self._source, 1 << 16) if ready else b""
            if not piece:
                raise RuntimeError("the browser is gone" if ready else f"the browser said nothing for {WAIT_S} s")
            self._read += piece
        line, _, rest = bytes(self._read).partition(b"\0")
        self._read = bytearray(rest)
        message = json.loads(line)
        if "method" in message:
            self.events.append(message)
        return message

    def resize(self, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Set the size of the screen and the preferred colours; the page that is open adapts."""
        if (width, height) != self._size:
            self._size = width, height
            self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        if dark != self._dark:
            self._dark = dark
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str, script: bool = True, **screen: object) -> None:
        """Load a page on such a screen; events of earlier pages are forgotten."""
        self.resize(**screen)
        self.ask("Emulation.setScriptExecutionDisabled", value=not script)
        # To another fragment of the page that is open, the browser would scroll and load nothing.
        for address in ("about:blank", url) if url.partition("#")[0] == self.url.partition("#")[0] else (url,):
            self.events.clear()
            self.ask("Page.navigate", url=address)
            while not any(event["method"] == "Page.loadEventFired" for event in self.events):
                self._next()
        self.url = url

    def value(self, expression: str) -> object:
        """What an expression comes to in the page; works where the page's own scripts may not run."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{expression}: {found['exceptionDetails']['exception'].get('description')}")
        return found["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code,
                     text=text if kind == "keyDown" else "")

    def requests(self) -> list:
        return [event["params"]["request"]["url"] for event in self.events
                if event["method"] == "Network.requestWillBeSent"]

    def complaints(self) -> list:
        """Errors and warnings of the console, and exceptions."""
        found = []
        for event in self.events:
            params = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(params["exceptionDetails"].get("text", ""))
            elif event["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"]["text"])
            elif event["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                found.append(str(params["args"]))
            elif event["method"] == "Page.javascriptDialogOpening":
                found.append(f"a dialogue: {params['message']}")
        return found

    def overflow(self) -> int:
        """Pixels by which the page is wider than the screen."""
        return self.value("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def picture(self, target: pathlib.Path, most_px: int = 6000) -> None:
        """The whole page."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        area = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], most_px), "scale": 1}
        target.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", clip=area,
                                                     captureBeyondViewport=True)["data"]))


@contextlib.contextmanager
def page(is_painted: bool = False) -> Iterator[Page]:
    """A tab of a browser of its own, which ends with the block; one in the background is laid out and costs half as much."""
    here, to = os.pipe()
    source, there = os.pipe()
    folder = tempfile.mkdtemp(prefix="chromium-")
    command = [path(), *FLAGS, f"--user-data-dir={folder}", "about:blank"]
    # The browser reads from 3 and writes to 4; a shell puts the pipes there, whatever their numbers are here.
    plumbing = ["/bin/sh", "-c", f'exec "$@" 3<&{here} 4>&{there}', "sh", *command]
    process = subprocess.Popen(plumbing, pass_fds=(here, there), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(here)
    os.close(there)
    try:
        yield Page(to, source, is_painted)
    finally:
        os.close(to)
        os.close(source)
        process.terminate()
        process.wait(timeout=WAIT_S)
        shutil.rmtree(folder, ignore_errors=True)


def main(site: str, out: str, *paths: str) -> None:
    with page(is_painted=True) as tab:
        for one in paths or ("index.html",):
            for width, height in SIZES:
                for dark in (False, True):
                    tab.open((pathlib.Path(site).resolve() / one.partition("#")[0]).as_uri()
                             + one[len(one.partition("#")[0]):], width=width, height=height, dark=dark)
                    name = f"{one.replace('/', '-').partition('.html')[0]}-{width}-{'dark' if dark else 'light'}.png"
                    tab.picture(pathlib.Path(out) / name)
                    print(name, "overflow", tab.overflow(), tab.complaints())


if __name__ == "__main__":
    main(*sys.argv[1:])
